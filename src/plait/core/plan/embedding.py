"""Binding a pipeline inside a pipeline: its keys are its own, and it asks outwards for its inputs."""

from __future__ import annotations

from plait.core.flow import Subgraph
from plait.core.inputs import Config, Optional, Source, Val
from plait.core.plan.bound import (
    Block,
    Region,
)
from plait.core.plan.jumps import Jumps
from plait.core.plan.place import At, Nodes
from plait.core.plan.scope import Deltas, Env, Found, Scope
from plait.core.schema import ABSENT, Field


class Embedding(Jumps):
    """The part of the binder for embedded pipelines."""

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
            return Found(found.version, found.config, source.default) if found is not None else None
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
            at.env.write(ours, found.version)
            at.env.scope.written.setdefault(ours, path)
