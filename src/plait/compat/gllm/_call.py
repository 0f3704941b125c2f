"""The components of compat steps: they look their inputs up, call, and write down what came of it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any

from plait.compat.gllm._run import Run, Spec, arguments, run_of
from plait.compat.gllm._state import MISSING, REST, isolated, visible
from plait.context import StepContext
from plait.core.component import is_async
from plait.core.control import ERROR_KEY


class Scene:
    """What a step's work can see besides its arguments."""

    __slots__ = ("context", "outer", "run", "values")

    def __init__(self, values: Mapping[str, Any], run: Run, context: StepContext, *, outer: bool) -> None:
        self.values, self.run, self.context, self.outer = values, run, context, outer

    def state(self) -> dict[str, Any]:
        """The whole state, if the step reads that."""
        return {**(self.run.given if self.outer else {}), **self.run.extras, **visible(self.values)}

    def merged(self, mapped: Mapping[str, Any]) -> dict[str, Any]:
        """What a condition gets: what was given with the run, the state, and what is mapped."""
        return {**self.run.values, **self.state(), **mapped}


Work = Callable[[dict[str, Any], Scene], Any]
Shape = Callable[[Any, "Scene"], dict[str, Any]]


class Call:
    """A plain function's step.

    Args:
        where: the step's name.
        work: called with the arguments and the scene.
        specs: what the arguments are bound to.
        update: makes what is written out of the result, for those who watch.
        branch: in which branches it stands, outermost first.
        copied: keys of which it gets deep copies.
        translate: functions that make another error of an error.
        whole: what the work gave is not what is written: ``update`` makes that as well.
        quiet: those who watch are not told.
        outer: its pipeline is embedded without a map, so the state around it is its own.
        name: what it is called in pictures.
    """

    def __init__(
        self,
        where: str,
        work: Work,
        specs: Mapping[str, Spec],
        *,
        update: Shape,
        branch: tuple[int, ...] = (),
        copied: frozenset[str] = frozenset(),
        translate: tuple[Callable[[Exception], Exception], ...] = (),
        whole: bool = False,
        quiet: bool = False,
        outer: bool = False,
        name: str | None = None,
    ) -> None:
        self.where, self.work, self.specs, self.update = where, work, specs, update
        self.branch, self.copied, self.translate, self.whole, self.quiet = (
            branch,
            copied,
            translate,
            whole,
            quiet,
        )
        self.outer, self.__name__ = outer, name or where

    def __call__(self, /, *, plait_step: StepContext, **values: Any) -> Any:
        scene, began = self._scene(values, plait_step)
        try:
            result = self.work(arguments(self.specs, scene.values, scene.run, self.where), scene)
        except Exception as error:
            self._translated(error)
            raise
        if inspect.isawaitable(result):  # the engine awaits it, or closes it
            as_it_is = not (self.translate or self.whole or scene.run.attentive)
            return result if as_it_is else self._later(result, scene, began)
        return self._ended(result, scene, began)

    async def _later(self, result: Any, scene: Scene, began: float) -> Any:
        try:
            result = await result
        except Exception as error:
            self._translated(error)
            raise
        return self._ended(result, scene, began)

    def _scene(self, values: dict[str, Any], context: StepContext) -> tuple[Scene, float]:
        run = run_of(context)
        for depth in range(len(self.branch)):
            memo = run.copies.setdefault(self.branch[: depth + 1], {})
            values = {key: isolated(value, memo) for key, value in values.items()}
        if self.copied:
            values = {k: _deep(v) if k in self.copied else v for k, v in values.items()}
        return Scene(values, run, context, outer=self.outer), time.monotonic() if run.attentive else 0.0

    def _translated(self, error: Exception) -> None:
        """Raise what the error is to be, if that is another one."""
        made = error
        for translate in self.translate:
            made = translate(made)
        if made is not error:
            raise made from error

    def _ended(self, result: Any, scene: Scene, began: float) -> Any:
        run = scene.run
        for depth in range(len(self.branch)):  # what a branch has made itself is its own
            memo = run.copies[self.branch[: depth + 1]]
            for value in (result, *(result.values() if isinstance(result, dict) else ())):
                memo[id(value)] = (value, value)
        told = run.attentive and not self.quiet
        if not self.whole and not told:
            return result
        update = self.update(result, scene)
        if told:
            run.finished(self.where, update, time.monotonic() - began)
        return update if self.whole else result


class AsyncCall(Call):
    """A coroutine function's step."""

    async def __call__(self, /, *, plait_step: StepContext, **values: Any) -> Any:
        scene, began = self._scene(values, plait_step)
        return await self._later(self._begun(scene), scene, began)

    async def _begun(self, scene: Scene) -> Any:
        return await self.work(arguments(self.specs, scene.values, scene.run, self.where), scene)


def call(where: str, work: Work, specs: Mapping[str, Spec], **settings: Any) -> Call:
    """The component for a piece of work."""
    return (AsyncCall if is_async(work) else Call)(where, work, specs, **settings)


def _deep(value: Any) -> Any:
    import copy

    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001  (what can't be copied passes as it is)
        return value


def nothing(result: Any, scene: Scene) -> dict[str, Any]:  # noqa: ARG001
    """What a step without output writes."""
    return {}


def written(output: str | list[str] | None) -> Shape:
    """What is written of a result, for those who watch."""

    def update(result: Any, scene: Scene) -> dict[str, Any]:  # noqa: ARG001
        if output is None:
            return {}
        if isinstance(output, str):
            return {output: result}
        if isinstance(result, Mapping):
            return {key: result[key] for key in output if key in result}
        if isinstance(result, (tuple, list)):
            return dict(zip(output, result, strict=False))
        return {key: getattr(result, key) for key in output if hasattr(result, key)}

    return update


def everything(keys: tuple[str, ...], reducers: frozenset[str]) -> Shape:
    """What a step writes that did not say what: all keys, as they were or as they are now, and the rest."""

    def update(result: Any, scene: Scene) -> dict[str, Any]:
        made = dict(result or {})
        out = kept(keys, reducers, made, scene)
        out[REST] = {**(scene.values.get(REST) or {}), **{k: v for k, v in made.items() if k not in out}}
        return out

    return update


def kept(
    keys: tuple[str, ...], reducers: frozenset[str], made: Mapping[str, Any], scene: Scene
) -> dict[str, Any]:
    """These keys as they are now, or as they were; a key that merges gets nothing then."""
    out = {}
    for key in keys:
        before = MISSING if key in reducers else scene.values.get(key, scene.run.extras.get(key, MISSING))
        out[key] = made.get(key, before)
    return out


def error_of(scene: Scene) -> BaseException:
    """The error that a handler is asked about."""
    error: BaseException = scene.values[ERROR_KEY]
    return error
