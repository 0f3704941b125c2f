"""The mistake that is made most easily: a branch needs what its sibling makes."""

from services import entities, extract, language

from plait import InvalidPipeline, Pipeline, parallel, step


async def sentiment(text: str, language: str) -> float:
    return {"en": 0.5, "de": 0.4}.get(language, 0.0) if text else 0.0


pipeline = Pipeline(
    [
        step(extract, ["document"], "text"),
        parallel(
            [
                step(language, ["text"], "language"),
                step(sentiment, ["text", "language"], "sentiment"),
                step(entities, {"txt": "text"}, "entities"),
            ],
            name="analyses",
        ),
    ],
    name="service",
)

if __name__ == "__main__":
    try:
        pipeline.run({"document": "devils-dictionary-a.en.txt"})
    except InvalidPipeline as error:
        print(error)
