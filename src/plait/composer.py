"""The fluent way to write a pipeline: ``Composer().step(...).when(...).then(...).otherwise(...).end().done()``.

Every method makes what the function of the same name makes; this module only collects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar

from plait.core import branching, flow, handling, kinds, looping
from plait.core import step as steps
from plait.core.flow import Flow, Order
from plait.core.inputs import InputMap, OutputState
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.pipeline import Pipeline
    from plait.run.limits import Limits


C = TypeVar("C")


class _Block(Generic[C]):
    """A block that is being put together; ``end`` adds it and gives the composer back."""

    __slots__ = ("_finish", "_given", "_where")

    def __init__(self, finish: Callable[..., C], where: str) -> None:
        self._finish, self._where = finish, where
        self._given: dict[str, Any] = {}

    def _set(self, part: str, branch: Any) -> Self:
        if part in self._given:
            raise DefinitionError(f"{self._where}: .{part}(...) was given twice; put all steps into one list")
        if branch is None:
            raise DefinitionError(
                f"{self._where}: .{part}(None); a branch is a step, a block, a pipeline, or a list of them"
            )
        self._given[part] = branch
        return self

    def _need(self, part: str, otherwise: str = "") -> Any:
        if part not in self._given:
            raise DefinitionError(f"{self._where}: .{part}(...) is missing before .end(){otherwise}")
        return self._given[part]

    def __repr__(self) -> str:
        return f"<{self._where} with {', '.join(self._given) or 'no branches'}>"


class When(_Block[C]):
    """An ``if_else`` in pieces. Made by ``composer.when(condition)``."""

    __slots__ = ()

    def then(self, branch: Any) -> Self:
        """Say what to do if the condition holds."""
        return self._set("then", branch)

    def otherwise(self, branch: Any) -> Self:
        """Say what to do if it does not."""
        return self._set("otherwise", branch)

    def end(self) -> C:
        """Add the block; ``then`` and ``otherwise`` were both given."""
        then = self._need("then")
        return self._finish(then, self._need("otherwise", "; a block without it is a toggle(condition)"))


class Switch(_Block[C]):
    """A ``switch`` in pieces. Made by ``composer.switch(condition)``."""

    __slots__ = ("_cases",)

    def __init__(self, finish: Callable[..., C], where: str) -> None:
        super().__init__(finish, where)
        self._cases: dict[str, Any] = {}

    def case(self, key: str, branch: Any) -> Self:
        """Say what to do if the condition answers this key."""
        if key in self._cases:
            raise DefinitionError(
                f"{self._where}: .case({key!r}, ...) was given twice; put all steps into one list"
            )
        self._cases[key] = branch
        return self

    def default(self, branch: Any) -> Self:
        """Say what to do for all other answers."""
        return self._set("default", branch)

    def end(self) -> C:
        """Add the block; there was at least one ``case``."""
        if not self._cases:
            raise DefinitionError(f"{self._where}: .case(key, branch) is missing before .end()")
        return self._finish(self._cases, self._given.get("default"))


class Toggle(_Block[C]):
    """A ``toggle`` in pieces. Made by ``composer.toggle(condition)``."""

    __slots__ = ()

    def then(self, branch: Any) -> Self:
        """Say what to do if the condition holds."""
        return self._set("then", branch)

    def end(self) -> C:
        """Add the block; ``then`` was given."""
        return self._finish(self._need("then"))


class Guard(_Block[C]):
    """A ``guard`` in pieces. Made by ``composer.guard(condition)``."""

    __slots__ = ()

    def on_success(self, branch: Any) -> Self:
        """Say what to do first if the condition holds."""
        return self._set("on_success", branch)

    def on_failure(self, branch: Any) -> Self:
        """Say what to do before the pipeline ends if it does not."""
        return self._set("on_failure", branch)

    def end(self) -> C:
        """Add the block; at least one of both was given."""
        if not self._given:
            raise DefinitionError(
                f"{self._where}: .on_success(...) or .on_failure(...) is missing before .end()"
            )
        return self._finish(self._given.get("on_success"), self._given.get("on_failure"))


class Fork(_Block[C]):
    """A ``parallel`` or ``race`` block in pieces. Made by ``composer.parallel()`` and ``composer.race()``."""

    __slots__ = ("_branches",)

    def __init__(self, finish: Callable[..., C], where: str) -> None:
        super().__init__(finish, where)
        self._branches: list[Any] = []

    def fork(self, branch: Any) -> Self:
        """Add a branch: a step, a block, a pipeline, or a list of them that runs in order."""
        self._branches.append(branch)
        return self

    def end(self) -> C:
        """Add the block; there was at least one ``fork``."""
        if not self._branches:
            raise DefinitionError(f"{self._where}: .fork(branch) is missing before .end()")
        return self._finish(self._branches)


class Composer:
    """Writes a pipeline step by step: ``Composer(name="report").step(find, ["text"], "topics").done()``.

    A method without parts of its own adds a step and gives the composer back. ``when``, ``switch``, ``toggle``,
    ``guard``, ``parallel`` and ``race`` open a block; its ``end()`` adds it. ``done()`` gives a new pipeline each time; the pipeline that a
    composer began with (``pipeline.composer``) is never changed.

    Args:
        name: as for ``Pipeline``.
        state_type: as for ``Pipeline``.
        input_type: as for ``Pipeline``.
        order: as for ``Pipeline``.
        max_concurrency: as for ``Pipeline``.
        limits: as for ``Pipeline``.
        deadline: as for ``Pipeline``.
        grace: as for ``Pipeline``.
        fallback: as for ``Pipeline``.
        catch: as for ``Pipeline``.
        check_types: as for ``Pipeline``.

    >>> from plait import Composer
    >>> Composer().step(len, {"obj": "text"}, "length").done().run({"text": "plait"}).state
    {'text': 'plait', 'length': 5}
    """

    __slots__ = ("_make", "_open", "_parts")

    def __init__(
        self,
        *,
        name: str | None = None,
        state_type: Any = None,
        input_type: Any = None,
        order: Order = "listed",
        max_concurrency: int | None = None,
        limits: Limits | None = None,
        deadline: float | None = None,
        grace: float | None = None,
        fallback: Any = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        check_types: Literal["edges", "steps"] = "edges",
    ) -> None:
        settings: dict[str, Any] = {
            "name": name,
            "state_type": state_type,
            "input_type": input_type,
            "order": order,
            "max_concurrency": max_concurrency,
            "limits": limits,
            "deadline": deadline,
            "grace": grace,
            "fallback": fallback,
            "catch": catch,
            "check_types": check_types,
        }

        def make(parts: tuple[Flow, ...]) -> Pipeline[Any, Any]:
            from plait.pipeline import Pipeline

            return Pipeline(list(parts), **settings)

        self._make: Callable[[tuple[Flow, ...]], Any] = make
        self._parts: list[Flow] = []
        self._open: str | None = None

    @classmethod
    def _of(cls, parts: tuple[Flow, ...], make: Callable[[tuple[Flow, ...]], Any]) -> Self:
        """A composer that begins with the parts of a pipeline."""
        made = cls()
        made._make = make
        made._parts = list(parts)
        return made

    def done(self) -> Pipeline[Any, Any]:
        """Give the pipeline.

        Raises:
            DefinitionError: nothing was added, or a block was opened and never ended.
        """
        self._closed()
        return self._make(tuple(self._parts))  # type: ignore[no-any-return]  # whoever made the composer knows

    def __repr__(self) -> str:
        return f"<composer of {len(self._parts)} part{'' if len(self._parts) == 1 else 's'}>"

    def _closed(self) -> None:
        if self._open is not None:
            raise DefinitionError(
                f"{self._open} was opened and never ended; write .end() after its last part"
            )

    def _add(self, part: Flow) -> Self:
        self._closed()
        self._parts.append(part)
        return self

    def _begin(self, what: str) -> None:
        self._closed()
        self._open = what

    def _end(self, part: Flow) -> Self:
        self._open = None
        self._parts.append(part)
        return self

    # ------------------------------------------------------------------ one step each
    def step(
        self,
        component: Any,
        input_map: InputMap | None = None,
        output_state: OutputState | None = None,
        **settings: Any,
    ) -> Self:
        """Add a step; see ``plait.step``, whose settings it takes by name.

        Args:
            component: a component.
            input_map: what it reads.
            output_state: what it writes.
            settings: ``name=``, ``retry=``, ``timeout=`` and so on.
        """
        return self._add(steps.step(component, input_map, output_state, **settings))

    def transform(
        self,
        operation: Callable[[dict[str, Any]], Any],
        input_map: InputMap,
        output_state: OutputState,
        **settings: Any,
    ) -> Self:
        """Add a function of one dict; see ``plait.transform``."""
        return self._add(kinds.transform(operation, input_map, output_state, **settings))

    def bundle(
        self, input_states: Sequence[str] | Mapping[str, str], output_state: str, *, name: str | None = None
    ) -> Self:
        """Collect keys into one dict; see ``plait.bundle``."""
        return self._add(kinds.bundle(input_states, output_state, name=name))

    def copy(
        self,
        input_state: str | Sequence[str],
        output_state: str | Sequence[str],
        *,
        name: str | None = None,
    ) -> Self:
        """Copy keys; see ``plait.copy``."""
        return self._add(kinds.copy(input_state, output_state, name=name))

    def log(self, message: str, is_template: bool = True, *, name: str | None = None) -> Self:
        """Emit a message; see ``plait.log``."""
        return self._add(kinds.log(message, is_template, name=name))

    def no_op(self, name: str | None = None) -> Self:
        """Do nothing; see ``plait.no_op``."""
        return self._add(kinds.no_op(name))

    def terminate(self, name: str | None = None) -> Self:
        """End the pipeline here; see ``plait.terminate``."""
        return self._add(kinds.terminate(name))

    def interrupt(
        self,
        message: Any = "Pipeline interrupted.",
        resume_value_map: OutputState | None = None,
        *,
        name: str | None = None,
    ) -> Self:
        """Wait for somebody's answer; see ``plait.interrupt``."""
        return self._add(kinds.interrupt(message, resume_value_map, name=name))

    def pause(self, name: str) -> Self:
        """Wait until somebody lets the run go on; see ``plait.pause``."""
        return self._add(kinds.pause(name))

    def map_reduce(
        self,
        output_state: OutputState,
        map_func: Any,
        reduce_func: Callable[[list[Any]], Any] | None = None,
        input_map: InputMap | None = None,
        **settings: Any,
    ) -> Self:
        """Call a component for each item; see ``plait.map_reduce``."""
        return self._add(looping.map_reduce(output_state, map_func, reduce_func, input_map, **settings))

    def goto(
        self,
        name: str,
        target: Any,
        input_map: InputMap | None = None,
        output_state: str | None = None,
        allow_end: bool = True,
    ) -> Self:
        """Jump to another step of the same list; see ``plait.goto``."""
        return self._add(looping.goto(name, target, input_map, output_state, allow_end))

    # ------------------------------------------------------------------ steps with others inside
    def subgraph(
        self,
        pipeline: Any,
        input_map: InputMap | None = None,
        output_state: OutputState | None = None,
        **settings: Any,
    ) -> Self:
        """Add a pipeline as a step; see ``plait.subgraph``."""
        return self._add(flow.subgraph(pipeline, input_map, output_state, **settings))

    def try_catch(
        self,
        body: Any,
        fallback: Any = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        caught_exception_state: str | None = None,
        *,
        name: str | None = None,
    ) -> Self:
        """Try steps, and do something else if they fail; see ``plait.try_catch``."""
        return self._add(handling.try_catch(body, fallback, catch, caught_exception_state, name=name))

    def while_do(
        self,
        body: Any,
        condition: Any,
        input_map: InputMap | None = None,
        output_state: str | None = None,
        *,
        name: str | None = None,
        max_turns: int | None = None,
    ) -> Self:
        """Do something again as long as a condition holds; see ``plait.while_do``."""
        return self._add(
            looping.while_do(body, condition, input_map, output_state, name=name, max_turns=max_turns)
        )

    def if_else(
        self,
        condition: Any,
        if_branch: Any,
        else_branch: Any = None,
        output_state: str | None = None,
        input_map: InputMap | None = None,
        *,
        name: str | None = None,
    ) -> Self:
        """Run one of two branches; see ``plait.if_else``, and ``when`` for the same in pieces."""
        return self._add(
            branching.if_else(condition, if_branch, else_branch, output_state, input_map, name=name)
        )

    # ------------------------------------------------------------------ blocks in pieces
    def when(
        self,
        condition: Any,
        input_map: InputMap | None = None,
        output_state: str | None = None,
        *,
        name: str | None = None,
    ) -> When[Self]:
        """Open an ``if_else``: ``.when(condition).then(branch).otherwise(branch).end()``."""

        def end(then: Any, otherwise: Any) -> Any:
            return self._end(
                branching.if_else(condition, then, otherwise, output_state, input_map, name=name)
            )

        self._begin(_title("when", name))
        return When(end, _title("when", name))

    def switch(
        self,
        condition: Any,
        input_map: InputMap | None = None,
        output_state: str | None = None,
        *,
        name: str | None = None,
    ) -> Switch[Self]:
        """Open a ``switch``: ``.switch(route).case("deep", branch).default(branch).end()``."""

        def end(cases: dict[str, Any], default: Any) -> Any:
            return self._end(branching.switch(condition, cases, output_state, default, input_map, name=name))

        self._begin(_title("switch", name))
        return Switch(end, _title("switch", name))

    def toggle(
        self,
        condition: Any,
        input_map: InputMap | None = None,
        output_state: str | None = None,
        *,
        name: str | None = None,
    ) -> Toggle[Self]:
        """Open a ``toggle``: ``.toggle("use_search").then(branch).end()``."""

        def end(then: Any) -> Any:
            return self._end(branching.toggle(condition, then, output_state, input_map, name=name))

        self._begin(_title("toggle", name))
        return Toggle(end, _title("toggle", name))

    def guard(
        self,
        condition: Any,
        input_map: InputMap | None = None,
        output_state: str | None = None,
        *,
        name: str | None = None,
    ) -> Guard[Self]:
        """Open a ``guard``: ``.guard(is_allowed).on_success(branch).on_failure(branch).end()``."""

        def end(success: Any, failure: Any) -> Any:
            return self._end(branching.guard(condition, success, failure, output_state, input_map, name=name))

        self._begin(_title("guard", name))
        return Guard(end, _title("guard", name))

    def parallel(self, *, name: str | None = None, **settings: Any) -> Fork[Self]:
        """Open a ``parallel`` block: ``.parallel(name="analyses").fork(branch).fork(branch).end()``.

        Args:
            name: the block's name.
            settings: the other settings of ``plait.parallel``, by name.
        """

        def end(branches: Any) -> Any:
            return self._end(flow.parallel(branches, name=name, **settings))

        self._begin(_title("parallel", name))
        return Fork(end, _title("parallel", name))

    def race(
        self, hedge_after: float | None = None, *, name: str | None = None, **settings: Any
    ) -> Fork[Self]:
        """Open a ``race``: ``.race(hedge_after=2).fork(branch).end()``.

        Args:
            hedge_after: seconds after which each branch gets a second attempt, as for ``plait.race``.
            name: the block's name.
            settings: the other settings of ``plait.race``, by name.
        """

        def end(branches: Any) -> Any:
            from plait.core.racing import race  # few pipelines have one

            return self._end(race(branches, hedge_after, name=name, **settings))

        self._begin(_title("race", name))
        return Fork(end, _title("race", name))


def _title(kind: str, name: str | None) -> str:
    return f"composer.{kind}(name={name!r})" if name else f"composer.{kind}(...)"
