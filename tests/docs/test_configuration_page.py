"""The page of settings is made of their table, and the file that is shown can be used."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from plait.core.settings import TABLE, Settings, from_file, merged

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="this is no checkout")


@pytest.fixture(scope="module")
def page(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("docs/reference/configuration.py")


def test_the_page_is_what_the_table_says(page: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert page.main([]) == 0, capsys.readouterr().out


def test_an_old_page_is_noticed_and_put_right(
    page: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = tmp_path / "configuration.md"
    old.write_text(page.page().replace("`PLAIT_THREADS`", "`PLAIT_WORKERS`"), "utf-8")
    monkeypatch.setattr(page, "PAGE", old)
    assert page.main([]) == 1
    assert "--write" in capsys.readouterr().out
    assert page.main(["--write"]) == 0
    assert page.main([]) == 0


def test_every_environment_name_is_on_the_page(page: ModuleType) -> None:
    text = page.page()
    assert all(f"| `{name}` | `{setting.environment}` |" in text for name, setting in TABLE.items())


def test_the_file_of_the_how_to_page_can_be_used() -> None:
    text = (ROOT / "examples" / "how_to" / "configured" / "plait.toml").read_text("utf-8")
    found, _ = merged({}, from_file(tomllib.loads(text), "plait.toml"), "plait.toml")
    assert found == Settings(threads=16, max_concurrency=32, grace=10.0, limits={"openai": 8, "gpu": 1})
