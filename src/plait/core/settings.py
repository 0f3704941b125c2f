"""The settings of a process: what each one is called, what it may be, and what it does.

    arguments in the code  >  PLAIT_*  >  plait.toml, or [tool.plait] of pyproject.toml  >  defaults

Here texts and tables become values, or errors that name their place; ``plait.settings`` finds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from plait.errors import DefinitionError

if TYPE_CHECKING:
    from typing import Literal, Never

DEFAULT: Final = "default"
"""Where a value comes from that nobody gave."""

PREFIX: Final = "PLAIT_"


class Settings:
    """What holds in this process for every pipeline that does not say otherwise. It can't be changed.

    Args:
        max_concurrency: the most steps of one run that run at once; None for any number.
        threads: the most threads that run blocking components at once.
        processes: the most worker processes that are busy at once; 0 for as many as the limit of ``cpu`` allows.
        grace: seconds that a cancelled step has for its cleanup before it is told again.
        stall_after: seconds that a step may block the event loop before it is named.
        limits: how much there is of each resource.
        progress: how to show how far a run is.
    """

    # Neither a dataclass nor a NamedTuple: to make one costs more than to read all settings, and every program pays.
    __slots__ = ("grace", "limits", "max_concurrency", "processes", "progress", "stall_after", "threads")

    max_concurrency: int | None
    threads: int
    processes: int
    grace: float
    stall_after: float
    limits: Mapping[str, int]
    progress: Literal["auto", "plain", "none"]

    def __init__(
        self,
        *,
        max_concurrency: int | None = None,
        threads: int = 256,
        processes: int = 0,
        grace: float = 5.0,
        stall_after: float = 0.1,
        limits: Mapping[str, int] = MappingProxyType({}),
        progress: Literal["auto", "plain", "none"] = "auto",
    ) -> None:
        put = object.__setattr__
        put(self, "max_concurrency", max_concurrency)
        put(self, "threads", threads)
        put(self, "processes", processes)
        put(self, "grace", grace)
        put(self, "stall_after", stall_after)
        put(self, "limits", limits)
        put(self, "progress", progress)

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(
            f"settings can't be changed: set {PREFIX}{name.upper()} before the first pipeline"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Settings):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in TABLE)

    __hash__ = None  # type: ignore[assignment]  # it holds a mapping

    def __repr__(self) -> str:
        return f"Settings({', '.join(f'{name}={_plain(getattr(self, name))!r}' for name in TABLE)})"


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else value


class Setting:
    """One row of the table.

    Attributes:
        name: what it is called in a file.
        form: what it may be, for people; it goes on after "it is".
        meaning: one sentence.
        parse: a text of the environment as a value.
        check: give the value, or raise ``ValueError``.
    """

    __slots__ = ("check", "form", "meaning", "name", "parse")

    def __init__(
        self,
        name: str,
        form: str,
        meaning: str,
        *,
        parse: Callable[[str], Any],
        check: Callable[[Any], Any],
    ) -> None:
        self.name, self.form, self.meaning, self.parse, self.check = name, form, meaning, parse, check

    @property
    def environment(self) -> str:
        """What it is called in the environment."""
        return PREFIX + self.name.upper()

    @property
    def default(self) -> Any:
        """What it is when nobody says anything."""
        return getattr(Settings(), self.name)


def _from(least: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if type(value) is not int or value < least:
            raise ValueError
        return value

    return check


_amount: Final = _from(1)


def _seconds(value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < math.inf:
        raise ValueError
    return float(value)


def _word(value: Any) -> str:
    if value not in ("auto", "plain", "none"):
        raise ValueError
    return str(value)


def _resource(name: Any) -> str:
    if not isinstance(name, str) or not name or name[0] in "#!":
        raise ValueError
    return name


def _amounts(value: Any) -> dict[str, int]:
    if not isinstance(value, Mapping):
        raise ValueError  # noqa: TRY004  (what is wrong with it is said once, for all settings)
    return {_resource(name): _amount(amount) for name, amount in value.items()}


def _pairs(text: str) -> dict[str, int]:
    """``openai=8,gpu=1`` as amounts."""
    found: dict[str, int] = {}
    for pair in text.split(","):
        name, _, amount = pair.partition("=")
        found[name.strip()] = int(amount)
    return found


TABLE: Final[Mapping[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting(
            "max_concurrency",
            "a whole number from 1",
            "The most steps of one run that run at once, for pipelines without `max_concurrency=`.",
            parse=int,
            check=_amount,
        ),
        Setting(
            "threads",
            "a whole number from 1",
            "The most threads that work on blocking components at once; one that waits for a run inside its own does not count.",
            parse=int,
            check=_amount,
        ),
        Setting(
            "processes",
            "a whole number from 0; 0 means as many as the limit of `cpu` allows",
            "The most worker processes that are busy at once, for steps that run in processes.",
            parse=int,
            check=_from(0),
        ),
        Setting(
            "grace",
            "a number of seconds above 0",
            "How long a cancelled step has for its cleanup before it is told again, for pipelines without `grace=`.",
            parse=float,
            check=_seconds,
        ),
        Setting(
            "stall_after",
            "a number of seconds above 0",
            "How long a step may block the event loop before it is named, with its stack, in the log and the events.",
            parse=float,
            check=_seconds,
        ),
        Setting(
            "limits",
            "names with whole numbers from 1: a table such as openai = 8 in a file, openai=8,gpu=1 in the environment",
            "How much there is of each resource, for pipelines without `limits=` in a process without `set_limits`.",
            parse=_pairs,
            check=_amounts,
        ),
        Setting(
            "progress",
            "auto, plain or none",
            "How `plait run` and `Progress` show how far it is, if they are not told.",
            parse=str.strip,
            check=_word,
        ),
    )
}
"""Every setting there is; docs/reference/configuration.md is made of it."""


def from_file(values: Mapping[str, Any], place: str) -> dict[str, Any]:
    """The settings of a file.

    Args:
        values: its table, as TOML gives it.
        place: what the file is called in a message.

    Raises:
        DefinitionError: for a name that is no setting, or a value that does not fit.
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        setting = TABLE.get(name)
        if setting is None:
            raise DefinitionError(f"{place}: there is no setting {name!r}{_instead(name, values)}")
        if name == "limits" and isinstance(value, Mapping):  # the error names the amount that is wrong
            for resource, amount in value.items():
                try:
                    _amounts({resource: amount})
                except ValueError:
                    raise DefinitionError(
                        f"{place}: limits.{resource} is {amount!r}; a limit is a name that begins with neither # nor !, "
                        f"and a whole number from 1"
                    ) from None
        try:
            found[name] = setting.check(value)
        except ValueError:
            raise DefinitionError(f"{place}: {name} is {value!r}; it is {setting.form}") from None
    return found


def _instead(name: str, values: Mapping[str, Any]) -> str:
    """What to write for a name that is no setting."""
    from plait.core.names import did_you_mean

    if name == "tool" and isinstance(values[name], Mapping) and "plait" in values[name]:
        return "; in plait.toml settings stand without [tool.plait]"
    return did_you_mean(name, TABLE) or f"; there are {', '.join(TABLE)}"


def from_environment(get: Callable[[str], str | None]) -> dict[str, Any]:
    """The settings of the environment; what is set to nothing is not set.

    Args:
        get: the text of an environment name, or None.

    Raises:
        DefinitionError: for a value that does not fit.
    """
    found: dict[str, Any] = {}
    for name, setting in TABLE.items():
        text = get(PREFIX + name.upper())
        if text is None or not text.strip():
            continue
        try:
            found[name] = setting.check(setting.parse(text))
        except ValueError:
            raise DefinitionError(f"{setting.environment} is {text!r}; it is {setting.form}") from None
    return found


def merged(
    environment: Mapping[str, Any], file: Mapping[str, Any], place: str
) -> tuple[Settings, dict[str, str]]:
    """What holds, and where each value comes from: the environment goes before the file, of limits for each name.

    Args:
        environment: as ``from_environment`` gives it.
        file: as ``from_file`` gives it.
        place: what to call the file.
    """
    if not environment and not file:
        return Settings(), dict.fromkeys(TABLE, DEFAULT)
    values: dict[str, Any] = {**file, **environment}
    limits = {**file.get("limits", {}), **environment.get("limits", {})}
    values["limits"] = MappingProxyType(limits)
    sources: dict[str, str] = {}
    for name, setting in TABLE.items():
        if name != "limits" or not limits:
            sources[name] = setting.environment if name in environment else place if name in file else DEFAULT
            continue
        for resource in limits:
            ours = resource in environment.get("limits", {})
            sources[f"limits.{resource}"] = setting.environment if ours else place
    return Settings(**values), sources


def value_of(settings: Settings, name: str) -> Any:
    """The value of a name as ``sources()`` has it: ``threads``, or ``limits.openai``."""
    first, _, resource = name.partition(".")
    value = getattr(settings, first)
    return value[resource] if resource else value


def not_settings(names: Iterable[str]) -> dict[str, str]:
    """The names of an environment that look like settings and are none: name -> what was meant, or nothing."""
    from plait.core.names import did_you_mean

    known = {setting.environment[len(PREFIX) :]: setting for setting in TABLE.values()}
    return {
        name: did_you_mean(name[len(PREFIX) :], known).replace("'", f"'{PREFIX}", 1)
        for name in sorted(names)
        if name.startswith(PREFIX) and name[len(PREFIX) :] not in known
    }
