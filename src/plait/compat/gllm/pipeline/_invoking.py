"""One call of ``invoke``: what its arguments mean, and the run."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from plait.compat.gllm._build import names_of, walk
from plait.compat.gllm._native import TARGET, Native
from plait.compat.gllm._run import Run
from plait.compat.gllm._state import INTERNAL, RUN, isolated, visible
from plait.compat.gllm.constants import ConfigKeys, InternalKeys
from plait.compat.gllm.exceptions import PipelineKeyError, PipelineTypeError, PipelineValueError
from plait.compat.gllm.steps.goto_step import GoToStep
from plait.compat.gllm.steps.interrupt_step import InterruptStep
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.core.control import END
from plait.core.names import did_you_mean

if TYPE_CHECKING:
    from plait.compat.gllm.pipeline.pipeline import Pipeline

KEPT = frozenset(value for name, value in vars(ConfigKeys).items() if not name.startswith("_"))
LOGGER = logging.getLogger("plait.compat.gllm")


def names_in(given: Iterable[str] | str | None, default: Iterable[str] | str | None) -> tuple[str, ...]:
    """The names of breakpoints."""
    found = default if given is None else given
    return () if found is None else (found,) if isinstance(found, str) else tuple(found)


def everyone(steps: Iterable[BasePipelineStep]) -> list[BasePipelineStep]:
    """All steps, embedded pipelines included."""
    out: list[BasePipelineStep] = []
    for _, step in walk(steps):
        out.append(step)
        if step._embeds:  # noqa: SLF001  (its own half)
            for _, inside in step._branches():  # noqa: SLF001
                out += everyone(inside)
    return out


def all_names(steps: Iterable[BasePipelineStep]) -> dict[str, None]:
    """The names of all steps, embedded pipelines included."""
    given = list(steps)
    out = dict.fromkeys(names_of(given).values())
    for _, step in walk(given):
        if step._embeds:  # noqa: SLF001
            for _, inside in step._branches():  # noqa: SLF001
                out.update(all_names(inside))
    return out


class Invocation:
    """One call of ``invoke``.

    Attributes:
        values: what the steps find besides the state.
        options: the config as custom steps get it.
        wanted: names of steps whose updates are wanted.
        before: names of steps to stop before.
        after: names of steps to stop after.

    Raises:
        PipelineValueError: something does not fit.
        PipelineKeyError: an unknown name among those whose updates are wanted.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        config: Mapping[str, Any] | None,
        context: Mapping[str, Any] | None,
        thread_id: str | None,
        before: tuple[str, ...],
        after: tuple[str, ...],
        wanted: Iterable[str] | None,
    ) -> None:
        self.pipeline, self.before, self.after = pipeline, before, after
        for name, given in (("config", config), ("context", context)):
            if given is not None and not isinstance(given, Mapping):
                raise PipelineTypeError(f"invoke: {name} is {given!r}; it is a dict")
        settings = dict(config or {})
        ours = [key for key in settings if str(key).startswith("langgraph_")]
        if ours:
            raise PipelineValueError(
                f"invoke: config can't have {ours[0]!r}: names with langgraph_ are taken; rename it"
            )
        configurable = dict(settings.get(ConfigKeys.CONFIGURABLE) or {})
        self.checkpoint: str | None = configurable.get("checkpoint_id")
        free = {key: value for key, value in settings.items() if key not in KEPT}
        self.values = {**free, **(context or {})}
        self.thread_id: str | None = (
            thread_id or settings.get(ConfigKeys.THREAD_ID) or configurable.get(ConfigKeys.THREAD_ID)
        )
        self.logging = bool(settings.get(ConfigKeys.DEBUG_STATE))
        self.max_concurrency: int | None = settings.get(ConfigKeys.MAX_CONCURRENCY)
        limit = settings.get(ConfigKeys.RECURSION_LIMIT)
        self.max_turns: int | None = limit or (
            pipeline.recursion_limit if pipeline.recursion_limit != 30 else None
        )
        self.options = {
            **{key: value for key, value in settings.items() if key in KEPT},
            ConfigKeys.CONFIGURABLE: {**free, **configurable, ConfigKeys.THREAD_ID: self.thread_id},
        }
        self.deadline = self._whole_run(free)
        self.wanted = frozenset(wanted or ())
        self.logs: list[dict[str, Any]] = []
        self._check_names()

    def _whole_run(self, free: Mapping[str, Any]) -> float | None:
        """The timeout for the whole run, if ``config`` has one that is for no step."""
        read = self.pipeline._keys()[0]  # noqa: SLF001  (its own half)
        if "max_retries" in free and "max_retries" not in read:
            raise PipelineValueError(
                "invoke: config has 'max_retries', which no step reads, and nothing is tried again because of it; give the steps "
                "retry_config=RetryConfig(max_retries=...)"
            )
        timeout = free.get("timeout")
        if timeout is None or "timeout" in read:
            return None
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout <= 0:
            raise PipelineValueError(
                f"invoke: config has timeout={timeout!r}; it is seconds for the whole run"
            )
        return float(timeout)

    def _check_names(self) -> None:
        stops = any(isinstance(step, InterruptStep) for step in everyone(self.pipeline.steps))
        if not (self.wanted or self.before or self.after or stops):
            return
        known = all_names([*self.pipeline.steps, *(self.pipeline.fallback or ())])
        for name in self.wanted:
            if name not in known:
                raise PipelineKeyError(
                    f"include_outputs_from: no step is named {name!r}{did_you_mean(name, known)}"
                )
        for name in (*self.before, *self.after):
            if name not in known and name != "*":
                raise PipelineValueError(
                    f"no step is named {name!r}, to stop there{did_you_mean(name, known)}"
                )
        if (self.before or self.after or stops) and self.pipeline.checkpointer is None:
            what = "a breakpoint" if self.before or self.after else "an interrupt"
            raise PipelineValueError(
                f"the pipeline has {what} and no checkpointer, so a run that stops there could never go on; give "
                f"Pipeline(..., checkpointer=InMemorySaver())"
            )

    def refuse_stops(self) -> None:
        """Refuse what can't be together with a cache of the whole pipeline."""
        if self.before or self.after:
            raise PipelineValueError(
                "a result that stops on the way can't be kept; leave the breakpoints or the pipeline's cache out"
            )

    @staticmethod
    def note_tracing(attributes: Any, config: Any) -> None:
        """Say that nothing takes these yet."""
        if attributes or config:
            LOGGER.info("trace_attributes and trace_config are noted; nothing takes them yet")

    # ------------------------------------------------------------------ running
    async def run(self, state: Any) -> dict[str, Any]:
        """Run the pipeline, or go on with a thread."""
        if self.pipeline.checkpointer is not None:
            from plait.compat.gllm.pipeline._threads import threads_of

            self.thread_id = self.thread_id or str(uuid.uuid4())
            self.options[ConfigKeys.CONFIGURABLE][ConfigKeys.THREAD_ID] = self.thread_id
            thread = threads_of(self.pipeline.checkpointer).thread(self.thread_id)
            return self.result(await thread.go(self, state))
        if hasattr(state, "resume") and not isinstance(state, Mapping):
            raise PipelineValueError(
                "invoke: there is nothing to resume without a checkpointer; give Pipeline(..., checkpointer=InMemorySaver())"
            )
        given = self.pipeline._inputs.values(state, "invoke: the initial state")  # noqa: SLF001
        run = self.new_run(given)
        native = self.native()
        raw, paused = await self.execute(native, self.pipeline._shape.filled(given), run)  # noqa: SLF001
        if paused is not None:
            raise PipelineValueError(
                f"the run waits at {paused.pauses[0].path!r}, and could never go on without a checkpointer; give "
                f"Pipeline(..., checkpointer=InMemorySaver())"
            )
        return self.result(raw, run)

    def native(self, part: tuple[int, int] | None = None) -> Native:
        """The pipeline, or a part of it, translated for this call."""
        watched = self.logging or self.pipeline._tracing  # noqa: SLF001
        return self.pipeline._native(  # noqa: SLF001
            part,
            recorded=self.wanted,
            watched=watched,
            max_concurrency=self.max_concurrency,
            max_turns=self.max_turns,
        )

    def new_run(self, state: Mapping[str, Any]) -> Run:
        """What the steps of this call carry along."""
        watching = self.watch if self.logging or self.pipeline._tracing else None  # noqa: SLF001
        return Run(
            self.values,
            options=self.options,
            state=visible(state),
            extras={},
            wanted=self.wanted,
            watching=watching,
        )

    async def execute(
        self, native: Native, values: Mapping[str, Any], run: Run, *, stops: bool = False
    ) -> tuple[dict[str, Any], Any]:
        """Run the native pipeline; gives its whole state, our own keys included, and its result if it is paused.

        Args:
            native: the pipeline.
            values: the state that it begins with.
            run: what its steps carry along.
            stops: breakpoints count.
        """
        inputs, extras = native.split(isolated(dict(values), {}))
        run.extras = extras
        pausing: dict[str, Any] = {}
        if stops and (self.before or self.after):
            pausing = {
                "interrupt_before": native.paths_of(self.before),
                "interrupt_after": native.paths_of(self.after),
            }
        result = await native.pipeline.arun(
            inputs, config={**self.values, RUN: run}, deadline=self.deadline, **pausing
        )
        return {**extras, **result.state}, result if result.pauses else None

    async def resumed(self, paused: Any, run: Run, answer: Any) -> tuple[dict[str, Any], Any]:
        """Go on with a paused native run; as for ``execute``."""
        wanting = [pause for pause in paused.pauses if pause.wants_answer]
        if len(wanting) == 1 and not (isinstance(answer, Mapping) and wanting[0].token in answer):
            answer = {wanting[0].id: answer}
        result = await (paused.aresume(answer) if wanting else paused.aresume())
        return {**run.extras, **result.state}, result if result.pauses else None

    async def target(self, at: int, values: Mapping[str, Any], run: Run) -> str:
        """Where the goto at this place goes on."""
        native = self.native((at, at + 1))
        raw, _ = await self.execute(native.target(), values, run)
        return str(raw[TARGET])

    def result(self, raw: Mapping[str, Any], run: Run | None = None) -> dict[str, Any]:
        """What ``invoke`` gives, of a whole state."""
        pipeline = self.pipeline
        final = pipeline._shape.validated(visible(raw))  # noqa: SLF001
        for step in everyone(pipeline.steps):
            if isinstance(step, GoToStep) and final.get(step.output_state or "") == END:
                final[str(step.output_state)] = "END"  # as it was given
        interrupted = raw.get(f"{INTERNAL}interrupts")
        kept = pipeline._outputs.keys  # noqa: SLF001
        if kept is not None:
            final = {key: value for key, value in final.items() if key in kept}
        if run is not None:
            self.outputs = run.outputs
        if self.wanted:
            final[InternalKeys.STEP_OUTPUTS] = {name: made for name, made in self.outputs.items() if made}
        if self.logging:
            final[InternalKeys.STATE_LOGS] = self.logs
        if interrupted:
            final[InternalKeys.INTERRUPT] = list(interrupted)
        return final

    outputs: dict[str, list[dict[str, Any] | None]] = {}  # noqa: RUF012  (replaced, never changed)

    def watch(self, name: str, before: dict[str, Any], update: dict[str, Any], seconds: float) -> None:
        """A step has ended: tell those who want to know."""
        if self.pipeline._tracing:  # noqa: SLF001
            after = {**before, **update}
            print(f"[{name}] state_before={before} state_after={after} duration={seconds * 1000:.0f}ms")  # noqa: T201
        if self.logging:
            now = dt.datetime.now(dt.UTC).isoformat()
            number = len(self.logs) // 2 + 1
            for kind, payload in (
                ("task", {"name": name, "input": before}),
                ("task_result", {"name": name, "error": None, "result": update, "interrupts": []}),
            ):
                self.logs.append({"step": number, "timestamp": now, "type": kind, "payload": payload})
