"""A pipeline that is wrong in two ways: it is refused before anything runs."""

from plait import InvalidPipeline, Pipeline, parallel, step


def find_topics(text: str) -> list[str]:
    return text.split()


def guess_topics(text: str) -> list[str]:
    return [text]


def summarize(topics: list[str]) -> str:
    return ", ".join(topics)


pipeline = Pipeline(
    [
        parallel(
            [
                step(find_topics, ["text"], "topics"),
                step(guess_topics, ["text"], "topics"),
                step(summarize, ["topics"], "summary"),
            ],
            name="analyses",
        ),
    ]
)

if __name__ == "__main__":
    try:
        pipeline.run({"text": "strands woven into one"})
    except InvalidPipeline as error:
        print(error)
