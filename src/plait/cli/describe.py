"""A planned pipeline as data: its steps and blocks, what they read and write, what they wait for and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plait.core.plan.bound import Bound, Leaf, Merge, Node, Region
from plait.pipeline import Pipeline


def describe(pipeline: Pipeline[Any]) -> dict[str, Any]:
    """The pipeline for JSON: the same for the same pipeline, in listed order.

    Raises:
        InvalidPipeline: the checks found errors.
    """
    bound = pipeline.plan().bound
    assert bound is not None, "the outermost plan knows what it was made of"
    return {
        "pipeline": pipeline.name,
        "inputs": list(pipeline.input_keys),
        "optional_inputs": list(pipeline.optional_input_keys),
        "steps": list(_nodes(bound)),
    }


def _nodes(bound: Bound) -> Iterator[dict[str, Any]]:
    for node in bound.nodes():
        if isinstance(node, Leaf):
            yield {
                "path": node.path,
                "kind": "step",
                "runs": "on the loop" if node.step.component.kind == "async" else "in a thread",
                "reads": list(dict.fromkeys(read.key for read in node.reads if read.key is not None)),
                "writes": list(dict.fromkeys(version.key for version in node.writes)),
                "waits_for": [{"path": path, "reasons": reasons} for path, reasons in _waits(node).items()],
            }
        elif isinstance(node, Region):
            yield {
                "path": node.path,
                "kind": "block",
                "writes": list(dict.fromkeys(version.key for version in node.writes)),
                "waits_for": [{"path": path, "reasons": reasons} for path, reasons in _waits(node).items()],
            }


def _waits(node: Node) -> dict[str, list[str]]:
    """What a node waits for. The folds of reducers are ours, not the user's: who wrote the deltas stands for them."""
    found: dict[str, list[str]] = {}
    for other, reasons in node.after.items():
        for path in _waits(other) if isinstance(other, Merge) else (other.path,):
            known = found.setdefault(path, [])
            known += [reason for reason in reasons if reason not in known]
    return found
