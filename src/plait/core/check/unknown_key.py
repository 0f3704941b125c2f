"""E101: a key that does not exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, definition_of, type_name
from plait.core.check.rule import rule
from plait.core.flow import Subgraph
from plait.core.names import did_you_mean, listing
from plait.core.plan.outline import Part

_LONG, _SHORT = 8, 4


@rule("E101")
def unknown_key(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a key that does not exist. With a state type: a step reads or writes a key that is not one of its
    fields. Without one: a step reads a key that nothing writes and whose name is nearly that of a key that a
    step does write. Also an output of an embedded pipeline that this pipeline never writes.

    ## Why is this bad?
    It is a misspelling. The step would wait for a value that never comes, or write one that nobody finds.

    ## Example
    ```python
    def find_topics(text: str) -> list[str]: ...
    def report(topics: list[str]) -> str: ...

    pipeline = Pipeline([
        step(find_topics, ["text"], "topics"),
        step(report, {"topics": "topcis"}, "report"),
    ])
    ```

    ## Use instead
    ```python
    def find_topics(text: str) -> list[str]: ...
    def report(topics: list[str]) -> str: ...

    pipeline = Pipeline([
        step(find_topics, ["text"], "topics"),
        step(report, {"topics": "topics"}, "report"),
    ])
    ```

    If the key really is an input of its own, say so with an `input_type` that has it as a field.
    """
    yield from _undeclared(facts)
    yield from _never_published(facts)
    yield from _nearly_written(facts)


def _undeclared(facts: Facts) -> Iterator[Diagnostic]:
    """Keys that the state type does not have; one diagnostic per key, all steps in it."""
    grouped: dict[tuple[Part, str], list[tuple[str, bool]]] = {}
    for finding in facts.findings("E101"):
        part, key = facts.by_path.get(finding.paths[0]), finding.data["key"]
        if part is None or (finding.data.get("subgraph") and not finding.data["writes"]):
            continue
        scope = part.scope if part.kind != "subgraph" or part.up is None else part.up.scope
        if finding.data["writes"] or is_misspelt(facts, part, key):
            grouped.setdefault((scope, key), []).append((part.path, finding.data["writes"]))
    for (scope, key), places in grouped.items():
        schema, given = scope.schema, definition_of(scope).schema_in
        name = type_name(schema) if schema.declared else f"{type_name(given)} (the input type)"
        known = {*schema.fields, *given.fields, *(() if schema.declared else facts.writes[scope])}
        readers = [path for path, writes in places if not writes]
        writers = [path for path, writes in places if writes]
        said = [
            f"{listing(who)} {_verb(verb, who)}"
            for verb, who in (("write", writers), ("read", readers))
            if who
        ]
        yield Diagnostic(
            "E101",
            tuple(path for path, _ in places),
            f"{' and '.join(said)} {key!r}, which is not a field of {name}{did_you_mean(key, known)}",
            f"correct the name, or add the field:  {key}: ...",
            key,
        )


def is_misspelt(facts: Facts, part: Part, key: str) -> bool:
    """Whether a read that found nothing is a wrong name, and not a value that is only not there (E103, E104, E203)."""
    scope = part.scope
    if facts.reads_sibling(part.path, key) or key in facts.writes[scope]:
        return False
    if key in scope.schema.fields or key in definition_of(scope).schema_in.fields:
        return False
    return scope.schema.declared or scope.kind == "pipeline"


def _never_published(facts: Facts) -> Iterator[Diagnostic]:
    """Outputs of embedded pipelines that they never write."""
    for part in facts.root.walk():
        if part.kind != "subgraph" or not isinstance(part.flow, Subgraph) or part.flow.outputs is None:
            continue  # (a subgraph with a handler has a part around it that tries it)
        inside = facts.writes[part]
        read = {
            read.key
            for _, leaf in facts.leaves()
            for read in leaf.reads
            if part.first <= facts.part_of[leaf].first < part.last
        }
        definition = part.flow.definition
        handed = {*dict(part.flow.inputs or ()), *definition.schema.fields, *definition.schema_in.fields}
        for ours, theirs in part.flow.outputs:
            if theirs not in inside and theirs not in read and theirs not in handed:
                yield Diagnostic(
                    "E101",
                    (part.path,),
                    f"{part.path!r} takes {ours!r} from {theirs!r}, a key that its pipeline never writes{did_you_mean(theirs, inside)}",
                    f"it writes {listing(inside)}",
                    theirs,
                )


def _nearly_written(facts: Facts) -> Iterator[Diagnostic]:
    """Inputs by accident: without a state type, a required input that is named nearly like a written key."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    declared = {*facts.bound.definition.schema.fields, *facts.bound.definition.schema_in.fields}
    meant: dict[tuple[str, Part], tuple[str, Part] | None] = {}
    for part, leaf in facts.leaves():
        for read in leaf.reads:
            version = read.version
            if version is None or version.origin != "input" or version.key in declared:
                continue
            key = version.key
            if (key, part.scope) not in meant:
                meant[key, part.scope] = _meant(facts, key, part.scope) if _required(facts, key) else None
            found = meant[key, part.scope]
            if found is not None:
                grouped.setdefault((key, found[0], found[1].path), []).append(part.path)
    for (key, near, writer), readers in grouped.items():
        yield Diagnostic(
            "E101",
            (*readers, writer),
            f"{listing(readers)} {_verb('read', readers)} {key!r}, which nothing writes; did you mean {near!r}, which {writer!r} writes?",
            f"if {key!r} is an input of its own, declare it: input_type with a field {key!r}",
            key,
        )


def _required(facts: Facts, key: str) -> bool:
    version = facts.bound.inputs.get(key)
    return version is not None and version.presence == "always"


def _meant(facts: Facts, key: str, scope: Part) -> tuple[str, Part] | None:
    """The key that was meant by this one, and who writes it; None if it is no misspelling."""
    written = _written_around(facts, scope)
    near = [] if key in written else [item for item in written.items() if nearly_equal(key, item[0])]
    return min(near, key=lambda item: distance(key, item[0]), default=None)


def _written_around(facts: Facts, scope: Part) -> dict[str, Part]:
    """Written keys that share their names with the inputs: the pipeline's own and those of transparent embedded ones."""
    keys = {key: writers[0] for key, writers in facts.writes[facts.root].items()}
    while isinstance(scope.flow, Subgraph) and scope.flow.inputs is None and scope.up is not None:
        keys.update((key, writers[0]) for key, writers in facts.writes[scope].items())
        scope = scope.up.scope
    return keys


def _verb(verb: str, who: list[str]) -> str:
    return verb if len(who) > 1 else f"{verb}s"


def nearly_equal(one: str, other: str) -> bool:
    """Whether two names look like one name misspelt.

    One slip apart (a letter more, less, other, or two swapped), or two from eight letters on; ``page1`` and
    ``page2`` are meant, and names under four letters are too short to tell.
    """
    if one == other or max(len(one), len(other)) < _SHORT or _letters(one) == _letters(other):
        return False
    allowed = 2 if min(len(one), len(other)) >= _LONG else 1
    return abs(len(one) - len(other)) <= allowed and distance(one, other) <= allowed


def _letters(name: str) -> str:
    return "".join(c for c in name if not c.isdigit())


def distance(one: str, other: str) -> int:
    """The number of slips between two names (F. Damerau, V. Levenshtein; each pair is swapped once at most)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        following = [i]
        for j, b in enumerate(other, 1):
            best = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, before[j - 2] + 1)
            following.append(best)
        before, row = row, following
    return row[-1]
