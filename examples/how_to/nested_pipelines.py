"""A pipeline inside another: as it is, or with its keys renamed."""

from plait import Pipeline, parallel, step, subgraph


def split(text: str) -> list[str]:
    return text.split()


def count(words: list[str]) -> int:
    return len(words)


def compare(question: int, answer: int) -> str:
    return f"{question} words asked, {answer} answered"


# part: pipelines
counting = Pipeline([step(split, output_state="words"), step(count, output_state="count")], name="counting")

comparing = Pipeline(
    [
        parallel(
            [
                subgraph(counting, {"text": "question"}, {"asked": "count"}, name="of_question"),
                subgraph(counting, {"text": "answer"}, {"answered": "count"}, name="of_answer"),
            ]
        ),
        step(compare, {"question": "asked", "answer": "answered"}, "comparison"),
    ],
    name="comparing",
)
# end

if __name__ == "__main__":
    result = comparing.run({"question": "how long is it", "answer": "very"})
    print(result.state)
    print([report.path for report in result.report.steps])
    print(Pipeline([counting]).run({"text": "as it is"}).state)
