"""One of the services is down: what the run does about it is said at the block."""

from services import entities, extract, language, topics

from plait import Optional, Pipeline, failures, parallel, step


# part: broken
async def sentiment(text: str) -> float:
    raise ConnectionError(f"no answer to {len(text):,} characters")


# end


def report(topics: list[str], language: str, sentiment: float | None, entities: list[str]) -> str:
    mood = "mood unknown" if sentiment is None else f"mood {sentiment:+.2f}"
    return f"{language}, {mood}, about {', '.join(topics)}; names {', '.join(entities)}"


# part: pipelines
first = step(extract, ["document"], "text")
needed = [step(topics, ["text"], "topics"), step(language, ["text"], "language")]
extras = [step(sentiment, ["text"], "sentiment"), step(entities, ["text"], "entities")]

strict = Pipeline([first, parallel([*needed, *extras], name="analyses")], name="strict")
lenient = Pipeline(
    [
        first,
        parallel([*needed, parallel(extras, on_error="collect", name="extras")], name="analyses"),
        step(
            report,
            [
                "topics",
                "language",
                {"sentiment": Optional("sentiment"), "entities": Optional("entities", [])},
            ],
            "report",
        ),
    ],
    name="lenient",
)
# end

if __name__ == "__main__":
    inputs = {"document": "devils-dictionary-a.en.txt"}
    try:
        strict.run(inputs)
    except ConnectionError as error:
        print(f"{type(error).__name__}: {error}")
        print(error.__notes__[0])
        print("failed:", [failure.path for failure in failures(error)])
    result = lenient.run(inputs)
    print(result.state["report"])
    print("failed, and collected:", [failure.path for failure in result.failures])
