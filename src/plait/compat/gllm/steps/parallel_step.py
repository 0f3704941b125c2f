"""Branches side by side: ``parallel``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from plait.compat.gllm._run import root_of
from plait.compat.gllm._state import MISSING
from plait.compat.gllm.exceptions import PipelineTypeError, PipelineValueError
from plait.compat.gllm.retry import retry_of
from plait.compat.gllm.steps.branching_step import BranchingStep
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep, step_list
from plait.compat.gllm.steps.try_catch_step import uncached
from plait.compat.gllm.utils.has_inputs_mixin import HasInputsMixin
from plait.core import flow as native
from plait.core.flow import Definition, Subgraph
from plait.core.inputs import Optional
from plait.core.schema import Schema

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.core.flow import Flow


class ParallelStep(HasInputsMixin, BranchingStep):
    """Runs branches side by side; see ``parallel``.

    Args:
        name: its name.
        branches: a list of branches, or a dict that names them.
        input_states: keys that the branches' steps read; others are there as well.
        squash: changes nothing.
        input_map: the keys of the branches' own state, and what each is bound to.
        retry_config: when and how often to try all of it again.
        error_handler: what to do when it has failed for good.
        cache: refused: give a cache to the steps inside.
        copy_keys: keys of which each step in a branch gets deep copies. Lists, dicts and sets are a branch's own anyway.
        max_concurrency: the most steps of the block at once.
    """

    def __init__(
        self,
        name: str,
        branches: Any,
        input_states: list[str] | None = None,
        squash: bool | None = None,
        input_map: Any = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
        copy_keys: Iterable[str] | None = None,
        max_concurrency: int | None = None,
    ) -> None:
        where = f"parallel {name!r}"
        uncached(cache, where)
        BasePipelineStep.__init__(self, name, retry_config, error_handler)
        HasInputsMixin.__init__(self, input_map)
        if max_concurrency is not None and (
            isinstance(max_concurrency, bool) or not isinstance(max_concurrency, int) or max_concurrency < 1
        ):
            raise PipelineValueError(
                f"{where}: max_concurrency is {max_concurrency!r}; it is a whole number from 1"
            )
        if not isinstance(branches, (Mapping, list, tuple)):
            raise PipelineTypeError(
                f"{where}: branches is {type(branches).__name__}; it is a list, or a dict that names them"
            )
        named = isinstance(branches, Mapping)
        given = branches if isinstance(branches, Mapping) else dict(enumerate(branches))
        self.branches: dict[str, Any] = {str(key): branch for key, branch in given.items()}
        self._lists = [(key, step_list(branch, f"{where}[{key!r}]")) for key, branch in self.branches.items()]
        self._branch_names = named
        self.squash, self.input_states = squash, input_states
        self.copy_keys = None if copy_keys is None else frozenset(copy_keys)
        self.max_concurrency = max_concurrency
        self._mapped = input_map is not None

    def _branches(self) -> Sequence[tuple[str | None, Sequence[BasePipelineStep]]]:
        return self._lists

    @property
    def input_state_keys(self) -> set[str] | None:
        """The keys that it reads itself."""
        return {root for spec in self.input_map.values() if (root := root_of(spec)) is not None}

    def _own_keys(self) -> tuple[Any, Any]:
        return [*self.input_state_keys, *self.input_map], ()  # type: ignore[misc]  # it is never None here

    def _flow(self, here: Here) -> Flow | None:
        if self.squash is not None:
            here.note(f"parallel {here.name!r}: squash={self.squash!r} changes nothing; leave it out")
        branches: list[tuple[str, list[Any]]] = []
        for number, (key, _) in enumerate(self._lists):
            flows = [] if here.left_out(key) else here.apart(number, self.copy_keys)
            if flows:
                branches.append((key, flows))
        if not branches:
            return None
        policy, timeout = retry_of(self.retry_config)
        given: Any = dict(branches) if self._branch_names else [flows for _, flows in branches]
        block = native.parallel(
            given,
            name=here.name,
            max_concurrency=self.max_concurrency,
            retry=policy,
            timeout=timeout,
        )
        return self._scoped(block, here) if self._mapped else block

    def _scoped(self, block: Flow, here: Here) -> Flow:
        """The block with a state of its own, of what is mapped."""
        from plait.compat.gllm._build import keys_of

        first, held = here.resolved(self.input_map)
        writes = keys_of([self])[1]
        definition = Definition(
            (block,),
            order="listed",
            schema=Schema(None, "none", {}),
            schema_in=Schema(None, "none", {}),
            name=here.name,
            max_concurrency=None,
        )
        inside = Subgraph(
            definition,
            inputs=tuple((key, Optional(held[key], MISSING)) for key in self.input_map),
            outputs=tuple((key, key) for key in writes),
            name=f"{here.name}_block",
            timeout=None,
            retry=None,
        )
        return here.grouped([first, inside])
