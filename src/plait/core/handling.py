"""What to do when steps fail: ``try_catch``, and the flows that error handlers stand for."""

from __future__ import annotations

from typing import Any

from plait.core.component import is_async
from plait.core.control import ERROR_KEY, Try
from plait.core.flow import Chain, Flow, as_parts
from plait.core.handlers import ErrorHandler, Fallback, Keep, exception_classes
from plait.core.step import Step, check_name, make_step
from plait.errors import DefinitionError


def try_catch(
    body: Any,
    fallback: Any = None,
    catch: type[BaseException] | tuple[type[BaseException], ...] = Exception,
    caught_exception_state: str | None = None,
    *,
    name: str | None = None,
) -> Try:
    """Try steps, and do something else if they fail: ``try_catch([search, read], fallback=answer, catch=ConnectionError)``.

    The fallback sees what the steps before the failing one wrote; of a block that failed it sees nothing. Keys that it does
    not write keep what they had then.

    Args:
        body: a step, a block, a pipeline, or a list of them.
        fallback: the same, for an error that matches; None raises it.
        catch: the exception classes, compared with the components' own errors.
        caught_exception_state: the key that takes the error's text, for the fallback and for later steps.
        name: the name of the level that it adds to paths; left out, it adds none.

    Raises:
        DefinitionError: for a wrong argument.
    """
    where = f"try_catch {name!r}" if name else "try_catch"
    check_name(name, where)
    if caught_exception_state is not None and not isinstance(caught_exception_state, str):
        raise DefinitionError(f"{where}: caught_exception_state is {caught_exception_state!r}; it is one key")
    return Try(
        Chain(as_parts(body, f"{where}: body")),
        None if fallback is None else Chain(as_parts(fallback, f"{where}: fallback")),
        catch=exception_classes(catch, f"{where}: catch"),
        error_state=caught_exception_state,
        name=name,
    )


def handled(flow: Flow, handler: ErrorHandler | None, keys: tuple[str, ...]) -> Flow:
    """A flow with an error handler: the same as a ``try_catch`` around it.

    Args:
        flow: what may fail.
        handler: what to do then.
        keys: the keys that it writes.
    """
    if handler is None:
        return flow
    body = flow if isinstance(flow, Chain) else Chain((flow,))
    return Try(
        body, Chain((handler_step(handler, flow, keys),)), catch=handler.catch, error_state=None, name=None
    )


def handler_step(handler: ErrorHandler, flow: Flow, keys: tuple[str, ...]) -> Step[..., Any]:
    """The step that a handler does."""
    if isinstance(handler, Fallback):
        component: Any = (_AsyncFallback if is_async(handler.function) else _Fallback)(handler.function)
        if isinstance(flow, Step):
            outputs: Any = (
                flow.outputs[0][0] if flow.outputs and flow.outputs[0][1] is None else dict(flow.outputs)
            )
        else:
            outputs = list(keys)
        return make_step(component, None, outputs or None, kind="handler", name="error_handler", effect=False)
    if isinstance(handler, Keep) or not keys:
        return make_step(
            _nothing, {}, None, kind="handler", name="error_handler", effect=False, executor="inline"
        )
    return make_step(
        _Empty(keys), {}, list(keys), kind="handler", name="error_handler", effect=False, executor="inline"
    )


def _nothing() -> None:
    return None


class _Empty:
    """None for every key."""

    __slots__ = ("__name__", "keys")

    def __init__(self, keys: tuple[str, ...]) -> None:
        self.keys, self.__name__ = keys, "error_handler"

    def __call__(self) -> dict[str, None]:
        return dict.fromkeys(self.keys)


class _Fallback:
    """Calls a function with the error, and with the state if it wants that too."""

    __slots__ = ("__name__", "function", "with_state")

    def __init__(self, function: Any) -> None:
        import inspect

        self.function, self.__name__ = function, "error_handler"
        try:
            count = len(
                [p for p in inspect.signature(function).parameters.values() if p.kind < p.VAR_POSITIONAL]
            )
        except (TypeError, ValueError):
            count = 1
        if count > 2:
            raise DefinitionError("Fallback: the function takes the error, or the error and the state")
        self.with_state = count == 2

    def __call__(self, **state: Any) -> Any:
        error = state.pop(ERROR_KEY)
        return self.function(error, state) if self.with_state else self.function(error)


class _AsyncFallback(_Fallback):
    __slots__ = ()

    async def __call__(self, **state: Any) -> Any:
        error = state.pop(ERROR_KEY)
        return await (self.function(error, state) if self.with_state else self.function(error))
