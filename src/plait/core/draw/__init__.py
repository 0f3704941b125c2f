"""Drawings of a pipeline, made without network or external programs: Mermaid, text for a terminal, SVG."""

from __future__ import annotations

from plait.core.draw.mermaid import mermaid
from plait.core.draw.svg import svg
from plait.core.draw.text import text

__all__ = ["mermaid", "svg", "text"]
