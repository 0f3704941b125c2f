"""The translation of a compat pipeline into a native one.

A step knows what it is natively (``_flow``); this knows the names, what is left out, and which keys there are.

    Names   the name of each step: the same in every process
    Build   one pipeline (or embedded pipeline) on its way
    Here    a place in it: what a step needs to make its flow
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from plait.compat.gllm._cache import cached
from plait.compat.gllm._call import Scene, Work, call, error_of, everything, kept, nothing, written
from plait.compat.gllm._run import Spec, look_up, root_of
from plait.compat.gllm._state import INTERNAL, MISSING, REST
from plait.compat.gllm.exceptions import PipelineRuntimeError, PipelineValueError
from plait.compat.gllm.retry import retry_of, translators_of
from plait.compat.gllm.utils.error_handling import ErrorContext
from plait.core.control import ERROR_KEY, Try
from plait.core.flow import Chain, Flow, Parallel
from plait.core.inputs import Optional
from plait.core.names import listing
from plait.core.policy import Retry
from plait.core.step import Step, make_step

if TYPE_CHECKING:
    from plait.compat.gllm.steps.pipeline_step import BasePipelineStep

Place = tuple[int, ...]
_branches = itertools.count(1)


def walk(steps: Iterable[BasePipelineStep], place: Place = ()) -> Iterator[tuple[Place, BasePipelineStep]]:
    """All steps of a pipeline with their places; embedded pipelines are not opened."""
    for i, step in enumerate(steps):
        yield (*place, i), step
        if not step._embeds:  # noqa: SLF001  (its own half)
            for b, (_, inside) in enumerate(step._branches()):  # noqa: SLF001
                yield from walk(inside, (*place, i, b))


def names_of(steps: Iterable[BasePipelineStep]) -> dict[Place, str]:
    """The names of a pipeline's steps: chosen ones stay, the others get a number where theirs is taken."""
    everyone = list(walk(steps))
    chosen = {step.name for _, step in everyone if step._named}  # noqa: SLF001
    used: set[str] = set()
    met: set[int] = set()
    numbers: dict[str, int] = {}
    out: dict[Place, str] = {}
    for place, step in everyone:
        name = step.name
        if not step._named or id(step) in met:  # noqa: SLF001
            number = numbers.get(name, 1)
            name = name if number == 1 else f"{step.name}_{number}"
            while name in used or name in chosen:
                number += 1
                name = f"{step.name}_{number}"
            numbers[step.name] = number
        met.add(id(step))
        used.add(name)
        out[place] = name
    return out


def paths_of(steps: Sequence[BasePipelineStep], start: str = "") -> dict[str, None]:
    """The dotted paths of all that can be left out."""
    names = names_of(steps)
    out: dict[str, None] = {}

    def go(items: Sequence[BasePipelineStep], place: Place, path: str) -> None:
        for i, step in enumerate(items):
            here = f"{path}{names[*place, i]}"
            out[here] = None
            for b, (key, inside) in enumerate(step._branches()):  # noqa: SLF001
                below = here if key is None else f"{here}.{key}"
                out[below] = None
                if step._embeds:  # noqa: SLF001
                    out.update(paths_of(inside, f"{below}."))
                else:
                    go(inside, (*place, i, b), f"{below}.")

    go(steps, (), start)
    return out


class Around(NamedTuple):
    """What surrounds a list of steps.

    Attributes:
        branch: the branches of blocks that it stands in, outermost first.
        copied: the keys of which its steps get deep copies.
        blocks: the blocks, each with the number of the branch.
    """

    branch: Place = ()
    copied: frozenset[str] = frozenset()
    blocks: tuple[tuple[BasePipelineStep, int], ...] = ()


class Build:
    """One pipeline on its way.

    Args:
        steps: its steps.
        path: where it is embedded: a dotted path with a dot at the end, or nothing.
        left_out: the paths that are left out.
        keys: keys that it may have besides those that its steps name.
        declared: the keys of its state type, or None.
        reducers: the keys that merge.
        recorded: the names of blocks whose updates are wanted.
        watched: the updates of all of them are.
        max_turns: how often a loop may turn, or None.
        around: what surrounds it.
        outer: it is embedded without a map of its inputs.
    """

    def __init__(
        self,
        steps: Sequence[BasePipelineStep],
        *,
        path: str = "",
        left_out: frozenset[str] = frozenset(),
        keys: Iterable[str] = (),
        declared: frozenset[str] | None = None,
        reducers: Iterable[str] = (),
        recorded: frozenset[str] = frozenset(),
        watched: bool = False,
        max_turns: int | None = None,
        around: Around = Around(),  # noqa: B008  (a value)
        outer: bool = False,
    ) -> None:
        self.outer = outer
        self.steps, self.path, self.left_out, self.recorded = tuple(steps), path, left_out, recorded
        self.declared, self.max_turns, self.around, self.watched = declared, max_turns, around, watched
        self.notes: list[str] = []
        self.names = names_of(steps)
        self.reducers = frozenset(reducers)
        reads, writes = keys_of(steps)
        self.reads, self.writes = tuple(reads), tuple(writes)
        self.keys = tuple(dict.fromkeys([*reads, *writes, *(declared or ()), *keys]))
        self.opaque = any(step._reads_anything for _, step in walk(steps))  # noqa: SLF001

    def body(self, first: int, last: int) -> list[Flow]:
        """The native parts of its steps from one to another."""
        return self.parts(self.steps[:last], (), self.path, self.around, first)

    def parts(
        self, steps: Sequence[BasePipelineStep], place: Place, path: str, around: Around, first: int = 0
    ) -> list[Flow]:
        """The native parts of a list of steps."""
        jumps = any(step._jumps for step in steps[first:])  # noqa: SLF001
        out: list[Flow] = []
        for i, step in enumerate(steps[first:], first):
            name = self.names[*place, i]
            if f"{path}{name}" not in self.left_out:
                out += Here(self, step, name, (*place, i), f"{path}{name}", around, jumps=jumps).made()
        return out


class Here:
    """A place in a pipeline that is being translated."""

    def __init__(
        self,
        build: Build,
        step: BasePipelineStep,
        name: str,
        place: Place,
        path: str,
        around: Around,
        *,
        jumps: bool,
    ) -> None:
        self.build, self.step, self.name, self.place, self.path = build, step, name, place, path
        self.around, self.jumps = around, jumps
        self.branch, self.copied = around.branch, around.copied

    def made(self) -> list[Flow]:
        """What the step is natively, with its error handler."""
        flow = self.step._flow(self)  # noqa: SLF001
        if flow is None:
            return []
        if self.step.error_handler is not None:
            flow = self._handled(flow)
        keys = self.step._told()  # noqa: SLF001
        if keys is not None and (self.name in self.build.recorded or self.build.watched):
            flow = self.grouped([flow, self._tell(keys)])
        return [flow]

    # ------------------------------------------------------------------ branches
    def left_out(self, key: str) -> bool:
        """Whether the branch of this name is left out."""
        return f"{self.path}.{key}" in self.build.left_out

    def inside(self, number: int, around: Around | None = None) -> list[Flow]:
        """The native parts of a branch; what surrounds it is what surrounds the step, unless said otherwise."""
        key, steps = self.step._branches()[number]  # noqa: SLF001
        path = self.path if key is None else f"{self.path}.{key}"
        return self.build.parts(steps, (*self.place, number), f"{path}.", around or self.around)

    def apart(self, number: int, copied: frozenset[str] | None) -> list[Flow]:
        """The native parts of a branch that runs beside others."""
        around = Around(
            (*self.branch, next(_branches)),
            self.copied if copied is None else copied,
            (*self.around.blocks, (self.step, number)),
        )
        return self.inside(number, around)

    def siblings(self) -> set[str]:
        """The keys that branches beside it write."""
        return {
            key
            for block, number in self.around.blocks
            for i, (_, steps) in enumerate(block._branches())  # noqa: SLF001
            if i != number
            for key in keys_of(steps)[1]
        }

    @property
    def beside_others(self) -> bool:
        """Whether it stands in a branch of a block of its pipeline."""
        return self.branch != self.build.around.branch

    # ------------------------------------------------------------------ steps
    def leaf(
        self,
        work: Work,
        specs: dict[str, Spec],
        output: str | list[str] | None,
        *,
        opaque: bool = False,
        inline: bool = False,
        wide: bool = False,
        kind: str = "step",
        name: str | None = None,
        retry: bool = True,
        calls: str | None = None,
        also: Iterable[str] = (),
    ) -> Step[..., Any]:
        """A native step.

        Args:
            work: what it does.
            specs: what its arguments are bound to.
            output: the key, or keys, that it writes.
            opaque: it reads the whole state.
            inline: it does not block and does not wait.
            wide: it writes nobody knows what.
            kind: its native kind.
            name: its native name; default: the step's.
            retry: it is what is tried again.
            calls: the name of what it calls, for pictures.
            also: keys that it reads besides.
        """
        name = name or self.name
        if wide and self.beside_others:
            raise PipelineValueError(
                f"step {self.name!r} stands in a parallel block and does not say what it writes: give its class a property "
                f"output_state_keys that returns the set of its keys"
            )
        keys = self.build.keys
        component = call(
            name,
            work if self.step.cache is None or not retry else cached(self.step.cache, f"step_{name}", work),
            specs,
            update=everything(keys, self.build.reducers) if wide else written(output),
            branch=self.branch,
            copied=self.copied,
            translate=translators_of(self.step.retry_config) if retry else (),
            whole=wide,
            name=calls,
            quiet=kind == "condition",
            outer=self.build.outer,
        )
        outputs: Any = [*keys, REST] if wide else output
        policy, timeout = retry_of(self.step.retry_config) if retry else (None, None)
        return make_step(
            component,
            None if opaque or wide else {**self.inputs(specs), **{k: Optional(k, MISSING) for k in also}},
            outputs,
            kind=kind,
            name=name,
            retry=policy,
            timeout=timeout,
            executor="inline" if inline else None,
        )

    @staticmethod
    def inputs(specs: dict[str, Spec]) -> dict[str, Any]:
        """What a native step reads for these arguments: the keys, each under its own name."""
        roots = dict.fromkeys(root for spec in specs.values() if (root := root_of(spec)) is not None)
        return {root: Optional(root, MISSING) for root in roots}

    def resolved(self, specs: dict[str, Spec], *, strict: bool = True) -> tuple[Flow, dict[str, str]]:
        """A step that looks inputs up for others, and the key that it writes for each.

        Args:
            specs: what the arguments are bound to.
            strict: what is missing is an error; otherwise it is handed on as ``MISSING``.
        """
        keys = {argument: f"{INTERNAL}{self.name}:{argument}" for argument in specs}

        def work(args: dict[str, Any], scene: Scene) -> Any:
            if strict:
                return args
            return {name: look_up(spec, scene.values, scene.run.values) for name, spec in specs.items()}

        asked = specs if strict else {}
        component = call(f"{self.name}_inputs", work, asked, update=nothing, branch=self.branch, quiet=True)
        step = make_step(
            component,
            self.inputs(specs),
            {key: argument for argument, key in keys.items()},
            kind="inputs",
            name=f"{self.name}_inputs",
            executor="inline",
        )
        return step, keys

    def note(self, text: str) -> None:
        """Say something about the pipeline that is no error."""
        if text not in self.build.notes:
            self.build.notes.append(text)

    # ------------------------------------------------------------------ around it
    def grouped(self, parts: Sequence[Flow]) -> Flow:
        """Several parts that count as one: a jump to the step begins at the first."""
        if len(parts) == 1:
            return parts[0]
        return self._block(Chain(tuple(parts))) if self.jumps else Chain(tuple(parts))

    def retried(self, flow: Flow) -> Flow:
        """A block that is tried again as a whole."""
        policy, timeout = retry_of(self.step.retry_config)
        if policy is None and timeout is None:
            return flow
        return self._block(Chain((flow,)), policy, timeout)

    def _block(self, chain: Chain, retry: Retry | None = None, timeout: float | None = None) -> Parallel:
        return Parallel(
            ((None, chain),),
            name=self.name if self.jumps else None,
            need="all",
            on_error="cancel",
            max_concurrency=None,
            timeout=timeout,
            retry=retry,
        )

    def _handled(self, flow: Flow) -> Flow:
        handler: Any = self.step.error_handler
        if handler._raises:  # noqa: SLF001  (its own half)
            return flow
        fixed: tuple[str, ...] | None = handler._keys  # noqa: SLF001
        limited = fixed is None and self.beside_others
        own = tuple(keys_of([self.step])[1])
        keys = fixed if fixed is not None else own if limited else self.build.keys
        where, kind = self.name, type(self.step).__name__
        reducers = self.build.reducers

        def work(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
            error = error_of(scene)
            state = {key: value for key, value in scene.state().items() if key != ERROR_KEY}
            context = ErrorContext(error, where, kind, state, "execution")
            return handler.handle(error, state, scene.run.runtime, context)

        def update(result: Any, scene: Scene) -> dict[str, Any]:
            made = dict(result or {})
            if fixed is None and not limited:
                return everything(keys, reducers)(made, scene)
            foreign = [key for key in made if key not in keys]
            if foreign:
                raise PipelineRuntimeError(
                    f"the error handler of step {where!r} wrote {listing(foreign)}, and in a parallel block it may write only "
                    f"what the step writes: {listing(keys) if keys else 'nothing'}"
                )
            return kept(keys, reducers, made, scene)

        component = call(
            f"{where}_error_handler",
            work,
            {},
            update=update,
            branch=self.branch,
            whole=True,
            outer=self.build.outer,
        )
        outputs = [*keys] if fixed is not None or limited else [*keys, REST]
        step = make_step(
            component,
            None,
            outputs or None,
            kind="handler",
            name=f"{where}_error_handler",
            effect=False,
        )
        name = where if self.jumps else None
        return Try(Chain((flow,)), Chain((step,)), catch=(Exception,), error_state=None, name=name)

    def _tell(self, keys: Sequence[str]) -> Flow:
        """A step that writes down what a block wrote, for those who watch."""
        where = self.name

        def work(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
            scene.run.finished(where, {key: scene.values.get(key, MISSING) for key in keys}, 0.0)

        component = call(f"{where}_told", work, {}, update=nothing, quiet=True)
        inputs = {key: Optional(key, MISSING) for key in keys}
        return make_step(
            component, inputs, None, kind="record", name=f"{where}_told", effect=False, executor="inline"
        )


def keys_of(steps: Iterable[BasePipelineStep]) -> tuple[dict[str, None], dict[str, None]]:
    """The keys that steps read and write, as far as they are known, handlers included."""
    reads: dict[str, None] = {}
    writes: dict[str, None] = {}
    for _, step in walk(steps):
        own_reads, own_writes = step._own_keys()  # noqa: SLF001
        reads.update(dict.fromkeys(own_reads))
        writes.update(dict.fromkeys(own_writes))
        if step.error_handler is not None:
            writes.update(dict.fromkeys(step.error_handler._keys or ()))  # noqa: SLF001
    return reads, writes
