"""The fluent way to add steps: ``Pipeline(...).composer.step(...).when(...).then(...).otherwise(...).end().done()``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from plait.compat.gllm.exceptions import as_pipeline_error
from plait.compat.gllm.pipeline.pipeline import Pipeline
from plait.compat.gllm.steps import _func
from plait.compat.gllm.steps.map_reduce_step import same
from plait.composer import Fork, Guard, Switch, Toggle, When
from plait.errors import DefinitionError

__all__ = [
    "Composer",
    "GuardComposer",
    "IfElseComposer",
    "ParallelComposer",
    "SwitchComposer",
    "ToggleComposer",
]

IfElseComposer = When
SwitchComposer = Switch
ToggleComposer = Toggle
GuardComposer = Guard
ParallelComposer = Fork


class Composer:
    """Adds steps to a pipeline, and gives it back with ``done()``.

    Args:
        pipeline: the pipeline that it changes; default: a new one.
    """

    def __init__(self, pipeline: Pipeline | None = None) -> None:
        self._pipeline = Pipeline() if pipeline is None else pipeline
        self._open: str | None = None

    def done(self) -> Pipeline:
        """Give the pipeline.

        Raises:
            DefinitionError: a block was opened and never ended.
        """
        self._closed()
        return self._pipeline

    def _closed(self) -> None:
        if self._open is not None:
            raise as_pipeline_error(
                DefinitionError(f"{self._open} was opened and never ended; write .end() after its last part")
            )

    def _add(self, step: Any) -> Self:
        self._closed()
        self._pipeline.add_step(step)
        return self

    def _begin(self, kind: str) -> str:
        self._closed()
        self._open = f"composer.{kind}(...)"
        return self._open

    def _ended(self, step: Any) -> Self:
        self._open = None
        return self._add(step)

    # ------------------------------------------------------------------ one step each
    def step(
        self, component: Any, input_map: Any = None, output_state: Any = None, *settings: Any, **named: Any
    ) -> Self:
        """Add a component; the rest is as for ``step``: ``retry_config, error_handler, name, cache``."""
        if isinstance(input_map, str):  # the order of the function
            input_map, output_state = output_state, input_map
        return self._add(_func.step(component, output_state, input_map, *settings, **named))

    def transform(
        self, operation: Callable[..., Any], input_map: Any = None, output_state: Any = None, **named: Any
    ) -> Self:
        """Add a function of one dict."""
        return self._add(
            _func.transform(
                operation, named.pop("input_states", None), output_state, input_map=input_map, **named
            )
        )

    def bundle(self, input_states: Any, output_state: Any, **named: Any) -> Self:
        """Collect keys into one dict."""
        return self._add(_func.bundle(input_states, output_state, **named))

    def copy(self, input_state: Any, output_state: Any, **named: Any) -> Self:
        """Copy keys."""
        return self._add(_func.copy(input_state, output_state, **named))

    def log(
        self,
        message: str,
        is_template: bool = True,
        emit_kwargs: dict[str, Any] | None = None,
        **named: Any,
    ) -> Self:
        """Emit a message."""
        return self._add(_func.log(message, is_template, emit_kwargs, **named))

    def no_op(self, name: str | None = None) -> Self:
        """Do nothing."""
        return self._add(_func.no_op(name))

    def terminate(self, name: str | None = None, **named: Any) -> Self:
        """End the pipeline."""
        return self._add(_func.terminate(name, **named))

    def interrupt(
        self,
        message: Any = "Pipeline interrupted.",
        resume_value_map: str | list[str] | None = None,
        name: str | None = None,
    ) -> Self:
        """Stop until somebody answers."""
        return self._add(_func.interrupt(message, resume_value_map, name))

    def pause(self, name: str | None = None) -> Self:
        """Mark a place for breakpoints."""
        return self._add(_func.pause(name))

    def map_reduce(
        self,
        input_map: Any,
        output_state: str,
        map_func: Any,
        reduce_func: Callable[[list[Any]], Any] = same,
        **named: Any,
    ) -> Self:
        """Call something for each item of a list."""
        return self._add(_func.map_reduce(output_state, map_func, reduce_func, input_map, **named))

    def goto(
        self,
        name: str,
        target: Any,
        input_map: Any = None,
        output_state: str | None = None,
        allow_end: bool = True,
        **named: Any,
    ) -> Self:
        """Go on elsewhere."""
        return self._add(_func.goto(name, target, input_map, output_state, allow_end, **named))

    # ------------------------------------------------------------------ steps with others inside
    def subgraph(
        self,
        subgraph: Pipeline,
        input_map: Any = None,
        output_state_map: dict[str, str] | None = None,
        **named: Any,
    ) -> Self:
        """Add a pipeline as a step."""
        return self._add(_func.subgraph(subgraph, output_state_map, input_map, **named))

    def try_catch(
        self,
        body: Any,
        fallback: Any = None,
        catch: tuple[type[BaseException], ...] = (Exception,),
        caught_exception_state: str | None = None,
        **named: Any,
    ) -> Self:
        """Try steps."""
        return self._add(_func.try_catch(body, fallback, catch, caught_exception_state, **named))

    def while_do(
        self,
        body: Any,
        condition: Any,
        input_map: Any = None,
        output_state: str | None = None,
        **named: Any,
    ) -> Self:
        """Do something again as long as a condition holds."""
        return self._add(_func.while_do(body, condition, input_map, output_state, **named))

    def if_else(
        self,
        condition: Any,
        if_branch: Any,
        else_branch: Any,
        input_map: Any = None,
        output_state: str | None = None,
        **named: Any,
    ) -> Self:
        """Run one of two branches."""
        return self._add(_func.if_else(condition, if_branch, else_branch, output_state, input_map, **named))

    # ------------------------------------------------------------------ blocks, whole or in pieces
    def when(
        self, condition: Any, input_map: Any = None, output_state: str | None = None, **named: Any
    ) -> When[Self]:
        """Open an ``if_else``: ``.when(condition).then(branch).otherwise(branch).end()``."""

        def end(then: Any, otherwise: Any) -> Any:
            return self._ended(_func.if_else(condition, then, otherwise, output_state, input_map, **named))

        return When(end, self._begin("when"))

    def switch(
        self,
        condition: Any,
        *,
        branches: dict[str, Any] | None = None,
        input_map: Any = None,
        output_state: str | None = None,
        default: Any = None,
        **named: Any,
    ) -> Any:
        """Add a ``switch``, or open one: ``.switch(route).case("deep", branch).default(branch).end()``."""

        def end(cases: dict[str, Any], otherwise: Any) -> Any:
            return self._ended(_func.switch(condition, cases, output_state, otherwise, input_map, **named))

        if branches is not None:
            self._closed()
            return end(branches, default)
        block: Switch[Self] = Switch(end, self._begin("switch"))
        return block if default is None else block.default(default)

    def toggle(
        self,
        condition: Any,
        *,
        if_branch: Any = None,
        input_map: Any = None,
        output_state: str | None = None,
        **named: Any,
    ) -> Any:
        """Add a ``toggle``, or open one: ``.toggle("use_search").then(branch).end()``."""

        def end(then: Any) -> Any:
            return self._ended(_func.toggle(condition, then, output_state, input_map, **named))

        if if_branch is not None:
            self._closed()
            return end(if_branch)
        return Toggle(end, self._begin("toggle"))

    def guard(
        self,
        condition: Any,
        *,
        success_branch: Any = None,
        failure_branch: Any = None,
        input_map: Any = None,
        output_state: str | None = None,
        **named: Any,
    ) -> Any:
        """Add a ``guard``, or open one: ``.guard(is_allowed).on_success(branch).on_failure(branch).end()``."""

        def end(success: Any, failure: Any) -> Any:
            return self._ended(_func.guard(condition, success, failure, output_state, input_map, **named))

        if success_branch is not None:
            self._closed()
            return end(success_branch, failure_branch)
        block: Guard[Self] = Guard(end, self._begin("guard"))
        return block if failure_branch is None else block.on_failure(failure_branch)

    def parallel(self, *, branches: Any = None, **named: Any) -> Any:
        """Add a ``parallel`` block, or open one: ``.parallel(name="analyses").fork(branch).fork(branch).end()``."""

        def end(forks: Any) -> Any:
            return self._ended(_func.parallel(forks, **named))

        if branches is not None:
            self._closed()
            return end(branches)
        return Fork(end, self._begin("parallel"))
