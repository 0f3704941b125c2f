"""E102: an argument that the component does not take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, definition_of
from plait.core.check.rule import rule
from plait.core.flow import Subgraph
from plait.core.names import listing, nearest
from plait.core.plan.bound import Leaf


@rule("E102")
def unknown_parameter(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds an argument in an input map that the component has no parameter for, or an input of an embedded
    pipeline that this pipeline does not read.

    ## Why is this bad?
    The call would fail with a `TypeError`, after everything before it has run.

    ## Example
    ```python
    def sentiment(text: str) -> float: ...

    pipeline = Pipeline([step(sentiment, {"txt": "document"}, "mood")])
    ```

    ## Use instead
    ```python
    def sentiment(text: str) -> float: ...

    pipeline = Pipeline([step(sentiment, {"text": "document"}, "mood")])
    ```
    """
    for part, leaf in facts.leaves():
        for argument in unknown_arguments(leaf):
            if argument == leaf.step.component.context_param:
                yield Diagnostic(
                    "E102",
                    (part.path,),
                    f"the input map of {part.path!r} gives {argument!r}, which is the step context and comes by itself",
                    f"leave {argument!r} out of the input map",
                )
                continue
            known = [p.name for p in leaf.step.component.params]
            near = nearest(argument, left_out(leaf)) or nearest(argument, known)
            yield Diagnostic(
                "E102",
                (part.path,),
                f"the input map of {part.path!r} gives {argument!r}, which {leaf.step.component.name!r} does not take{f'; did you mean {near!r}?' if near else ''}",
                f"it takes {listing(known)}" if known else "it takes no arguments",
            )
    yield from _embedded(facts)


def _embedded(facts: Facts) -> Iterator[Diagnostic]:
    for finding in facts.findings("E102"):
        path, argument, known = finding.paths[0], finding.data["argument"], finding.data["known"]
        part = facts.by_path.get(path)
        if part is None or not isinstance(part.flow, Subgraph):
            continue
        definition, missing = definition_of(part), missing_inputs(facts, path)
        if (
            argument in definition.schema.fields
            or argument in definition.schema_in.fields
            or argument in [theirs for _, theirs in part.flow.outputs or ()]
        ):
            continue  # declared, or handed through
        known = tuple(dict.fromkeys([*known, *missing]))
        given = dict(part.flow.inputs or ())
        near = nearest(argument, missing) or nearest(argument, [key for key in known if key not in given])
        if near is None and not (definition.schema.declared or definition.schema_in.declared):
            continue  # without a state type any key may be given; this one only stays unread
        yield Diagnostic(
            "E102",
            (path,),
            f"the input map of {path!r} gives {argument!r}, which its pipeline does not read{f'; did you mean {near!r}?' if near else ''}",
            f"it reads {listing(known)}" if known else "it reads no inputs",
        )


def unknown_arguments(leaf: Leaf) -> list[str]:
    """The arguments of an input map that a component has no parameter for."""
    component = leaf.step.component
    if leaf.step.inputs is None or component.single or component.takes_any or not component.known:
        return []
    return [argument for argument, _ in leaf.step.inputs if component.param(argument) is None]


def left_out(leaf: Leaf) -> list[str]:
    """The required parameters that an input map does not give."""
    component = leaf.step.component
    if leaf.step.inputs is None or component.single or not component.known:
        return []
    given = {argument for argument, _ in leaf.step.inputs}
    return [p.name for p in component.params if p.required and p.name not in given]


def missing_inputs(facts: Facts, path: str) -> list[str]:
    """The keys that steps of an embedded pipeline read and its input map does not give."""
    out: list[str] = []
    for finding in facts.findings("E101"):
        part = facts.by_path.get(finding.paths[0])
        if (
            part is not None
            and part.scope.path == path
            and part.scope.kind == "subgraph"
            and not finding.data["writes"]
            and part.kind == "step"
        ):
            out.append(finding.data["key"])
    return list(dict.fromkeys(out))
