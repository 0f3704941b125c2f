"""A condition and its branches: ``if_else``, ``switch``, ``toggle``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from plait.compat.gllm._run import arguments, look_up, root_of
from plait.compat.gllm._state import MISSING
from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.steps.branching_step import BranchingStep
from plait.compat.gllm.steps.component_step import called, component_work
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep, step_list
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core import branching
from plait.core.component import is_async
from plait.core.control import FALSE, TRUE, Choice
from plait.core.kinds import no_op

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene, Work
    from plait.core.flow import Flow
    from plait.core.step import Step

DEFAULT_BRANCH: Final = "__default__"
"""The branch for answers without one of their own."""

ConditionType = Any


def is_component(condition: Any) -> bool:
    """Whether a condition takes its arguments by name; others take one dict."""
    return not callable(condition) or hasattr(type(condition), "run_profile") or _marks_main(condition)


def _marks_main(condition: Any) -> bool:
    if inspect.isroutine(condition) or inspect.isclass(condition):
        return False
    return (
        hasattr(condition, "run")
        or hasattr(condition, "route")
        or any(
            getattr(member, "__is_main__", False) is True
            for base in type(condition).__mro__
            for member in vars(base).values()
        )
    )


class Asked:
    """A condition, or several whose answers are put together, as the work of a step.

    Args:
        conditions: the conditions.
        input_map: what they are given.
        where: the name of their step.
        aggregate: puts the answers together; None: there is one condition, and its answer is the answer.
        together: ask all at once.
        mapped_only: functions get what is mapped and nothing else.
    """

    def __init__(
        self,
        conditions: Sequence[Any],
        input_map: Mapping[str, Any],
        where: str,
        *,
        aggregate: Callable[[list[Any]], Any] | None = None,
        together: bool = False,
        mapped_only: bool = False,
    ) -> None:
        self.input_map, self.where, self.aggregate, self.together = (
            dict(input_map),
            where,
            aggregate,
            together,
        )
        self.mapped_only = mapped_only
        self.works: list[tuple[Work, bool, dict[str, Any]]] = []
        for condition in conditions:
            if is_component(condition):
                found = called(condition, where)
                work, specs = component_work(
                    found, self.input_map, where, guess=not self.input_map, all_of_them=not self.input_map
                )
                self.works.append((work, True, specs))
            else:
                self.works.append((_function(condition), False, self.input_map))

    @property
    def opaque(self) -> bool:
        """Whether a function among them sees the whole state."""
        return not self.mapped_only and not all(component for _, component, _ in self.works)

    def step(self, here: Here) -> Step[..., Any]:
        """The native step that asks."""
        specs = {} if self.opaque else {k: v for _, _, specs in self.works for k, v in specs.items()}
        waits = any(is_async(work) for work, _, _ in self.works) or self.together
        work: Work = self._answer if waits else self._answer_now
        return here.leaf(work, specs, None, opaque=self.opaque, kind="condition")

    def _answer_now(self, args: dict[str, Any], scene: Scene) -> Any:
        return self._put([work(given, scene) for work, given in self._calls(args, scene)])

    async def _answer(self, args: dict[str, Any], scene: Scene) -> Any:
        pending = [_awaited(work, given, scene) for work, given in self._calls(args, scene)]
        if self.together:
            return self._put(list(await asyncio.gather(*pending)))
        return self._put([await one for one in pending])

    def _put(self, answers: list[Any]) -> Any:
        return answers[0] if self.aggregate is None else self.aggregate([_text(answer) for answer in answers])

    def _calls(self, args: dict[str, Any], scene: Scene) -> list[tuple[Work, dict[str, Any]]]:
        return [(work, self._given(component, specs, args, scene)) for work, component, specs in self.works]

    def _given(
        self, component: bool, specs: Mapping[str, Any], args: dict[str, Any], scene: Scene
    ) -> dict[str, Any]:
        if not self.opaque:
            return {name: args[name] for name in specs}
        if component:
            return arguments(specs, scene.values, scene.run, self.where)
        mapped = {name: look_up(spec, scene.values, scene.run.values) for name, spec in specs.items()}
        return scene.merged({name: value for name, value in mapped.items() if value is not MISSING})


async def _awaited(work: Work, args: dict[str, Any], scene: Scene) -> Any:
    if is_async(work):
        return await work(args, scene)
    result = await asyncio.to_thread(work, args, scene)
    return await result if inspect.isawaitable(result) else result


def _function(condition: Any) -> Work:
    from plait.compat.gllm.steps.state_operator_step import of_one_dict

    return of_one_dict(condition)


def _text(answer: Any) -> Any:
    return (TRUE if answer else FALSE) if isinstance(answer, bool) else answer


class ConditionalStep(HasInputsMixin, BranchingStep):
    """Does what a condition says; see ``if_else``, ``switch`` and ``toggle``.

    Args:
        name: its name.
        branches: answer -> a step, a pipeline or a list of them; the key ``DEFAULT_BRANCH`` is for all other answers.
        condition: a function of one dict (the state, what was given with the run, and what is mapped), or a component
            that is given what is mapped. Several of them in a list: their answers are put together. None always takes
            ``DEFAULT_BRANCH``.
        output_state: the key that takes the answer.
        condition_aggregator: puts the answers of several conditions together.
        input_map: what the condition is given.
        retry_config: when and how often to ask the condition again.
        error_handler: what to do when it has failed for good.
        cache: where the condition's answers are kept.
        evaluate_concurrently: ask several conditions at once.
    """

    _kind = "switch"

    def __init__(
        self,
        name: str,
        branches: Mapping[str, Any],
        condition: ConditionType | list[ConditionType] | None = None,
        output_state: str | None = None,
        condition_aggregator: Callable[[list[Any]], str] = ";".join,
        input_map: Any = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
        evaluate_concurrently: bool = False,
    ) -> None:
        BasePipelineStep.__init__(self, name, retry_config, error_handler, cache)
        HasInputsMixin.__init__(self, input_map)
        where = f"{type(self).__name__} {name!r}"
        if not isinstance(branches, Mapping) or not branches:
            raise PipelineTypeError(
                f"{where}: branches is {branches!r}; it is a dict of a branch for each answer"
            )
        self.branches: dict[str, Any] = dict(branches)
        self._lists = [(str(key), step_list(branch, f"{where}[{key!r}]")) for key, branch in branches.items()]
        several = isinstance(condition, (list, tuple))
        self.condition: list[Any] | None = (
            None if condition is None else list(condition) if several else [condition]
        )
        for one in self.condition or ():
            if not callable(one) and not hasattr(one, "run"):
                raise PipelineTypeError(
                    f"{where}: the condition is {one!r}; it is a function or another component"
                )
        self.output_state = output_state
        self.condition_aggregator = condition_aggregator
        self.evaluate_concurrently = evaluate_concurrently

    def _branches(self) -> Sequence[tuple[str | None, Sequence[BasePipelineStep]]]:
        return self._lists

    @property
    def input_state_keys(self) -> set[str] | None:
        """The keys that its condition reads; None: whatever there is."""
        if any(not is_component(one) for one in self.condition or ()):
            return None
        return HasInputsMixin.input_state_keys.fget(self)  # type: ignore[attr-defined,no-any-return]

    def _told(self) -> Sequence[str]:
        return [self.output_state] if self.output_state else []

    def _own_keys(self) -> tuple[Any, Any]:
        reads = {root for spec in self.input_map.values() if (root := root_of(spec)) is not None}
        return reads, [self.output_state] if self.output_state else []

    def _asked(self) -> Asked:
        return Asked(
            self.condition or [_always_default],
            self.input_map,
            self.name,
            aggregate=self.condition_aggregator if len(self.condition or ()) > 1 else None,
            together=self.evaluate_concurrently,
        )

    def _flow(self, here: Here) -> Flow | None:
        kept: dict[str, list[Any] | None] = {}
        for number, (key, _) in enumerate(self._lists):
            kept[key] = None if here.left_out(key) else here.inside(number)
        return self._chosen(here, kept)

    def _chosen(self, here: Here, kept: dict[str, list[Any] | None]) -> Choice | None:
        """The native choice, of branches of which None is left out and an empty one does nothing."""
        condition = self._asked().step(here)
        if self._kind in ("if_else", "toggle"):
            yes, no = kept.get(TRUE), kept.get(FALSE)
            if self._kind == "toggle" and yes is None:
                return None
            if TRUE in kept and yes is None:
                yes = no
            elif FALSE in kept and no is None:
                no = yes
            if yes is None and no is None:
                return None
            return branching.if_else(
                condition,
                yes or [self._skip(here, TRUE)],
                no if no or no is None else [self._skip(here, FALSE)],
                self.output_state,
                name=here.name,
            )
        default = kept.get(DEFAULT_BRANCH)
        branches: dict[str, Any] = {}
        for key, flows in kept.items():
            if key != DEFAULT_BRANCH:
                branches[key] = (default if flows is None else flows) or [self._skip(here, key)]
        if DEFAULT_BRANCH in kept:
            branches[DEFAULT_BRANCH] = default or [self._skip(here, DEFAULT_BRANCH)]
        made = branching.switch(condition, branches, self.output_state, name=here.name)
        if DEFAULT_BRANCH in branches:
            component: Any = made.condition.component
            component.verdict = _Known(tuple(branches), component.verdict)
        return made

    def _skip(self, here: Here, key: str) -> Any:
        return no_op(f"{here.name}_{key.strip('_')}_nothing")


class _Known:
    """A verdict for which answers without a branch of their own are ``DEFAULT_BRANCH``."""

    def __init__(self, keys: tuple[str, ...], verdict: Any) -> None:
        self.keys, self.verdict = keys, verdict

    def __call__(self, answer: Any) -> str:
        if isinstance(answer, str) and answer not in self.keys:
            return DEFAULT_BRANCH
        key: str = self.verdict(answer)
        return key


def _always_default(state: dict[str, Any]) -> str:  # noqa: ARG001
    return DEFAULT_BRANCH


def of_key(key: str) -> Any:
    """The condition of ``toggle("key")``: whether the key's value is true."""

    def condition(state: dict[str, Any]) -> bool:
        found = look_up(key, state, {})
        return found is not MISSING and bool(found)

    return condition
