"""The façade: a pipeline that can be checked, planned, drawn and run."""

from __future__ import annotations

from collections.abc import AsyncIterable, Coroutine, Iterable, Mapping, Sequence
from types import GenericAlias, TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, Unpack, cast, overload

from plait.core.control import Try
from plait.core.flow import Chain, Definition, Flow, Order, as_parts, dataflow, steps_of
from plait.core.inputs import choice
from plait.core.names import did_you_mean
from plait.core.policy import seconds, whole
from plait.core.schema import ABSENT, Schema, read_schema
from plait.core.step import check_name
from plait.errors import DefinitionError, InputError
from plait.joining import Joining
from plait.result import Result, not_with_invoke, planned_work, report_of
from plait.run.drive import Run
from plait.run.finish import check_state, collected, final_values, raise_outcome
from plait.run.limits import Limits, default_limits
from plait.run.loops import name_the_cure, run_sync
from plait.run.options import RunId, bounded, grace_of, keeping, options_of
from plait.run.program import Program, program_of
from plait.run.values import fill_inputs

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from plait.core.cache import Cache
    from plait.core.check.diagnostic import Diagnostic
    from plait.core.plan.bound import Bound
    from plait.core.plan.breakpoints import Breakpoints
    from plait.core.plan.model import Plan
    from plait.core.report.report import Report
    from plait.run.map import AsyncMap, Map
    from plait.run.modes import Mode
    from plait.run.stream import AsyncStream, Options, Stream
    from plait.typing import CacheStore

    StateT = TypeVar("StateT", default=dict[str, Any])
    InputT = TypeVar("InputT", default=Mapping[str, Any], contravariant=True)
else:  # the defaults are for type checkers; before Python 3.13 they would cost an import
    from typing import TypeVar

    StateT = TypeVar("StateT")
    InputT = TypeVar("InputT", contravariant=True)
S = TypeVar("S")
I = TypeVar("I")  # noqa: E741


class Pipeline(Joining, Generic[StateT, InputT]):
    """Steps over a shared state, checked before they run, and run side by side where that is safe.

    Immutable, reusable, and safe for many runs at once.

    Args:
        steps: a list of steps, blocks, lists and pipelines, or one flow (``a | b``).
        state_type: the state's keys and types: a ``TypedDict``, dataclass or pydantic model. Left out, the keys
            are inferred.
        input_type: the keys that a run must be given, likewise. Left out, they are inferred.
        name: the pipeline's name, for messages, reports and when it is embedded.
        order: ``"listed"`` keeps the listed order; ``"dataflow"`` derives it from what steps read and write.
        max_concurrency: the most steps of one run that run at once; default: that of the settings, or any number.
        limits: the named amounts that the steps' ``resources`` refer to; default: those of ``set_limits``.
        deadline: seconds that a whole run may take, unless the run says otherwise.
        grace: seconds that a cancelled step has for its cleanup before it is told again; default: 5, or the settings'.
        check_types: ``"edges"`` compares values with declared types where a run begins and ends; ``"steps"``
            also between steps.
        cache: keep whole results, as ``step`` keeps its own; not where it is a part of another pipeline.

    Raises:
        DefinitionError: for a wrong argument.

    >>> from plait import Pipeline, step
    >>> Pipeline([step(len, {"obj": "text"}, "length")]).run({"text": "plait"}).state
    {'text': 'plait', 'length': 5}
    """

    @overload
    def __init__(
        self: Pipeline[dict[str, Any], Mapping[str, Any]],
        steps: Any,
        *,
        state_type: None = ...,
        input_type: None = ...,
        name: str | None = ...,
        order: Order = ...,
        max_concurrency: int | None = ...,
        limits: Limits | None = ...,
        deadline: float | None = ...,
        grace: float | None = ...,
        fallback: Any = ...,
        catch: type[BaseException] | tuple[type[BaseException], ...] = ...,
        check_types: Literal["edges", "steps"] = ...,
        cache: Cache | CacheStore | bool | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Pipeline[S, S | Mapping[str, Any]],
        steps: Any,
        *,
        state_type: type[S],
        input_type: None = ...,
        name: str | None = ...,
        order: Order = ...,
        max_concurrency: int | None = ...,
        limits: Limits | None = ...,
        deadline: float | None = ...,
        grace: float | None = ...,
        fallback: Any = ...,
        catch: type[BaseException] | tuple[type[BaseException], ...] = ...,
        check_types: Literal["edges", "steps"] = ...,
        cache: Cache | CacheStore | bool | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Pipeline[S, I],
        steps: Any,
        *,
        state_type: type[S],
        input_type: type[I],
        name: str | None = ...,
        order: Order = ...,
        max_concurrency: int | None = ...,
        limits: Limits | None = ...,
        deadline: float | None = ...,
        grace: float | None = ...,
        fallback: Any = ...,
        catch: type[BaseException] | tuple[type[BaseException], ...] = ...,
        check_types: Literal["edges", "steps"] = ...,
        cache: Cache | CacheStore | bool | None = ...,
    ) -> None: ...
    @overload
    def __init__(
        self: Pipeline[dict[str, Any], I],
        steps: Any,
        *,
        state_type: None = ...,
        input_type: type[I],
        name: str | None = ...,
        order: Order = ...,
        max_concurrency: int | None = ...,
        limits: Limits | None = ...,
        deadline: float | None = ...,
        grace: float | None = ...,
        fallback: Any = ...,
        catch: type[BaseException] | tuple[type[BaseException], ...] = ...,
        check_types: Literal["edges", "steps"] = ...,
        cache: Cache | CacheStore | bool | None = ...,
    ) -> None: ...
    def __init__(
        self,
        steps: Any,
        *,
        state_type: Any = None,
        input_type: Any = None,
        name: str | None = None,
        order: Order = "listed",
        max_concurrency: int | None = None,
        limits: Limits | None = None,
        deadline: float | None = None,
        grace: float | None = None,
        fallback: Any = None,
        catch: type[BaseException] | tuple[type[BaseException], ...] = Exception,
        check_types: Literal["edges", "steps"] = "edges",
        cache: Cache | CacheStore | bool | None = None,
    ) -> None:
        where = f"Pipeline {name!r}" if name else "Pipeline"
        check_name(name, where)
        choice(order, ("listed", "dataflow"), f"{where}: order")
        choice(check_types, ("edges", "steps"), f"{where}: check_types")
        if limits is not None and not isinstance(limits, Limits):
            raise DefinitionError(f"{where}: limits is {limits!r}; give Limits({{'name': amount}})")
        self._order: Order = order
        self._parts = as_parts(steps, where)
        self._fallback: tuple[Chain, tuple[type[BaseException], ...]] | None = None
        if fallback is not None:
            from plait.core.handlers import exception_classes

            handler = Chain(as_parts(fallback, f"{where}: fallback"))
            self._fallback = handler, exception_classes(catch, f"{where}: catch")
        body, order = self._tried(self._parts)
        self.__plait_definition__ = Definition(
            body,
            order=order,
            schema=read_schema(state_type, f"{where}: state_type"),
            schema_in=read_schema(input_type, f"{where}: input_type"),
            name=name,
            max_concurrency=whole(max_concurrency, f"{where}: max_concurrency"),
        )
        self._limits, self._check_types = limits, check_types
        self._deadline = seconds(deadline, f"{where}: deadline")
        self._grace = grace_of(grace, where)
        self._declared = (
            self.__plait_definition__.schema.declared or self.__plait_definition__.schema_in.declared
        )
        self._durations: dict[str, float] = {}
        self._breakpoints: Breakpoints | None = None
        self._cache: dict[str, Any] = {}
        self._keeps = None if cache is None else keeping(cache, self.__plait_definition__, where)

    if (
        not TYPE_CHECKING
    ):  # ``Pipeline[State]`` stands for itself: here nothing knows the default of the other
        __class_getitem__ = classmethod(GenericAlias)

    def _tried(self, parts: tuple[Flow, ...]) -> tuple[tuple[Flow, ...], Order]:
        """The body for these parts: with a fallback, they are tried."""
        if self._fallback is None:
            return parts, self._order
        handler, catch = self._fallback
        body = Chain((dataflow(parts),) if self._order == "dataflow" else parts)
        tried: tuple[Flow, ...] = (Try(body, handler, catch=catch, error_state=None, name=None),)
        listed: Order = "listed"
        return tried, listed

    # ------------------------------------------------------------------ looking at it
    @property
    def name(self) -> str | None:
        """The pipeline's name."""
        return self.__plait_definition__.name

    @property
    def steps(self) -> tuple[Flow, ...]:
        """The parts it was made of."""
        return self._parts

    @property
    def input_keys(self) -> tuple[str, ...]:
        """The keys that a run must be given."""
        return tuple(
            k for k, v in self._bound().inputs.items() if v.presence == "always" and v.default is ABSENT
        )

    @property
    def optional_input_keys(self) -> tuple[str, ...]:
        """The keys that a run may be given."""
        required = set(self.input_keys)
        return tuple(k for k in self._bound().inputs if k not in required)

    def check(self) -> list[Diagnostic]:
        """Look for everything that is wrong or could be better, without running anything.

        Returns:
            All findings in listed order; those whose code starts with E make ``run`` refuse.
        """
        return self._check(refusing=False, limits=self._limits or default_limits())

    def plan(self) -> Plan:
        """What a run will do: versions, order, ranks. ``plan().explain("step")`` says what a step waits for.

        Raises:
            InvalidPipeline: when the checks find errors; all of them are in the message.
        """
        return self._plan(fused=True)

    def to_mermaid(self) -> str:
        """The pipeline as a Mermaid flowchart."""
        from plait.core.draw import mermaid

        return mermaid(self._bound())

    def to_text(self) -> str:
        """The pipeline as a drawing for a terminal."""
        from plait.core.draw import text

        return text(self._bound())

    def to_svg(self) -> str:
        """The pipeline as a picture in one SVG text, for light and dark, without script or network."""
        from plait.core.draw import svg

        return svg(self._bound(), durations=self._durations or None)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:  # noqa: ARG002
        return {
            "text/plain": f"{self!r}\n{self.to_text()}",
            "image/svg+xml": self.to_svg(),
            "text/markdown": f"```mermaid\n{self.to_mermaid()}\n```",
        }

    def __repr__(self) -> str:
        count = sum(1 for _ in steps_of(self.__plait_definition__))
        name = f" {self.name!r}" if self.name else ""
        return f"<pipeline{name} of {count} step{'' if count == 1 else 's'}>"

    # ------------------------------------------------------------------ putting it together
    def _of(self, parts: tuple[Flow, ...]) -> Pipeline[StateT, InputT]:
        made = self._with(body=self._tried(parts)[0])
        made._parts = parts  # noqa: SLF001  (a pipeline like this one)
        return made

    def with_components(self, replacements: Mapping[str, Any]) -> Pipeline[StateT, InputT]:
        """The same pipeline with other components, for tests: ``pipeline.with_components({"analyses/topics": fake})``.

        Args:
            replacements: step path -> component. Everything else of the step stays as it is.

        Raises:
            DefinitionError: for a path that no step has, with "did you mean".
        """
        from plait.core.plan.rewrite import replace_components

        definition = replace_components(
            self.__plait_definition__, replacements, [leaf.path for leaf in self._bound().leaves()]
        )
        return self._with(body=definition.body)

    def with_durations(self, durations: Mapping[str, float] | Report) -> Pipeline[StateT, InputT]:
        """The same pipeline, planned with known durations: the longest remaining path starts first.

        Args:
            durations: step path -> seconds, or the report of an earlier run.

        Raises:
            DefinitionError: for a path that no step has.
        """
        known: dict[str, float]
        if isinstance(durations, Mapping):
            known = {str(k): float(v) for k, v in durations.items()}
        else:
            known = planned_work(durations)
        paths = {leaf.path for leaf in self._bound().leaves()}
        for path in known:
            if path not in paths:
                raise DefinitionError(
                    f"with_durations: no step has the path {path!r}{did_you_mean(path, paths)}"
                )
        made = self._with()
        made._durations = known  # noqa: SLF001
        return made

    def _with(self, *, body: tuple[Flow, ...] | None = None) -> Pipeline[StateT, InputT]:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        old = self.__plait_definition__
        if body is not None:
            made.__plait_definition__ = Definition(
                body,
                order=old.order,
                schema=old.schema,
                schema_in=old.schema_in,
                name=old.name,
                max_concurrency=old.max_concurrency,
            )
            made._keeps = self._keeps and keeping(self._keeps, made.__plait_definition__, repr(self))
        made._cache = {}
        return made

    # ------------------------------------------------------------------ running it
    def run(
        self,
        inputs: InputT,
        *,
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        mode: Literal["parallel", "serial"] = "parallel",
        observers: Iterable[Any] = (),
        interrupt_before: Iterable[str] = (),
        interrupt_after: Iterable[str] = (),
    ) -> Result[StateT]:
        """Run the pipeline, from plain code or from a notebook.

        Args:
            inputs: the keys it needs, as a mapping or an instance of the input or state type.
            config: settings of the run, read by ``Config("key")`` and ``current_step().config``.
            context: further values that ``Config`` looks up after ``config``.
            deadline: seconds that the whole run may take.
            mode: ``"serial"`` runs one step at a time in this thread (``pdb`` works in it).
            observers: objects whose ``on_event`` gets the run's events (``plait.events``).
            interrupt_before: paths of steps before which the run is paused (``Result.resume``).
            interrupt_after: paths of steps after which it is paused.

        Returns:
            The final state, the report and the run's id.

        Raises:
            InvalidPipeline: the checks found errors; nothing was run.
            InputError: the inputs don't fit; nothing was run.
            DeadlineExceeded: the deadline passed.
            PipelineErrors: several steps failed. A single failure is raised as the original exception.
        """
        choice(mode, ("parallel", "serial"), "run: mode")
        if interrupt_before or interrupt_after:
            return self._stopping(interrupt_before, interrupt_after).run(
                inputs, config=config, context=context, deadline=deadline, mode=mode, observers=observers
            )
        watching = options_of("run", config, context, deadline, observers)
        if mode == "serial":
            return self._run_serially(inputs, config, context, deadline, watching)
        self._program(fused=not watching)  # refuse on this thread, with a short traceback
        return run_sync(
            lambda: self.arun(inputs, config=config, context=context, deadline=deadline, observers=watching)
        )

    async def arun(
        self,
        inputs: InputT,
        *,
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        observers: Iterable[Any] = (),
        interrupt_before: Iterable[str] = (),
        interrupt_after: Iterable[str] = (),
    ) -> Result[StateT]:
        """Run the pipeline on the running event loop; see ``run``."""
        if interrupt_before or interrupt_after:
            stopping = self._stopping(interrupt_before, interrupt_after)
            return await stopping.arun(
                inputs, config=config, context=context, deadline=deadline, observers=observers
            )
        watching: tuple[Any, ...] = ()
        if observers or deadline is not None or config is not None or context is not None:
            watching = options_of("arun", config, context, deadline, observers)
        run = self._new_run(
            Run, self._program(fused=not watching), inputs, config, context, deadline, watching
        )
        await (run.execute() if self._keeps is None else self._keeps.execute(run))
        return self._result(run)

    async def _go_on(self, run: Run, resumed: Sequence[int]) -> Result[StateT]:
        await run.execute(resumed)
        return self._result(run)

    def _stopping(self, before: Iterable[str], after: Iterable[str]) -> Pipeline[StateT, InputT]:
        """This pipeline with pauses before and after some steps."""
        if self._keeps is not None:
            self._keeps.refuse_breakpoints()
        from plait.core.plan.breakpoints import Breakpoints

        breakpoints = Breakpoints(before, after)
        key = f"stopping {breakpoints.key}"
        found: Pipeline[StateT, InputT] | None = self._cache.get(key)
        if found is None:
            breakpoints.check(self._bound().leaves())
            found = self._with()
            found._breakpoints = breakpoints  # noqa: SLF001
            self._cache[key] = found
        return found

    async def invoke(
        self,
        inputs: InputT,
        *,
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run the pipeline and give the final state as a dict: ``state = await pipeline.invoke({...})``."""
        result = await self.arun(inputs, config=config, context=context)
        if result.pauses:
            raise not_with_invoke(result)
        return final_values(result._run)  # noqa: SLF001

    @overload
    def astream(
        self, inputs: InputT, *, mode: Literal["events"] = ..., **options: Unpack[Options]
    ) -> AsyncStream[Result[StateT]]: ...
    @overload
    def astream(
        self, inputs: InputT, *, mode: Literal["tokens"], **options: Unpack[Options]
    ) -> AsyncStream[Result[StateT], str]: ...
    @overload
    def astream(
        self, inputs: InputT, *, mode: Mode | Sequence[Mode], **options: Unpack[Options]
    ) -> AsyncStream[Result[StateT], Any]: ...
    def astream(
        self,
        inputs: InputT,
        *,
        mode: Mode | Sequence[Mode] = "events",
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        capacity: int = 1024,
    ) -> AsyncStream[Result[StateT], Any]:
        """Run the pipeline and follow it: ``async with pipeline.astream(x) as events: async for e in events: ...``.

        Args:
            inputs: as for ``run``.
            mode: ``"events"``; ``"values"`` (the state after each change); ``"updates"`` (what each step wrote);
                ``"custom"`` (what components emit); ``"tokens"`` (its text); or a list: items are then ``(mode, item)``.
            config: as for ``run``.
            context: as for ``run``.
            deadline: as for ``run``.
            capacity: items that may wait for the reader before ``await emit(...)`` waits for room.
        """
        from plait.run.modes import View
        from plait.run.stream import AsyncStream

        options_of("stream", config, context, deadline, ())
        if whole(capacity, "stream: capacity", "") is None:
            raise DefinitionError("stream: capacity is None; it is a whole number from 1")
        view = View(mode)
        self._program(fused=False)
        return AsyncStream(
            lambda queue: self.arun(
                inputs, config=config, context=context, deadline=deadline, observers=(queue,)
            ),
            view,
            capacity,
        )

    @overload
    def stream(
        self, inputs: InputT, *, mode: Literal["events"] = ..., **options: Unpack[Options]
    ) -> Stream[Result[StateT]]: ...
    @overload
    def stream(
        self, inputs: InputT, *, mode: Literal["tokens"], **options: Unpack[Options]
    ) -> Stream[Result[StateT], str]: ...
    @overload
    def stream(
        self, inputs: InputT, *, mode: Mode | Sequence[Mode], **options: Unpack[Options]
    ) -> Stream[Result[StateT], Any]: ...
    def stream(
        self,
        inputs: InputT,
        *,
        mode: Mode | Sequence[Mode] = "events",
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        capacity: int = 1024,
    ) -> Stream[Result[StateT], Any]:
        """Run the pipeline and follow it, from plain code; see ``astream``."""
        from plait.run.stream import Stream

        options: Options = {"config": config, "context": context, "deadline": deadline, "capacity": capacity}
        return Stream(self.astream(inputs, mode=mode, **options))

    def amap(
        self,
        inputs: Iterable[InputT] | AsyncIterable[InputT],
        *,
        max_concurrency: int | None = None,
        on_error: Literal["collect", "cancel"] = "collect",
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        observers: Iterable[Any] = (),
    ) -> AsyncMap[Result[StateT]]:
        """Run the pipeline for many inputs, several at a time; items come in input order.

        Args:
            inputs: an iterable (or async iterable) of inputs, taken only as there is a place for them. An iterable
                that blocks belongs in ``map``, which reads it in a thread of its own.
            max_concurrency: how many items are in flight at once; default: a few per core.
            on_error: ``"collect"`` leaves an error with its item; ``"cancel"`` raises the first one, after the items before
                it, and cancels the rest at once.
            config: as for ``run``, for every item.
            context: as for ``run``, for every item.
            deadline: seconds that one item may take.
            observers: objects whose ``on_event`` gets the events of all items.
        """
        options = (config, context, deadline, observers)
        return self._items(inputs, max_concurrency, on_error, options, threaded=False)

    def _items(
        self,
        inputs: Any,
        max_concurrency: int | None,
        on_error: Literal["collect", "cancel"],
        options: tuple[Any, Any, float | None, Iterable[Any]],
        *,
        threaded: bool,
    ) -> AsyncMap[Result[StateT]]:
        from plait.run.map import AsyncMap

        choice(on_error, ("collect", "cancel"), "map: on_error")
        limit = whole(max_concurrency, "map: max_concurrency")
        if not isinstance(inputs, (Iterable, AsyncIterable)) or isinstance(inputs, (str, bytes, Mapping)):
            raise InputError(
                f"map wants an iterable of inputs, got {type(inputs).__name__}; for a single input use run"
            )
        watching = options_of("map", *options)
        config, context, deadline, _ = options
        self._program(fused=not watching)

        def one(given: Any) -> Coroutine[Any, Any, Result[StateT]]:
            return self.arun(given, config=config, context=context, deadline=deadline, observers=watching)

        return AsyncMap(one, inputs, max_concurrency=limit, collect=on_error == "collect", threaded=threaded)

    def map(
        self,
        inputs: Iterable[InputT],
        *,
        max_concurrency: int | None = None,
        on_error: Literal["collect", "cancel"] = "collect",
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        deadline: float | None = None,
        observers: Iterable[Any] = (),
    ) -> Map[Result[StateT]]:
        """Run the pipeline for many inputs from plain code; see ``amap``."""
        from plait.run.map import Map

        options = (config, context, deadline, observers)
        return Map(self._items(inputs, max_concurrency, on_error, options, threaded=True))

    async def __aenter__(self) -> Pipeline[StateT, InputT]:
        """Set up all components, side by side."""
        from plait.run.lifecycle import living_here, warm

        self._program(fused=True)
        await warm(living_here(steps_of(self.__plait_definition__)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from plait.run.lifecycle import cool, living_here

        await cool(living_here(steps_of(self.__plait_definition__)))

    def __enter__(self) -> Pipeline[StateT, InputT]:
        return run_sync(self.__aenter__)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_sync(lambda: self.__aexit__(kind, error, trace))

    # ------------------------------------------------------------------ inside
    def _bound(self) -> Bound:
        found = self._cache.get("bound")
        if found is None:
            from plait.core.plan.bind import bind

            found = self._cache["bound"] = bind(bounded(self.__plait_definition__), self._breakpoints)
        return cast("Bound", found)

    def _check(self, *, refusing: bool, limits: Limits) -> list[Diagnostic]:
        from plait.core.check import check

        capacities = {name: limit.most for name, limit in limits.items()}
        return check(self._bound(), durations=self._durations or None, limits=capacities, refusing=refusing)

    def _refuse_errors(self, limits: Limits) -> None:
        """Raise for the errors of the pipeline under these limits; what is valid is asked for once."""
        from plait.core.check import raise_for

        raise_for(self._check(refusing=True, limits=limits), self.name)
        self._cache["valid under"] = limits

    def _plan(self, *, fused: bool) -> Plan:
        limits = self._limits or default_limits()
        if self._cache.get("valid under") is not limits:
            self._refuse_errors(limits)
        key = "plan" if fused else "plan, one by one"
        found: Plan | None = self._cache.get(key)
        if found is None:
            from plait.core.plan.lower import lower

            found = self._cache[key] = lower(self._bound(), fuse=fused, durations=self._durations)
        return found

    def _program(self, *, fused: bool) -> Program:
        limits = self._limits or default_limits()
        if self._cache.get("valid under") is not limits:  # set_limits may have been called meanwhile
            self._refuse_errors(limits)
        key = "program" if fused else "program, one by one"
        found: Program | None = self._cache.get(key)
        if found is None:
            found = self._cache[key] = program_of(
                self._plan(fused=fused), check_types=self._check_types == "steps"
            )
        return found

    def _new_run(
        self,
        kind: type[Run],
        program: Program,
        inputs: Any,
        config: Mapping[str, Any] | None,
        context: Mapping[str, Any] | None,
        deadline: float | None,
        observers: Sequence[Any],
    ) -> Run:
        run = kind(
            program,
            run_id=RunId(),
            config=config or {},
            context=context or {},
            limits=self._cache["valid under"],
            grace=self._grace,
            deadline=self._deadline if deadline is None else float(deadline),
            observers=observers,
        )
        given = inputs
        if self._declared or type(inputs) is not dict:
            from plait.run.inputs import checked

            given = checked(self.__plait_definition__, inputs, lambda: self.input_keys)
        run.extras = fill_inputs(program.plan, run.root.values, given)
        return run

    def _run_serially(
        self,
        inputs: Any,
        config: Mapping[str, Any] | None,
        context: Mapping[str, Any] | None,
        deadline: float | None,
        observers: Sequence[Any],
    ) -> Result[StateT]:
        from plait.run.serial import SerialRun

        run = cast(
            "SerialRun",
            self._new_run(
                SerialRun, self._program(fused=False), inputs, config, context, deadline, observers
            ),
        )
        run.result_of = lambda: self._result(run)
        if self._keeps is None:
            run.execute_serially()
        else:
            self._keeps.execute_here(run)
        return self._result(run)

    def _result(self, run: Run) -> Result[StateT]:
        if run.outcome not in ("succeeded", "paused") or run.outer_cancel is not None:
            try:
                raise_outcome(run, report_of(run))
            except RuntimeError as error:
                name_the_cure(error)
                raise
        state = final_values(run)
        schema: Schema = self.__plait_definition__.schema
        if schema.declared:
            check_state(run, state)
        recorded = collected(run) if run.has_trouble else ()
        return Result(cast("StateT", schema.build(state)), run, recorded, self._go_on)
