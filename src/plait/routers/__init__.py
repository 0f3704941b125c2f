"""Routers: components that choose one of several named routes for a text, made for the condition of a ``switch``.

>>> router = KeywordRouter({"billing": ["invoice", "refund"], "technical": ["crash"]}, default_route="other")
>>> router("Where is my invoice?")
'billing'

``import plait`` does not load them. A route that no router here can find needs no class: any function that
returns the name of a route is a router as well.
"""

from __future__ import annotations

from plait.routers.base import RouteError
from plait.routers.hashing import HashingEmbedder
from plait.routers.keyword import KeywordRouter
from plait.routers.llm import LLMRouter
from plait.routers.regex import RegexRouter
from plait.routers.similarity import SimilarityRouter

__all__ = [
    "HashingEmbedder",
    "KeywordRouter",
    "LLMRouter",
    "RegexRouter",
    "RouteError",
    "SimilarityRouter",
]
