"""E105: a value of a type that its reader cannot take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, returned, type_name
from plait.core.check.rule import rule
from plait.core.check.wrong_outputs import part_of_result
from plait.core.component import UNKNOWN
from plait.core.inputs import Val
from plait.core.plan.bound import Leaf, Version
from plait.core.plan.outline import Part
from plait.core.typecheck import fits, flat, show


@rule("E105")
def type_mismatch(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Compares the annotation of what writes a key with the annotation of what reads it (and with the field of the
    state type), and finds those that can't fit. Only certain mistakes are reported: an `int` passes as a
    `float`, `str | None` may be a `str`, and what has no annotation fits everything.

    ## Why is this bad?
    The reading step would fail, or compute nonsense, after everything before it has run.

    ## Example
    ```python
    def count_words(text: str) -> int: ...
    def summarize(topics: list[str]) -> str: ...

    pipeline = Pipeline([
        step(count_words, ["text"], "words"),
        step(summarize, {"topics": "words"}, "summary"),
    ])
    ```

    ## Use instead
    ```python
    def find_topics(text: str) -> list[str]: ...
    def summarize(topics: list[str]) -> str: ...

    pipeline = Pipeline([
        step(find_topics, ["text"], "topics"),
        step(summarize, {"topics": "topics"}, "summary"),
    ])
    ```
    """
    for part, leaf in facts.leaves():
        yield from _reads(facts, part, leaf)
        yield from _values(part, leaf)
        yield from _writes(part, leaf)


def _reads(facts: Facts, part: Part, leaf: Leaf) -> Iterator[Diagnostic]:
    for read in leaf.reads:
        parameter = leaf.step.component.param(read.argument)
        if read.version is None or parameter is None or parameter.annotation is UNKNOWN:
            continue
        given, source = _produced(facts, read.version)
        if given is UNKNOWN or fits(given, parameter.annotation):
            continue
        key = read.version.key
        yield Diagnostic(
            "E105",
            (part.path, source) if source else (part.path,),
            f"{part.path!r} takes {read.argument!r} as {show(parameter.annotation)}, but {key!r}"
            + (f", written by {source!r}, is {show(given)}" if source else f" is {show(given)} in the state"),
            f"read another key, or correct the annotation of {source or key!r} or {part.path!r}",
            key,
        )


def _produced(facts: Facts, version: Version) -> tuple[Any, str | None]:
    """The annotation of a version, and the step that wrote it."""
    version = facts.origin(version)
    if not isinstance(version.maker, Leaf):
        return version.annotation, None
    declared = facts.part_of[version.maker].scope.schema.fields.get(version.key)
    if declared is not None:
        return (
            declared.annotation,
            version.maker.path,
        )  # what the step returns is held against the field, below
    return _part(version.maker, version.key), version.maker.path


def _part(leaf: Leaf, key: str) -> Any:
    result = returned(leaf.step.component)
    outputs = leaf.step.outputs
    if outputs[0][1] is None or result is UNKNOWN:
        return result
    return part_of_result(result, outputs, key)


def _values(part: Part, leaf: Leaf) -> Iterator[Diagnostic]:
    """A ``Val`` is there to be looked at."""
    for argument, source in leaf.step.inputs or ():
        parameter = leaf.step.component.param(argument)
        if not isinstance(source, Val) or parameter is None or parameter.annotation is UNKNOWN:
            continue
        classes = flat(parameter.annotation)
        if classes is not None and not isinstance(source.value, classes):
            yield Diagnostic(
                "E105",
                (part.path,),
                f"{part.path!r} takes {argument!r} as {show(parameter.annotation)}, but the input map gives Val of {type(source.value).__name__}",
                "pass another value, or correct the annotation",
            )


def _writes(part: Part, leaf: Leaf) -> Iterator[Diagnostic]:
    """What a step returns, against the declared field; a reducer may take deltas of another type."""
    schema = part.scope.schema
    for key, _ in leaf.step.outputs:
        field = schema.fields.get(key)
        if field is None or field.reducer is not None:
            continue
        given = _part(leaf, key)
        if given is not UNKNOWN and not fits(given, field.annotation):
            yield Diagnostic(
                "E105",
                (part.path,),
                f"{part.path!r} writes {key!r} as {show(given)}, but {type_name(schema)} declares it as {show(field.annotation)}",
                f"correct the field, or the annotation of {part.path!r}",
                key,
            )
