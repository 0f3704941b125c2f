"""The step kinds that carry their component with them: ``transform``, ``bundle``, ``copy``, ``log``, ``no_op``, ``terminate``,
``pause`` and ``interrupt``.
"""

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
    from plait.core.cache import Cache
    from plait.typing import CacheStore


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
    cache: Cache | CacheStore | bool | None = None,
) -> Step[..., Any]:
    """Compute new state from old with a function of one dict: ``transform(lambda d: d["a"] + d["b"], ["a", "b"], "sum")``.

    Args:
        operation: a function (``def`` or ``async def``) of a dict of the inputs.
        input_map: which keys the dict holds: a list of state keys, or ``{name in the dict: state key}``.
        output_state: the key (or keys) that take the result.
        name: the step's name; default: the operation's name.
        timeout: seconds that one attempt may take.
        retry: when and how often to try again.
        cache: keep results, as for ``step``.
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
        cache=cache,
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
    """Emit a message as an event of the run: ``log("found {pages}")``.

    ``{key}`` stands for a value of the state. The message reaches those who stream the run; it is not written to the logging module, which never gets values.

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


def copy(
    input_state: str | Sequence[str], output_state: str | Sequence[str], *, name: str | None = None
) -> Step[..., Any]:
    """Copy keys of the state: ``copy("text", "original")``.

    One key to one; one to several, which all get its value; several to one, which gets a list; several to as many, pairwise.

    Args:
        input_state: the key, or keys, to copy.
        output_state: the key, or keys, that take the values.
        name: the step's name; default: ``copy_`` and the first output key.
    """
    sources = _keys(input_state, "copy: input_state")
    targets = _keys(output_state, "copy: output_state")
    if isinstance(input_state, str) or isinstance(output_state, str) or len(sources) == len(targets):
        shape = "pack" if isinstance(output_state, str) and not isinstance(input_state, str) else "pairs"
    else:
        raise DefinitionError(
            f"copy: {len(sources)} keys can't be copied to {len(targets)}; copy one to several, several to one, or as many"
        )
    if shape == "pairs" and len(sources) == 1:
        sources *= len(targets)
    inputs = {f"value{i}": key for i, key in enumerate(sources)}
    outputs: Any = output_state if isinstance(output_state, str) else targets
    component = _Copy(None if isinstance(output_state, str) and shape == "pairs" else shape, targets)
    return make_step(
        component, inputs, outputs, kind="copy", name=name or f"copy_{targets[0]}", executor="inline"
    )


def _keys(given: object, what: str) -> list[str]:
    keys = [given] if isinstance(given, str) else given
    if not isinstance(keys, (list, tuple)) or not keys or not all(isinstance(k, str) and k for k in keys):
        raise DefinitionError(f"{what} is {given!r}; it is a state key, or a list of them")
    return list(keys)


class _Copy:
    """Hands values on."""

    __slots__ = ("__name__", "shape", "targets")

    def __init__(self, shape: str | None, targets: list[str]) -> None:
        self.shape, self.targets, self.__name__ = shape, targets, "copy"

    def __call__(self, **values: Any) -> Any:
        if self.shape is None:
            return values["value0"]
        if self.shape == "pack":
            return list(values.values())
        return dict(zip(self.targets, values.values(), strict=True))


def _nothing() -> None:
    return None


def no_op(name: str | None = None) -> Step[..., Any]:
    """Do nothing.

    For a branch that is empty on purpose, ``switch(kind, {"spam": no_op(), "letter": answer})``, or as a target for ``goto``.

    Args:
        name: the step's name; default: ``no_op``.
    """
    return make_step(_nothing, {}, None, kind="no_op", name=name or "no_op", effect=False, executor="inline")


def _reached() -> bool:
    return True


def terminate(name: str | None = None) -> Step[..., Any]:
    """End the pipeline here, successfully; what is listed after it does not run.

    In a branch it does that if the branch is chosen: ``if_else(is_known, terminate())``. What is listed before, and branches beside it, still finish. In an embedded pipeline only that one ends.

    Args:
        name: the step's name; default: ``terminate``.
    """
    return make_step(
        _reached, {}, None, kind="terminate", name=name or "terminate", effect=False, executor="inline"
    )


class _Interrupt:
    """Asks a person, through the step's context."""

    __slots__ = ("__name__", "message")

    def __init__(self, message: Any, name: str) -> None:
        self.message, self.__name__ = message, name

    def __call__(self, *, _context: StepContext) -> Any:
        return _context.interrupt(self.message)


def interrupt(
    message: Any = "Pipeline interrupted.",
    resume_value_map: OutputState | None = None,
    *,
    name: str | None = None,
) -> Step[..., Any]:
    """Stop here until somebody answers: ``interrupt("Publish this?", "approved")``.

    Everything that does not depend on the answer goes on; then the run is paused, and its result tells what it waits
    for. ``result.resume(...)`` goes on with the answer. In ``dataflow``, nothing listed after it starts before.

    Args:
        message: what the person is shown.
        resume_value_map: the key that takes the answer; a list of keys for an answer with several parts (a dict); None
            drops it.
        name: the step's name, and the pause's id; default: ``interrupt``.
    """
    return make_step(
        _Interrupt(message, "interrupt"),
        {},
        resume_value_map,
        kind="interrupt",
        name=name or "interrupt",
        effect=True,
        executor="inline",
    )


def pause(name: str) -> Step[..., Any]:
    """Stop here until somebody lets the run go on: ``pause("look")``.

    ``result.resume()`` is the word to go on. ``interrupt`` does the same and asks for an answer.

    Args:
        name: the step's name, and the pause's id.
    """
    if not isinstance(name, str):
        raise DefinitionError("pause(name): it needs a name")
    return make_step(
        _Interrupt(None, "pause"), {}, None, kind="pause", name=name, effect=True, executor="inline"
    )
