"""Which component it is: code, constants, closures and settings that make another key, and those that don't."""

from __future__ import annotations

import functools
import operator
from typing import Any

import pytest
from tests.core.components import Asks, Client, Ranks, Versioned, key_of

from plait import DefinitionError, step


class Slots:
    __slots__ = ("__private", "top")

    def __init__(self, top: int, private: int) -> None:
        self.top, self.__private = top, private

    def __call__(self, text: str) -> str:
        return text


class Inherits(Slots):
    __slots__ = ("__dict__", "__weakref__", "more")


class Mixed(Ranks, Slots):
    def __init__(self, top: int, private: int) -> None:
        Slots.__init__(self, top, private)


class Holds(dict[str, int]):
    def __call__(self, text: str) -> int:
        return self[text]


class Counts(int):
    def __call__(self, text: str) -> int:
        return self


class Fails(Exception):
    def __call__(self, text: str) -> str:
        return text


def test_slots_are_attributes() -> None:
    for cls in (Slots, Inherits, Mixed):
        assert key_of(cls(1, 2)) == key_of(cls(1, 2))
        assert len({key_of(cls(1, 2)), key_of(cls(1, 3)), key_of(cls(2, 2))}) == 3


@pytest.mark.parametrize(
    "component",
    [Holds(a=1), Counts(1), Fails("a"), operator.itemgetter(1), operator.methodcaller("lower")],
    ids=lambda component: type(component).__name__,
)
def test_what_holds_more_than_attributes_is_refused(component: Any) -> None:
    with pytest.raises(DefinitionError, match="what it holds is a"):
        step(component, {"text": "text"}, "x", cache=True)


# Which code it is


def compiled(source: str, **names: Any) -> Any:
    """The function ``f`` of a program, in a module of its own."""
    module = {"__name__": "program", **names}
    exec(source, module)
    return module["f"]


def test_the_same_code_has_the_same_key_wherever_it_stands() -> None:
    source = "def f(x):\n    return [y + 1 for y in x]\n"
    assert key_of(compiled(source)) == key_of(compiled("\n\n# moved down\n" + source))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x):\n return x + 1", "def f(x):\n return x + 2"),
        ("def f(x):\n return x + 1", "def f(x):\n return x - 1"),
        ("def f(x):\n return x + 1", "def f(x):\n return x + 1.0"),
        ("def f(x, y=1):\n return x", "def f(x, y=2):\n return x"),
        ("def f(*, x=1):\n return x", "def f(*, x=2):\n return x"),
        ("def f(x):\n return x.lower()", "def f(x):\n return x.upper()"),
        ("def f(x):\n return (lambda: 1)()", "def f(x):\n return (lambda: 2)()"),
        ("def f(x):\n return x in {'a', 'b'}", "def f(x):\n return x in {'a', 'c'}"),
        ("N = 1\ndef f(x):\n return x + N", "N = 2\ndef f(x):\n return x + N"),
        ("def g(x):\n return 1\ndef f(x):\n return g(x)", "def g(x):\n return 2\ndef f(x):\n return g(x)"),
        (
            "def h(x):\n return 1\ndef g(x):\n return h(x)\ndef f(x):\n return g(x)",
            "def h(x):\n return 2\ndef g(x):\n return h(x)\ndef f(x):\n return g(x)",
        ),
        (
            "class C:\n def m(self):\n  return 1\ndef f(x):\n return C().m()",
            "class C:\n def m(self):\n  return 2\ndef f(x):\n return C().m()",
        ),
        (
            "import functools\n@functools.cache\ndef f(x):\n return 1",
            "import functools\n@functools.cache\ndef f(x):\n return 2",
        ),
    ],
)
def test_other_code_has_another_key(one: str, other: str) -> None:
    assert key_of(compiled(one)) == key_of(compiled(one))
    assert key_of(compiled(one)) != key_of(compiled(other))


def test_what_a_function_closes_over_counts() -> None:
    def adding(n: Any) -> Any:
        def add(x: int) -> Any:
            return x + n

        return add

    assert key_of(adding(1)) == key_of(adding(1))
    assert key_of(adding(1)) != key_of(adding(2))
    assert key_of(adding(adding(1))) != key_of(adding(adding(2)))


def test_a_function_that_names_itself_has_a_key() -> None:
    def down(n: int) -> int:
        return down(n - 1) if n else 0

    assert key_of(down)


def test_partial_arguments_count_and_so_do_settings_of_objects() -> None:
    def scale(x: int, by: int) -> int:
        return x * by

    assert key_of(functools.partial(scale, by=2)) == key_of(functools.partial(scale, by=2))
    assert key_of(functools.partial(scale, by=2)) != key_of(functools.partial(scale, by=3))
    assert key_of(Ranks(3)) == key_of(Ranks(3))
    assert key_of(Ranks(3)) != key_of(Ranks(4))
    assert key_of(Ranks(3).__call__) != key_of(Ranks(4).__call__)
    assert key_of(len) != key_of(sum)


def test_code_of_a_class_and_of_its_bases_counts() -> None:
    def made(number: int) -> Any:
        module: dict[str, Any] = {"__name__": "program"}
        exec(
            f"class B:\n def n(self):\n  return {number}\nclass C(B):\n def __call__(self, x):\n  return x + self.n()",
            module,
        )
        return module["C"]()

    assert key_of(made(1)) == key_of(made(1))
    assert key_of(made(1)) != key_of(made(2))


def test_an_object_may_say_what_it_depends_on() -> None:
    ranks = Asks(3, Client())
    before = key_of(ranks)
    assert before == key_of(Asks(3, Client()))
    made = step(ranks, ["pages"], "best", cache=True)
    assert made.cache is not None
    first = made.cache.key({})
    ranks.top = 4  # it is asked anew each time
    assert made.cache.key({}) != first
    assert key_of(Versioned(3, Client())) == key_of(Versioned(3, Client()))
    assert key_of(Versioned(3)) != key_of(Versioned(4))


def test_an_object_that_has_loaded_something_since_is_still_the_same() -> None:
    ranks = Ranks(3)
    made = step(ranks, ["pages"], "best", cache=True)
    assert made.cache is not None
    before = made.cache.key({})
    ranks.client = Client()
    renamed = made.replace(name="other")
    assert renamed.cache is not None
    assert renamed.cache.key({}) == before
