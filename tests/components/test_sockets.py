"""The convention of sockets, imitated: what Plait knows of it is how it looks, so these tests always run."""

from __future__ import annotations

import re

import pytest

from plait import OutputError, Pipeline, Val, step


class Mandatory:
    """The mark of a socket without a default."""


class Socket:
    def __init__(self, kind, default=Mandatory, *, variadic=False):
        self.type, self.default_value, self.is_variadic = kind, default, variadic
        self.is_mandatory = default is Mandatory


class Sockets:
    def __init__(self, **sockets):
        self._sockets_dict = sockets


class Splitter:
    """As a component with sockets is: what `run` takes and gives is declared beside it."""

    def __init__(self):
        self.__haystack_input__ = Sockets(text=Socket(str), at=Socket(str, " "))
        self.__haystack_output__ = Sockets(words=Socket(list[str]), count=Socket(int))
        self.__haystack_supports_async__ = False
        self.warm = 0
        self.closed = 0

    def warm_up(self):
        self.warm += 1

    def close(self):
        self.closed += 1

    def run(self, text, at=" ", **others):
        assert not others
        assert self.warm == 1
        words = text.split(at)
        return {"words": words, "count": len(words)}


class AsyncSplitter(Splitter):
    def __init__(self):
        super().__init__()
        self.__haystack_supports_async__ = True
        self.async_warm = 0

    async def warm_up_async(self):
        self.async_warm += 1

    def run(self, text, at=" "):
        raise AssertionError("run_async is there")

    async def run_async(self, text, at=" "):
        assert self.async_warm == 1
        words = text.split(at)
        return {"words": words, "count": len(words)}


@pytest.mark.parametrize("make", [Splitter, AsyncSplitter])
def test_sockets_are_parameters_and_outputs_are_taken_by_name(state_of, make):
    both = state_of([step(make(), ["text"], ["words", "count"])], {"text": "a b"})
    assert (both["words"], both["count"]) == (["a", "b"], 2)
    renamed = state_of([step(make(), {"text": "t", "at": Val("-")}, {"n": "count"})], {"t": "a-b-c"})
    assert renamed == {"t": "a-b-c", "n": 3}
    whole = state_of([step(make(), ["text"], "split")], {"text": "a"})
    assert whole["split"] == {"words": ["a"], "count": 1}
    assert state_of([step(make(), output_state=["count"])], {"text": "a,b", "at": ","})["count"] == 2


def test_what_is_warmed_up_is_closed():
    splitter = Splitter()
    pipeline = Pipeline([step(splitter, ["text"], ["words"]), step(splitter, {"text": "more"}, ["count"])])
    with pipeline:
        for text in ("a", "b"):
            pipeline.run({"text": text, "more": "c d"})
    assert (splitter.warm, splitter.closed) == (1, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            [step(Splitter(), ["text"], ["word"])],
            "E106.*returns SplitterOutputs, which has no field 'word'; did you mean 'words'",
        ),
        ([step(Splitter(), ["text"], {"n": "counts"})], "E106.*no field 'counts'; did you mean 'count'"),
        ([step(Splitter(), {"txt": "text"}, ["words"])], "E102.*'txt'.*did you mean 'text'"),
        ([step(Splitter(), {"at": "text"}, ["words"])], "E103.*'text'"),
        (
            [
                step(Splitter(), ["text"], ["count"]),
                step(Splitter(), {"text": "count"}, ["words"], name="again"),
            ],
            "E105.*'again' takes 'text' as str, but 'count'.* is int",
        ),
    ],
    ids=["output", "renamed", "argument", "missing", "type"],
)
def test_the_checks_know_the_sockets(wrong, message, problems):
    assert re.search(message, problems(wrong))


def test_an_output_that_did_not_come_is_the_failure_of_its_step(state_of):
    class Forgets(Splitter):
        def run(self, text, at=" "):
            return {"words": text.split(at)}

    with pytest.raises(OutputError, match="'forgets' returned a mapping without 'count'"):
        state_of([step(Forgets(), ["text"], ["words", "count"])], {"text": "a"})


def test_a_socket_for_many_takes_a_list_of_them(state_of):
    class Joiner:
        def __init__(self):
            self.__haystack_input__ = Sockets(parts=Socket(list[str], variadic=True))
            self.__haystack_output__ = Sockets(joined=Socket(list[str]))

        def run(self, parts):
            return {"joined": [item for part in parts for item in part]}

    def both(one, two) -> list[list[str]]:
        return [one, two]

    steps = [step(both, output_state="parts"), step(Joiner(), ["parts"], ["joined"])]
    assert state_of(steps, {"one": ["a"], "two": ["b", "c"]})["joined"] == ["a", "b", "c"]


def test_a_socket_for_many_of_one_type_fits_a_list_of_it(problems):
    class Counter:
        def __init__(self):
            self.__haystack_input__ = Sockets(words=Socket(str, variadic=True))

        def run(self, words):
            return {"count": len(words)}

    def split(text: str) -> list[str]:
        return text.split()

    def measure(text: str) -> int:
        return len(text)

    assert not problems([step(split, ["text"], "words"), step(Counter(), ["words"], ["count"])])
    assert "E105" in problems([step(measure, ["text"], "words"), step(Counter(), ["words"], ["count"])])


def test_a_socket_of_an_odd_type_is_known_by_name(problems):
    odd = Splitter()
    odd.__haystack_output__ = Sockets(words=Socket(5), count=Socket(int))
    assert "no field 'wrds'; did you mean 'words'" in problems([step(odd, ["text"], ["wrds"])])
