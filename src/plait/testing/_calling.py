"""How the reference interpreter calls a component, and takes its result apart."""

from __future__ import annotations

import asyncio
import copy
import inspect
import logging
from collections.abc import Mapping
from typing import Any

from plait.core.component import Component
from plait.core.inputs import Config, Optional, Source, Val
from plait.core.names import listing
from plait.core.step import Step
from plait.errors import InvalidPipeline, OutputError
from plait.run.emitter import EventEmitter
from plait.testing._frame import MISSING, Frame, Paused
from plait.testing._reading import must_have


class RunContext:
    """The step context of a reference run."""

    __plait_context__ = True
    cancelled = False
    deadline = None
    device = None
    run_id = "reference"

    def __init__(
        self,
        path: str,
        attempt: int,
        config: Mapping[str, Any],
        emitted: list[tuple[str, Any]],
        answers: Mapping[str, Any],
    ) -> None:
        self.path, self.attempt, self.config = path, attempt, config
        self._emitted, self._answers = emitted, answers
        self.idempotency_key = f"{self.run_id}/{path}"
        self.logger = logging.getLogger("plait")

    def emit(self, value: Any) -> None:
        self._emitted.append((self.path, value))

    async def _sleep(self, seconds: float) -> None:
        """No time passes where nothing runs beside anything."""

    def interrupt(self, message: Any = None) -> Any:  # noqa: ARG002  (nobody is there to read it)
        if self.path not in self._answers:
            raise Paused(self.path)
        return self._answers[self.path]


class Caller:
    """Calls components one at a time; async ones on a loop of its own."""

    def __init__(
        self,
        config: Mapping[str, Any],
        answers: Mapping[str, Any],
        runner: asyncio.Runner,
        emitted: list[tuple[str, Any]],
    ) -> None:
        self.config, self.answers, self.runner, self.emitted = config, answers, runner, emitted
        self._set_up: set[int] = set()

    def call(self, path: str, step: Step[..., Any], arguments: Mapping[str, Any], attempt: int) -> Any:
        component = step.component
        if component.setup is not None and id(component.given) not in self._set_up:
            self._finish(component.setup())
            self._set_up.add(id(component.given))
        named = dict(copy.deepcopy(arguments) if step.copy else arguments)
        if component.single:
            alone = len(named) == 1 and not component.fields.issuperset(named)
            return self._finish(component.entry(next(iter(named.values())) if alone else named))
        context = RunContext(path, attempt, self.config, self.emitted, self.answers)
        if component.context_param is not None:
            named[component.context_param] = context
        if component.emitter_param is not None:
            named.setdefault(component.emitter_param, EventEmitter(context.emit))
        by_place = [named.pop(p.name) for p in component.params if p.positional_only and p.name in named]
        return self._finish(component.entry(*by_place, **named))

    def _finish(self, value: Any) -> Any:
        return self.runner.run(_wait(value)) if inspect.isawaitable(value) else value

    def arguments(self, path: str, step: Step[..., Any], frame: Frame) -> dict[str, Any]:
        if step.inputs is None and _opaque(step.component):
            return {
                key: value for key, value in frame.present().items() if key != step.component.context_param
            }
        sources = (
            step.inputs if step.inputs is not None else tuple((p.name, p.name) for p in step.component.params)
        )
        out = {}
        for argument, source in sources:
            value = self.value(source, frame)
            if value is not MISSING:
                out[argument] = value
            elif must_have(step.component, argument):
                raise InvalidPipeline(
                    f"{path!r} reads {source!r}, which may be absent, and has no default for {argument!r}"
                )
        return out

    def value(self, source: Source, frame: Frame) -> Any:
        """The value of a source, or ``MISSING``."""
        if isinstance(source, Val):
            return source.value
        if isinstance(source, Config):
            return self.config.get(source.key, source.default)
        if isinstance(source, Optional):
            return frame.values[source.key] if frame.has(source.key) else source.default
        return frame.values.get(source, MISSING)


async def _wait(value: Any) -> Any:
    return await value


def _opaque(component: Component) -> bool:
    return component.takes_any or not component.known


def outputs(
    path: str, pairs: tuple[tuple[str, str | None], ...], result: Any, *, some: bool = False
) -> dict[str, Any]:
    """The values of keys out of what a component returned.

    Args:
        path: whose component it was.
        pairs: ``((key, field or None), ...)``.
        result: what it returned.
        some: a mapping may leave keys out, as that of an error handler.
    """
    if not pairs:
        return {}
    if pairs[0][1] is None:
        return {pairs[0][0]: result}
    fields = [(key, field or key) for key, field in pairs]
    if isinstance(result, Mapping):
        lacking = [field for _, field in fields if field not in result]
        if not lacking or some:
            return {key: result[field] for key, field in fields if field in result}
        raise OutputError(f"{path!r} returned a mapping without {listing(lacking)}")
    cls = type(result)
    if any(hasattr(cls, mark) for mark in ("__dataclass_fields__", "_fields", "model_fields")):
        lacking = [field for _, field in fields if not hasattr(result, field)]
        if not lacking:
            return {key: getattr(result, field) for key, field in fields}
        raise OutputError(f"{path!r} returned a {cls.__name__} without {listing(lacking)}")
    if isinstance(result, (tuple, list)) and all(key == field for key, field in fields):
        if len(result) == len(fields):
            return {key: value for (key, _), value in zip(fields, result, strict=True)}
        raise OutputError(f"{path!r} returned {len(result)} values for {len(fields)} keys")
    raise OutputError(
        f"{path!r} returned {cls.__name__}, which can't be taken apart into {listing(key for key, _ in fields)}"
    )
