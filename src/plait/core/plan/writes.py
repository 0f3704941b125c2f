"""Which keys a flow may write, read from its definition: before it is bound, and whatever path it takes."""

from __future__ import annotations

from collections.abc import Iterable

from plait.core.control import END, Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph, parts_of
from plait.core.handlers import Keep
from plait.core.step import Step


def keys_written(flow: Flow | Definition) -> dict[str, None]:
    """The keys that a flow may write, in listed order."""
    if isinstance(flow, Step):
        return dict.fromkeys(key for key, _ in flow.outputs)
    if isinstance(flow, Subgraph) and flow.outputs is not None:
        return dict.fromkeys(ours for ours, _ in flow.outputs)
    if isinstance(flow, MapReduce):
        return dict.fromkeys(key for key, _ in flow.outputs)
    found: dict[str, None] = {}
    if isinstance(flow, Try) and flow.error_state is not None:
        found[flow.error_state] = None
    for part in parts_of(flow):
        found.update(keys_written(part))
    return found


def keys_surely_written(flow: Flow) -> set[str]:
    """The keys that a flow writes if it succeeds and does not end the pipeline."""
    if isinstance(flow, (Step, MapReduce)):
        return set() if isinstance(flow.error_handler, Keep) else set(keys_written(flow))
    if isinstance(flow, Choice):
        branches = [keys_surely_written(branch) for _, branch in flow.branches]
        shared = set.intersection(*branches) if flow.total else set[str]()
        return shared | keys_surely_written(flow.condition)
    if isinstance(flow, Try):
        found = keys_surely_written(flow.body)
        return found if flow.handler is None else found & keys_surely_written(flow.handler)
    if isinstance(flow, Parallel):
        if flow.need != "all" or flow.on_error == "collect" or flow.error_handler is not None:
            return set()
    elif isinstance(flow, (Dataflow, Subgraph)):
        if flow.error_handler is not None:
            return set()
        if isinstance(flow, Subgraph):
            inside = _surely_in_order(flow.definition.body, embedded=True)
            return (
                inside
                if flow.outputs is None
                else {ours for ours, theirs in flow.outputs if theirs in inside}
            )
    return _surely_in_order(parts_of(flow))


def _surely_in_order(parts: Iterable[Flow], *, embedded: bool = False) -> set[str]:
    """What the parts of a list surely write: up to a jump, or an end of the embedded pipeline that they are."""
    found = set[str]()
    for part in parts:
        if isinstance(part, Goto):  # what follows may be left out
            found |= keys_surely_written(part.target)
            break
        if embedded and may_end(part):
            break
        found |= keys_surely_written(part)
    return found


def may_end(flow: Flow) -> bool:
    """Whether a flow may end the pipeline in which it stands."""
    if isinstance(flow, Step):
        return flow.kind == "terminate"
    if isinstance(flow, Goto):
        return flow.fixed == END or (flow.fixed is None and flow.allow_end)
    if isinstance(flow, Subgraph):
        return False
    return any(may_end(part) for part in parts_of(flow))


def surely_ends(flow: Flow) -> bool:
    """Whether a flow ends the pipeline whichever way it takes, if it succeeds."""
    if isinstance(flow, Step):
        return flow.kind == "terminate"
    if isinstance(flow, Goto):
        return flow.fixed == END
    if isinstance(flow, Choice):
        return flow.total and all(surely_ends(branch) for _, branch in flow.branches)
    if isinstance(flow, Chain) and any(isinstance(part, Goto) for part in flow.parts):
        return False  # it may be jumped over
    if isinstance(flow, (Chain, Loop)):
        return any(surely_ends(part) for part in flow.parts)
    return False
