"""E103: an argument that the component needs and does not get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, definition_of
from plait.core.check.rule import rule
from plait.core.check.unknown_key import is_misspelt
from plait.core.check.unknown_parameter import left_out, unknown_arguments
from plait.core.flow import Subgraph
from plait.core.names import did_you_mean, listing, nearest
from plait.core.plan.outline import Part


@rule("E103")
def missing_parameter(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a parameter without a default that the step's input map leaves out, or a key that an embedded
    pipeline needs and its input map leaves out.

    ## Why is this bad?
    The call would fail with a `TypeError`, after everything before it has run. An input map is complete: what
    it leaves out is not looked up by name.

    ## Example
    ```python
    def translate(text: str, language: str) -> str: ...

    pipeline = Pipeline([step(translate, {"text": "document"}, "translation")])
    ```

    ## Use instead
    ```python
    def translate(text: str, language: str) -> str: ...

    pipeline = Pipeline([step(translate, {"text": "document", "language": Val("en")}, "translation")])
    ```
    """
    for part, leaf in facts.leaves():
        # A misspelt argument is E102 already; it is not also a missing one.
        misspelt = {nearest(argument, left_out(leaf)) for argument in unknown_arguments(leaf)}
        missing = [name for name in left_out(leaf) if name not in misspelt]
        if missing:
            inputs = leaf.step.inputs or ()
            yield Diagnostic(
                "E103",
                (part.path,),
                f"{leaf.step.component.name!r} needs {listing(missing)}, which the input map of {part.path!r} leaves out",
                f"give {'it' if len(missing) == 1 else 'them'}:  {{{', '.join([*(f'{a!r}: {_shown(s)}' for a, s in inputs), *(f'{m!r}: {m!r}' for m in missing)])}}}",
            )
    yield from _embedded(facts)


def _shown(source: object) -> str:
    text = repr(source)
    return text if len(text) < 40 else "…"


def _embedded(facts: Facts) -> Iterator[Diagnostic]:
    """Keys that an embedded pipeline does not get; one diagnostic per key, however many steps read it."""
    grouped: dict[tuple[Part, str], list[str]] = {}
    for finding in facts.findings("E101"):
        part, key = facts.by_path.get(finding.paths[0]), finding.data["key"]
        if part is None or part.kind != "step" or part.scope.kind != "subgraph" or finding.data["writes"]:
            continue
        if not is_misspelt(facts, part, key) and not facts.reads_sibling(part.path, key):
            grouped.setdefault((part.scope, key), []).append(part.path)
    for (scope, key), readers in grouped.items():
        flow = scope.flow
        assert isinstance(flow, Subgraph)
        given = dict(flow.inputs or ())
        if flow.inputs is not None and key not in given:
            unread = [argument for argument in given if argument not in _read_inside(facts, scope)]
            if nearest(key, unread) is not None:
                continue  # misspelt in the input map: E102 says so
            message, hint = (
                f"{listing(readers)} needs {key!r}, which the input map of {scope.path!r} leaves out",
                f"give it:  subgraph(..., {{{key!r}: ...}})",
            )
        else:
            assert scope.up is not None
            source, around = given.get(key, key), scope.up.scope
            known = {*around.schema.fields, *definition_of(around).schema_in.fields, *facts.writes[around]}
            message = f"{scope.path!r} needs {source!r} as its {key!r}, and nothing listed before it gives that{did_you_mean(str(source), known)}"
            hint = f"list a step that writes {source!r} before it, or make it an input"
        yield Diagnostic("E103", (*readers, scope.path), message, hint, key)


def _read_inside(facts: Facts, scope: Part) -> set[str]:
    return {
        read.key
        for part, leaf in facts.leaves()
        for read in leaf.reads
        if scope.first <= part.first < scope.last and read.key is not None
    }
