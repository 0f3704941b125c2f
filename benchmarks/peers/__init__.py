"""The contenders, in the order in which the tables list them."""

from __future__ import annotations

from importlib import import_module

from benchmarks.peers.base import NotOffered, Peer

__all__ = ["NAMES", "NotOffered", "Peer", "load"]

NAMES = ("hand", "plait", "gllm", "langgraph", "haystack", "hamilton", "pydantic_graph")
"""The names that `--peers` takes."""


def load(name: str) -> Peer:
    """The contender called *name*; its library is not imported yet."""
    peer = import_module(f"benchmarks.peers.{name}").PEER
    assert isinstance(peer, Peer)
    return peer
