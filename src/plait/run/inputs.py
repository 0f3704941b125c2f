"""What a run is given, compared with what its pipeline declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from plait.core.flow import Definition
from plait.core.names import did_you_mean
from plait.core.typecheck import show_flat
from plait.errors import InputError


def checked(definition: Definition, inputs: Any, wanted: Callable[[], Iterable[str]]) -> dict[str, Any]:
    """The inputs of a run as a dict that fits what is declared.

    Raises:
        InputError: naming the key, or the keys that are wanted.
    """
    given: dict[str, Any]
    if type(inputs) is dict:
        given = inputs
    else:
        try:
            given = definition.schema.values_of(inputs)
        except TypeError:
            keys = ", ".join(map(repr, wanted())) or "no keys"
            raise InputError(
                f"the inputs are {type(inputs).__name__}; give a mapping with {keys}, or an instance of the input type"
            ) from None
    check_inputs(definition, given)
    return given


def check_inputs(definition: Definition, given: Mapping[str, Any]) -> None:
    """Compare the inputs of a run with its state and input types.

    Raises:
        InputError: naming the key, and the nearest one.
    """
    schema, schema_in = definition.schema, definition.schema_in
    for key, value in given.items():
        field = schema_in.fields.get(key) or schema.fields.get(key)
        if field is None:
            if schema.declared:
                raise InputError(
                    f"the input {key!r} is no key of the state type{did_you_mean(str(key), schema.fields)}"
                )
            continue
        if field.flat is not None and not isinstance(value, field.flat):
            raise InputError(
                f"the input {key!r} is declared as {show_flat(field.flat)}, got {type(value).__name__}"
            )
    for key, field in schema_in.fields.items():
        if field.required and key not in given:
            raise InputError(
                f"the input {key!r} is missing{did_you_mean(key, [k for k in given if k not in schema_in.fields])}"
            )
