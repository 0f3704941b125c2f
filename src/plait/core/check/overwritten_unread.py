"""W206: a value that is overwritten before anybody reads it."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule


@rule("W206")
def overwritten_unread(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step that writes a key which a later step writes again, with nobody reading it in between.

    ## Why is this bad?
    The first step worked for nothing, or its value was meant to be read and a key has the wrong name.

    ## Example
    ```python
    def quick(text: str) -> float: ...
    def careful(text: str) -> float: ...

    pipeline = Pipeline([step(quick, ["text"], "mood"), step(careful, ["text"], "mood")])
    ```

    ## Use instead
    ```python
    def quick(text: str) -> float: ...
    def careful(text: str, mood: float) -> float: ...

    pipeline = Pipeline([step(quick, ["text"], "mood"), step(careful, ["text", "mood"], "mood")])
    ```

    Or two keys, if both values are wanted.
    """
    for part, leaf in facts.leaves():
        for version in leaf.writes:
            if facts.used(version):
                continue
            later = [w for w in facts.writes[part.scope].get(version.key, ()) if w.first > part.first]
            # Branches beside each other overwrite nothing; if it is a conflict, E202 says so.
            after = next((w for w in later if facts.common(part, w).kind not in ("parallel", "choice")), None)
            if after is not None:
                yield Diagnostic(
                    "W206",
                    (part.path, after.path),
                    f"{after.path!r} overwrites {version.key!r} before anybody reads what {part.path!r} wrote",
                    f"give one of them another key, or leave {part.path!r} out",
                    version.key,
                )
