"""The base of all steps: subclass it for one of your own, with ``async def execute(self, state, runtime, config=None)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from plait.compat.gllm._state import MISSING
from plait.compat.gllm.exceptions import PipelineTypeError, PipelineValueError
from plait.compat.gllm.retry import check_retry
from plait.core.inputs import Optional
from plait.core.names import listing

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.compat.gllm._call import Scene
    from plait.compat.gllm.pipeline.pipeline import Pipeline
    from plait.compat.gllm.steps.step_error_handler import BaseStepErrorHandler
    from plait.compat.gllm.types import CacheConfig
    from plait.core.flow import Flow


class BasePipelineStep(ABC):
    """A step of a pipeline.

    A subclass that says what it reads and writes (``input_state_keys``, ``output_state_keys``) can stand everywhere. One
    that does not say what it writes can't stand in a branch of ``parallel``.

    Args:
        name: its name.
        retry_config: when and how often to try again.
        error_handler: what to do when it has failed for good.
        cache: where its results are kept.
    """

    _named = True
    """Whether somebody chose the name; others get a number if theirs is taken."""

    _embeds = False
    """Whether its branches are those of another pipeline."""

    _jumps = False
    """Whether it may go on elsewhere in its list."""

    def __init__(
        self,
        name: str,
        retry_config: Any = None,
        error_handler: BaseStepErrorHandler | None = None,
        cache: CacheConfig | None = None,
    ) -> None:
        self.name, self.error_handler = name, error_handler
        where = f"{type(self).__name__} {name!r}"
        self.retry_config = check_retry(retry_config, where)
        if error_handler is not None and not hasattr(error_handler, "_handle"):
            raise PipelineTypeError(
                f"{where}: error_handler is {error_handler!r}; it is a KeepStepErrorHandler(), EmptyStepErrorHandler(keys), "
                f"FallbackStepErrorHandler(function) or a class of your own over BaseStepErrorHandler"
            )
        self.cache = cache
        self.is_excluded = False

    @property
    def input_state_keys(self) -> set[str] | None:
        """The keys that it reads, or None: whatever there is."""
        return None

    @property
    def output_state_keys(self) -> set[str] | None:
        """The keys that it writes, or None: nobody knows."""
        return None

    @property
    def _writes_anything(self) -> bool:
        """Whether it does not say what it writes, and is no block whose steps do."""
        return self.output_state_keys is None and not self._branches()

    @property
    def _reads_anything(self) -> bool:
        """Whether it reads, or its error handler does, whatever there is."""
        return self.input_state_keys is None or self.error_handler is not None

    @property
    def is_cache_enabled(self) -> bool:
        """Whether its results are kept."""
        return self.cache is not None

    @abstractmethod
    async def execute(self, state: dict[str, Any], runtime: Any, config: dict[str, Any] | None = None) -> Any:
        """Do the work and give what is to be written: a dict, or None.

        Args:
            state: the state.
            runtime: ``runtime.context`` has what was given with the run.
            config: the config, with ``config["configurable"]["thread_id"]``.
        """

    def get_mermaid_diagram(self) -> str:
        """A picture of it alone."""
        from plait.compat.gllm.pipeline.pipeline import Pipeline

        return Pipeline([self]).get_mermaid_diagram()

    # ------------------------------------------------------------------ putting together
    def __or__(self, other: Any) -> Pipeline:
        """``step | other``: a pipeline of both."""
        from plait.compat.gllm.pipeline.pipeline import Pipeline

        return Pipeline([self]).__or__(other)

    def __lshift__(self, other: Any) -> Pipeline:
        """``step << other``: a pipeline of the step, then the other, embedded."""
        from plait.compat.gllm.pipeline.pipeline import Pipeline

        return Pipeline([self]).__lshift__(other)

    def __rshift__(self, other: Any) -> Pipeline:
        """``step >> other``: first the step, then the other."""
        from plait.compat.gllm.pipeline.pipeline import Pipeline

        return Pipeline([self]).__rshift__(other)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    # ------------------------------------------------------------------ for the translation
    def _flow(self, here: Here) -> Flow | None:
        """What it is natively; None if there is nothing to do."""
        reads, writes = self.input_state_keys, self.output_state_keys
        keys = None if writes is None else sorted(writes)
        kept = [key for key in keys or () if key not in here.build.reducers]

        async def work(args: dict[str, Any], scene: Scene) -> Any:
            state = scene.state() if reads is None else {k: v for k, v in args.items() if v is not MISSING}
            made = await self.execute(state, scene.run.runtime, scene.run.options)
            if keys is None:
                return made
            update = dict(made or {})
            foreign = [key for key in update if key not in keys]
            if foreign:
                raise PipelineValueError(
                    f"step {here.name!r} wrote {listing(foreign)}, and its output_state_keys are {listing(keys) if keys else 'none'}"
                )
            before = {key: scene.values.get(key, MISSING) for key in kept}
            return {key: update.get(key, before.get(key, MISSING)) for key in keys}

        specs = {} if reads is None else {key: Optional(key, MISSING) for key in sorted(reads)}
        return here.leaf(work, specs, keys or None, opaque=reads is None, wide=keys is None, also=kept)

    def _branches(self) -> Sequence[tuple[str | None, Sequence[BasePipelineStep]]]:
        """The steps inside, branch by branch, each with the branch's part of a path (None: it has none)."""
        return ()

    def _told(self) -> Sequence[str] | None:
        """The keys to write down of it, where it is a block; None: its component does that."""
        return self._written() if self._branches() else None

    def _written(self) -> Sequence[str]:
        """The keys that it writes, its steps included, as far as they are known."""
        inside = (
            ()
            if self._embeds
            else [key for _, steps in self._branches() for s in steps for key in s._written()]  # noqa: SLF001
        )
        return list(dict.fromkeys([*self._own_keys()[1], *inside]))

    def _own_keys(self) -> tuple[Iterable[str], Iterable[str]]:
        """The keys that it reads and writes itself, as far as they are known."""
        return self.input_state_keys or (), self.output_state_keys or ()


S = TypeVar("S", bound=BasePipelineStep)


def made(step: S, name: str | None) -> S:
    """A step of which nobody need have chosen the name."""
    step._named = name is not None  # noqa: SLF001
    return step


def step_list(branch: Any, where: str) -> list[BasePipelineStep]:
    """The steps of a branch: of a step, a pipeline, or a list of them.

    Raises:
        PipelineTypeError: for anything else.
    """
    from plait.compat.gllm.pipeline.pipeline import Pipeline

    if isinstance(branch, (list, tuple)):
        return [part for item in branch for part in step_list(item, where)]
    if isinstance(branch, BasePipelineStep):
        return [branch]
    if isinstance(branch, Pipeline):
        from plait.compat.gllm.steps.subgraph_step import SubgraphStep

        made = SubgraphStep(branch.name or "pipeline", branch)
        made._named = False  # noqa: SLF001
        return [made]
    what = getattr(branch, "__name__", None) or repr(branch)
    hint = f"; write step({what}, ...)" if callable(branch) or hasattr(branch, "run") else ""
    raise PipelineTypeError(f"{where}: {what} is not a pipeline step{hint}")
