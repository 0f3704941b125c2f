"""A compat pipeline, translated, and what its state type means to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import plait
from plait.compat.gllm._build import Around, Build, walk
from plait.compat.gllm._state import INTERNAL, MISSING, REST, dumped
from plait.compat.gllm.exceptions import PipelineTypeError, PipelineValueError
from plait.core.control import Goto, Try
from plait.core.flow import Chain, Definition, Flow, parts_of, steps_of
from plait.core.names import did_you_mean
from plait.core.schema import ABSENT, Schema, read_schema
from plait.core.step import make_step
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.compat.gllm.pipeline.pipeline import Pipeline
    from plait.compat.gllm.steps.pipeline_step import BasePipelineStep

REACHED = f"{INTERNAL}reached"
"""The key that a part of a pipeline writes at its end, unless it ended the pipeline before."""


TARGET = f"{INTERNAL}target"
"""The key for where a jump goes."""


class Shape:
    """A state type, an input type or an output type.

    Raises:
        PipelineTypeError: it is none.
    """

    def __init__(self, given: Any, where: str) -> None:
        try:
            self.schema: Schema = read_schema(given, where)
        except DefinitionError as error:
            raise PipelineTypeError(str(error)) from None

    @property
    def name(self) -> str:
        """Its name, for messages."""
        return "none" if self.schema.type is None else self.schema.type.__name__

    @property
    def keys(self) -> frozenset[str] | None:
        """Its keys, or None if there is no type."""
        return frozenset(self.schema.fields) if self.schema.declared else None

    def values(self, given: Any, what: str) -> dict[str, Any]:
        """A fresh dict of a state.

        Raises:
            PipelineTypeError: it is no state.
        """
        if given is None:
            return {}
        try:
            return dumped(given)
        except TypeError:
            raise PipelineTypeError(
                f"{what} is {type(given).__name__}; it is a dict, a pydantic model or a dataclass"
            ) from None

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values, and the defaults of what is not there."""
        out = dict(values)
        for key, field in self.schema.fields.items():
            if key not in out and (default := field.initial()) is not ABSENT:
                out[key] = default
        return out

    def validated(self, values: dict[str, Any]) -> dict[str, Any]:
        """The values as a pydantic model takes them; other types take everything.

        Raises:
            PipelineValueError: the model refuses one of them.
        """
        if self.schema.kind != "pydantic":
            return values
        model: Any = self.schema.type
        known = {key: values[key] for key in model.model_fields if key in values}
        made = model.model_construct(**known)
        for key, value in known.items():
            try:
                model.__pydantic_validator__.validate_assignment(made, key, value)
            except ValueError as error:
                raise PipelineValueError(
                    f"the state's {key!r} is {type(value).__name__}, which {model.__name__} refuses: {error}"
                ) from None
        return {**values, **{key: getattr(made, key) for key in known}}


class Native:
    """A compat pipeline, translated.

    Args:
        owner: the pipeline.
        steps: its steps.
        path: where it is embedded, as a dotted path with a dot at the end.
        left_out: the paths that are left out.
        keys: keys that it may have besides those that its steps name.
        recorded: the names of blocks whose updates are wanted.
        watched: the updates of all steps are.
        max_concurrency: the most steps at once.
        max_turns: how often a loop may turn.
        around: what surrounds it.
        part: which of its steps, from and to; the others only lend their names and keys.
        outer: it is embedded without a map of its inputs.
    """

    def __init__(
        self,
        owner: Pipeline,
        steps: Sequence[BasePipelineStep],
        *,
        path: str = "",
        left_out: frozenset[str] = frozenset(),
        keys: Iterable[str] = (),
        recorded: frozenset[str] = frozenset(),
        watched: bool = False,
        max_concurrency: int | None = None,
        max_turns: int | None = None,
        around: Around = Around(),  # noqa: B008  (a value)
        part: tuple[int, int] | None = None,
        outer: bool = False,
    ) -> None:
        self.owner, self.part, self.max_concurrency = owner, part, max_concurrency
        fields = owner._shape.schema.fields  # noqa: SLF001  (its own half)
        self.reducers = {key: field for key, field in fields.items() if field.reducer is not None}
        self.own = len(steps)
        self.build = Build(
            [*steps, *(owner.fallback or ())],
            path=path,
            left_out=left_out,
            keys=keys,
            declared=owner._shape.keys,  # noqa: SLF001
            reducers=self.reducers,
            recorded=recorded,
            watched=watched,
            max_turns=max_turns,
            around=around,
            outer=outer,
        )
        self._refuse_foreign_keys()
        self.body = self._body()

    def _refuse_foreign_keys(self) -> None:
        """Refuse steps that write keys which the state type does not have."""
        declared = self.build.declared
        if declared is None:
            return
        for place, step in walk(self.build.steps):
            for key in step._own_keys()[1]:  # noqa: SLF001
                if key not in declared:
                    name = self.owner._shape.name  # noqa: SLF001
                    raise PipelineValueError(
                        f"step {self.build.names[place]!r} writes {key!r}, which is no key of {name}{did_you_mean(key, declared)}; "
                        f"correct the name, add it to {name}, or leave state_type out: nothing needs it"
                    )

    @property
    def notes(self) -> list[str]:
        """What is to be said about it that is no error."""
        return self.build.notes

    def _body(self) -> list[Flow]:
        first, last = self.part or (0, self.own)
        body = self.build.body(first, last)
        if self.part is not None:
            body.append(
                make_step(_yes, {}, REACHED, kind="reached", name=REACHED, effect=False, executor="inline")
            )
            return body
        if self.owner.fallback and body:
            fallback = self.build.body(self.own, self.own + len(self.owner.fallback))
            catch = (
                tuple(self.owner.catch)
                if isinstance(self.owner.catch, (tuple, list))
                else (self.owner.catch,)
            )
            return [
                Try(Chain(tuple(body)), Chain(tuple(fallback)), catch=catch, error_state=None, name=None)
                if fallback
                else Chain(tuple(body))
            ]
        return body

    def _state_type(self) -> Any:
        """A type that has our keys and all others, if some of the keys merge; otherwise none is needed."""
        if not self.reducers:
            return None
        keys: dict[str, Any] = dict.fromkeys((*self.build.keys, REST), Any)
        for flow in self.body:
            for step in steps_of(flow):
                keys.update(dict.fromkeys((*(step.keys_read or ()), *(key for key, _ in step.outputs)), Any))
        for key, field in self.reducers.items():
            keys[key] = Annotated[field.annotation, _merging(field.reducer)]
        return TypedDict("State", keys, total=False)  # type: ignore[operator]  # its keys are known now only

    def definition(self) -> Definition | None:
        """It, for a pipeline that it is embedded in; None if there is nothing to do."""
        if not self.body:
            return None
        return Definition(
            tuple(self.body),
            order="listed",
            schema=read_schema(self._state_type()),
            schema_in=Schema(None, "none", {}),
            name=native_name(self.owner.name),
            max_concurrency=None,
        )

    @cached_property
    def pipeline(self) -> plait.Pipeline[Any, Any]:
        """The native pipeline."""
        from plait.core.kinds import no_op

        return plait.Pipeline(
            self.body or [no_op("nothing")],
            state_type=self._state_type(),
            name=native_name(self.owner.name),
            max_concurrency=self.max_concurrency,
        )

    def target(self) -> Native:
        """A pipeline that only asks where the one jump of this part goes on."""
        made = object.__new__(Native)
        made.__dict__.update(self.__dict__)
        made.__dict__.pop("pipeline", None)
        jump = next(flow for flow in _all_flows(self.body) if isinstance(flow, Goto))
        made.body = [jump.target.replace(output_state=TARGET)]
        return made

    def paths_of(self, names: Iterable[str]) -> list[str]:
        """The native paths of the steps of these names that are inside of blocks.

        Raises:
            PipelineValueError: a name is that of a block.
        """
        wanted = set(names)
        paths = [leaf.path.split("/") for leaf in self.pipeline._bound().leaves()]  # noqa: SLF001  (they are nowhere else)
        found = ["/".join(path) for path in paths if path[-1] in wanted and len(path) > 1]
        own = {name for place, name in self.build.names.items() if len(place) == 1}
        for name in wanted - own - {path.rpartition("/")[2] for path in found}:
            if any(name in path for path in paths):
                raise PipelineValueError(
                    f"{name!r} is a block inside of another; name one of its steps to stop there"
                )
        return found

    def split(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the native pipeline is given of a state, and what has no place there."""
        schema = self.pipeline.__plait_definition__.schema
        if not schema.declared:
            return dict(values), {}
        inside = {key: value for key, value in values.items() if key in schema.fields}
        return inside, {key: value for key, value in values.items() if key not in schema.fields}


def native_name(name: str | None) -> str | None:
    """A pipeline's name as Plait takes it."""
    return None if name is None else name.replace("/", "-").strip() or None


def _all_flows(flows: Iterable[Flow]) -> Iterator[Flow]:
    for flow in flows:
        yield flow
        yield from _all_flows(parts_of(flow))


def _yes() -> bool:
    return True


def _merging(reducer: Any) -> Any:
    """A reducer for which ``MISSING`` is nothing."""

    def merge(base: Any, delta: Any) -> Any:
        if delta is MISSING:
            return base
        return delta if base is MISSING else reducer(base, delta)

    return merge
