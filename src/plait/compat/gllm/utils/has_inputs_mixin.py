"""What steps with an input map share."""

from __future__ import annotations

from typing import Any

from plait.compat.gllm._run import root_of
from plait.compat.gllm.utils.input_map import specs_of


class HasInputsMixin:
    """A step with an input map.

    Attributes:
        input_map: argument -> a key, ``Val`` or ``Group``.
    """

    def __init__(self, input_map: Any = None) -> None:
        name = getattr(self, "name", None)
        self.input_map: dict[str, Any] = specs_of(
            input_map, f"{type(self).__name__} {name!r}" if name else type(self).__name__
        )

    @property
    def input_state_keys(self) -> set[str] | None:
        """The keys that it reads."""
        return {root for spec in self.input_map.values() if (root := root_of(spec)) is not None}
