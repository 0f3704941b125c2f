"""The table of settings: what fits, what does not and how that is said, and what goes before what."""

from __future__ import annotations

import math
from typing import Any

import pytest

from plait.core.settings import (
    DEFAULT,
    TABLE,
    Settings,
    from_environment,
    from_file,
    merged,
    not_settings,
    value_of,
)
from plait.errors import DefinitionError

FITS: dict[str, list[tuple[str, Any]]] = {
    "max_concurrency": [("8", 8), (" 1 ", 1)],
    "threads": [("32", 32)],
    "processes": [("0", 0), ("4", 4)],
    "grace": [("0.5", 0.5), ("2", 2.0)],
    "stall_after": [("1e-2", 0.01)],
    "limits": [("openai=8,gpu=1", {"openai": 8, "gpu": 1}), (" openai = 8 ", {"openai": 8})],
    "progress": [("plain", "plain"), (" none ", "none")],
}
"""For each setting: texts of the environment, and the values that they are; a file gives the values."""

DOES_NOT: dict[str, tuple[list[str], list[Any]]] = {
    "max_concurrency": (["0", "none", "1.5"], [0, -1, True, 1.5, "8", None]),
    "threads": (["0", "many"], [0, False, "32"]),
    "processes": (["-1", "all"], [-1, 0.5, True]),
    "grace": (["0", "-1", "inf", "nan", "5s"], [0, -0.1, math.inf, math.nan, True, "5"]),
    "stall_after": (["0", "100 ms"], [0, "0.1"]),
    "limits": (["openai", "openai=", "openai=x", "=3", "#a=3", "openai=0", ","], [8, "openai=8"]),
    "progress": (["live", "Plain"], ["live", 1, True, []]),
}
"""For each setting: texts of the environment, and values of a file, that are refused."""


def in_environment(**values: str) -> dict[str, Any]:
    return from_environment({f"PLAIT_{name.upper()}": text for name, text in values.items()}.get)


def test_every_setting_has_cases() -> None:
    assert list(TABLE) == list(FITS) == list(DOES_NOT)


@pytest.mark.parametrize(
    ("name", "text", "value"), [(n, *case) for n, cases in FITS.items() for case in cases]
)
def test_what_fits(name: str, text: str, value: Any) -> None:
    found = in_environment(**{name: text})
    assert found == from_file({name: value}, "plait.toml") == {name: value}
    assert type(found[name]) is type(value)


@pytest.mark.parametrize(
    ("name", "text"), [(n, text) for n, (texts, _) in DOES_NOT.items() for text in texts]
)
def test_a_text_that_does_not_fit_names_what_is_set_and_what_fits(name: str, text: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        in_environment(**{name: text})
    assert str(caught.value) == f"PLAIT_{name.upper()} is {text!r}; it is {TABLE[name].form}"


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (_, values) in DOES_NOT.items() for v in values])
def test_a_value_that_does_not_fit_names_the_file_the_key_and_what_fits(name: str, value: Any) -> None:
    with pytest.raises(DefinitionError) as caught:
        from_file({name: value}, "a/plait.toml")
    assert str(caught.value) == f"a/plait.toml: {name} is {value!r}; it is {TABLE[name].form}"


@pytest.mark.parametrize(
    ("resource", "amount"), [("gpu", 0), ("gpu", "1"), ("gpu", True), ("#gpu", 1), ("", 1)]
)
def test_a_limit_that_does_not_fit_is_named(resource: str, amount: Any) -> None:
    with pytest.raises(DefinitionError) as caught:
        from_file({"limits": {"openai": 8, resource: amount}}, "plait.toml")
    assert f"plait.toml: limits.{resource} is {amount!r}; a limit is" in str(caught.value)


def test_an_unknown_name_in_a_file() -> None:
    with pytest.raises(
        DefinitionError, match=r"^p: there is no setting 'thraeds'; did you mean 'threads'\?$"
    ):
        from_file({"thraeds": 3}, "p")
    with pytest.raises(
        DefinitionError, match=r"^p: there is no setting 'zzz'; there are max_concurrency, threads"
    ):
        from_file({"zzz": 3}, "p")
    with pytest.raises(
        DefinitionError, match=r"'tool'; in plait\.toml settings stand without \[tool\.plait\]$"
    ):
        from_file({"tool": {"plait": {"threads": 3}}}, "p")


def test_what_is_set_to_nothing_is_not_set() -> None:
    assert in_environment(threads="", limits="  ") == {}


def test_the_defaults_are_settings_themselves() -> None:
    found, sources = merged({}, {}, "")
    assert found == Settings()
    assert sources == dict.fromkeys(TABLE, DEFAULT)
    for name, setting in TABLE.items():
        assert setting.default == getattr(found, name)
        if setting.default is not None:
            assert from_file({name: setting.default}, "p") == {name: setting.default}


def test_the_environment_goes_before_the_file_and_of_limits_for_each_name() -> None:
    file = {"threads": 3, "grace": 1.0, "limits": {"openai": 8, "gpu": 1}}
    found, sources = merged({"threads": 4, "limits": {"gpu": 2, "ocr": 5}}, file, "plait.toml")
    assert found == Settings(threads=4, grace=1.0, limits={"openai": 8, "gpu": 2, "ocr": 5})
    assert sources == {
        "max_concurrency": DEFAULT,
        "threads": "PLAIT_THREADS",
        "processes": DEFAULT,
        "grace": "plait.toml",
        "stall_after": DEFAULT,
        "limits.openai": "plait.toml",
        "limits.gpu": "PLAIT_LIMITS",
        "limits.ocr": "PLAIT_LIMITS",
        "progress": DEFAULT,
    }
    assert [value_of(found, name) for name in ("threads", "limits.gpu", "limits.openai")] == [4, 2, 8]


def test_limits_without_any_come_from_where_they_stand() -> None:
    found, sources = merged({}, {"limits": {}}, "plait.toml")
    assert (dict(found.limits), sources["limits"]) == ({}, "plait.toml")
    assert value_of(found, "limits") == {}


def test_settings_are_values_that_nobody_changes() -> None:
    found, _ = merged({}, {"limits": {"gpu": 1}, "threads": 3}, "p")
    assert found == Settings(threads=3, limits={"gpu": 1})
    assert found != Settings(threads=4, limits={"gpu": 1})
    assert found != (3, {"gpu": 1})
    assert eval(repr(found), {"Settings": Settings}) == found
    with pytest.raises(AttributeError, match="PLAIT_THREADS"):
        found.threads = 5  # type: ignore[misc]
    with pytest.raises(TypeError):
        found.limits["gpu"] = 2  # type: ignore[index]


def test_names_of_the_environment_that_look_like_settings() -> None:
    assert not_settings(["HOME", "PLAIT_THREADS", "PLAIT_THREDS", "PLAIT_EXAMPLES"]) == {
        "PLAIT_EXAMPLES": "",
        "PLAIT_THREDS": "; did you mean 'PLAIT_THREADS'?",
    }


def test_there_are_few_names() -> None:
    assert len(TABLE) <= 20
    assert all(setting.environment == f"PLAIT_{name.upper()}" for name, setting in TABLE.items())
