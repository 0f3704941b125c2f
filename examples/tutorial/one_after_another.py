"""The service as a plain list of steps."""

from services import entities, extract, language, report, sentiment, topics

from plait import Pipeline, step

pipeline = Pipeline(
    [
        step(extract, ["document"], "text"),
        step(sentiment, ["text"], "sentiment"),
        step(topics, ["text"], "topics"),
        step(entities, ["text"], "entities"),
        step(language, ["text"], "language"),
        step(report, ["sentiment", "topics", "entities", "language"], "report"),
    ],
    name="service",
)

if __name__ == "__main__":
    result = pipeline.run({"document": "devils-dictionary-a.en.txt"})
    print(result.state["report"])
    print(result.report)
