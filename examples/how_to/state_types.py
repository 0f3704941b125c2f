"""A declared state: keys are checked, defaults are filled in, and what several branches write is merged."""

import operator
from typing import Annotated, TypedDict

from plait import InputError, InvalidPipeline, Pipeline, parallel, step


# part: state
class Letter(TypedDict, total=False):
    text: str
    findings: Annotated[list[str], operator.add]  # several steps may add to it
    score: float


# end


def names(text: str) -> list[str]:
    return [f"name {word}" for word in text.split() if word.istitle()]


def numbers(text: str) -> list[str]:
    return [f"number {word}" for word in text.split() if word.isdigit()]


def score(findings: list[str]) -> float:
    return float(len(findings))


# part: pipeline
pipeline = Pipeline(
    [
        parallel([step(numbers, output_state="findings"), step(names, output_state="findings")]),
        step(score, output_state="score"),
    ],
    state_type=Letter,
)
# end

if __name__ == "__main__":
    print(pipeline.run({"text": "Anna has 3 letters for Bob"}).state)
    try:
        pipeline.run({"txt": "Anna"})
    except InputError as error:
        print(error)
    try:
        Pipeline([step(score, ["findings"], "scores")], state_type=Letter).run({})
    except InvalidPipeline as error:
        print(error)
