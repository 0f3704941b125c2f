"""E111: a jump to a step that is not there."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule
from plait.core.names import did_you_mean, listing


@rule("E111")
def unknown_target(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a `goto` whose fixed target is no member of the list in which it stands.

    ## Why is this bad?
    There is nowhere to go. A jump can reach only members of its own list: not steps inside a block or a branch, and not
    those of a list around it.

    ## Example
    ```python
    def draft(text: str) -> str: ...
    def publish(text: str) -> str: ...

    pipeline = Pipeline([
        step(draft, ["text"], "page"), goto("skip", Val("publsh")), step(publish, ["text"], "link"),
    ])
    ```

    ## Use instead
    ```python
    def draft(text: str) -> str: ...
    def publish(text: str) -> str: ...

    pipeline = Pipeline([
        step(draft, ["text"], "page"), goto("skip", Val("publish")), step(publish, ["text"], "link"),
    ])
    ```

    `Val(END)` ends the pipeline.
    """
    for finding in facts.findings("E111"):
        target, known = finding.data["target"], finding.data["known"]
        yield Diagnostic(
            "E111",
            finding.paths,
            f"goto {finding.paths[0]!r} jumps to {target!r}, which is no step of its list{did_you_mean(target, known)}",
            f"the list has {listing(known)}; a jump can't reach into blocks and branches, or out of them",
        )
