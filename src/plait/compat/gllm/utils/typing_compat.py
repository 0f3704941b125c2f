"""``TypedDict``."""

from typing import TypedDict

from plait.core.schema import read_schema

__all__ = ["TypedDict", "is_typeddict"]


def is_typeddict(cls: object) -> bool:
    """Whether it is a ``TypedDict`` class."""
    try:
        return read_schema(cls).kind == "typeddict"
    except TypeError:
        return False
