"""Binding a pipeline inside a pipeline: its keys are its own, and it asks outwards for its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from plait.core.flow import Flow, Subgraph
from plait.core.inputs import Config, Optional, Source, Val
from plait.core.plan.bound import Block, Merge, Region, Version
from plait.core.plan.naming import Names
from plait.core.plan.place import At, Nodes
from plait.core.plan.reads import Reads
from plait.core.plan.scope import Deltas, Env, Found, Scope, depend
from plait.core.schema import ABSENT, Field


class Embedding(Reads):
    """The part of the binder for embedded pipelines."""

    if TYPE_CHECKING:

        def _settle(self, at: At) -> Nodes: ...
        def _names(self, parts: tuple[Flow, ...], path: str) -> Names: ...
        def _cap(self, path: str, limit: int | None, caps: tuple[int, ...]) -> tuple[int, ...]: ...
        def _parts_listed(self, parts: tuple[Flow, ...], at: At) -> Nodes: ...
        def _parts_by_data(self, parts: tuple[Flow, ...], at: At) -> Nodes: ...
        def _region(
            self, region: Region, at: At, walk: Callable[[At], Nodes], *, in_branches: bool = False
        ) -> Nodes: ...

    def _subgraph(self, flow: Subgraph, at: At) -> Nodes:
        path = at.names.take()
        if flow.atomic or at.sealed:
            before = self._settle(at)
            at = at.with_(before=before)
            region = Region(
                at.frame,
                path,
                at.branch,
                need=None,
                on_error="cancel",
                retry=flow.retry,
                timeout=flow.timeout,
            )
            return self._region(region, at, lambda inside: self._embed(flow, inside, path))
        return self._embed(flow, at, path)

    def _embed(self, flow: Subgraph, at: At, path: str) -> Nodes:
        definition = flow.definition
        first = len(at.frame.nodes)
        scope = Scope(
            definition.schema,
            path,
            lambda key, optional: self._child_input(flow, key, at, path, optional=optional),
            tuple(key for key, _ in flow.inputs or ()),
        )
        env = Env(scope, at.frame)
        caps = self._cap(path, definition.max_concurrency, at.caps)
        inside = at.with_(env=env, names=self._names(definition.body, path), path=path, caps=caps, exits=[])
        if definition.order == "dataflow":
            ends = self._parts_by_data(definition.body, inside)
        else:
            ends = self._parts_listed(definition.body, inside)
        for argument, _ in flow.inputs or ():
            if argument not in scope.inputs:
                self._find("E102", path, argument=argument, known=tuple(scope.inputs), subgraph=True)
        self._publish(flow, at, env, path)
        self.bound.blocks.append(Block(path, "subgraph", flow, (tuple(at.frame.nodes[first:]),)))
        return ends

    def _child_input(self, flow: Subgraph, key: str, at: At, path: str, *, optional: bool) -> Found | None:  # noqa: ARG002
        schema = flow.definition.schema
        field = schema.fields.get(key) or flow.definition.schema_in.fields.get(key)
        if schema.declared and field is None:
            return None
        has_default = field is not None and (field.default is not ABSENT or field.default_factory is not None)
        source: Source | None = key
        if flow.inputs is not None:
            source = dict(flow.inputs).get(key)
        if source is None:
            return self._field_default(field, at) if has_default and field is not None else None
        if isinstance(source, Val):
            return Found(at.frame.version(key, None, origin="value", value=source.value))
        if isinstance(source, Config):
            return Found(None, config=source)
        if isinstance(source, Optional):
            found = self._ask(source.key, at, optional=True)
            if found is None:  # nothing can give the key here: what is read is the default, always
                return Found(at.frame.version(key, None, origin="value", value=source.default))
            return Found(found.version, found.config, source.default)
        found = self._ask(source, at, optional=optional or has_default)
        if found is None and has_default and field is not None:
            return self._field_default(field, at)
        if found is not None and has_default and field is not None and found.default is ABSENT:
            return Found(found.version, found.config, field.initial())
        return found

    def _field_default(self, field: Field, at: At) -> Found:
        return Found(at.frame.version(field.key, None, origin="value", value=field.initial()))

    def _publish(self, flow: Subgraph, at: At, env: Env, path: str) -> None:
        declared = at.env.scope.schema
        pairs = flow.outputs
        if pairs is None:
            pairs = tuple((key, key) for key in env.seen if not declared.declared or key in declared.fields)
        for ours, theirs in pairs:
            entry = env.seen.get(theirs)
            if flow.outputs is not None and declared.declared and ours not in declared.fields:
                self._find("E101", path, key=ours, writes=True, known=tuple(declared.fields))
            field = at.env.scope.field(ours)
            if isinstance(entry, Deltas) and field is not None and field.reducer is not None:
                for delta in entry.own:
                    at.env.write(ours, delta)
                continue
            found = env.look_up(theirs, optional=True, fold=self._folder(at))
            if found is None or found.version is None:
                self._find(
                    "E101",
                    path,
                    key=theirs,
                    writes=False,
                    argument=None,
                    known=tuple(env.seen),
                    subgraph=True,
                )
                continue
            version = found.version
            if version.at_end == "maybe":  # whether it went to its end or was ended before, it comes out here
                version.presence, version.at_end = "maybe", "always"
            if version.presence == "maybe":
                version = self._or_older(ours, version, at)
            at.env.write(ours, version)
            at.env.scope.written.setdefault(ours, path)

    def _or_older(self, key: str, version: Version, at: At) -> Version:
        """A key of an embedded pipeline that may not be written: then ours keeps the value that it had."""
        older = self._older(key, at)
        if older is None or older is version:
            return version
        local = at.frame.local(version)
        node = Merge(at.frame, Field(key, local.annotation), at.branch, older, [local])
        made = at.frame.version(
            key, node, origin="merge", presence=older.presence, annotation=local.annotation
        )
        node.writes.append(made)
        for source in (older, local):
            depend(node, source, f"takes {key!r}")
        return made
