"""Tests of a pipeline and of its components, that need no service and no waiting."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from plait import Pipeline, StepContext, current_step, failures, parallel, step
from plait.testing import run_serial, step_context


async def mood(text: str) -> float:
    raise ConnectionError(f"the model is far away, {len(text)} characters are waiting")


def words(text: str) -> int:
    current_step().logger.info("counting")
    return len(text.split())


def sign(words: int, mood: float, context: StepContext) -> str:
    return f"{words} words, mood {mood}, by {context.config['author']}"


pipeline = Pipeline(
    [
        parallel([step(mood, output_state="mood"), step(words, output_state="words")], name="analyses"),
        step(sign, output_state="letter"),
    ]
)


# part: component
@pytest.fixture
def context() -> Iterator[StepContext]:
    with step_context("sign", config={"author": "Anna"}) as made:
        yield made


def test_a_component_is_called_like_any_function(context: StepContext) -> None:
    assert words("two words") == 2  # current_step() works inside
    assert sign(2, 0.5, context) == "2 words, mood 0.5, by Anna"


# end


# part: fakes
def test_the_pipeline_with_a_fake_for_the_model() -> None:
    faked = pipeline.with_components({"analyses/mood": lambda text: 0.5 if text else 0.0})
    result = run_serial(faked, {"text": "two words"}, config={"author": "Bob"})
    assert result.state["letter"] == "2 words, mood 0.5, by Bob"


# end


# part: orders
@pytest.mark.parametrize("seed", range(10))
def test_the_letter_never_depends_on_who_is_first(plait_run: Any, seed: int) -> None:
    async def patient(text: str) -> float:
        await asyncio.sleep(3600)  # an hour on the virtual clock: it passes at once
        return float(len(text))

    faked = pipeline.with_components({"analyses/mood": patient})
    result = plait_run(faked, {"text": "two words"}, seed=seed, config={"author": "Bob"})
    assert result.state["letter"] == "2 words, mood 9.0, by Bob"


# end


# part: failure
def test_a_model_that_is_away_is_named() -> None:
    with pytest.raises(ConnectionError, match="far away") as caught:
        pipeline.run({"text": "two words"})
    (failure,) = failures(caught.value)
    assert failure.path == "analyses/mood"


# end


# part: sound
def test_the_pipeline_is_sound() -> None:
    assert pipeline.check() == []


# end
