"""Words that carry grammar and no topic, for the languages that TopicDetector knows."""

# ruff: noqa: RUF001 -- signs of many scripts, each meant as it is

from __future__ import annotations

_WORDS = {
    "en": """
        a about above after again against all almost alone along already also although always am among an and another any
        anyone anything are as at back be because become been before behind being below between both but by came can cannot
        come could did do does doing don't done down during each either else enough etc even ever every everyone everything
        few first following for from further gave get give given go goes got had has have having he her here hers herself him
        himself his how however i if in indeed instead into is isn't it it's its itself just keep kind know last least less
        let like likely little long lot made make makes making many may maybe me might mine more most much must my myself
        near need neither never new next no nobody none nor not nothing now of off often on once one only onto or other
        others otherwise our ours ourselves out over own part per perhaps put quite rather really s said same say see seem
        seemed seems set several shall she should since so some someone something sometimes soon still such take than that
        that's the their theirs them themselves then there thereby therefore these they thing things this those though
        through thus to together too toward towards two under until up upon us use used useful using usually v various very
        via want was way we well were what whatever when where whether which while who whole whom whose why will with within
        without won't would yes yet you you're your yours yourself""",
    "de": """
        ab aber alle allem allen aller alles als also am an andere anderen anderer anderes ans auch auf aus außerdem bei
        beide beim bereits bevor bin bis bisher bist bzw da dabei dadurch dafür dagegen daher damit danach dann daran darauf
        daraus darf darin darüber das dass davon dazu dein dem den denen denn der deren des dessen deshalb dich die dies
        diese diesem diesen dieser dieses dir doch dort du durch dürfen eben ebenfalls ein eine einem einen einer eines
        einige einigen einiger einmal er erst erste ersten es etwa etwas euch euer falls für gab ganz gegen gegeben gemacht
        genau gibt habe haben hat hatte hatten her hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im immer in
        indem ins ist ja je jede jedem jeden jeder jedes jedoch jemand jetzt kann kein keine keinem keinen keiner können
        könnte könnten machen man manche mehr mehrere mein meine meist meisten mich mir mit möchte möchten muss müssen musste
        nach nachdem nämlich neben nein nicht nichts noch nun nur ob oben oder oft ohne schon sehr sei seien sein seine
        seinem seinen seiner seit selbst sich sie sind so sobald sodass sogar solche sollte sollten soll sollen somit sondern
        sonst soweit sowie sowohl statt steht über überhaupt um und uns unser unsere unserer unter usw viel viele vielen vom
        von vor wann war waren warum was weder wegen weil weit weiter weitere weiteren welche welchen welcher welches wenn
        wer werde werden wie wieder will wir wird wo wobei wohl wollen worden wurde wurden würde würden z zu zum zur zwar
        zwei zwischen""",
    "fr": """
        a afin ai ainsi alors après as au aucun aucune aujourd'hui auquel aussi autant autre autres aux auxquels avaient
        avait avant avec avez avoir avons ayant beaucoup bien bon c car ce ceci cela celle celles celui certain certaine
        certaines certains ces cet cette ceux chaque chez ci comme comment contre d dans de depuis dernier derrière des dès
        deux devait devenir devez doit doivent donc dont du durant elle elles en encore entre est et étaient était étant été
        être eu eux fait faire fois font fut grâce il ils j je jusqu jusque l la là laquelle le lequel les lesquels leur
        leurs lors lorsque lui m ma mais malgré me même mêmes mes mieux moi moins mon n ne ni non nos notre nous on ont or ou
        où par parce parfois parmi pas pendant peu peut peuvent plus plusieurs plutôt pour pourquoi pouvait pouvez pouvoir
        premier première presque près puis puisque qu quand que quel quelle quelles quelque quelques quels qui quoi s sa sans
        sauf se selon sera seront ses seulement si sinon soit son sont sous souvent suis sur t ta tant te tel telle tels
        tous tout toute toutefois toutes très trop tu un une va vers voici voir vont vos votre vous y""",
    "es": """
        a acerca además ahora al algo alguna algunas algunos algún ante antes aquel aquella aquellos aquí así aún aunque cada
        casi como cómo con contra cosa cosas cual cuales cualquier cuando cuanto cuyo da de debe deben debería del desde
        después donde dos durante e el él ella ellas ellos en entonces entre era eran es esa esas ese eso esos está están
        estaba estado estar este esta estas esto estos fue fueron ha había han hace hacer hacia haber hasta hay incluso la
        las le les lo los luego más me medio menos mi mientras mismo misma mismos mucho mucha muchos muchas muy nada ni
        ningún ninguna no nos nosotros nuestra nuestro o ocho otra otras otro otros para parte pero poco pocos por porque
        primer primera primero pues puede pueden podría que qué quien quién se sea sean según ser será sería si sí sido
        siempre siendo sin sino sobre sólo solo son su sus tal también tan tanto te tener tenía tiene tienen toda todas
        todavía todo todos tras tu u un una unas uno unos usar usted va van varias varios veces vez y ya yo""",
    "it": """
        a abbia abbiamo ad agli ai al alcune alcuni alcuno all alla alle allo allora altra altre altri altro anche ancora
        anzi appena avere aveva avevano c cada che chi ci ciascun ciò cioè come con contro cosa così cui d da dagli dai dal
        dall dalla dalle dallo dei degli del dell della delle dello dentro di dice dopo dove dovrebbe due durante e è ed
        entrambi era erano essere essi esso fa fare fatto fine fino fra fu furono già gli grazie ha hanno ho i il in infatti
        inoltre invece io l la le lei lo loro lui ma mai me meno mentre mi mio molta molte molti molto ne negli nei nel nell
        nella nelle nello nessun nessuno niente no noi non nostra nostro nulla nuova nuovo o od ogni ognuno oltre oppure ora
        per perché però più poco poi possono prima primo proprio può qual quale quali qualche qualcosa qualcuno quando quanto
        quasi quel quella quelle quelli quello questa queste questi questo qui quindi sarà se sebbene secondo sei sempre
        senza si sia siano solo sono sopra sotto stata state stati stato su sua sue sugli sui sul sull sulla sulle sullo suo
        suoi tale tali tanto te ti tra tre tutta tutte tutti tutto tuttavia un una uno usare va verso vi viene vengono voi
        volta volte vostra vostro""",
    "pt": """
        a à ainda alguém algum alguma algumas alguns ao aos apenas após aquela aquele aqueles aqui as às assim até através
        cada com como contra contudo cujo da das de dela dele deles depois desde dessa desse desta deste deve devem devido
        disso do dois dos duas durante e é ela elas ele eles em embora enquanto então entre era eram essa essas esse esses
        esta está estão estas este estes estar estava eu fazer feito foi foram for fosse há houve isso isto já la lhe lo logo
        mais mas me menos mesma mesmo meu minha muita muitas muito muitos na nada não nas nem nenhum nenhuma nessa nesse
        nesta neste no nos nós nossa nosso num numa o onde os ou outra outras outro outros para parte pela pelas pelo pelos
        pequeno pode podem poderia pois por porque porém portanto pouco poucos primeira primeiro próprio qual quais qualquer
        quando quanto quase que quem se seja sejam sem sempre sendo ser será seu seus si sido sob sobre são sua suas tal
        também tanto tão tem têm tendo ter teve tinha toda todas todo todos tudo tu um uma umas uns usar vai vários vez vezes
        você vocês""",
    "nl": """
        aan achter af al alle alleen alles als altijd ander andere anders b ben bent beter bij bijvoorbeeld binnen bv d daar
        daarna daarom dan dat de deze die dit doen door dus echter een eens eerste elk elke en enige enkele er erg ervan
        gaan gaat geen geeft gebruik gedaan gemaakt geweest had hadden heb hebben heeft hem hen het hier hierbij hij hoe hun
        iedere iemand iets ik in indien is ja je kan kon kunnen kunt laten liever maar maken mag me meer meest meeste men met
        mij mijn minder moet moeten na naar naast nadat niet niets nieuwe nog nooit nu of om omdat onder ons ons onze ook op
        over per reeds s sinds sommige steeds t te tegen ten ter terwijl tijdens toch toe toen tot tussen twee u uit uw van
        vaak vanaf vanuit veel verder via vele volgende voor vooral waar waarbij waarin waarop waaronder wanneer want waren
        was wat we weer welke werd werden wie wij wil worden wordt zal ze zeer zelf zich zie zij zijn zo zoals zodat zonder
        zou zouden zullen""",
    "ru": """
        а без более больше будет будут бы был была были было быть в вам вас ваш весь во вот все всё всего всех всегда вы где
        да даже для до другие других другой его ее её если есть ещё еще же за и из или им имеет их к каждый как какие какой
        ко когда кого которая которого которое которой котором которую которые который которых которыми кто ли либо лишь
        лучше между меня мне много может можете можно мой мы на над надо нам нас наш не него неё нет ни них но ну о об
        обычно один однако одна одного он она они оно от очень по под после потом потому почему почти при про просто раз
        с сам самый своей своего свои своих себе себя сейчас со собой так также такая такие такой таких там тем теперь то
        того тоже той только том тому тот ту ты у уже хотя чего чем через что чтобы чуть эта эти этим этих это этого этой
        этом этому этот эту я является являются""",
    "sv": """
        all alla allt alltid än andra annan annat är är att av bara bland blev bli blir både de dem den denna deras dess
        dessa det detta dig din dock du där därför efter eller en ett flera flesta för före första från får få genom gör göra
        ha hade han hans har hela helt henne hon honom hur i ingen inget innan inom inte in ja jag kan kommer kunde kunna
        låta man med medan mellan men mer mest mig min mot mycket måste ni nog nu när något några någon nästa och också om
        oss över på redan s sade samma sedan sig sin sina sitt själv ska skall skulle som så sådan sådana till två under upp
        ur ut utan vad var vara varit varje vem vi via vid vilka vilken vilket vill åt även""",
    "lt": """
        apie ar arba aš bei bet būti būtų buvo dabar dar daug dėl dėka du gali galima iki ir iš ją jai jam jame jei ji jie
        jiems jis jo jog jos jų juos kad kai kaip kas kiek kita kitas kiti kitų kuri kurie kurio kuris kurią kurį kurių ko
        labai mes mūsų nei nes net nors nuo nėra o pagal pat per pirmoji po prie prieš savo ši šia šie šio šios šis šių su
        ta tačiau tai taip tada tam tas tie tiek tik to todėl tokie toks tos tuo turi tų už vis visas visi visų viso yra""",
    "ko": """
        것 것은 것이 것이다 것을 그 그것 그것은 그러나 그런 그리고 그래서 대한 대해 더 등 되는 된 될 때 때문 또는 또한 매우 많은 모든 및 바로
        수 아니라 않는 없는 있는 있다 있습니다 어떤 여러 여러분 에게 우리 위한 위해 이 이것 이것은 이런 이러한 이미 저 전 좀 즉 중 하는
        하고 하나 하는데 하지만 한 할 함께 해서 합니다 했다 다른 같은 같이 가장 그들 다음 따라서 통해""",
}

STOP_WORDS: dict[str, frozenset[str]] = {
    language: frozenset(words.split()) for language, words in _WORDS.items()
}

#: Chinese and Japanese are written without blanks: here a term is left out if it contains one of these signs.
STOP_CHARACTERS = frozenset(
    "的了在是和与或不这那有个一我们你您他她它也都就而及其为以于之被把从对到会能可要将并但若如则所以等还只很更上下中"
)

#: Particles at the end of Korean words, longest first.
KOREAN_PARTICLES = (
    "에서는",
    "으로써",
    "에서",
    "으로",
    "에게",
    "까지",
    "부터",
    "처럼",
    "이라는",
    "라는",
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "의",
    "에",
    "로",
    "와",
    "과",
    "도",
    "들",
)
