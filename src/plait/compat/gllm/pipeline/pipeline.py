"""``Pipeline``: steps, run by Plait."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import plait
from plait.compat.gllm._build import Around, Here, keys_of, paths_of, walk
from plait.compat.gllm._cache import through
from plait.compat.gllm._native import Native, Shape
from plait.compat.gllm.exceptions import (
    PipelineSchemaError,
    PipelineValueError,
    as_pipeline_error,
)
from plait.compat.gllm.exclusions import ExclusionManager
from plait.compat.gllm.pipeline._invoking import Invocation, names_in
from plait.compat.gllm.pipeline.states import RAGState
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep, step_list
from plait.compat.gllm.types import CacheConfig
from plait.core.check.diagnostic import Diagnostic

if TYPE_CHECKING:
    from plait.compat.gllm.pipeline._threads import Snapshot, Threads
    from plait.compat.gllm.pipeline.composer import Composer

NOT_GIVEN: Any = type("NotGiven", (), {"__slots__": (), "__repr__": lambda _self: "RAGState"})()


class Pipeline:
    """Steps over a state.

    Args:
        steps: a list of steps and pipelines.
        state_type: a ``TypedDict`` or a pydantic model. Nothing needs it: it brings merging keys (``Annotated[list, add]``),
            defaults and, with pydantic, validation. Keys that it does not have are kept.
        input_type: the keys that a tool takes, and that ``invoke`` takes out of what it is given.
        output_type: the keys of the result.
        context_schema: the keys of ``context=``, for a tool.
        recursion_limit: with a value of your own, how often a loop may turn. A list may be as long as you like.
        name: its name.
        cache: where whole results are kept.
        checkpointer: what keeps runs that stop: any object; they are kept in this process, as long as the object lives.
        interrupt_before: names of steps before which every run stops.
        interrupt_after: names of steps after which every run stops.
        infer_schema: True refuses steps that do not say what they read and write; no other value changes anything.
        fallback: a step, or a list, to run when an error of ``catch`` gets out.
        catch: the exception classes, compared with the components' own errors.
    """

    def __init__(
        self,
        steps: Sequence[Any] | None = None,
        state_type: Any = NOT_GIVEN,
        input_type: Any = None,
        output_type: Any = None,
        context_schema: Any = None,
        recursion_limit: int = 30,
        name: str | None = None,
        cache: CacheConfig | None = None,
        checkpointer: Any = None,
        interrupt_before: list[str] | str | None = None,
        interrupt_after: list[str] | str | None = None,
        infer_schema: bool | None = None,
        fallback: Any = None,
        catch: tuple[type[BaseException], ...] = (Exception,),
    ) -> None:
        where = f"Pipeline {name!r}" if name else "Pipeline"
        self.name, self.recursion_limit, self.cache = name, recursion_limit, cache
        self.steps = step_list(list(steps or ()), where)
        self.fallback = None if fallback is None else step_list(fallback, f"{where}: fallback")
        self.catch = catch
        self.input_type, self.output_type, self.context_schema = input_type, output_type, context_schema
        self.interrupt_before, self.interrupt_after = interrupt_before, interrupt_after
        self.checkpointer, self.infer_schema = checkpointer, infer_schema
        self._state_type = None if state_type is NOT_GIVEN else state_type
        self._shape = Shape(self._state_type, f"{where}: state_type")
        self._inputs = Shape(input_type, f"{where}: input_type")
        self._outputs = Shape(output_type, f"{where}: output_type")
        self._tracing = False
        self._natives: dict[Any, Native] = {}
        self._exclusions = ExclusionManager(self)
        if cache is not None and (interrupt_before or interrupt_after):
            raise PipelineValueError(
                f"{where}: a result that stops on the way can't be kept; leave cache= or the breakpoints out"
            )
        if infer_schema:
            self._refuse_opaque(where)

    def _refuse_opaque(self, where: str) -> None:
        for _, part in walk(self.steps):
            if part._writes_anything or (part.input_state_keys is None and not part._branches()):  # noqa: SLF001
                raise PipelineSchemaError(
                    f"{where}: infer_schema=True, and step {part.name!r} does not say what it reads and writes; give its class "
                    f"the properties input_state_keys and output_state_keys, or leave infer_schema out: nothing needs it"
                )

    # ------------------------------------------------------------------ what it is
    @property
    def state_type(self) -> Any:
        """The type of its state."""
        return RAGState if self._state_type is None else self._state_type

    @state_type.setter
    def state_type(self, new_state_type: Any) -> None:
        self._shape = Shape(new_state_type, "Pipeline: state_type")
        self._state_type = new_state_type
        self._natives.clear()

    @property
    def exclusions(self) -> ExclusionManager:
        """What is left out."""
        return self._exclusions

    @property
    def composer(self) -> Composer:
        """A composer that adds to this pipeline; its ``done()`` gives this pipeline."""
        from plait.compat.gllm.pipeline.composer import Composer

        return Composer(self)

    @property
    def native(self) -> plait.Pipeline[Any, Any]:
        """The pipeline of Plait that it is, to check, draw or run it there."""
        return self._native().pipeline

    def check(self) -> list[Diagnostic]:
        """What is wrong with it, or could be better, found without running anything."""
        native = self._native()
        return [*native.pipeline.check(), *(Diagnostic("W001", (), note) for note in native.notes)]

    def build_graph(self) -> None:
        """Check it now; the first run would do so as well.

        Raises:
            PipelineValueError: for what is wrong.
        """
        try:
            self._native().pipeline.plan()
        except Exception as error:
            made = as_pipeline_error(error)
            if made is error:
                raise
            raise made from error

    @property
    def graph(self) -> Any:
        """There is none."""
        raise AttributeError(
            "Pipeline.graph: there is no LangGraph graph here; pipeline.native.plan() tells what runs when"
        )

    def get_mermaid_diagram(self) -> str:
        """Draw it as a Mermaid flowchart, the same each time."""
        return self._native().pipeline.to_mermaid() if self.steps else "flowchart TD"

    def __repr__(self) -> str:
        return f"<Pipeline {self.name or ''} {[part.name for part in self.steps]}>"

    # ------------------------------------------------------------------ putting it together
    def add_step(self, step: Any) -> None:
        """Add a step at its end; runs that have started keep what they have."""
        self.steps = [*self.steps, *step_list(step, "add_step")]
        self._natives.clear()

    def clear(self) -> None:
        """Remove all steps."""
        self.steps = []
        self._exclusions.clear()
        self._natives.clear()

    def _again(self, steps: Sequence[BasePipelineStep]) -> Pipeline:
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__)
        made.steps = list(steps)
        made._natives = {}
        made._exclusions = ExclusionManager(made)
        return made

    def __or__(self, other: Any) -> Pipeline:
        """``pipeline | step``: a new pipeline with more at its end; of another pipeline, its steps.

        Raises:
            PipelineValueError: for a pipeline with another state type.
        """
        if not isinstance(other, Pipeline):
            return self._again([*self.steps, *step_list(other, "|")])
        if self._state_type is not other._state_type and None not in (self._state_type, other._state_type):
            raise PipelineValueError(
                f"pipeline | pipeline: their state types differ ({self._shape.name} and {other._shape.name}); embed the second with "
                f"its own state: pipeline | subgraph(other, ...)"
            )
        joined = self._again([*self.steps, *other.steps])
        if self._state_type is None and other._state_type is not None:
            joined.state_type = other._state_type
        return joined

    def __lshift__(self, other: Any) -> Pipeline:
        """``pipeline << other``: a new pipeline with a pipeline embedded, or a step added, at its end."""
        return self._again([*self.steps, *step_list(other, "<<")])

    def __rshift__(self, other: Any) -> Pipeline:
        """``pipeline >> other``: first this one, embedded, then the other's steps."""
        if isinstance(other, Pipeline):
            return other._again([*step_list(self, ">>"), *other.steps])
        return Pipeline([*step_list(self, ">>"), *step_list(other, ">>")])

    # ------------------------------------------------------------------ running it
    def enable_debug_tracing(self) -> None:
        """Print what each step does, from the next run on."""
        self._tracing = True

    def disable_debug_tracing(self) -> None:
        """Print nothing more."""
        self._tracing = False

    async def invoke(
        self,
        initial_state: Any = None,
        config: Mapping[str, Any] | None = None,
        thread_id: str | None = None,
        context: Mapping[str, Any] | None = None,
        interrupt_before: list[str] | str | None = None,
        interrupt_after: list[str] | str | None = None,
        include_outputs_from: Iterable[str] | None = None,
        trace_attributes: Mapping[str, Any] | None = None,
        trace_config: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Run it and give the final state.

        Args:
            initial_state: a dict, a model, None to go on with a thread, or an object with ``resume`` to answer it.
            config: values for the steps, and what ``ConfigKeys`` names; ``timeout`` is for the whole run.
            thread_id: which run this is, for a pipeline with a checkpointer.
            context: more values for the steps.
            interrupt_before: names of steps to stop before.
            interrupt_after: names of steps to stop after.
            include_outputs_from: names of steps whose updates are wanted, in ``__step_outputs__``.
            trace_attributes: noted; nothing takes them yet.
            trace_config: noted; nothing takes it yet.

        Raises:
            PipelineRuntimeError: a step failed; the error is one of its own class as well.
            PipelineValueError: something does not fit; nothing was run.
        """
        call = Invocation(
            self,
            config,
            context,
            thread_id,
            names_in(interrupt_before, self.interrupt_before),
            names_in(interrupt_after, self.interrupt_after),
            include_outputs_from,
        )
        call.note_tracing(trace_attributes, trace_config)
        try:
            if self.cache is not None:
                call.refuse_stops()
                return await self._kept(initial_state, config, context, call)
            return await call.run(initial_state)
        except Exception as error:
            made = as_pipeline_error(error)
            if made is error:
                raise
            raise made from error

    async def _kept(self, state: Any, config: Any, context: Any, call: Invocation) -> dict[str, Any]:
        assert self.cache is not None
        given = self._inputs.values(state, "the initial state")
        kwargs = {
            "thread_id": call.thread_id,
            "context": context,
            "include_outputs_from": call.wanted or None,
        }
        found: dict[str, Any] = await through(
            self.cache,
            f"pipeline_{self.name or 'pipeline'}",
            lambda: call.run(state),
            (given, config),
            kwargs,
            default=(self.name, given, call.values, sorted(call.wanted)),
        )
        return found

    # ------------------------------------------------------------------ threads
    def _threads(self, what: str) -> Threads:
        from plait.compat.gllm.pipeline._threads import threads_of

        if self.checkpointer is None:
            raise PipelineValueError(
                f"{what}: this pipeline has no checkpointer; give Pipeline(..., checkpointer=InMemorySaver())"
            )
        return threads_of(self.checkpointer)

    async def get_state(self, thread_id: str) -> Snapshot:
        """The last snapshot of a thread: ``values``, ``next``, ``interrupts``, ``config``."""
        return self._threads("get_state").thread(thread_id).last()

    async def get_state_history(
        self,
        thread_id: str,
        limit: int | None = None,
        history_filter: Mapping[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Snapshot]:
        """The snapshots of a thread, the last one first.

        Args:
            thread_id: the thread.
            limit: how many.
            history_filter: entries that a snapshot's ``metadata`` has.
            before: the ``config`` of a snapshot: only what came before it.

        Raises:
            PipelineValueError: there is no checkpointer, or the limit is no whole number from 1.
        """
        thread = self._threads("get_state_history").thread(thread_id)
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise PipelineValueError(f"get_state_history: limit is {limit!r}; it is a whole number from 1")
        for snapshot in thread.history(limit, history_filter or {}, before):
            yield snapshot

    async def update_state(
        self,
        thread_id: str,
        values: Any,
        as_node: str | None = None,
        task_id: str | None = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        """Change the state of a thread that has stopped; gives the config of the new snapshot.

        Args:
            thread_id: the thread.
            values: what changes.
            as_node: the step that is taken to have written it: the thread goes on after it.
            task_id: not used.
        """
        threads = self._threads("update_state")
        return threads.thread(thread_id).updated(self, self._shape.values(values, "the values"), as_node)

    def fork_from(
        self,
        thread_id: str,
        checkpoint_id: str,
        values: Mapping[str, Any],
        checkpoint_ns: str = "",  # noqa: ARG002
        as_node: str | None = None,
    ) -> dict[str, Any]:
        """Go back to a snapshot with other values; ``invoke(None, config=...)`` with what this gives goes on from there.

        Args:
            thread_id: the thread.
            checkpoint_id: the snapshot, from its ``config``.
            values: what changes.
            checkpoint_ns: not used.
            as_node: as for ``update_state``.
        """
        thread = self._threads("fork_from").thread(thread_id)
        return thread.updated(self, dict(values), as_node, checkpoint_id)

    async def resume(
        self,
        thread_id: str,
        value: Any,
        config: Mapping[str, Any] | None = None,
        context: Mapping[str, Any] | None = None,
        interrupt_before: list[str] | str | None = None,
        interrupt_after: list[str] | str | None = None,
    ) -> dict[str, Any]:
        """Answer the question that a thread waits with, and go on.

        Raises:
            PipelineValueError: there is no checkpointer, or the thread waits for no answer.
        """
        from plait.compat.gllm.pipeline._threads import Answer

        self._threads("resume")
        return await self.invoke(Answer(value), config, thread_id, context, interrupt_before, interrupt_after)

    # ------------------------------------------------------------------ as a tool
    def as_tool(
        self,
        description: str | None = None,
        input_schema: Any = None,
        output_schema: Any = None,
        input_transform: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
        output_transform: Callable[[dict[str, Any]], Any] | None = None,
    ) -> Any:
        """Make a ``gllm_core`` tool of it.

        Args:
            description: what it does.
            input_schema: the tool's own input, with an ``input_transform``; default: ``input``, and ``context`` where the
                pipeline has a context schema.
            output_schema: the keys of the tool's result.
            input_transform: makes ``{"input": ..., "config": ..., "context": ...}`` of the tool's input.
            output_transform: makes the tool's result of the final state.

        Raises:
            MissingExtra: gllm_core is not installed.
            PipelineValueError: the input is not known, or a schema has no transform.
        """
        from plait.compat.gllm.pipeline._tool import tool_of

        return tool_of(self, description, input_schema, output_schema, input_transform, output_transform)

    # ------------------------------------------------------------------ for the translation
    def _paths(self) -> dict[str, None]:
        return paths_of(self.steps)

    def _keys(self) -> tuple[dict[str, None], dict[str, None]]:
        """The keys that it reads and writes, and those of its fallback."""
        return keys_of([*self.steps, *(self.fallback or ())])

    def _build(self, *, path: str, outer: Here, keys: Iterable[str], mapped: bool) -> Native:
        """It, embedded in another pipeline, with a map of its inputs or without."""
        return Native(
            self,
            self.steps,
            path=path,
            left_out=outer.build.left_out.union(
                f"{path}{p}" for p in self._exclusions.get_current_exclusions()
            ),
            keys=keys,
            around=Around(outer.branch, outer.copied),
            watched=outer.build.watched,
            recorded=outer.build.recorded,
            max_turns=outer.build.max_turns,
            outer=not mapped,
        )

    def _native(
        self,
        part: tuple[int, int] | None = None,
        *,
        recorded: frozenset[str] = frozenset(),
        watched: bool = False,
        max_concurrency: int | None = None,
        max_turns: int | None = None,
    ) -> Native:
        """It, translated; kept until it changes.

        Args:
            part: which of its steps, from and to; default: all.
            recorded: the names of blocks whose updates are wanted.
            watched: the updates of all steps are.
            max_concurrency: the most steps at once.
            max_turns: how often a loop may turn.
        """
        left_out = frozenset(self._exclusions.get_current_exclusions())
        key = (part, left_out, recorded, watched, max_concurrency, max_turns)
        found = self._natives.get(key)
        if found is None:
            found = self._natives[key] = Native(
                self,
                self.steps,
                left_out=left_out,
                recorded=recorded,
                watched=watched,
                max_concurrency=max_concurrency,
                max_turns=max_turns,
                part=part,
            )
        return found
