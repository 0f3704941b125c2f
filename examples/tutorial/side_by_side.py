"""The same steps, with the four analyses in one parallel block."""

from services import entities, extract, language, report, sentiment, topics

from plait import Pipeline, parallel, step

# part: pipeline
pipeline = Pipeline(
    [
        step(extract, ["document"], "text"),
        parallel(
            [
                step(sentiment, ["text"], "sentiment"),
                step(topics, ["text"], "topics"),
                step(entities, ["text"], "entities"),
                step(language, ["text"], "language"),
            ],
            name="analyses",
        ),
        step(report, ["sentiment", "topics", "entities", "language"], "report"),
    ],
    name="service",
)
# end

if __name__ == "__main__":
    result = pipeline.run({"document": "devils-dictionary-a.en.txt"})
    print(result.state["report"])
    print(result.report)
