"""Definitions with other components in them, for tests. The tree is copied where it changes, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph
from plait.core.names import did_you_mean
from plait.core.plan.naming import Names, branch_members, is_single, members
from plait.core.step import Step
from plait.errors import DefinitionError


def replace_components(
    definition: Definition, replacements: Mapping[str, Any], paths: list[str]
) -> Definition:
    """The definition with the components at these paths exchanged; names and paths stay what they were.

    Raises:
        DefinitionError: for a path that no step has.
    """
    for path in replacements:
        if path not in paths:
            raise DefinitionError(
                f"with_components: no step has the path {path!r}{did_you_mean(path, paths)}"
            )
    return _Rewrite(replacements).definition(definition, "")


class _Rewrite:
    def __init__(self, replacements: Mapping[str, Any]) -> None:
        self.replacements = replacements

    def definition(self, old: Definition, path: str) -> Definition:
        names = Names(old.body, path)
        body = tuple(self._flow(part, names) for part in old.body)
        return Definition(
            body,
            order=old.order,
            schema=old.schema,
            schema_in=old.schema_in,
            name=old.name,
            max_concurrency=old.max_concurrency,
        )

    def _flow(self, flow: Flow, names: Names) -> Flow:
        if isinstance(flow, Step):
            path = names.take()
            # The default name comes from the component, so the old one is pinned: paths must not change.
            chosen = path.rpartition("/")[2]
            if path in self.replacements:
                return flow.replace(component=self.replacements[path], name=chosen)
            return flow if flow.name is not None else flow.replace(name=chosen)
        if isinstance(flow, Chain):
            return Chain(tuple(self._flow(part, names) for part in flow.parts))
        if isinstance(flow, Dataflow):
            inner = Names(flow.parts, names.take()) if flow.name is not None else names
            parts = tuple(self._flow(part, inner) for part in flow.parts)
            return Dataflow(
                parts,
                name=flow.name,
                max_concurrency=flow.max_concurrency,
                timeout=flow.timeout,
                retry=flow.retry,
            )
        if isinstance(flow, Subgraph):
            path = names.take()
            made = self.definition(flow.definition, path)
            return Subgraph(
                made,
                inputs=flow.inputs,
                outputs=flow.outputs,
                name=path.rpartition("/")[2],
                timeout=flow.timeout,
                retry=flow.retry,
            )
        return self._parallel(flow, names)

    def _parallel(self, block: Parallel, names: Names) -> Parallel:
        inner = names
        if block.name is not None:
            inner = Names.of(list(branch_members(block)), names.take())
        branches: list[tuple[str | None, Chain]] = []
        for name, branch in block.branches:
            here = inner
            if name is not None and not is_single(branch, name):
                here = Names.of(list(members(branch.parts)), inner.take())
            rewritten = Chain(tuple(self._flow(part, here) for part in branch.parts))
            # A named branch of one step gave the step its name, which the step now has itself.
            branches.append((None if is_single(branch, name) else name, rewritten))
        return Parallel(
            tuple(branches),
            name=block.name,
            need=block.need,
            on_error=block.on_error,
            max_concurrency=block.max_concurrency,
            timeout=block.timeout,
            retry=block.retry,
        )
