"""What all compositions of steps share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plait.core.flow import Chain


class Composed:
    """A flow that consists of others; ``|`` puts flows after each other."""

    __slots__ = ()

    def __or__(self, other: Any) -> Chain:
        """``a | b``: first a, then b."""
        from plait.core.flow import chain

        return chain(self, other)

    def __ror__(self, other: Any) -> Chain:
        from plait.core.flow import chain

        return chain(other, self)
