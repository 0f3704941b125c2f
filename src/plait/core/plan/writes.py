"""Which keys a flow may write, read from its definition: before it is bound, and whatever path it takes."""

from __future__ import annotations

from plait.core.control import MapReduce, Try
from plait.core.flow import Definition, Flow, Subgraph, parts_of
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


def may_stop(flow: Flow, kinds: tuple[str, ...]) -> bool:
    """Whether a step of one of these kinds is in a flow, embedded pipelines included."""
    if isinstance(flow, Step):
        return flow.kind in kinds
    return any(may_stop(part, kinds) for part in parts_of(flow))
