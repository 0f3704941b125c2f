"""The cache of a whole pipeline: which pipeline it is, and which settings of a run its steps read.

Every part of the definition that can change a result counts: components, inputs, outputs, order, conditions, handlers,
reducers, and the names that are part of paths. How long something may take, how often it is tried and how much runs at once
does not.
"""

from __future__ import annotations

from typing import Any, Final

from plait.core.cache import policy_of
from plait.core.cached import Cached, read_component, refusal
from plait.core.code import Reader, Unknown
from plait.core.control import Composed
from plait.core.digest import name_of
from plait.core.flow import Definition, steps_of
from plait.core.handlers import ErrorHandler
from plait.core.inputs import REQUIRED, Config, Optional, Val
from plait.core.schema import ABSENT, Field, Schema
from plait.core.step import Step
from plait.errors import DefinitionError

_NO_MATTER: Final = frozenset({"max_concurrency", "retry", "timeout"})


def cached_pipeline(cache: object, definition: Definition, where: str) -> Whole | None:
    """The cache of a pipeline.

    Raises:
        DefinitionError: for a wrong argument, an effect among its steps, or a component that can't be told apart.
    """
    policy = cache.policy if isinstance(cache, Cached) else policy_of(cache, where)
    if policy is None:
        return None
    for step in steps_of(definition):
        if step.effect and step.kind != "log":
            raise DefinitionError(
                f"{where}: its step {step.label!r} is an effect, and the pipeline has a cache; found in a cache, it would not act. "
                f"Give the steps before it caches of their own"
            )
        apart = step.component.context_param is None or step.kind in ("log", "hedge")
        if not apart and policy.version is None:
            raise DefinitionError(
                f"{where}: its step {step.label!r} takes the step's context, so the result may depend on more than the inputs. "
                f'Read settings with Config("name"), or say cache=Cache(version="1")'
            )
    if policy.version is not None and (policy.name or definition.name) is None:
        raise DefinitionError(
            f"{where}: with version= its cache needs a name: the pipeline's, or Cache(name=...)"
        )
    walk = _Walk(where, definition, pinned=policy.version is not None)
    found = Whole(policy, definition, definition.name or "pipeline", walk.read)
    found.settings = tuple(sorted(walk.settings))
    return found


class Whole(Cached):
    """The cache of one pipeline.

    Attributes:
        settings: the keys of ``config`` and ``context`` that its steps read.
    """

    __slots__ = ("settings",)

    settings: tuple[str, ...]


class _Walk:
    """Goes through a definition, and notes which settings it reads."""

    def __init__(self, where: str, definition: Definition, *, pinned: bool) -> None:
        self.where, self.definition, self.pinned = where, definition, pinned
        self.settings: set[str] = set()

    def read(self, reader: Reader) -> Any:
        """All of it; nothing, if a version stands for it."""
        found = self._part(reader, self.definition)
        return None if self.pinned else found

    def _part(self, reader: Reader, part: Any) -> Any:
        if isinstance(part, Step):
            return self._step(reader, part)
        if isinstance(part, Schema):
            return [part.kind, [self._field(reader, field) for field in part.fields.values()]]
        if isinstance(part, Config):
            self.settings.add(part.key)
            return ["Config", part.key, self._part(reader, part.default)]
        if isinstance(part, (Composed, Definition, ErrorHandler, Optional, Val)):
            held = (
                name
                for cls in type(part).__mro__
                for name in vars(cls).get("__slots__", ())
                if name not in _NO_MATTER
            )
            return [type(part).__name__, [[name, self._part(reader, getattr(part, name))] for name in held]]
        if isinstance(part, (list, tuple)):
            return [self._part(reader, each) for each in part]
        if part is REQUIRED or part is ABSENT:
            return ["nothing"]
        if isinstance(part, type):
            return name_of(part)
        return reader.thing(part, "a value in it")

    def _step(self, reader: Reader, step: Step[..., Any]) -> Any:
        found = [
            step.kind,
            step.label,
            self._part(reader, step.inputs),
            self._part(reader, step.outputs),
            self._part(reader, step.error_handler),
        ]
        if step.cache is not None:  # it can be told apart already, or its own version stands for it
            return [*found, step.cache.own]
        try:
            return [*found, read_component(reader, step.component)]
        except Unknown as unknown:
            name = f"{step.component.name} (its step {step.label!r})"
            raise DefinitionError(refusal(self.where, name, unknown)) from None

    def _field(self, reader: Reader, field: Field) -> Any:
        return [
            field.key,
            field.required,
            repr(field.flat),
            self._part(reader, field.default),
            self._part(reader, field.default_factory),
            self._part(reader, field.reducer),
        ]
