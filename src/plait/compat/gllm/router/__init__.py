"""Routers. Those that need a model are in ``plait.routers``, under names of its own."""

from plait.compat.gllm.router.rule_based_router import RuleBasedRouter
from plait.compat.gllm.router.similarity_based_router import SimilarityBasedRouter

__all__ = ["RuleBasedRouter", "SimilarityBasedRouter"]

_INSTEAD = {
    "LMBasedRouter": "plait.routers.LLMRouter(complete, {route: description}, default_route)",
    "LMRouter": "plait.routers.LLMRouter(complete, {route: description}, default_route)",
    "SemanticRouter": "plait.routers.SimilarityRouter({route: examples}, embed, default_route)",
    "ClassifierRouter": "a function of your own that calls the classifier and returns a route",
    "DMRouter": "plait.routers.SimilarityRouter({route: examples}, embed, default_route)",
}


def __getattr__(name: str) -> object:
    if name in _INSTEAD:
        raise AttributeError(f"{name} is not taken over; use {_INSTEAD[name]}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
