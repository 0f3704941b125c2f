"""Steps as they are written: outputs in every form, the decorator, and wrong arguments with their cure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from plait import (
    Config,
    DefinitionError,
    Optional,
    OutputError,
    Pipeline,
    Retry,
    Val,
    parallel,
    step,
    subgraph,
)
from plait.core.step import Step, keys_of, make_step


class Named(NamedTuple):
    b: int = 2
    a: int = 1


@dataclass
class Data:
    a: int = 1
    b: int = 2
    more: int = 3


class Model(BaseModel):
    a: int = 1
    b: int = 2


class ByProperty(NamedTuple):
    first: int = 1

    @property
    def a(self):
        return self.first

    @property
    def b(self):
        return self.first + 1


def giving(result: Any, output_state: Any) -> dict[str, Any]:
    """The state after a step that returns this; the same in a thread, on the loop and in serial mode."""

    def give():
        return result

    async def give_later():
        return result

    states = [
        Pipeline([step(give, [], output_state)]).run({}).state,
        Pipeline([step(give_later, [], output_state)]).run({}).state,
        Pipeline([step(give, [], output_state)]).run({}, mode="serial").state,
    ]
    assert states[0] == states[1] == states[2]
    return states[0]


@pytest.mark.parametrize("result", [None, 5, (1, 2), {"a": 1}, [1], Data()], ids=repr)
def test_one_key_takes_the_whole_result(result):
    assert giving(result, "out") == {"out": result}


@pytest.mark.parametrize(
    "result",
    [
        {"a": 1, "b": 2},
        {"b": 2, "a": 1, "more": 3},
        OrderedDict(b=2, a=1),
        Named(),
        Data(),
        Model(),
        (1, 2),
        [1, 2],
        ByProperty(),
    ],
    ids=repr,
)
def test_several_keys_take_parts_by_name_or_a_tuple_by_position(result):
    assert giving(result, ["a", "b"]) == {"a": 1, "b": 2}


@pytest.mark.parametrize("result", [{"a": 1, "b": 2}, Named(), Data(), Model()], ids=repr)
def test_a_mapping_renames_parts(result):
    assert giving(result, {"x": "a", "y": "b"}) == {"x": 1, "y": 2}
    assert giving(result, {"x": "a", "y": "a"}) == {"x": 1, "y": 1}


def test_no_output_discards_the_result():
    assert giving({"a": 1}, None) == {}


@pytest.mark.parametrize(
    ("result", "output_state", "message"),
    [
        ((1, 2, 3), ["a", "b"], "'give' returned 3 values for 2 keys: 'a' and 'b'"),
        ((1,), ["a", "b"], "'give' returned 1 values for 2 keys"),
        ((), ["a", "b"], "'give' returned 0 values for 2 keys"),
        ({"a": 1, "B": 2}, ["a", "b"], "'give' returned a mapping without 'b'; did you mean 'B'?"),
        (Data(), ["a", "c"], "'give' returned a Data without 'c'"),
        (Named(), {"x": "c", "y": "d"}, "'give' returned a Named without 'c' and 'd'"),
        (Model(), ["c"], "'give' returned a Model without 'c'"),
        (
            5,
            ["a", "b"],
            "'give' returned int for the keys 'a' and 'b'; several outputs take a mapping, a dataclass",
        ),
        (None, ["a"], "'give' returned NoneType for the keys 'a'"),
        ("ab", ["a", "b"], "'give' returned str for the keys 'a' and 'b'"),
        ({1, 2}, ["a", "b"], "'give' returned set for the keys"),
        ((1, 2), {"x": "a", "y": "b"}, "'give' returned tuple for the keys 'x' and 'y'"),
    ],
)
def test_a_result_without_the_parts_is_an_error_of_the_step(result, output_state, message):
    def give():
        return result

    for mode in ("parallel", "serial"):
        with pytest.raises(OutputError) as caught:
            Pipeline([step(give, [], output_state)], name="parts").run({}, mode=mode)
        assert message in str(caught.value)
        assert "in step 'give' of pipeline 'parts', attempt 1" in "".join(caught.value.__notes__)


# The decorator


@step(output_state="topics", retry=Retry(attempts=2), name="topics")
async def find_topics(text: str) -> list[str]:
    """Find the topics."""
    return text.split()


@step
def shout(text: str) -> str:
    return text.upper()


def test_a_decorated_function_stays_a_function():
    assert shout("x") == "X"
    assert shout.__name__ == "shout"
    assert find_topics.__doc__ == "Find the topics."
    assert find_topics.__wrapped__.__name__ == "find_topics"
    assert find_topics.__module__ == __name__
    coroutine = find_topics("a b")
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    assert stopped.value.value == ["a", "b"]


def test_a_decorated_function_is_a_step_of_a_pipeline():
    assert Pipeline([find_topics]).run({"text": "a b"}).state["topics"] == ["a", "b"]
    assert (find_topics.name, find_topics.retry.attempts) == ("topics", 2)


def test_decorating_with_parentheses_and_without():
    @step()
    def bare(text): ...

    assert isinstance(bare, Step)
    assert bare.outputs == ()
    assert isinstance(shout, Step)


def test_a_method_is_called_with_its_arguments_only():
    class Model:
        def __call__(self, text, *, times=1):
            return text * times

    assert step(Model(), ["text"], "out")("ab", times=2) == "abab"


# Settings


def test_a_copy_with_other_settings_leaves_the_first_one_alone():
    first = step(shout.component.given, ["text"], "loud", name="shout", timeout=3, resources={"gpu": 1})
    other = first.replace(name="louder", timeout=None, output_state="louder", exclusive="mouth")
    assert (first.name, first.timeout, first.outputs, first.exclusive) == (
        "shout",
        3,
        (("loud", None),),
        None,
    )
    assert (other.name, other.timeout, other.outputs) == ("louder", None, (("louder", None),))
    assert (other.inputs, other.resources, other.exclusive) == (first.inputs, {"gpu": 1}, "mouth")


def test_a_copy_keeps_the_inputs_and_every_form_of_outputs():
    for outputs in (None, "a", ["a", "b"], {"a": "x", "b": "y"}):
        made = step(lambda t: t, {"t": Val(1)}, outputs)
        again = made.replace(timeout=1)
        assert (again.inputs[0][0], again.outputs, again.effect) == ("t", made.outputs, made.effect)
    assert step(lambda t: t).replace(timeout=1).inputs is None


def test_whether_a_step_is_an_effect_follows_its_outputs_until_somebody_says():
    assert step(print, []).effect is True
    assert step(len, ["obj"], "n").effect is False
    assert step(len, ["obj"], "n", effect=True).effect is True
    assert step(print, [], effect=False).effect is False
    assert step(print, []).replace(output_state="out").effect is False
    assert step(print, [], effect=False).replace(output_state="out").effect is False
    assert step(len, ["obj"], "n", effect=True).replace(output_state=None).effect is True


def test_a_copy_with_another_component():
    other = shout.replace(component=lambda text: text.lower(), output_state="quiet")
    assert Pipeline([other]).run({"text": "X"}).state["quiet"] == "x"


def test_an_unknown_setting_of_a_copy_is_refused():
    with pytest.raises(DefinitionError, match=r"shout\.replace\(\) has no setting 'timeuot'; it has name, "):
        shout.replace(timeuot=3)


def test_the_keys_that_a_step_reads():
    made = step(lambda a, b, c, d: 0, {"a": "x", "b": Optional("y"), "c": Val(1), "d": Config("z")})
    assert made.keys_read == ("x", "y")
    assert shout.keys_read == ("text",)
    assert step(lambda **state: state).keys_read is None
    assert keys_of((("a", None), ("b", "c"))) == ("a", "b")


def test_a_step_shows_itself():
    assert repr(shout) == "<step shout>"
    assert repr(find_topics) == "<step topics>"
    assert repr(shout | find_topics) == "<step shout> | <step topics>"


# What is refused


@pytest.mark.parametrize("pair", [{"text": "t"}, ["text"], ("text",)])
def test_swapped_arguments_are_refused_with_the_corrected_call(pair):
    with pytest.raises(DefinitionError) as caught:
        step(shout.component.given, "loud", pair)
    assert str(caught.value) == (
        f"step 'shout': the input map comes before the output: write step(shout, {pair!r}, 'loud'), "
        f"or name both: step(shout, input_map={pair!r}, output_state='loud')"
    )


def test_a_key_in_the_place_of_the_component_is_refused_with_the_decorator_that_was_meant():
    with pytest.raises(
        DefinitionError, match=r"'topics' is not a component; .*: @step\(output_state='topics'\)"
    ):

        @step("topics")
        def work(text): ...


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "name is ''; a name is a non-empty string without '/'"),
        ({"name": "a/b"}, "name is 'a/b'"),
        ({"name": " a"}, "name is ' a'"),
        ({"name": 5}, "name is 5"),
        ({"executor": "proces"}, "executor is 'proces'; it is one of 'inline', 'thread'"),
        ({"executor": "ray"}, "executor 'ray' is not built yet in this version; use 'thread'"),
        ({"executor": "process", "abandon": True}, "a process is killed when its step is told to stop"),
        ({"executor": 5}, "executor is 5"),
        ({"timeout": 0}, "timeout is 0; it is a number of seconds above 0, or None"),
        ({"timeout": -1}, "timeout is -1"),
        ({"timeout": True}, "timeout is True"),
        ({"timeout": "3"}, "timeout is '3'"),
        ({"timeout": float("nan")}, "timeout is nan"),
        ({"retry": 3}, r"retry is 3; use Retry\(attempts=3\)"),
        ({"exclusive": 5}, "exclusive is 5; it is True, or a name"),
        ({"resources": ["gpu"]}, r"resources is \['gpu'\]; it is a mapping such as \{'gpu': 1\}"),
        (
            {"resources": {"gpu": 0}},
            "resources has 'gpu': 0; an amount is a number above 0, such as 1 or 0.5",
        ),
        ({"resources": {"gpu": -0.5}}, "resources has 'gpu': -0.5"),
        ({"resources": {"gpu": float("nan")}}, "resources has 'gpu': nan; an amount is a number above 0"),
        ({"resources": {"gpu": float("inf")}}, "resources has 'gpu': inf; an amount is a number above 0"),
        ({"resources": {"gpu": 0.1234}}, "'gpu': 0.1234; an amount has at most 3 decimals; round it: 0.123"),
        ({"resources": {"gpu": "1"}}, "resources has 'gpu': '1'; an amount is a number"),
        ({"resources": {"gpu": True}}, "resources has 'gpu': True"),
        ({"resources": {5: 1}}, "resources has 5: 1"),
    ],
)
def test_a_wrong_setting_names_the_step_and_the_cure(options, message):
    with pytest.raises(DefinitionError, match=message) as caught:
        step(shout.component.given, **options)
    assert str(caught.value).startswith("step ")


def test_settings_that_do_not_go_with_an_async_component():
    work = find_topics.component.given
    with pytest.raises(DefinitionError, match="'find_topics': an async component runs on the event loop"):
        step(work, executor="thread")
    with pytest.raises(DefinitionError, match="'find_topics': abandon=True is for blocking components"):
        step(work, abandon=True)
    assert step(work, executor="inline").executor == "inline"


def test_what_is_a_step_or_a_pipeline_already_is_refused_with_the_cure():
    with pytest.raises(
        DefinitionError, match=r"'shout' is a step already; change its settings with shout\.replace"
    ):
        step(shout)
    pipeline = Pipeline([shout])
    with pytest.raises(DefinitionError, match=r"a pipeline becomes a step with subgraph\(pipeline"):
        step(pipeline)
    assert Pipeline([subgraph(pipeline)]).run({"text": "x"})


def test_all_definitions_come_through_the_same_checks():
    with pytest.raises(DefinitionError, match="transform 'work': timeout is 0"):
        make_step(lambda: 1, [], "x", kind="transform", name="work", timeout=0)


@pytest.mark.parametrize(
    ("need", "message"),
    [
        (0, r"need \(how many branches must succeed\) is 0; it is a whole number from 1, or 'all'"),
        ("most", "is 'most'; it is a whole number from 1, or 'all'"),
        (None, "need is None; it is a whole number from 1, or 'all'"),
        (3, "need=3 of 2 branches can never be reached"),
    ],
)
def test_how_many_branches_a_block_needs_is_a_number_or_all(need, message):
    with pytest.raises(DefinitionError, match=message):
        parallel([step(lambda: 1, name="a"), step(lambda: 2, name="b")], need=need)
