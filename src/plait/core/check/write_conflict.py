"""E202: two branches write one key."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule
from plait.core.names import listing
from plait.core.plan.outline import Part


@rule("E202")
def write_conflict(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds two branches of a `parallel` block that write the same key.

    ## Why is this bad?
    Only one of the two values could be kept, and nothing says which.

    ## Example
    ```python
    def quick(text: str) -> float: ...
    def careful(text: str) -> float: ...

    pipeline = Pipeline([parallel([step(quick, ["text"], "mood"), step(careful, ["text"], "mood")])])
    ```

    ## Use instead
    ```python
    def quick(text: str) -> float: ...
    def careful(text: str) -> float: ...

    pipeline = Pipeline([parallel([step(quick, ["text"], "quick_mood"), step(careful, ["text"], "careful_mood")])])
    ```

    Or a field that merges, `mood: Annotated[list[float], operator.add]` in the state type; or, when the first
    to succeed is enough, `parallel([...], need=1)`.
    """
    grouped: dict[tuple[str, str], list[str]] = {}
    for finding in facts.findings("E202"):
        writers = grouped.setdefault((finding.data["block"], finding.data["key"]), [])
        writers += [path for path in finding.paths if path not in writers]
    for (block, key), writers in grouped.items():
        both = "both write" if len(writers) == 2 else "all write" if len(writers) > 2 else "write"
        who = listing(writers) if len(writers) > 1 else f"two branches with {writers[0]!r}"
        names = [f"{path.rpartition('/')[2]}_{key}".replace(":", "_") for path in writers[:2]]
        yield Diagnostic(
            "E202",
            tuple(writers),
            f"{who} {both} {key!r} at the same time (in {_name(facts, block, writers[0])})",
            f"give them keys of their own, such as {listing(names)}, or declare how {key!r} merges:  {key}: Annotated[list[...], operator.add]",
            key,
        )


def _name(facts: Facts, block: str, writer: str) -> str:
    part = facts.by_path.get(writer)
    around: Iterable[Part] = part.around() if part is not None else ()
    named = any(p.kind == "parallel" and p.name is not None and p.path == block for p in around)
    return f"parallel {block!r}" if named else "one parallel block"
