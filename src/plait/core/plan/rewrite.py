"""Definitions with other components in them, for tests. The tree is copied where it changes, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plait.core.control import Choice, Goto, Loop, MapReduce, Try
from plait.core.flow import Chain, Dataflow, Definition, Flow, Parallel, Subgraph
from plait.core.handlers import ErrorHandler, Fallback
from plait.core.names import did_you_mean
from plait.core.plan.naming import (
    HANDLER,
    Names,
    branch_members,
    branch_names,
    is_single,
    loop_members,
    members,
    try_members,
)
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
        self._met: list[str] = []
        """The paths at which something could be exchanged, in the order in which they were met."""

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
            made = self._step(flow, path, path.rpartition("/")[2])
            return made.replace(error_handler=self._handler(flow.error_handler, path))
        if isinstance(flow, Chain):
            return self._chain(flow, names)
        if isinstance(flow, Dataflow):
            inner = Names(flow.parts, names.take()) if flow.name is not None else names
            parts = tuple(self._flow(part, inner) for part in flow.parts)
            return Dataflow(
                parts,
                name=flow.name,
                max_concurrency=flow.max_concurrency,
                timeout=flow.timeout,
                retry=flow.retry,
                error_handler=self._handler_of_block(flow, inner),
            )
        if isinstance(flow, Subgraph):
            path = names.take()
            return Subgraph(
                self.definition(flow.definition, path),
                inputs=flow.inputs,
                outputs=flow.outputs,
                name=path.rpartition("/")[2],
                timeout=flow.timeout,
                retry=flow.retry,
                error_handler=self._handler(flow.error_handler, path),
            )
        if isinstance(flow, Parallel):
            return self._parallel(flow, names)
        return self._deciding(flow, names)

    def _chain(self, flow: Chain, names: Names) -> Chain:
        return Chain(tuple(self._flow(part, names) for part in flow.parts))

    def _step(self, step: Step[..., Any], path: str, name: str | None) -> Step[..., Any]:
        self._met.append(path)
        if path in self.replacements:
            return step.replace(component=self.replacements[path], name=name)
        return step if step.name == name else step.replace(name=name)

    def _handler(self, handler: ErrorHandler | None, path: str) -> ErrorHandler | None:
        """The error handler of what has this path; a replacement for it is called with the error."""
        self._met.append(f"{path}/{HANDLER}")
        given = self.replacements.get(self._met[-1])
        return handler if handler is None or given is None else Fallback(given, catch=handler.catch)

    def _handler_of_block(self, block: Parallel | Dataflow, inner: Names) -> ErrorHandler | None:
        if block.error_handler is None or block.name is not None:
            return self._handler(block.error_handler, inner.path)
        self._met.append(inner.take())
        given = self.replacements.get(self._met[-1])
        return block.error_handler if given is None else Fallback(given, catch=block.error_handler.catch)

    def _parallel(self, block: Parallel, names: Names) -> Parallel:
        inner = names
        if block.name is not None:
            inner = Names.of(list(branch_members(block)), names.take())
        branches: list[tuple[str | None, Chain]] = []
        first = len(block.branches) // 2 if block.hedge_after is not None else len(block.branches)
        met: list[list[str]] = []
        for i, (name, branch) in enumerate(block.branches):
            here = inner
            if name is not None and not is_single(branch, name):
                here = Names.of(list(members(branch.parts)), inner.take())
            mark = len(self._met)
            rewritten = self._chain(branch, here) if i < first else self._hedge(branch, here, met[i - first])
            met.append(self._met[mark:])
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
            error_handler=self._handler_of_block(block, inner),
            hedge_after=block.hedge_after,
        )

    def _hedge(self, branch: Chain, names: Names, first: list[str]) -> Chain:
        """A second attempt does what the first does, unless something else is given for it."""
        mark = len(self._met)
        self._chain(branch, Names(branch.parts, names.path))
        pairs = zip(first, self._met[mark + 2 :], strict=True)  # what it waits with stands first
        del self._met[mark:]
        given = self.replacements
        follow = {second: given[path] for path, second in pairs if path in given}
        self.replacements = {**follow, **given}
        try:
            return self._chain(branch, names)
        finally:
            self.replacements = given

    def _deciding(self, flow: Choice | Loop | MapReduce | Try | Goto, names: Names) -> Flow:
        if isinstance(flow, Try):
            inner = names if flow.name is None else Names.of(list(try_members(flow)), names.take())
            return Try(
                self._chain(flow.body, inner),
                None if flow.handler is None else self._chain(flow.handler, inner),
                catch=flow.catch,
                error_state=flow.error_state,
                name=flow.name,
            )
        path = names.take()
        name = path.rpartition("/")[2]
        if isinstance(flow, Choice):
            return self._choice(flow, path, name)
        if isinstance(flow, Loop):
            inner = Names.of(list(loop_members(flow)), path)
            body = self._chain(flow.body, inner)
            condition = self._step(flow.condition, inner.take(), flow.condition.name)
            return Loop(body, condition, max_turns=flow.max_turns, name=name)
        if isinstance(flow, MapReduce):
            return MapReduce(
                flow.fan_out,
                self._step(flow.each, path, flow.each.name),
                flow.reduce,
                outputs=flow.outputs,
                max_concurrency=flow.max_concurrency,
                name=name,
                error_handler=self._handler(flow.error_handler, path),
            )
        target = self._step(flow.target, path, flow.target.name)
        fixed = flow.fixed if target is flow.target else None
        return Goto(flow.name, target, fixed=fixed, allow_end=flow.allow_end)

    def _choice(self, flow: Choice, path: str, name: str) -> Choice:
        inner = Names.of(list(branch_names(flow)), path)
        condition = self._step(flow.condition, inner.take(), flow.condition.name)
        branches: list[tuple[str, Chain]] = []
        for key, branch in flow.branches:
            here = inner.take()
            if is_single(branch, key):  # it stays without a name, and so has that of its branch
                (single,) = branch.parts
                assert isinstance(single, Step)
                handler = self._handler(single.error_handler, here)
                branches.append(
                    (key, Chain((self._step(single, here, None).replace(error_handler=handler),)))
                )
            else:
                branches.append((key, self._chain(branch, Names(branch.parts, here))))
        return Choice(condition, tuple(branches), kind=flow.kind, default=flow.default, name=name)
