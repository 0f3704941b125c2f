"""E106: several outputs that the result can't be taken apart into."""

from __future__ import annotations

import collections.abc
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, returned
from plait.core.check.rule import rule
from plait.core.component import UNKNOWN
from plait.core.names import did_you_mean, listing
from plait.core.typecheck import show

_Outputs = Sequence[tuple[str, str | None]]
_WHOLE = (str, bytes, int, float, complex, bool, type(None), set, frozenset)


@rule("E106")
def wrong_outputs(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Holds a step's several outputs against what its component is annotated to return: a `NamedTuple`,
    dataclass, `TypedDict` or model must have each field, a `tuple[...]` must have the same length, and a single
    value can't be taken apart.

    ## Why is this bad?
    The step would run, perhaps for long, and its result could not be stored.

    ## Example
    ```python
    def analyse(text: str) -> tuple[float, list[str]]: ...

    pipeline = Pipeline([step(analyse, ["text"], ["mood", "topics", "language"])])
    ```

    ## Use instead
    ```python
    def analyse(text: str) -> tuple[float, list[str]]: ...

    pipeline = Pipeline([step(analyse, ["text"], ["mood", "topics"])])
    ```

    A result with named fields is taken by name, and `{"key": "field"}` renames.
    """
    for part, leaf in facts.leaves():
        outputs = leaf.step.outputs
        result = returned(leaf.step.component)
        if not outputs or outputs[0][1] is None or result is UNKNOWN:
            continue
        problem = _problem(result, outputs)
        if problem:
            keys = [key for key, _ in outputs]
            yield Diagnostic(
                "E106",
                (part.path,),
                f"{part.path!r} writes {listing(keys)}, but {leaf.step.component.name!r} {problem[0]}",
                problem[1],
                keys[0],
            )


def _problem(result: Any, outputs: _Outputs) -> tuple[str, str] | None:
    """Why a result of this annotation can't be taken apart, and what to do; None if it can, or may."""
    origin, arguments = typing.get_origin(result), typing.get_args(result)
    if origin is typing.Annotated:
        return _problem(arguments[0], outputs)
    if origin is typing.Union or origin is types.UnionType:
        problems = [_problem(member, outputs) for member in arguments]
        return problems[0] if all(problems) else None
    known = fields_of(result)
    if known is not None:
        missing = [
            field
            for _, field in outputs
            if field is not None and field not in known and not hasattr(result, field)
        ]
        if not missing:
            return None
        return (
            f"returns {show(result)}, which has no field {missing[0]!r}{did_you_mean(missing[0], known)}",
            f"it has {listing(known)}; rename with output_state={{'key': 'field'}}",
        )
    if origin is tuple or result is tuple or origin in (list, collections.abc.Sequence) or result is list:
        return _positions(result, origin, arguments, outputs)
    if (
        result is None
        or (isinstance(result, type) and issubclass(result, _WHOLE))
        or origin in (set, frozenset)
    ):
        return (
            f"returns {show(result)}, which has no parts",
            f"write one key:  output_state={outputs[0][0]!r}",
        )
    return None


def _positions(
    result: Any, origin: Any, arguments: tuple[Any, ...], outputs: _Outputs
) -> tuple[str, str] | None:
    renamed = [(key, field) for key, field in outputs if key != field]
    if renamed:
        return (
            f"returns {show(result)}, which has no field {renamed[0][1]!r}",
            "a tuple or list is taken by position: give output_state as a list of keys",
        )
    if origin is tuple and arguments[-1:] != (Ellipsis,) and len(arguments) != len(outputs):
        return (
            f"returns {show(result)}, which has {len(arguments)} part{'' if len(arguments) == 1 else 's'}, not {len(outputs)}",
            "name one key per part, in their order",
        )
    return None


def fields_of(result: Any) -> list[str] | None:
    """The field names of a NamedTuple, dataclass, TypedDict or pydantic model; None for anything else."""
    import dataclasses

    result = typing.get_origin(result) or result
    if not isinstance(result, type):
        return None
    names = getattr(result, "_fields", None)
    if issubclass(result, tuple) and names is not None:
        return list(names)
    if dataclasses.is_dataclass(result):
        return [field.name for field in dataclasses.fields(result)]
    if hasattr(result, "__total__") and issubclass(result, dict):
        return list(result.__annotations__)
    names = getattr(result, "model_fields", None)
    return list(names) if names is not None and hasattr(result, "model_validate") else None


def part_of_result(result: Any, outputs: _Outputs, key: str) -> Any:
    """The annotation of one of several outputs, or ``UNKNOWN``."""
    index = next(i for i, (name, _) in enumerate(outputs) if name == key)
    field = outputs[index][1]
    if fields_of(result) is not None and isinstance(result, type):
        try:
            return typing.get_type_hints(result).get(field or key, UNKNOWN)
        except (NameError, TypeError, AttributeError):  # a forward reference that can't be resolved here
            return UNKNOWN
    arguments = typing.get_args(result)
    if (
        typing.get_origin(result) is tuple
        and len(arguments) == len(outputs)
        and arguments[-1] is not Ellipsis
    ):
        return arguments[index]
    return UNKNOWN
