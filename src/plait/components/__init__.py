"""Components that many pipelines need, each with an optional package behind it.

``import plait`` does not load them, and none of them loads its package before its first use.
"""

from __future__ import annotations

from plait.components.chat import BadAnswer, ChatModel

__all__ = ["BadAnswer", "ChatModel"]
