"""What one run of a compat pipeline carries along, and how a step looks its inputs up in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from plait.compat.gllm._state import MISSING, RUN, follow, visible
from plait.compat.gllm.exceptions import PipelineKeyError
from plait.compat.gllm.types import Group
from plait.context import StepContext
from plait.core.inputs import REQUIRED, Config, Optional, Val
from plait.core.names import did_you_mean, listing

Spec = Any
"""What an argument is bound to: a key (a string, possibly dotted), ``Val``, ``Group``; or ``Config``, ``Optional``."""


class Runtime:
    """What ``execute(state, runtime, config)`` gets second.

    Attributes:
        context: the values that were given with the run.
    """

    __slots__ = ("context",)

    def __init__(self, context: dict[str, Any]) -> None:
        self.context = context

    def __repr__(self) -> str:
        return f"Runtime(context={self.context!r})"


class Run:
    """One run: its values besides the state, and what is written down about it.

    Attributes:
        values: ``config=`` without what it keeps for itself, and ``context=``.
        options: the config as custom steps get it.
        given: the state at the beginning.
        state: the state as it is now, as far as anybody watches.
        extras: inputs that have no place in the native state.
        outputs: step name -> what it wrote, for each execution, of the names that were asked for.
        watching: called with each finished step's name, the state before, what it wrote and the seconds; or None.
        copies: for each branch of a block, the copies of what it was given.
    """

    __slots__ = ("copies", "extras", "given", "options", "outputs", "runtime", "state", "values", "watching")

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        options: Mapping[str, Any],
        state: Mapping[str, Any],
        extras: Mapping[str, Any],
        wanted: Iterable[str] = (),
        watching: Callable[[str, dict[str, Any], dict[str, Any], float], None] | None = None,
    ) -> None:
        self.values, self.options, self.extras = dict(values), dict(options), dict(extras)
        self.given, self.state = dict(state), dict(state)
        self.outputs: dict[str, list[dict[str, Any] | None]] = {name: [] for name in wanted}
        self.watching = watching
        self.runtime = Runtime(self.values)
        self.copies: dict[tuple[int, ...], dict[int, Any]] = {}

    @property
    def attentive(self) -> bool:
        """Whether anybody wants to know what steps write."""
        return self.watching is not None or bool(self.outputs)

    def finished(self, name: str, update: Mapping[str, Any], seconds: float) -> None:
        """A step has written this."""
        made = visible(update)
        if name in self.outputs:
            self.outputs[name].append(made or None)
        if self.watching is not None:
            before = dict(self.state)
            self.state.update(made)
            self.watching(name, before, made, seconds)


def run_of(context: StepContext) -> Run:
    """The run that a step is in; one of its own where the native pipeline was run by itself."""
    found = context.config.get(RUN)
    return found if isinstance(found, Run) else Run(context.config, options={}, state={}, extras={})


def root_of(spec: Spec) -> str | None:
    """The state key that is read for an argument, if one is."""
    if isinstance(spec, Group):
        spec = spec.value
    if isinstance(spec, Optional):
        return spec.key
    return spec.split(".")[0] if isinstance(spec, str) else None


def look_up(spec: Spec, state: Mapping[str, Any], values: Mapping[str, Any]) -> Any:
    """An argument's value: from the state (None counts), then from what was given with the run; or ``MISSING``."""
    if isinstance(spec, Group):
        spec = spec.value
    if isinstance(spec, Val):
        return spec.value
    default = MISSING
    if isinstance(spec, (Config, Optional)):
        default = MISSING if spec.default is REQUIRED else spec.default
        if isinstance(spec, Config):
            return values.get(spec.key, default)
        spec = spec.key
    root, *path = spec.split(".")
    for source in (state, values):
        found = follow(source.get(root, MISSING), path)
        if found is not MISSING:
            return found
    return default


def arguments(specs: Mapping[str, Spec], state: Mapping[str, Any], run: Run, where: str) -> dict[str, Any]:
    """The arguments of a step.

    Raises:
        PipelineKeyError: naming the step and all keys that are missing.
    """
    found = {name: look_up(spec, state, run.values) for name, spec in specs.items()}
    absent = [n for n, value in found.items() if value is MISSING and not isinstance(specs[n], Optional)]
    if absent:
        keys = [key_of(specs[name]) for name in absent]
        known = {**visible(state), **run.given, **run.values}
        many = "s" if len(keys) > 1 else ""
        raise PipelineKeyError(
            f"step {where!r} reads the key{many} {listing(keys)}, which {'are' if many else 'is'} neither in the state nor in "
            f"config or context{did_you_mean(keys[0], known)}"
        )
    return found


def key_of(spec: Spec) -> str:
    """How a message names what an argument is bound to."""
    if isinstance(spec, Group):
        spec = spec.value
    return str(spec.key if isinstance(spec, (Config, Optional)) else spec)
