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

    __slots__ = ("__name__", "extra", "message", "template")

    def __init__(self, message: str, extra: Mapping[str, Any] | None, *, template: bool) -> None:
        self.message, self.extra, self.template, self.__name__ = message, extra, template, "log"

    def __call__(self, /, *, _context: StepContext, **inputs: Any) -> None:
        text = _FILLED.vformat(self.message, (), inputs) if self.template else self.message
        _context.emit(text if self.extra is None else {"message": text, **self.extra})


class _Filled(string.Formatter):
    """Fills a template; what is absent is "None", whatever format its place asks for."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return "None" if value is None else str(super().format_field(value, format_spec))


_FILLED = _Filled()


def log(
    message: str,
    is_template: bool = True,
    emit_kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
) -> Step[..., Any]:
    """Emit a message as an event of the run; ``{key}`` stands for a value of the state.

    The message reaches those who stream the run; it is not written to the logging module, which never gets values.

    Args:
        message: the text.
        is_template: whether ``{key}`` is replaced; a key that is absent is "None".
        emit_kwargs: what to send with the text: then a dict is emitted, with these keys and ``"message"``.
        name: the step's name; default: ``log``.
    """
    if not isinstance(message, str):
        raise DefinitionError(f"log({message!r}): the message is a string")
    keys: list[str] = []
    if is_template:
        try:
            places = [(f, spec) for _, f, spec, _ in string.Formatter().parse(message) if f is not None]
        except ValueError as error:
            raise DefinitionError(
                f"log({message!r}): {error}; write {{{{ for a brace, or is_template=False"
            ) from error
        for field, spec in places:
            if "{" in (spec or ""):
                raise DefinitionError(
                    f"log({message!r}): the format of {{{field}}} is itself a template; write it out"
                )
            key = field.split(".")[0].split("[")[0]
            if not key.isidentifier():
                raise DefinitionError(f"log({message!r}): {{{field}}} names no state key")
            if key != field:
                raise DefinitionError(
                    f"log({message!r}): {{{field}}} reaches into a value; use a plain {{{key}}}"
                )
            keys.append(key)
    if emit_kwargs is not None and (not isinstance(emit_kwargs, Mapping) or "message" in emit_kwargs):
        raise DefinitionError(
            f"log({message!r}): emit_kwargs is {emit_kwargs!r}; give a mapping without the key 'message', such as {{'level': 'WARN'}}"
        )
    inputs = {key: Optional(key) for key in dict.fromkeys(keys)}
    extra = None if emit_kwargs is None else dict(emit_kwargs)
    return make_step(
        _Log(message, extra, template=is_template),
        inputs,
        None,
        kind="log",
        name=name or "log",
        executor="inline",
    )
