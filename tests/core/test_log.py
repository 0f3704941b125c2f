"""The step that sends a message: its text, what stands for what is absent, and what goes with it."""

from __future__ import annotations

import pytest

from plait import DefinitionError, Pipeline, events, log


def emitted(*steps, **inputs):
    with Pipeline(list(steps)).stream(inputs) as stream:
        return [event.value for event in stream if isinstance(event, events.Emitted)]


def test_keys_stand_for_values():
    assert emitted(log("{n} pages of {title!r}, {share:.1%}"), n=3, title="t", share=0.5) == [
        "3 pages of 't', 50.0%"
    ]


def test_what_is_absent_is_none_whatever_format_its_place_asks_for():
    assert emitted(log("{a}, {b:.2f}, {c!r:>6}|"), b=None) == ["None, None,   None|"]


def test_without_a_template_the_text_is_as_it_is():
    assert emitted(log("{a} {", False), a=1) == ["{a} {"]


def test_a_key_may_have_any_name():
    assert emitted(log("{self} {message} {inputs}"), self=1, message=2, inputs=3) == ["1 2 3"]


def test_what_is_sent_with_the_text():
    extra = {"level": "WARN", "metadata": {"step": 1}}
    found = emitted(log("{n} left", True, extra), log("done", emit_kwargs={}, name="done"), n=3)
    assert found == [{"message": "3 left", "level": "WARN", "metadata": {"step": 1}}, {"message": "done"}]
    assert extra == {"level": "WARN", "metadata": {"step": 1}}


@pytest.mark.parametrize("extra", ["WARN", 5, ["level"], {"message": "mine"}])
def test_what_can_not_be_sent_with_it_is_refused(extra):
    with pytest.raises(DefinitionError, match=r"emit_kwargs is .*; give a mapping without the key 'message'"):
        log("text", emit_kwargs=extra)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("{", "write {{ for a brace"),
        ("{}", "{} names no state key"),
        ("{a.b}", "reaches into a value; use a plain {a}"),
        ("{a:{width}}", "the format of {a} is itself a template; write it out"),
        (5, "the message is a string"),
    ],
)
def test_a_template_that_can_not_be_filled_is_refused(message, why):
    with pytest.raises(DefinitionError) as caught:
        log(message)
    assert why in str(caught.value)
