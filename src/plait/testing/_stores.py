"""The promises of a cache's store, each tried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from plait.typing import CacheStore, Hit

_SOON = 0.05
"""Seconds after which a short-lived result is gone."""

_THREADS = 8
_ROUNDS = 50

VALUES: tuple[Any, ...] = (
    None,
    False,
    0,
    1.5,
    "",
    "é\N{SNOWMAN}\0",
    b"\0\xff",
    [],
    {},
    [1, "two", None, [3.0, {"four": [True]}]],
    {"a": {"b": [1, 2]}},
)
"""What any store has to hold."""

KEYS = ("a", "A", "a:b/c d", "é\N{SNOWMAN}", "'; drop table x; --", "%_*?", "x" * 300)


def check_cache_store(make_store: Callable[[], CacheStore]) -> None:
    """Prove that a store keeps what caches rely on (``plait.typing.CacheStore``).

    Args:
        make_store: makes a fresh, empty store; called once for each promise. If what it makes has ``close()``, that is
            called at the end of each.

    Raises:
        AssertionError: naming the promise that does not hold, and what happened instead.

    >>> from plait import MemoryCache
    >>> check_cache_store(MemoryCache)
    """
    for promise, trial in _PROMISES:
        store = make_store()
        try:
            trial(store)
        except AssertionError as error:
            raise AssertionError(f"{promise}: {error}") from error
        except Exception as error:
            raise AssertionError(f"{promise}: it raised {error!r}") from error
        finally:
            close = getattr(store, "close", None)
            if close is not None:
                close()


def _is(found: Any, wanted: Any, what: str) -> None:
    if found != wanted or (found is not None and type(found.value) is not type(wanted.value)):
        raise AssertionError(f"{what} is {found!r} instead of {wanted!r}")
    if found is not None and not isinstance(found, Hit):
        raise AssertionError(f"{what} is a {type(found).__name__} instead of a Hit")


def _says(store: CacheStore) -> None:
    if getattr(store, "blocking", None) not in (True, False):
        raise AssertionError(f"blocking is {getattr(store, 'blocking', 'not there')!r}; it is True or False")


def _empty(store: CacheStore) -> None:
    for key in KEYS:
        _is(store.get(key), None, f"get({key[:20]!r})")
        store.delete(key)
    store.clear()


def _keeps(store: CacheStore) -> None:
    for i, value in enumerate(VALUES):
        store.set(f"value {i}", value, None)
    for i, value in enumerate(VALUES):
        for _ in range(2):
            _is(store.get(f"value {i}"), Hit(value), f"what was kept of {value!r}")


def _tells_keys_apart(store: CacheStore) -> None:
    for i, key in enumerate(KEYS):
        store.set(key, i, None)
    for i, key in enumerate(KEYS):
        _is(store.get(key), Hit(i), f"get({key[:20]!r})")


def _replaces(store: CacheStore) -> None:
    store.set("key", 1, 1000.0)
    store.set("key", [2], None)
    _is(store.get("key"), Hit([2]), "the value that was set last")


def _deletes(store: CacheStore) -> None:
    for key in KEYS:
        store.set(key, 1, None)
    store.delete(KEYS[0])
    _is(store.get(KEYS[0]), None, "what was deleted")
    for key in KEYS[1:]:
        _is(store.get(key), Hit(1), "what was not deleted")
    store.clear()
    for key in KEYS:
        _is(store.get(key), None, "what was cleared")
    store.set(KEYS[0], 2, None)
    _is(store.get(KEYS[0]), Hit(2), "what was set afterwards")


def _forgets(store: CacheStore) -> None:
    store.set("short", 1, _SOON)
    store.set("long", 1, 1000.0)
    store.set("longer", 1, _SOON)
    store.set("longer", 1, None)
    store.set("shorter", 1, None)
    store.set("shorter", 1, _SOON)
    time.sleep(4 * _SOON)
    _is(store.get("short"), None, f"what was to last for {_SOON:g} s, after {4 * _SOON:g} s,")
    _is(store.get("long"), Hit(1), "what was to last for 1000 s")
    _is(store.get("longer"), Hit(1), "what was set again without an end")
    _is(store.get("shorter"), None, "what was set again with an end")


def _refuses(store: CacheStore) -> None:
    value = object()
    store.set("before", 1, None)
    store.set("odd", 2, None)
    try:
        store.set("odd", value, None)
    except Exception:  # noqa: BLE001  (it may refuse what it can't hold)
        found = store.get("odd")
        if found is not None and found != Hit(2):
            raise AssertionError(f"of what it refused there is {found!r}") from None
    else:
        found = store.get("odd")
        if found is not None and found.value is not value:
            raise AssertionError(f"of a value that it can't hold there is {found!r}; raise in set()")
    _is(store.get("before"), Hit(1), "what was there before")


def _together(store: CacheStore) -> None:
    wrong: list[str] = []
    all_have_set = threading.Barrier(_THREADS)

    def work(number: int) -> None:
        try:
            for i in range(_ROUNDS):
                store.set(f"own {number}", [number, i], None)
                store.set("common", [number, i], None)
                all_have_set.wait(60)
                found = store.get(f"own {number}")
                if found is not None and found.value != [number, i]:
                    wrong.append(f"a thread found {found.value!r} instead of its own {[number, i]!r}")
                common = store.get("common")
                if common is not None and common.value[0] not in range(_THREADS):
                    wrong.append(f"there was {common.value!r}, which nobody set")
                if i % 10 == 9:
                    store.delete("common")
        except threading.BrokenBarrierError:
            return  # another one tells why
        except Exception as error:  # noqa: BLE001  (told below)
            wrong.append(f"in a thread it raised {error!r}")
            all_have_set.abort()

    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if any(thread.is_alive() for thread in threads):
        raise AssertionError("threads that use it at the same time wait for ever")
    if wrong:
        raise AssertionError(wrong[0])


_PROMISES: tuple[tuple[str, Callable[[CacheStore], None]], ...] = (
    ("it says whether it blocks", _says),
    ("an empty store has nothing", _empty),
    ("it gives back what it was given, None included", _keeps),
    ("keys are any strings, and it tells them apart", _tells_keys_apart),
    ("the value that is set last counts", _replaces),
    ("delete and clear drop what they say, and nothing else", _deletes),
    ("a ttl ends a result, and its absence does not", _forgets),
    ("what it can't hold it refuses, and keeps the rest", _refuses),
    ("any number of threads may use it at the same time", _together),
)
