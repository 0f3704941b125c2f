"""A first pipeline: read a text, look at it in two ways at the same time, write a report."""

import asyncio
import time

from plait import Pipeline, parallel, step


def extract(document: str) -> str:
    time.sleep(0.05)  # blocking work: a plain def runs in a thread of its own
    return document.strip()


async def sentiment(text: str) -> float:
    await asyncio.sleep(0.1)  # an async def runs on the event loop
    return 0.5 if "good" in text else 0.0


def topics(text: str) -> list[str]:
    time.sleep(0.07)
    return [word for word in text.split() if word.istitle()]


def report(sentiment: float, topics: list[str]) -> str:
    return f"{sentiment:+.1f}, about {', '.join(topics)}"


pipeline = Pipeline(
    [
        step(extract, {"document": "input_document"}, "text"),
        parallel(
            [
                step(sentiment, {"text": "text"}, "sentiment"),
                step(topics, {"text": "text"}, "topics"),
            ],
            name="analyses",
        ),
        step(report, ["sentiment", "topics"], "report"),
    ],
    name="letters",
)

if __name__ == "__main__":
    result = pipeline.run({"input_document": " A good letter from Anna to Bob "})
    print(result.state["report"])
    print(result.report)
