"""W208: a step that may read anything, where the order is derived from what steps read."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule


@rule("W208")
def opaque_reader(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step in `dataflow` that takes the whole state: a component with `**kwargs` (or of unknown signature)
    and no input map.

    ## Why is this bad?
    Plait can't know which keys it needs, so it waits for every step listed before it that writes one.

    ## Example
    ```python
    def sentiment(text: str) -> float: ...
    def report(**state: object) -> str: ...

    pipeline = Pipeline([step(sentiment, ["text"], "mood"), step(report, output_state="report")], order="dataflow")
    ```

    ## Use instead
    ```python
    def sentiment(text: str) -> float: ...
    def report(**state: object) -> str: ...

    pipeline = Pipeline([step(sentiment, ["text"], "mood"), step(report, ["mood"], "report")], order="dataflow")
    ```
    """
    for finding in facts.findings("W208"):
        path, keys = finding.paths[0], list(finding.data["keys"])
        part = facts.by_path.get(path)
        if part is None or not any(p.by_data for p in part.around()):
            continue
        shown = keys if len(keys) <= 6 else [*keys[:5], "…"]
        yield Diagnostic(
            "W208",
            (path,),
            f"{path!r} takes the whole state, so it waits for every step listed before it that writes a key",
            f"say what it reads:  step({part.name}, [{', '.join(repr(k) if k != '…' else k for k in shown)}], ...)"
            if keys
            else "give it an input map",
        )
