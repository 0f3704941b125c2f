"""Binding what a step reads: each argument to a version, a value, or a setting of the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from plait.core.inputs import Config, Optional, Source, Val
from plait.core.plan.bound import Bound, Finding, Frame, Read, Version
from plait.core.plan.conflicts import Asked
from plait.core.plan.place import At
from plait.core.plan.scope import Deltas, Found, Scope, merge_node
from plait.core.schema import ABSENT, Field
from plait.core.step import Step


class Reads:
    """The part of the binder that ties arguments to versions."""

    bound: Bound
    _opaque: list[tuple[list[Read], Scope, Frame, set[str]]]
    _asked: list[Asked]
    _asking: str | None
    _needed: list[tuple[Version, str, str, str]]

    def _find(self, code: str, *paths: str, **data: Any) -> None:
        self.bound.findings.append(Finding(code, paths, data))

    def _reads(self, step: Step[..., Any], path: str, at: At) -> tuple[list[Read], list[Read] | None]:
        component = step.component
        if step.inputs is None:
            if component.takes_any or component.single or not component.known:
                return self._named(step, path, at), self._everything(step, path, at)
            return self._named(step, path, at), None
        return [self._mapped(step, argument, source, path, at) for argument, source in step.inputs], None

    def _named(self, step: Step[..., Any], path: str, at: At) -> list[Read]:
        return [
            self._read(step, p.name, p.name, path, at, optional=not p.required, omit=not p.required)
            for p in step.component.params
        ]

    def _mapped(self, step: Step[..., Any], argument: str, source: Source, path: str, at: At) -> Read:
        if isinstance(source, Val):
            return Read(argument, None, None, value=source.value)
        if isinstance(source, Config):
            return Read(argument, None, None, config=source)
        if isinstance(source, Optional):
            return self._read(step, argument, source.key, path, at, optional=True, default=source.default)
        param = step.component.param(argument)
        has_default = param is not None and not param.required
        return self._read(step, argument, source, path, at, optional=has_default, omit=has_default)

    def _read(
        self,
        step: Step[..., Any],  # noqa: ARG002
        argument: str,
        key: str,
        path: str,
        at: At,
        *,
        optional: bool,
        omit: bool = False,
        default: Any = ABSENT,
    ) -> Read:
        self._asking = path
        found = self._ask(key, at, optional=optional)
        self._asking = None
        if found is None:
            if not optional:
                self._find("E101", path, key=key, argument=argument, writes=False, known=self._known(at))
            return Read(argument, key, None, default=default, omit=omit)
        if found.version is None:
            return Read(argument, key, None, config=found.config, default=default, omit=omit)
        version = found.version
        if version.origin == "value":
            return Read(argument, key, None, value=version.value)
        if default is ABSENT and found.default is not ABSENT:
            default, omit = found.default, False
        if default is ABSENT and not omit:
            self._needed.append((version, path, argument, key))
        if version.presence == "maybe" and default is ABSENT and not omit and not self._requires(version):
            self._find(
                "E104", path, key=key, argument=argument, maker=version.maker.path if version.maker else None
            )
        return Read(argument, key, version, default=default, omit=omit)

    def _requires(self, version: Version) -> bool:
        """Whether it is an input of the run that makes sure of a version, and which then has to be given.

        In a loop's first turn it is read there. Where a choice (or its like) leaves a key as it was, it has to be declared
        as required by the input type: otherwise a branch that was forgotten would ask the caller for an input.
        """
        found: Version | None = version
        declared = self.bound.definition.schema_in.fields
        told = False
        while found is not None and found.origin != "input":
            told = told or found.seed is None
            found = found.seed or found.otherwise
        if found is None or self.bound.inputs.get(found.key) is None:
            return False
        field = declared.get(found.key)
        if told and (field is None or not field.required):
            return False
        if self.bound.inputs[found.key].default is ABSENT:
            self.bound.inputs[found.key].presence = "always"
        return True

    def _ask(self, key: str, at: At, *, optional: bool) -> Found | None:
        """Look a key up; if a step asks for it by name, remember that for the checks of the blocks around it."""
        if self._asking is not None:
            self._asked.append(Asked(at.env.scope, key, at.env.seen.get(key), self._asking))
        return at.env.look_up(key, optional=optional, fold=self._folder(at))

    def _everything(self, step: Step[..., Any], path: str, at: At) -> list[Read]:
        named = {p.name for p in step.component.params}
        out: list[Read] = []
        for key in dict.fromkeys([*at.env.scope.offered, *at.env.scope.inputs, *at.env.seen]):
            if key in named:
                continue
            found = at.env.look_up(key, optional=True, fold=self._folder(at))
            if found is not None:
                out.append(Read(key, key, as_version(key, found, at.frame), default=found.default))
        self._find("W208", path, keys=tuple(read.argument for read in out))
        self._opaque.append(
            (out, at.env.scope, at.frame, named | set(at.env.seen) | {read.argument for read in out})
        )
        return out

    def _older(self, key: str, at: At) -> Version | None:
        """The version of a key in front of a region, if there can be one."""
        found = at.env.look_up(key, optional=True, fold=self._folder(at))
        return found.version if found is not None else None

    def _known(self, at: At) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*at.env.seen, *at.env.scope.inputs, *at.env.scope.schema.fields]))

    def _folder(self, at: At) -> Callable[[Field, Deltas], Version]:
        return lambda field, entry: merge_node(at.frame, field, at.branch, entry)


def as_version(key: str, found: Found, frame: Frame) -> Version:
    """What was found as a version: a setting of the run, too, has a slot when somebody reads everything."""
    if found.version is not None:
        return found.version
    return frame.version(key, None, origin="config", value=found.config)
