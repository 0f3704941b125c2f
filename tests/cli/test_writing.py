"""Where results go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plait.cli.problem import Problem
from plait.cli.writing import open_writer


def test_json_lines_are_there_as_soon_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("left over", encoding="utf-8")
    writer = open_writer(str(path), many=True)
    writer.write({"index": 0, "state": {"text": "a\nb"}}, None)
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] == [
        {"index": 0, "state": {"text": "a\nb"}}
    ]
    writer.write({"index": 1}, None)
    writer.close()
    assert len(path.read_bytes().splitlines()) == 2


def test_a_folder_gets_a_file_an_item_named_after_its_input(tmp_path: Path) -> None:
    writer = open_writer(str(tmp_path / "new" / "reports"), many=True)
    for index, file in enumerate(["a.pdf", "a.txt", "deep/a.pdf", None]):
        writer.write({"index": index}, file)
    writer.close()
    found = {
        p.relative_to(tmp_path / "new/reports").as_posix(): json.loads(p.read_text())["index"]
        for p in tmp_path.rglob("*")
        if p.is_file()
    }
    assert found == {"a.pdf.json": 0, "a.txt.json": 1, "deep/a.pdf.json": 2, "000003.json": 3}


def test_one_json_file_for_one_run_only(tmp_path: Path) -> None:
    writer = open_writer(str(tmp_path / "out.json"), many=False)
    writer.write({"index": 0, "state": {}}, None)
    assert json.loads((tmp_path / "out.json").read_text()) == {"index": 0, "state": {}}
    with pytest.raises(Problem, match=r"name a \.jsonl file or a folder"):
        open_writer(str(tmp_path / "out.json"), many=True)


@pytest.mark.parametrize(
    "name", ["nowhere/out.jsonl", "nowhere/out.json", "file/folder", "folder.json", "folder.jsonl"]
)
def test_a_place_that_cannot_be_written_is_found_before_anything_runs(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(Problem) as caught:
        open_writer(str(tmp_path / name), many=False)
    assert name.rpartition("/")[2] in str(caught.value)


def test_no_half_written_file_stays_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(str(tmp_path), many=True)
    writer.write({"index": 0, "state": "old"}, "a.txt")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        writer.write({"index": 0, "state": "new"}, "a.txt")
    assert json.loads((tmp_path / "a.txt.json").read_text())["state"] == "old"
