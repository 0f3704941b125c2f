"""E203: a branch needs what another branch of the same block makes."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.check.diagnostic import Diagnostic
from plait.core.check.facts import Facts, SiblingRead
from plait.core.check.rule import rule
from plait.core.flow import Parallel
from plait.core.names import listing
from plait.core.plan.outline import Part, render, render_list, render_parallel


@rule("E203")
def sibling_read(facts: Facts) -> Iterable[Diagnostic]:
    """## What it does
    Finds a step in a branch of a `parallel` block that reads a key which another branch of the block writes,
    and shows the pipeline with the step moved to where it can have the value.

    ## Why is this bad?
    Branches start together, so the value is not there yet; the step would get an older one, or none.

    ## Example
    ```python
    def sentiment(text: str) -> float: ...
    def find_topics(text: str) -> list[str]: ...
    def summarize(topics: list[str]) -> str: ...

    pipeline = Pipeline([
        parallel([
            step(sentiment, ["text"], "mood"),
            step(find_topics, ["text"], "topics"),
            step(summarize, ["topics"], "summary"),
        ], name="analyses"),
    ])
    ```

    ## Use instead
    ```python
    def sentiment(text: str) -> float: ...
    def find_topics(text: str) -> list[str]: ...
    def summarize(topics: list[str]) -> str: ...

    pipeline = Pipeline([
        parallel([
            step(sentiment, ["text"], "mood"),
            step(find_topics, ["text"], "topics"),
        ], name="analyses"),
        step(summarize, ["topics"], "summary"),
    ])
    ```

    `[find_topics, summarize]` as one branch, or `dataflow([...])`, which derives the order from the keys, do as well.
    """
    blocks: dict[Part, list[SiblingRead]] = {}
    for read in facts.sibling_reads:
        blocks.setdefault(read.block, []).append(read)
    for block, reads in blocks.items():
        hint = _correction(block, reads)
        for read in reads:
            where = f"parallel {block.path!r}" if block.name else "one parallel block"
            older = "; it would get the value from before the block" if read.older else ""
            yield Diagnostic(
                "E203",
                (read.reader.path, read.writer.path),
                f"{read.reader.path!r} reads {read.key!r} while {read.writer.path!r} writes it (both in {where}){older}",
                f"{hint}\n      or, if the older value is meant, let {read.writer.path!r} write another key"
                if read.older
                else hint,
                read.key,
            )


def _correction(block: Part, reads: list[SiblingRead]) -> str:
    """The pipeline with the reading steps, and what follows them in their branches, behind the block."""
    flow = block.flow
    assert isinstance(flow, Parallel)
    if flow.hedge_after is not None:
        return _correction_of_race(block, reads)
    cut: dict[int, int] = {}
    for read in reads:
        index, at = _place(block, read.reader)
        cut[index] = min(at, cut.get(index, at))
    layers = _layers(block, reads, cut)
    if layers is None:
        readers = list(dict.fromkeys(_branch_name(block.child_with(r.reader.first)) for r in reads))
        return f"they need each other's results: put {listing(readers)} into one list, in the order that is meant, or let one of them read another key"
    staying = []
    for index, ((name, _), part) in enumerate(zip(flow.branches, block.parts, strict=True)):
        kept = [part] if index not in cut else part.parts[: cut[index]] if part.kind == "list" else []
        if kept:
            staying.append((name, render_list(kept) if len(kept) > 1 else render(kept[0])))
    text = staying[0][1] if len(staying) == 1 and not block.name else render_parallel(flow, staying)
    moved = [[_tail(block.parts[i], cut[i]) for i in layer] for layer in layers]
    names = [tail[0].name or render(tail[0]) for layer in moved for tail in layer]
    for layer in moved:
        tails = [render_list(tail) if len(tail) > 1 else render(tail[0]) for tail in layer]
        text += (
            f" | parallel([{', '.join(tails)}])"
            if len(layer) > 1
            else "".join(f" | {render(part)}" for part in layer[0])
        )
    follow = " and what follows it" if len(names) == 1 and len(moved[0][0]) > 1 else ""
    return f"move {listing(names)}{follow} after the block:  {text}"


def _correction_of_race(block: Part, reads: list[SiblingRead]) -> str:
    first = len(block.parts) // 2
    places = [(_place(block, r.reader)[0], _place(block, r.writer)[0]) for r in reads]
    both = [r.writer.path for r, (by, of) in zip(reads, places, strict=True) if by == of + first]
    if both:
        return f"a second attempt reads what the first one replaces: let {listing(dict.fromkeys(both))} write another key, or leave hedge_after out"
    kept = dict.fromkeys(_branch_name(block.parts[by % first]) for by, _ in places)
    return f"branches of a race do without each other's results: let {listing(kept)} read another key, or move what needs {reads[0].key!r} behind the race"


def _place(block: Part, reader: Part) -> tuple[int, int]:
    """In which branch a step is, and in which part of that branch."""
    branch = block.child_with(reader.first)
    index = block.parts.index(branch)
    if branch.kind != "list":
        return index, 0
    return index, branch.parts.index(branch.child_with(reader.first))


def _tail(branch: Part, at: int) -> list[Part]:
    return branch.parts[at:] if branch.kind == "list" else [branch]


def _layers(block: Part, reads: list[SiblingRead], cut: dict[int, int]) -> list[list[int]] | None:
    """The moved ends of branches in an order in which each finds what it reads; None when they go in circles."""
    needs: dict[int, set[int]] = {index: set() for index in cut}
    for read in reads:
        index, _ = _place(block, read.reader)
        by, at = _place(block, read.writer)
        if by in cut and at >= cut[by]:
            needs[index].add(by)
    layers: list[list[int]] = []
    while needs:
        free = [index for index, before in needs.items() if not before]
        if not free:
            return None
        layers.append(free)
        needs = {index: before - set(free) for index, before in needs.items() if index not in free}
    return layers


def _branch_name(branch: Part) -> str:
    return branch.name or render(branch.parts[0]) if branch.kind == "list" else render(branch)
