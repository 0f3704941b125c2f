"""A service on gllm-pipeline. It is here for `plait migrate`, and is not run."""

from typing import TypedDict

from gllm_core.schema import Component, main
from gllm_pipeline.pipeline import Pipeline  # the engine
from gllm_pipeline.steps import guard, log, parallel, step


class State(TypedDict):
    question: str
    answer: str


class Search(Component):
    @main
    async def search(self, question: str) -> str:
        return question.upper()


async def is_allowed(state: State) -> bool:
    return "secret" not in state["question"]


pipeline = Pipeline(
    [
        guard(is_allowed, log("allowed"), log("refused")),
        parallel(
            [
                step(Search(), {"question": "question"}, "answer"),
                step(Search(), {"question": "question"}, "answer"),
            ],
            squash=False,
        ),
    ],
    state_type=State,
)
