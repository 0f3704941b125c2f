"""The cache in memory: who stays, who goes, and for how long."""

from __future__ import annotations

import pytest

from plait import MemoryCache
from plait.stores.memory_cache import size_of
from plait.testing.conformance import check_cache_store
from plait.typing import CacheStore, Hit


def filled(cache: MemoryCache, *keys: str) -> MemoryCache:
    for key in keys:
        cache.set(key, key, None)
    return cache


def there(cache: MemoryCache, keys: str) -> str:
    """Which of the keys are there; asking does not count as use, for they are asked in their order of use."""
    return "".join(key for key in keys if cache.get(key) is not None)


def test_it_is_a_store() -> None:
    assert isinstance(MemoryCache(), CacheStore)
    assert MemoryCache().blocking is False


@pytest.mark.parametrize("make", [MemoryCache, lambda: MemoryCache(64, max_bytes=10**6)])
def test_it_passes_the_proof(make: type[MemoryCache]) -> None:
    check_cache_store(make)


def test_values_are_kept_by_reference() -> None:
    cache, value = MemoryCache(), object()
    cache.set("a", value)
    found = cache.get("a")
    assert found is not None
    assert found.value is value


def test_what_was_used_least_recently_goes_first() -> None:
    cache = filled(MemoryCache(3), "a", "b", "c")
    cache.get("a")
    filled(cache, "d")
    assert there(cache, "abcd") == "acd"
    filled(cache, "c", "e")  # setting is a use as well
    assert there(cache, "acde") == "cde"
    assert len(cache) == 3


def test_an_empty_one_is_true() -> None:
    assert MemoryCache()
    assert repr(filled(MemoryCache(2), "a")) == "<memory cache, 1 of 2 entries>"


def test_bytes_are_bounded_as_well() -> None:
    big = "x" * 1000
    cache = MemoryCache(max_bytes=3 * size_of(big))
    for key in "abcd":
        cache.set(key, "x" * 1000)
    assert there(cache, "abcd") == "bcd"
    cache.set("e", "x" * 5000)
    assert there(cache, "bcde") == "bcd", "what is too large by itself is not kept"
    cache.set("b", "x" * 5000)
    assert there(cache, "bcd") == "cd", "nor does the old value stay"
    cache.delete("c")
    cache.set("f", "x" * 1000)
    cache.set("g", "x" * 1000)
    assert there(cache, "dfg") == "dfg", "what was deleted takes no room"
    cache.clear()
    assert len(cache) == 0


def test_what_a_value_holds_counts_once() -> None:
    text = "x" * 10_000
    assert 10_000 < size_of([text]) < 11_000
    assert size_of([text, text]) < 11_000
    assert size_of({"a": [text], "b": ("x" * 10_000 + "y",)}) > 20_000

    class Page:
        def __init__(self) -> None:
            self.text, self.me = text, self

    assert 10_000 < size_of(Page()) < 12_000


def test_the_memory_of_an_array_counts() -> None:
    np = pytest.importorskip("numpy")
    array = np.zeros(10_000)
    assert 80_000 < size_of(array) < 81_000
    assert size_of([array[:5_000]]) > 40_000


def test_time_is_up_when_the_clock_says_so() -> None:
    now = [100.0]
    cache = MemoryCache(clock=lambda: now[0])
    cache.set("a", 1, 10.0)
    cache.set("b", 1)
    now[0] = 109.9
    assert cache.get("a") == Hit(1)
    now[0] = 110.0
    assert cache.get("a") is None
    assert cache.get("b") == Hit(1)
    assert len(cache) == 1
