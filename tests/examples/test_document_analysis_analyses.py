"""The four analyses and the report, each alone, on real text."""

# ruff: noqa: RUF001 -- signs of many scripts, each meant as it is

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.demo

DOCUMENTS = Path(__file__).parents[2] / "examples" / "document_analysis" / "documents"

FRIENDLY = "I love this library. It is wonderful, friendly and a great joy to use!"
ANGRY = "This is a terrible, ugly disaster. I hate it, and it has ruined my day."
MURDOCK = (
    "Ian Murdock founded the Debian Project in August 1993. He studied at Purdue University in Indiana "
    "and later worked for Sun Microsystems in San Francisco.\n"
)


def text_of(name: str, components: SimpleNamespace) -> str:
    text: str = components.extract(DOCUMENTS / name)["text"]
    return text


def test_sentiment_has_the_right_sign(components: SimpleNamespace) -> None:
    good, bad = components.sentiment(FRIENDLY), components.sentiment(ANGRY)
    assert (good["label"], bad["label"]) == ("positive", "negative")
    assert good["score"] > 0.3 > -0.3 > bad["score"]
    assert (good["positive_sentences"], bad["negative_sentences"]) == (2, 2)


def test_sentiment_counts_every_sentence_once(components: SimpleNamespace) -> None:
    found = components.sentiment(FRIENDLY + " The table has four legs. " + ANGRY)
    assert (found["positive_sentences"], found["neutral_sentences"], found["negative_sentences"]) == (2, 1, 2)


def test_sentiment_tells_how_little_it_understood(components: SimpleNamespace) -> None:
    korean = components.sentiment(text_of("manifesto.ko.html", components))
    english = components.sentiment(text_of("devils-dictionary-a.en.txt", components))
    assert korean["coverage"] < 0.1
    assert korean["note"] is not None
    assert english["coverage"] > 0.5
    assert english["note"] is None


def test_sentiment_of_nothing_is_neutral(components: SimpleNamespace) -> None:
    found = components.sentiment("")
    assert (found["score"], found["label"], found["coverage"]) == (0.0, "neutral", 0.0)


def test_sentiment_reads_no_more_than_it_may(modules: Any) -> None:
    short = modules.SentimentAnalyzer(max_characters=len(FRIENDLY))
    short.setup()
    found = short(FRIENDLY + ANGRY * 10)
    assert found["characters_read"] == len(FRIENDLY)
    assert found["negative_sentences"] == 0


@pytest.mark.parametrize(
    ("name", "phrases"),
    [
        ("filesystem-hierarchy.en.pdf", {"symbolic links", "directory", "filesystem"}),
        ("developer-duties.en.html", {"Debian", "packages", "bug reports"}),
        ("basic-defs.fr.html", {"Debian", "système d'exploitation"}),
        ("manifesto.it.html", {"distribuzione", "sistema operativo", "Free Software Foundation"}),
        ("manifesto.ko.html", {"데비안", "리눅스"}),
        ("i18n.zh.html", {"语言环境", "系统"}),
        ("debian-history.ja.pdf", {"Debian", "プロジェクト", "Ian Murdock"}),
    ],
)
def test_topics_are_what_the_text_is_about(name: str, phrases: set[str], components: SimpleNamespace) -> None:
    topics = components.topics(text_of(name, components))
    found = {topic["phrase"] for topic in topics}
    assert phrases <= found
    assert len(topics) == 10
    scores = [topic["score"] for topic in topics]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0


def test_a_topic_is_counted_exactly(components: SimpleNamespace) -> None:
    topics = components.topics(
        "Green tea. The green tea is hot. A cup of green tea! Hot water, green leaves."
    )
    counts = {topic["phrase"].casefold(): topic["count"] for topic in topics}
    assert counts["green tea"] == 3


def test_one_and_many_are_one_topic(components: SimpleNamespace) -> None:
    topics = components.topics("A package. Two packages. Packages again, and more packages.")
    assert {topic["phrase"]: topic["count"] for topic in topics}["packages"] == 4


@pytest.mark.parametrize(
    "name",
    [
        "debian-history.fr.pdf",
        "support.de.html",
        "preface.es.html",
        "debian-history.pt.txt",
        "compatibility.nl.html",
    ],
)
def test_grammar_is_no_topic(name: str, example: Any, components: SimpleNamespace) -> None:
    stop_words = example("modules.stop_words").STOP_WORDS[name.split(".")[1]]
    for topic in components.topics(text_of(name, components)):
        words = topic["phrase"].casefold().split()
        assert words[0] not in stop_words
        assert words[-1] not in stop_words


@pytest.mark.parametrize("text", ["", "   ", "1234 5678", "the and of", "!!!"])
def test_a_text_without_content_has_no_topics(text: str, components: SimpleNamespace) -> None:
    assert components.topics(text) == []


def test_a_very_long_text_is_no_trouble(components: SimpleNamespace) -> None:
    chinese = "语言环境的配置，系统使用字符编码。" * 20_000
    assert components.topics(chinese)[0]["count"] > 1000


def test_entities_have_names_labels_and_counts(components: SimpleNamespace) -> None:
    found = components.entities(MURDOCK * 2)
    named = {(entity["text"], entity["label"]): entity["count"] for entity in found["entities"]}
    assert named["Ian Murdock", "PERSON"] == 2
    assert named["Sun Microsystems", "ORG"] == 2
    assert named["San Francisco", "GPE"] == 2
    assert found["mentions"] == sum(found["by_label"].values()) == sum(named.values())
    assert not found["truncated"]


def test_entities_of_a_long_text_are_of_its_beginning(modules: Any, components: SimpleNamespace) -> None:
    short = modules.EntityExtractor(max_characters=len(MURDOCK), max_entities=2)
    short._model = components.entities._model  # the same model, loaded once
    found = short(MURDOCK + "Marie Curie lived in Paris. " * 20)
    assert (found["characters_read"], found["truncated"]) == (len(MURDOCK), True)
    assert len(found["entities"]) == 2
    assert "Paris" not in {entity["text"] for entity in found["entities"]}
    assert found["mentions"] > 2


@pytest.mark.parametrize("size", [1, 7, 100, 5_000, 1_000_000])
@pytest.mark.parametrize("text", ["", "\n", "\n\n\nabc\n" * 30, "x" * 500, MURDOCK * 9])
def test_the_parts_given_to_the_model_are_the_whole_text(size: int, text: str, modules: Any) -> None:
    parts = list(modules.EntityExtractor(chunk_characters=size)._chunks(text))
    assert "".join(parts) == text
    assert all(0 < len(part) <= size for part in parts)


def test_language_of_a_mixed_text_is_judged_by_all_of_it(components: SimpleNamespace) -> None:
    german = text_of("debian-history.de.pdf", components)
    assert components.language("This document is in German.\n" * 20 + german)["code"] == "de"


def test_a_text_that_says_nothing_has_no_language(components: SimpleNamespace) -> None:
    found = components.language("12345 67890")
    assert found["code"] == "und"
    assert found["confidence"] < 0.2


@pytest.mark.parametrize("maker", ["SentimentAnalyzer", "EntityExtractor", "LanguageDetector"])
def test_without_setup_a_component_says_so(maker: str, modules: Any) -> None:
    with pytest.raises(RuntimeError, match=rf"{maker}.setup\(\) has not been called"):
        getattr(modules, maker)()("text")


@pytest.mark.parametrize(
    ("maker", "settings"),
    [
        ("SentimentAnalyzer", {"max_characters": 0}),
        ("TopicDetector", {"max_topics": 0}),
        ("EntityExtractor", {"chunk_characters": 0}),
        ("LanguageDetector", {"sample_characters": 2}),
        ("LanguageDetector", {"min_confidence": 1.5}),
    ],
)
def test_senseless_settings_are_refused_at_once(maker: str, settings: dict[str, float], modules: Any) -> None:
    with pytest.raises(ValueError, match="must be"):
        getattr(modules, maker)(**settings)


def report_for(text: str, components: SimpleNamespace) -> Any:
    return components.report(
        components.sentiment(text),
        components.topics(text),
        components.entities(text),
        components.language(text),
    )


def test_a_report_of_an_english_text_trusts_all_of_it(components: SimpleNamespace) -> None:
    report = report_for(MURDOCK * 3, components)
    assert (report["sentiment_supported"], report["entities_supported"]) == (True, True)
    assert "Ian Murdock" in report["summary"]
    assert json.loads(json.dumps(report))["language"]["code"] == "en"


def test_a_report_says_what_not_to_trust(components: SimpleNamespace) -> None:
    report = report_for(text_of("support.de.html", components), components)
    assert (report["sentiment_supported"], report["entities_supported"]) == (False, False)
    assert any("English lexicon" in note and "'de'" in note for note in report["notes"])
    assert any("English model" in note for note in report["notes"])
    assert "in tone" not in report["summary"]


def test_a_report_says_what_was_not_read(components: SimpleNamespace) -> None:
    report = report_for(text_of("debian-history.en.pdf", components), components)
    assert "entities: only the first 20,000 characters were read" in report["notes"]
