"""W204: a key is read before the step that writes it."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, definition_of
from plait.core.check.rule import rule
from plait.core.flow import Subgraph
from plait.core.names import listing
from plait.core.plan.outline import Part


@rule("W204")
def read_before_write(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step that reads a key which is only written by steps listed after it, so that the key must be given
    as an input. A step that rewrites the key which it reads is no case of this, nor is an input that an
    `input_type` declares.

    ## Why is this bad?
    It is often a wrong order. The order in which steps are listed says which value is meant, also in `dataflow`.

    ## Example
    ```python
    def summarize(text: str) -> str: ...
    def extract(document: str) -> str: ...

    pipeline = Pipeline([
        step(summarize, ["text"], "summary"),
        step(extract, ["document"], "text"),
    ])
    ```

    ## Use instead
    ```python
    def summarize(text: str) -> str: ...
    def extract(document: str) -> str: ...

    pipeline = Pipeline([
        step(extract, ["document"], "text"),
        step(summarize, ["text"], "summary"),
    ])
    ```

    If the first reader is meant to get an input, say so with an `input_type` that has the key.
    """
    found: dict[tuple[Part, str], list[Part]] = {}
    for part, leaf in facts.leaves():
        for read in leaf.reads:
            version = read.version
            if (
                version is None
                or version.origin != "input"
                or read.key is None
                or not _by_accident(facts, part, version.key)
            ):
                continue
            writers = facts.writes[part.scope].get(read.key, [])
            if (
                not writers
                or facts.reads_sibling(part.path, version.key)
                or any(w.first <= part.first for w in writers)
            ):
                continue
            readers = found.setdefault((writers[0], read.key), [])
            if part not in readers:
                readers.append(part)
    for (writer, key), readers in found.items():
        paths = [reader.path for reader in readers]
        yield Diagnostic(
            "W204",
            (*paths, writer.path),
            f"{listing(paths)} {'reads' if len(paths) == 1 else 'read'} {key!r} before {writer.path!r} writes it, so {key!r} must be given as an input",
            f"list {writer.path!r} first, or declare the input: input_type with a field {key!r}",
            key,
        )


def _by_accident(facts: Facts, part: Part, key: str) -> bool:
    """Whether an input was not chosen: it is required, undeclared, and not mapped in by hand."""
    version = facts.bound.inputs.get(key)
    if version is None or version.presence != "always" or key in facts.bound.definition.schema_in.fields:
        return False
    if (
        key in facts.bound.definition.schema.fields
        and facts.bound.definition.schema.fields[key].required is False
    ):
        return False
    scope = part.scope
    while isinstance(scope.flow, Subgraph) and scope.up is not None:
        if scope.flow.inputs is not None or definition_of(scope).schema_in.declared:
            return False
        scope = scope.up.scope
    return True
