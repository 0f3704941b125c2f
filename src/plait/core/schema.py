"""What is known of the state: its keys, their types, and how several writes of one key are merged."""

from __future__ import annotations

import inspect
import sys
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from plait.core.typecheck import Flat, flat
from plait.errors import DefinitionError

Reducer: TypeAlias = "Callable[[Any, Any], Any]"

_EMPTY_OF: tuple[type, ...] = (list, dict, set, frozenset, tuple, str, int, float)
ABSENT: Any = type("Absent", (), {"__slots__": (), "__repr__": lambda _self: "ABSENT"})()


class Field:
    """One key of the state: its type, whether it must be given, its default and its reducer."""

    __slots__ = ("annotation", "default", "default_factory", "flat", "key", "reducer", "required")

    def __init__(
        self,
        key: str,
        annotation: Any = Any,
        *,
        required: bool = False,
        default: Any = ABSENT,
        default_factory: Callable[[], Any] | None = None,
    ) -> None:
        self.key, self.annotation, self.required = key, annotation, required
        self.default, self.default_factory = default, default_factory
        self.reducer: Reducer | None = _reducer_of(annotation)
        self.flat: Flat = flat(annotation)

    def initial(self) -> Any:
        """The value that the key has when the caller gives none, or ``ABSENT``."""
        if self.default_factory is not None:
            return self.default_factory()
        return self.default

    def neutral(self) -> Any:
        """The empty value that a reducer starts from when the key has none, or ``ABSENT``."""
        classes = self.flat
        if classes and classes[0] in _EMPTY_OF:
            return classes[0]()
        return ABSENT


class Schema:
    """A state type, read once: ``TypedDict``, dataclass, pydantic model, or nothing (then keys are inferred)."""

    __slots__ = ("fields", "kind", "type")

    def __init__(self, state_type: type | None, kind: str, fields: Mapping[str, Field]) -> None:
        self.type, self.kind, self.fields = state_type, kind, dict(fields)

    @property
    def declared(self) -> bool:
        """Whether there is a state type: then its fields are all the keys there are."""
        return self.type is not None

    def build(self, values: dict[str, Any]) -> Any:
        """The state as the user's own type (``dict`` for a TypedDict or no type)."""
        if self.kind in ("none", "typeddict"):
            return values
        assert self.type is not None
        if self.kind == "pydantic":
            return typing.cast("Any", self.type).model_construct(**values)
        known = {k: v for k, v in values.items() if k in self.fields}
        state: Any = object.__new__(self.type)
        for key, field in self.fields.items():
            value = known.get(key, ABSENT)
            value = field.initial() if value is ABSENT else value
            if value is not ABSENT:
                object.__setattr__(state, key, value)
        return state

    def values_of(self, given: Any) -> dict[str, Any]:
        """The inputs of a run as a fresh dict, from a mapping or an instance of the state type."""
        if isinstance(given, Mapping):
            return dict(given)
        if hasattr(type(given), "model_fields"):
            return {name: getattr(given, name) for name in type(given).model_fields}
        if hasattr(type(given), "__dataclass_fields__"):
            return {
                name: getattr(given, name)
                for name in type(given).__dataclass_fields__
                if hasattr(given, name)
            }
        raise TypeError


def read_schema(state_type: Any, what: str = "state_type") -> Schema:
    """Read the fields of a state type.

    Raises:
        DefinitionError: when it is not a TypedDict, a dataclass or a pydantic model class.
    """
    if state_type is None:
        return Schema(None, "none", {})
    if isinstance(state_type, type):
        if _is_typeddict(state_type):
            return Schema(state_type, "typeddict", _typeddict_fields(state_type))
        if hasattr(state_type, "__dataclass_fields__"):
            return Schema(state_type, "dataclass", _dataclass_fields(state_type))
        if hasattr(state_type, "model_fields") and hasattr(state_type, "model_validate"):
            return Schema(state_type, "pydantic", _pydantic_fields(state_type))
    raise DefinitionError(
        f"{what} is {state_type!r}; it is a TypedDict, a dataclass or a pydantic model class, or left out"
    )


def _is_typeddict(cls: type) -> bool:
    # typing_extensions has a TypedDict of its own; both leave these two attributes.
    return issubclass(cls, dict) and hasattr(cls, "__total__") and hasattr(cls, "__required_keys__")


def _hints(cls: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(cls, include_extras=True)
    except (NameError, TypeError, AttributeError):  # a forward reference that can't be resolved here
        out: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            for key, annotation in inspect.get_annotations(base).items():
                out[key] = _hint(base, key, annotation)
        return out


def _hint(cls: type, key: str, annotation: Any) -> Any:
    """One annotation, as far as it can be resolved from the class's module."""
    alone = types.SimpleNamespace(__annotations__={key: annotation})
    names = vars(sys.modules.get(cls.__module__, types))
    try:
        return typing.get_type_hints(alone, names, include_extras=True)[key]
    except (NameError, TypeError, AttributeError) as error:
        text = getattr(annotation, "__forward_arg__", annotation)
        if isinstance(text, str) and "Annotated[" in text:  # a reducer must not get lost
            raise DefinitionError(
                f"{cls.__name__}.{key}: its annotation {text!r} can't be resolved ({error}); define what it names at the "
                f"top of the module"
            ) from None
        return annotation


def _typeddict_fields(cls: type) -> dict[str, Field]:
    required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
    out = {}
    for key, hint in _hints(cls).items():
        # Where annotations are strings, Python itself does not see these two.
        origin = typing.get_origin(hint)
        needed = origin is typing.Required or (key in required and origin is not typing.NotRequired)
        out[key] = Field(key, hint, required=needed)
    return out


def _dataclass_fields(cls: type) -> dict[str, Field]:
    import dataclasses

    hints = _hints(cls)
    out = {}
    for field in dataclasses.fields(cls):
        default = ABSENT if field.default is dataclasses.MISSING else field.default
        factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
        out[field.name] = Field(
            field.name,
            hints.get(field.name, Any),
            required=default is ABSENT and factory is None,
            default=default,
            default_factory=factory,
        )
    return out


def _pydantic_fields(cls: type) -> dict[str, Field]:
    hints = _hints(cls)
    out = {}
    for name, info in typing.cast("Any", cls).model_fields.items():
        required = info.is_required()
        out[name] = Field(
            name,
            hints.get(name, Any),
            required=required,
            default=ABSENT if required or info.default_factory is not None else info.default,
            default_factory=info.default_factory,
        )
    return out


def _reducer_of(annotation: Any) -> Reducer | None:
    """The last callable of two arguments among the ``Annotated`` metadata (``Annotated[list[str], operator.add]``)."""
    while typing.get_origin(annotation) in (typing.Required, typing.NotRequired):
        annotation = typing.get_args(annotation)[0]
    if typing.get_origin(annotation) is not typing.Annotated:
        return None
    for item in reversed(typing.get_args(annotation)[1:]):
        if callable(item) and not isinstance(item, type) and _takes_two(item):
            if inspect.iscoroutinefunction(item):
                raise DefinitionError(
                    f"the reducer {item!r} is async; reducers are plain functions of two values"
                )
            return typing.cast("Reducer", item)
    return None


def _takes_two(item: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(item).parameters.values()
    except (TypeError, ValueError):
        return isinstance(
            item, (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
        )
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in positional if p.default is p.empty]
    return len(needed) <= 2 <= len(positional) or any(p.kind is p.VAR_POSITIONAL for p in parameters)
