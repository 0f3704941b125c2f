"""E104: a read of a key that may not be there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, definition_of, type_name
from plait.core.check.rule import rule
from plait.core.names import listing
from plait.core.plan.bound import Region


@rule("E104")
def possibly_missing(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step that reads a key which may be missing at that point, with no default for that case: the key is
    written in a block that goes on when branches fail (`on_error="collect"`, `need=n`), or it is neither an
    input nor written yet.

    ## Why is this bad?
    In the very run in which a branch fails, the step would have nothing to work with.

    ## Example
    ```python
    def find_topics(text: str) -> list[str]: ...
    def sentiment(text: str) -> float: ...
    def report(topics: list[str], mood: float) -> str: ...

    pipeline = Pipeline([
        parallel([step(find_topics, ["text"], "topics"), step(sentiment, ["text"], "mood")], on_error="collect"),
        step(report, ["topics", "mood"], "report"),
    ])
    ```

    ## Use instead
    ```python
    def find_topics(text: str) -> list[str]: ...
    def sentiment(text: str) -> float: ...
    def report(topics: list[str], mood: float) -> str: ...

    pipeline = Pipeline([
        parallel([step(find_topics, ["text"], "topics"), step(sentiment, ["text"], "mood")], on_error="collect"),
        step(report, {"topics": Optional("topics", []), "mood": Optional("mood", 0.0)}, "report"),
    ])
    ```

    A default of the component's own parameter does as well.
    """
    grouped: dict[tuple[str, str | None], list[str]] = {}
    for finding in facts.findings("E104"):
        readers = grouped.setdefault((finding.data["key"], finding.data["maker"]), [])
        if finding.paths[0] not in readers:
            readers.append(finding.paths[0])
    for (key, maker), readers in grouped.items():
        yield Diagnostic(
            "E104",
            tuple(readers),
            f"{listing(readers)} {'reads' if len(readers) == 1 else 'read'} {key!r}, which may be missing{_why(facts, key, maker)}",
            f"give the parameter a default, or read it with a default:  Optional({key!r}, ...)",
            key,
        )
    yield from _never_given(facts)


def _why(facts: Facts, key: str, maker: str | None) -> str:
    region = next((n for n in facts.bound.nodes() if isinstance(n, Region) and n.path == maker), None)
    if region is None:
        return ""
    writers = [
        leaf.path
        for leaf in facts.bound.leaves()
        if any(v.key == key for v in leaf.writes)
        and leaf.path in {n.path for body in region.bodies for n in facts.bound.nodes(body)}
    ]
    who = listing(writers) or "its writer"
    if region.kind == "choice":
        return f": {who} writes it, but {region.path!r} may choose a branch that does not"
    if region.kind in ("rest", "gate"):
        return f": {who} writes it, but the pipeline may have ended before, or jumped over it"
    if region.kind == "try":
        return f": {who} may fail, and what handles that does not write it"
    if region.kind in ("loop", "jumps"):
        return f": {who} writes it, but nothing does before the first turn, or not surely in the one before"
    if region.need is not None:
        return f": {who} may be cancelled or fail in {region.path!r} (need={region.need} of {region.inner.branches})"
    return f": {who} may fail in {region.path!r} (on_error={region.on_error!r})"


def _never_given(facts: Facts) -> Iterator[Diagnostic]:
    """Keys that exist but that nothing can have given at this point: no input, and not written yet."""
    grouped: dict[str, list[str]] = {}
    for finding in facts.findings("E101"):
        part, key = facts.by_path.get(finding.paths[0]), finding.data["key"]
        if (
            part is None
            or part.kind != "step"
            or part.scope.kind != "pipeline"
            or finding.data["writes"]
            or facts.reads_sibling(part.path, key)
        ):
            continue
        definition = definition_of(part.scope)
        if key in facts.writes[part.scope] or key in definition.schema.fields:
            grouped.setdefault(key, []).append(part.path)
    for key, readers in grouped.items():
        writers = [w.path for w in facts.writes[facts.root].get(key, ())]
        given = facts.bound.definition.schema_in
        later = f"only {listing(writers)} writes it, later, and" if writers else "nothing writes it, and"
        yield Diagnostic(
            "E104",
            (*readers, *writers),
            f"{listing(readers)} {'reads' if len(readers) == 1 else 'read'} {key!r}, which is not there yet: {later} {type_name(given)} (the input type) does not have it",
            f"list {listing(writers)} first"
            if writers
            else f"add a field {key!r} to {type_name(given)}, or list a step that writes it first",
            key,
        )
