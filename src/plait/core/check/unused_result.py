"""W207: a result that goes nowhere."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from typing import Any

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, returned
from plait.core.check.rule import rule
from plait.core.component import UNKNOWN
from plait.core.typecheck import show


@rule("W207")
def unused_result(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step without `output_state` whose component is annotated to return something.

    ## Why is this bad?
    Without `output_state` the result is discarded and the step counts as an effect, which waits for everything
    listed before it. Mostly the output was forgotten.

    ## Example
    ```python
    def sentiment(text: str) -> float: ...

    pipeline = Pipeline([step(sentiment, ["text"])])
    ```

    ## Use instead
    ```python
    def sentiment(text: str) -> float: ...

    pipeline = Pipeline([step(sentiment, ["text"], "sentiment")])
    ```

    A component that is called for its effect is annotated `-> None`.
    """
    for part, leaf in facts.leaves():
        if leaf.step.outputs or leaf.step.kind not in ("step", "transform", "bundle"):
            continue
        result = returned(leaf.step.component)
        if result is not UNKNOWN and not _nothing(result):
            name = part.name or leaf.step.label
            yield Diagnostic(
                "W207",
                (part.path,),
                f"{part.path!r} returns {show(result)} but has no output_state; add output_state={name!r}",
            )


def _nothing(annotation: Any) -> bool:
    """Whether an annotation promises no result: None, Never, or whatever it may be."""
    if (
        annotation is None
        or annotation in (type(None), Any, object, typing.NoReturn, typing.Never)
        or isinstance(annotation, (str, typing.TypeVar))
    ):
        return True
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return all(_nothing(member) for member in typing.get_args(annotation))
    return False
