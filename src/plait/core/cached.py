"""Caches in use: which component it is, and under which key the result of a call is kept.

    key = name : digest of (which code, with which settings; which arguments)

Pure: nothing is looked up here. The shells ask for a key around each call (``plait.run.caching``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from plait.core.cache import Cache, policy_of
from plait.core.code import Reader, Unknown
from plait.core.digest import Undigestable, digest, digest_named, name_of
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.core.component import Component

_FORMAT = "plait cache 1"
"""Part of every key: results that were kept under another one are not found any more."""


class Unkept(Exception):
    """A call whose result can't be kept: an argument is of a type that can't be digested.

    Attributes:
        argument: its name.
        kind: the name of its type.
    """

    def __init__(self, argument: str, kind: str) -> None:
        super().__init__(f"{argument} is a {kind}")
        self.argument, self.kind = argument, kind


class Cached:
    """A cache in use: by one step, or by one pipeline.

    Attributes:
        policy: what the user asked for.
        label: the readable part of keys.
        given: what it is about: the component, or the pipeline's definition.
        own: the digest of what was known when it was defined.
    """

    __slots__ = ("_asks", "_reader", "_told", "_version", "given", "label", "own", "policy")

    def __init__(
        self,
        policy: Cache,
        given: Any,
        label: str,
        read: Callable[[Reader], Any],
        *,
        asks: Callable[[], Any] | None = None,
    ) -> None:
        self.policy, self.given, self.label = policy, given, policy.name or label
        self._asks = asks
        pinned = policy.version is not None
        self._reader: Reader | None = Reader(strict=not pinned, code=not pinned)
        self.own = digest([_FORMAT, policy.name, policy.version, read(self._reader)])
        self._version: bytes | None = None
        self._told: set[str] = set()

    def tells(self, what: str) -> bool:
        """Whether this is new: the same thing is told once."""
        new = what not in self._told
        self._told.add(what)
        return new

    @property
    def version(self) -> bytes:
        """The digest of the code, the globals that it names included, as they are when it is first asked for."""
        if self._version is None:
            reader, self._reader = self._reader, None
            self._version = digest([self.own, reader.globals() if reader is not None else None])
        return self._version

    def planned(self, path: str, effect: bool) -> None:
        """It is part of a plan now: read what is left to read, and refuse an effect (which a step without outputs is).

        Raises:
            DefinitionError: naming the step.
        """
        if effect:
            raise DefinitionError(
                f"step {path!r} writes nothing, so it is an effect, and has a cache: found there, it would not act. "
                f"Give it an output_state, say effect=False, or leave the cache out"
            )
        _ = self.version

    def key(
        self,
        arguments: Mapping[str, Any],
        settings: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
    ) -> str:
        """The key of a call with these arguments, or of a run with these inputs and settings.

        Raises:
            Unkept: naming the argument that can't be digested.
            TooLarge: when the limit is reached.
        """
        more = (
            {} if settings is None else {f"the setting {name!r}": value for name, value in settings.items()}
        )
        if self.policy.key is not None:
            arguments = {"the answer of its key function": self._answer(arguments)}
        if self._asks is not None:
            more["the answer of its cache_key()"] = self._asks()
        try:
            return f"{self.label}:{digest_named(self.version, arguments, more, limit=limit).hex()}"
        except Undigestable as error:
            raise Unkept(error.name, error.kind) from None

    def _answer(self, arguments: Mapping[str, Any]) -> Any:
        assert self.policy.key is not None
        try:
            return self.policy.key(dict(arguments))
        except Exception as error:
            error.add_note(f"in the key function of the cache of {self.label!r}")
            raise

    def __repr__(self) -> str:
        return f"<cache of {self.label}>"


def cached_step(cache: object, component: Component, effect: bool | None, where: str) -> Cached | None:
    """The cache of a step.

    Raises:
        DefinitionError: for a wrong argument, an effect, or a component that can't be told apart from another one.
    """
    policy = cache.policy if isinstance(cache, Cached) else policy_of(cache, where)
    if policy is None:
        return None
    if effect:
        raise DefinitionError(
            f"{where}: it has effect=True and a cache; found in a cache, it would not act. Leave out one of the two"
        )
    if isinstance(cache, Cached) and cache.given is component:
        return cache  # the object may hold more by now, such as what its setup has loaded
    if component.context_param is not None and policy.version is None and policy.key is None:
        raise DefinitionError(
            f"{where}: it takes the step's context, so its result may depend on more than its arguments, and found in a cache "
            f'it emits nothing. Read settings with Config("name") in the input map; if it is all the same, say '
            f'cache=Cache(version="1")'
        )
    return _cached(policy, component, component.name, where, lambda reader: read_component(reader, component))


def _cached(
    policy: Cache, component: Component, label: str, where: str, read: Callable[[Reader], Any]
) -> Cached:
    if policy.version is not None and policy.name is None and label == "lambda":
        raise DefinitionError(
            f'{where}: a lambda has no name of its own, so with version= its cache needs one: Cache(version=..., name="...")'
        )
    asks = getattr(component.given, "cache_key", None)
    try:
        return Cached(policy, component, label, read, asks=asks if callable(asks) else None)
    except Unknown as unknown:
        raise DefinitionError(refusal(where, component.name, unknown)) from None


def refusal(where: str, name: str, unknown: Unknown) -> str:
    """Why a component can't be told apart from another one, and what to do."""
    return (
        f"{where}: its cache can't tell whether {name} is the same the next time: {unknown.what} is a {unknown.kind}. "
        f'Say it yourself with cache=Cache(version="1"), and change that when results should be computed anew; '
        f"or give the component a method cache_key() that returns its settings"
    )


def read_component(reader: Reader, component: Component) -> Any:
    """A component in its role: what was given, and what is made of its answer."""
    found = [reader.component(component.given)]
    verdict = getattr(component, "verdict", None)  # of a condition: which of the branches an answer means
    if verdict is not None:
        strict, code = reader.strict, reader.code
        reader.strict = reader.code = False
        found += [name_of(type(verdict)), reader.component(verdict)]
        reader.strict, reader.code = strict, code
    return found
