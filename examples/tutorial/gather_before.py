"""The service by hand, with asyncio.gather."""

import asyncio

from services import entities, extract, language, report, sentiment, topics


# part: code
async def analyse(document: str) -> str:
    text = await extract(document)
    mood, about, names, code = await asyncio.gather(
        sentiment(text), topics(text), entities(text), language(text)
    )
    return await report(mood, about, names, code)


# end

if __name__ == "__main__":
    print(asyncio.run(analyse("devils-dictionary-a.en.txt")))
