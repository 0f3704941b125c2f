"""E301: a resource that nobody declared, or more of one than there is."""

from __future__ import annotations

import math
from collections.abc import Iterable

from plait.core.amounts import said
from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule
from plait.core.names import did_you_mean

_PREDEFINED = ("cpu", "memory")


@rule("E301")
def unknown_resource(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step that asks for a resource which the limits don't declare, or for more of it than they hold. The
    limits are the pipeline's own, else those of the process at that moment (`set_limits`); `cpu` and `memory` need
    no declaration.

    ## Why is this bad?
    The step could never start: the run would wait for ever.

    ## Example
    ```python
    def embed(text: str) -> list[float]: ...

    limits = {"gpu": 1}
    pipeline = Pipeline([step(embed, ["text"], "vector", resources={"gpus": 1})])
    ```

    ## Use instead
    ```python
    def embed(text: str) -> list[float]: ...

    limits = {"gpu": 1}
    pipeline = Pipeline([step(embed, ["text"], "vector", resources={"gpu": 1})])
    ```
    """
    if facts.limits is None:
        return
    for part, leaf in facts.leaves():
        for name, amount in leaf.step.resources.items():
            if name not in facts.limits:
                if name != "cpu":
                    message = f"{part.path!r} asks for {name!r}, which no limit declares{did_you_mean(name, [*facts.limits, *_PREDEFINED])}"
                    yield Diagnostic(
                        "E301",
                        (part.path,),
                        message,
                        f"declare it: Limits({{{name!r}: {math.ceil(amount)}}})",
                    )
                continue
            capacity = facts.limits[name]
            if isinstance(capacity, (int, float)) and amount > capacity:
                most = said(capacity, name)
                yield Diagnostic(
                    "E301",
                    (part.path,),
                    f"{part.path!r} asks for {said(amount, name)} of {name!r}, and there is only {most}",
                    f"ask for at most {most}, or raise the limit",
                )
