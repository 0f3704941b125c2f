"""E301: a resource that nobody declared, or more of one than there is."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule
from plait.core.names import did_you_mean

_PREDEFINED = ("cpu",)


@rule("E301")
def unknown_resource(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step that asks for a resource which the limits don't declare, or for more of it than they hold. The
    limits are the pipeline's own, else those of the process at that moment (`set_limits`); `cpu` needs no
    declaration.

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
                if name not in _PREDEFINED:
                    message = f"{part.path!r} asks for {name!r}, which no limit declares{did_you_mean(name, [*facts.limits, *_PREDEFINED])}"
                    yield Diagnostic(
                        "E301", (part.path,), message, f"declare it: Limits({{{name!r}: {amount}}})"
                    )
                continue
            capacity = facts.limits[name]
            if isinstance(capacity, (int, float)) and amount > capacity:
                yield Diagnostic(
                    "E301",
                    (part.path,),
                    f"{part.path!r} asks for {amount} of {name!r}, and there is only {capacity:g}",
                    f"ask for at most {capacity:g}, or raise the limit",
                )
