"""E110: two steps with one name."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts
from plait.core.check.rule import rule


@rule("E110")
def duplicate_name(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds two steps (or blocks) of one list that have the same name. A step's name is the one you give it, else
    its component's name in snake_case, else that with `:` and its first output key.

    ## Why is this bad?
    Names are how errors, reports and `pipeline.with_components` point at a step, so each must mean one.

    ## Example
    ```python
    def clean(text: str) -> str: ...

    pipeline = Pipeline([step(clean, ["text"], "text", name="clean"), step(clean, ["text"], "text", name="clean")])
    ```

    ## Use instead
    ```python
    def clean(text: str) -> str: ...

    pipeline = Pipeline([step(clean, ["text"], "text", name="clean"), step(clean, ["text"], "text", name="clean_again")])
    ```

    Steps inside a named block, a named branch or an embedded pipeline have that name in their path, so they
    may share their last name with others outside.
    """
    for path in dict.fromkeys(finding.paths[0] for finding in facts.findings("E110")):
        inside, _, name = path.rpartition("/")
        where = f" in {inside!r}" if inside else ""
        branches = [
            p for p in facts.root.walk() if p.kind == "list" and p.name is not None and p.path == path
        ]
        if branches:
            yield Diagnostic(
                "E110",
                (path,),
                f"two branches{where} are named {name!r}",
                "name the blocks that they are in:  parallel({...}, name='…')",
            )
            continue
        yield Diagnostic(
            "E110",
            (path,),
            f"two steps{where} are named {name!r}",
            "give one of them another name:  step(..., name='…')",
        )
