"""Input maps in every form, and where the values come from."""

from __future__ import annotations

import pytest

from plait import Config, DefinitionError, InputError, Optional, Pipeline, Val, step
from plait.core.inputs import REQUIRED, choice, normalise_inputs, normalise_outputs


def show(a, b="B", *, c="C"):
    return f"{a}{b}{c}"


def ran(steps, inputs, **options):
    """The same from the loop and from serial mode, which gather arguments apart."""
    pipeline = Pipeline(steps)
    state = pipeline.run(inputs, **options).state
    assert pipeline.run(inputs, mode="serial", **options).state == state
    return state


@pytest.mark.parametrize(
    ("input_map", "inputs", "expected"),
    [
        (None, {"a": 1, "b": 2, "c": 3}, "123"),
        (None, {"a": 1}, "1BC"),
        (["a"], {"a": 1, "b": 2}, "1BC"),
        (["a", "c"], {"a": 1, "c": 3}, "1B3"),
        (("a", "b"), {"a": 1, "b": 2}, "12C"),
        ({"a": "x"}, {"x": 1, "b": 2}, "1BC"),
        ({"a": "x", "c": "x"}, {"x": 1}, "1B1"),
        ([{"a": "x"}, "b", {"c": Val(9)}], {"x": 1, "b": 2}, "129"),
        ({"a": Val([1])}, {}, "[1]BC"),
        ({"a": Optional("x", "none")}, {}, "noneBC"),
        ({"a": Optional("x", "none")}, {"x": 1}, "1BC"),
        ({"a": Optional("x")}, {}, "NoneBC"),
        ({"a": Config("model", "small")}, {}, "smallBC"),
    ],
)
def test_every_form_of_an_input_map(input_map, inputs, expected):
    assert ran([step(show, input_map, "out")], inputs)["out"] == expected


def test_an_empty_input_map_gives_nothing_even_where_keys_would_fit():
    assert ran([step(lambda a="own": a, [], "out")], {"a": "state's"})["out"] == "own"
    assert ran([step(lambda a="own": a, {}, "out")], {"a": "state's"})["out"] == "own"


def test_positional_only_parameters_and_keyword_arguments():
    def odd(a, /, b, *, c):
        return (a, b, c)

    assert ran([step(odd, {"c": "z", "a": "x", "b": "y"}, "out")], {"x": 1, "y": 2, "z": 3})["out"] == (
        1,
        2,
        3,
    )


def test_keyword_arguments_without_an_input_map_take_the_whole_state():
    def everything(**state):
        return dict(sorted(state.items()))

    state = ran([step(lambda: 1, [], "one"), step(everything, output_state="all")], {"x": 0})
    assert state["all"] == {"one": 1, "x": 0}


def test_keyword_arguments_with_an_input_map_take_only_what_is_named():
    def everything(**given):
        return given

    assert ran([step(everything, {"b": "x", "c": Val(2)}, "all")], {"x": 0, "y": 1})["all"] == {
        "b": 0,
        "c": 2,
    }


def test_settings_come_from_config_then_context_then_the_default():
    steps = [step(show, {"a": Config("m"), "b": Config("n"), "c": Config("o", "default")}, "out")]
    settings = {"config": {"m": 1}, "context": {"m": 8, "n": 2}}
    assert ran(steps, {}, **settings)["out"] == "12default"


def test_a_setting_that_is_not_given_is_an_error_before_anything_runs():
    called = []
    steps = [
        step(lambda: called.append(1), [], name="first"),
        step(show, {"a": Config("model")}, "out", name="answer"),
    ]
    for mode in ("parallel", "serial"):
        with pytest.raises(InputError) as caught:
            Pipeline(steps).run({}, config={"modle": "small"}, mode=mode)
        message = str(caught.value)
        assert "step 'answer' reads the setting 'model', which this run does not give" in message
        assert "did you mean 'modle'?" in message
        assert "pass config={'model': ...}, or use Config('model', default)" in message
    assert called == []


def test_an_optional_key_that_was_never_produced_and_one_that_is_none():
    steps = [step(show, {"a": Optional("x", "default")}, "out")]
    assert ran(steps, {"x": None})["out"] == "NoneBC"
    assert ran(steps, {})["out"] == "defaultBC"


@pytest.mark.parametrize(
    ("input_map", "message"),
    [
        ("text", r"input_map is the string 'text'; use \['text'\] or \{'argument': 'text'\}"),
        (5, "input_map is int; it is a mapping, or a list"),
        ({"a"}, "input_map is set; it is a mapping, or a list"),
        ([5], "input_map has the entry 5; a list holds key names and mappings"),
        ([["a"]], r"input_map has the entry \['a'\]"),
        ({5: "a"}, "input_map names the argument 5, which is not a string"),
        ({"a": 5}, r"the argument 'a' is bound to 5; use a state key \(a string\), Val\(value\)"),
        ({"a": None}, "the argument 'a' is bound to None"),
        (["a", {"a": "x"}], "input_map gives the argument 'a' twice"),
        (["a", "a"], "input_map gives the argument 'a' twice"),
    ],
)
def test_a_wrong_input_map_is_refused_where_it_is_written(input_map, message):
    with pytest.raises(DefinitionError, match=rf"step 'show': {message}"):
        step(show, input_map, "out")


@pytest.mark.parametrize(
    ("output_state", "message"),
    [
        (5, r"output_state is int; it is a key, a list of keys, a mapping \{key: field\}, or None"),
        ("", "'' is not a state key; keys are non-empty strings"),
        ([], "output_state is empty; leave it out to discard the result"),
        ({}, "output_state is empty"),
        (["a", 5], "5 is not a state key"),
        (["a", "a"], "output_state names 'a' twice"),
        ({"a": 5}, "5 is not a state key"),
        ({"a": ""}, "'' is not a state key"),
    ],
)
def test_a_wrong_output_is_refused_where_it_is_written(output_state, message):
    with pytest.raises(DefinitionError, match=rf"step 'show': {message}"):
        step(show, ["a"], output_state)


@pytest.mark.parametrize("source", [Config, Optional])
@pytest.mark.parametrize("key", [5, None, ["a"]])
def test_a_source_wants_the_name_of_a_key(source, key):
    with pytest.raises(DefinitionError, match=source.__name__):
        source(key)


def test_sources_show_themselves_as_they_were_written():
    assert repr(Val([1])) == "Val([1])"
    assert repr(Config("a")) == "Config('a')"
    assert repr(Config("a", None)) == "Config('a', None)"
    assert repr(Optional("a")) == "Optional('a', None)"
    assert repr(REQUIRED) == "REQUIRED"


def test_the_normal_forms():
    assert normalise_inputs(None, "x") is None
    assert normalise_inputs([], "x") == ()
    assert normalise_inputs(["a", {"b": "c"}], "x") == (("a", "a"), ("b", "c"))
    assert normalise_outputs(None, "x") == ()
    assert normalise_outputs("a", "x") == (("a", None),)
    assert normalise_outputs(("a", "b"), "x") == (("a", "a"), ("b", "b"))
    assert normalise_outputs({"a": "b"}, "x") == (("a", "b"),)


def test_a_word_out_of_a_closed_list():
    assert choice("finish", ("cancel", "finish"), "on_error") == "finish"
    with pytest.raises(
        DefinitionError,
        match=r"on_error is 'finsh'; it is one of 'cancel', 'finish'; did you mean 'finish'\?",
    ):
        choice("finsh", ("cancel", "finish"), "on_error")
    with pytest.raises(DefinitionError, match="on_error is 5"):
        choice(5, ("cancel", "finish"), "on_error")
