"""The step kinds that carry their component with them: ``transform``, ``bundle``, ``log``."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.core.component import default_name, is_async
from plait.core.inputs import InputMap, Optional, OutputState, normalise_inputs
from plait.core.policy import Retry
from plait.core.step import Step, make_step
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.context import StepContext


class _Transform:
    """Calls an operation with one dict of the mapped inputs."""

    __slots__ = ("__name__", "operation")

    def __init__(self, operation: Callable[[dict[str, Any]], Any]) -> None:
        self.operation, self.__name__ = operation, default_name(operation)

    def __call__(self, **inputs: Any) -> Any:
        return self.operation(inputs)


class _AsyncTransform(_Transform):
    __slots__ = ()

    async def __call__(self, **inputs: Any) -> Any:
        return await self.operation(inputs)


def transform(
    operation: Callable[[dict[str, Any]], Any],
    input_map: InputMap,
    output_state: OutputState,
    *,
    name: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
) -> Step[..., Any]:
    """Compute new state from old with a function of one dict: ``transform(lambda d: d["a"] + d["b"], ["a", "b"], "sum")``.

    Args:
        operation: a function (``def`` or ``async def``) of a dict of the inputs.
        input_map: which keys the dict holds: a list of state keys, or ``{name in the dict: state key}``.
        output_state: the key (or keys) that take the result.
        name: the step's name; default: the operation's name.
        timeout: seconds that one attempt may take.
        retry: when and how often to try again.
    """
    if not callable(operation):
        raise DefinitionError(f"transform({operation!r}, ...): the operation is a function of one dict")
    if input_map is None or output_state is None:
        raise DefinitionError(
            "transform(operation, input_map, output_state) needs both: the keys it takes and the key it writes"
        )
    component = _AsyncTransform(operation) if is_async(operation) else _Transform(operation)
    return make_step(
        component,
        input_map,
        output_state,
        kind="transform",
        name=name or component.__name__,
        timeout=timeout,
        retry=retry,
    )


def _bundle(**inputs: Any) -> dict[str, Any]:
    return inputs


def bundle(
    input_states: Sequence[str] | Mapping[str, str], output_state: str, *, name: str | None = None
) -> Step[..., Any]:
    """Collect several keys into one dict: ``bundle(["title", "topics"], "summary_input")``.

    Args:
        input_states: the keys, or ``{name in the dict: state key}``.
        output_state: the key that takes the dict.
        name: the step's name; default: ``bundle_`` and the output key.
    """
    inputs = normalise_inputs(input_states, "bundle")
    if not inputs:
        raise DefinitionError("bundle(input_states, output_state) needs at least one key")
    if not isinstance(output_state, str):
        raise DefinitionError(f"bundle(..., {output_state!r}): output_state is one key")
    return make_step(
        _bundle,
        dict(inputs),
        output_state,
        kind="bundle",
        name=name or f"bundle_{output_state}",
        executor="inline",
    )


class _Log:
    """Fills a template and emits it as an event of the run."""

    __slots__ = ("__name__", "message", "template")

    def __init__(self, message: str, *, template: bool) -> None:
        self.message, self.template, self.__name__ = message, template, "log"

    def __call__(self, *, _context: StepContext, **inputs: Any) -> None:
        _context.emit(self.message.format(**inputs) if self.template else self.message)


def log(message: str, is_template: bool = True, *, name: str | None = None) -> Step[..., Any]:
    """Emit a message as an event of the run; ``{key}`` stands for a value of the state.

    The message reaches those who stream the run; it is not written to the logging module, which never gets values.

    Args:
        message: the text.
        is_template: whether ``{key}`` is replaced.
        name: the step's name; default: ``log``.
    """
    if not isinstance(message, str):
        raise DefinitionError(f"log({message!r}): the message is a string")
    keys: list[str] = []
    if is_template:
        try:
            fields = [field for _, field, _, _ in string.Formatter().parse(message) if field is not None]
        except ValueError as error:
            raise DefinitionError(
                f"log({message!r}): {error}; write {{{{ for a brace, or is_template=False"
            ) from error
        for field in fields:
            key = field.split(".")[0].split("[")[0]
            if not key.isidentifier():
                raise DefinitionError(f"log({message!r}): {{{field}}} names no state key")
            if key != field:
                raise DefinitionError(
                    f"log({message!r}): {{{field}}} reaches into a value; use a plain {{{key}}}"
                )
            keys.append(key)
    inputs = {key: Optional(key) for key in dict.fromkeys(keys)}
    return make_step(
        _Log(message, template=is_template), inputs, None, kind="log", name=name or "log", executor="inline"
    )
