"""A pipeline as a step: ``subgraph``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.compat.gllm._build import walk
from plait.compat.gllm._call import call, nothing
from plait.compat.gllm._run import root_of
from plait.compat.gllm._state import INTERNAL, MISSING
from plait.compat.gllm.exceptions import PipelineTypeError
from plait.compat.gllm.retry import retry_of
from plait.compat.gllm.steps.composite_step import BaseCompositeStep
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep
from plait.compat.gllm.steps.try_catch_step import uncached
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core.flow import Definition, Flow, Subgraph
from plait.core.inputs import Optional
from plait.core.plan.writes import keys_written
from plait.core.step import make_step

if TYPE_CHECKING:
    from plait.compat.gllm._build import Build, Here
    from plait.compat.gllm._call import Scene
    from plait.compat.gllm.pipeline.pipeline import Pipeline


class SubgraphStep(HasInputsMixin, BaseCompositeStep):
    """Runs a pipeline with a state of its own; see ``subgraph``.

    Args:
        name: its name.
        subgraph: the pipeline.
        output_state_map: our key -> its key; a key that it did not write gives None. Left out: every key that it writes
            and that our state type has, if there is one.
        input_map: its key -> ours, or ``Val``. Left out: every key that it reads.
        retry_config: when and how often to try all of it again.
        error_handler: what to do when it has failed for good.
        cache: refused: give the cache to the pipeline's steps.
    """

    _embeds = True

    def __init__(
        self,
        name: str,
        subgraph: Pipeline,
        output_state_map: Mapping[str, str] | None = None,
        input_map: Any = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        from plait.compat.gllm.pipeline.pipeline import Pipeline

        where = f"subgraph {name!r}"
        uncached(cache, where)
        BasePipelineStep.__init__(self, name, retry_config, error_handler)
        HasInputsMixin.__init__(self, input_map)
        if not isinstance(subgraph, Pipeline):
            raise PipelineTypeError(f"{where}: {subgraph!r} is not a Pipeline")
        if output_state_map is not None and not isinstance(output_state_map, Mapping):
            raise PipelineTypeError(
                f"{where}: output_state_map is {output_state_map!r}; it is a dict {{our key: its key}}"
            )
        self.subgraph = subgraph
        self.output_state_map = None if output_state_map is None else dict(output_state_map)
        self._mapped = input_map is not None

    def _branches(self) -> Sequence[tuple[str | None, Sequence[BasePipelineStep]]]:
        return [(None, self.subgraph.steps)]

    def _own_keys(self) -> tuple[Any, Any]:
        known, writes = self.subgraph._keys()  # noqa: SLF001  (its own half)
        reads = set(known)
        if self._mapped:
            reads = {root for spec in self.input_map.values() if (root := root_of(spec)) is not None}
        return reads, writes if self.output_state_map is None else self.output_state_map

    @property
    def input_state_keys(self) -> set[str]:
        """The keys that it reads."""
        return set(self._own_keys()[0])

    @property
    def output_state_keys(self) -> set[str] | None:
        """The keys that it writes."""
        return set(self._own_keys()[1])

    @property
    def _reads_anything(self) -> bool:
        inside = not self._mapped and any(
            step._reads_anything  # noqa: SLF001  (its own half)
            for _, step in walk(self.subgraph.steps)
        )
        return inside or self.error_handler is not None

    def _flow(self, here: Here) -> Flow | None:
        child = self.subgraph
        if child.interrupt_before or child.interrupt_after:
            here.note(f"subgraph {here.name!r}: breakpoints of its own count only where it is invoked itself")
        return self._called(here) if child.cache is not None else self._embedded(here)

    def _called(self, here: Here) -> Flow | None:
        """The pipeline as one step that invokes it: what it gives is kept as a whole."""
        reads, writes = self.subgraph._keys()  # noqa: SLF001  (its own half)
        specs = dict(self.input_map) if self._mapped else dict.fromkeys(reads)
        specs = {name: Optional(name, MISSING) if spec is None else spec for name, spec in specs.items()}
        mapped = self.output_state_map or {key: key for key in writes if self._takes(key, here)}

        async def work(args: dict[str, Any], scene: Scene) -> Any:
            given = {key: value for key, value in args.items() if value is not MISSING}
            made = await self.subgraph.invoke(given, context=scene.run.values)
            return {
                ours: made.get(theirs, None if self.output_state_map else MISSING)
                for ours, theirs in mapped.items()
            }

        return here.leaf(work, specs, list(mapped) or None)

    @staticmethod
    def _takes(key: str, here: Here) -> bool:
        return here.build.declared is None or key in here.build.declared

    def _embedded(self, here: Here) -> Flow | None:
        ours = here.build.keys
        wanted = () if self.output_state_map is None else self.output_state_map.values()
        inner = self.subgraph._build(  # noqa: SLF001
            path=f"{here.path}.",
            outer=here,
            keys=(*wanted, *self.input_map, *(() if self._mapped else ours)),
            mapped=self._mapped,
        )
        definition = inner.definition()
        if definition is None:
            return None
        before: list[Flow] = []
        if self._mapped:
            first, held = here.resolved(self.input_map, strict=False)
            before = [first]
            inputs = tuple((key, Optional(held[key], MISSING)) for key in self.input_map)
        else:
            inputs = tuple((key, Optional(key, MISSING)) for key in self._asked(inner.build, here))
        outputs = self._outputs(definition, here)
        policy, timeout = retry_of(self.retry_config)
        flow = Subgraph(
            definition,
            inputs=inputs,
            outputs=outputs,
            name=here.name,
            timeout=timeout,
            retry=policy,
        )
        return here.grouped([*before, flow, *self._filled(here)])

    def _asked(self, inner: Build, here: Here) -> list[str]:
        """The keys that are handed in without a map: what it reads, or all there are if it reads anything."""
        if not inner.opaque:
            return list(inner.reads)
        beside = here.siblings()
        return [key for key in inner.keys if key in inner.reads or key not in beside]

    def _outputs(self, definition: Definition, here: Here) -> tuple[tuple[str, str], ...]:
        writes = [key for key in keys_written(definition) if not key.startswith(INTERNAL)]
        if self.output_state_map is not None:
            return tuple((key, theirs) for key, theirs in self.output_state_map.items() if theirs in writes)
        return tuple((key, key) for key in writes if self._takes(key, here))

    def _filled(self, here: Here) -> list[Flow]:
        """A step that writes None for mapped keys that the pipeline did not write."""
        if not self.output_state_map:
            return []
        keys = [key for key in self.output_state_map if key not in here.build.reducers]
        if not keys:
            return []

        def work(args: dict[str, Any], scene: Scene) -> Any:  # noqa: ARG001
            return {key: None if scene.values[key] is MISSING else scene.values[key] for key in keys}

        component = call(f"{here.name}_outputs", work, {}, update=nothing)
        return [
            make_step(
                component,
                {key: Optional(key, MISSING) for key in keys},
                keys,
                kind="outputs",
                name=f"{here.name}_outputs",
                executor="inline",
            )
        ]
