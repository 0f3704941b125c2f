"""One step more, and no order written down: each step starts as soon as what it reads is there."""

import asyncio

from services import SCALE, entities, extract, language, report, sentiment, topics

from plait import Pipeline, parallel, step

# part: label
SECONDS = 0.5


async def label(topics: list[str], language: str) -> str:
    await asyncio.sleep(SECONDS * SCALE)
    return f"{language}/{topics[0]}"


# end

# part: pipeline
analyses = [
    step(sentiment, ["text"], "sentiment"),
    step(topics, ["text"], "topics"),
    step(entities, ["text"], "entities"),
    step(language, ["text"], "language"),
]
first = step(extract, ["document"], "text")
labelled = step(label, ["topics", "language"], "label")
last = step(report, ["sentiment", "topics", "entities", "language"], "report")

listed = Pipeline([first, parallel(analyses, name="analyses"), labelled, last], name="listed")
derived = Pipeline([first, *analyses, labelled, last], order="dataflow", name="derived")
# end

if __name__ == "__main__":
    inputs = {"document": "devils-dictionary-a.en.txt"}
    assert listed.run(inputs).state == derived.run(inputs).state
    print(derived.run(inputs).report)
    print()
    print(derived.plan().explain("label"))
