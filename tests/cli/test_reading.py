"""What ``--input`` may be, and what is said when it can't be read."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from plait.cli.problem import Problem
from plait.cli.reading import Source, input_key, read_input


def never_asked() -> str:
    raise AssertionError("the key of files was asked for")


def read(text: str | None, *, key: str | None = None, glob: str = "*", stdin: bytes = b"") -> Source:
    return read_input(text, key=(lambda: key) if key else never_asked, glob=glob, stdin=io.BytesIO(stdin))


def inputs(source: Source) -> list[dict[str, object]]:
    found = [item.inputs for item in source.items]
    assert len(found) == source.total
    return found


def refusal(text: str, **more: object) -> str:
    with pytest.raises(Problem) as caught:
        list(read(text, **more).items)
    assert caught.value.code == 2
    return str(caught.value)


def test_no_input_is_one_run_without_inputs() -> None:
    assert read(None) == Source(many=False, total=1, items=read(None).items)
    assert inputs(read(None)) == [{}]


def test_an_object_of_the_command_line() -> None:
    source = read(' {"k": 1, "ü": [null]}')
    assert not source.many
    assert inputs(source) == [{"k": 1, "ü": [None]}]


def test_a_list_of_the_command_line_is_many_runs() -> None:
    source = read('[{"k": 1}, {"k": 2}]')
    assert source.many
    assert inputs(source) == [{"k": 1}, {"k": 2}]


def test_a_json_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "one.json"
    path.write_bytes(b'\xef\xbb\xbf{\n "k": 1\n}\n')
    assert inputs(read(str(path))) == [{"k": 1}]


def test_json_lines_skip_blank_lines_and_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"k": 1}\n\n{"k": 2}\r\n{"k": 3}', encoding="utf-8")
    source = read(str(path))
    assert source.many
    assert source.total == 3
    found = list(source.items)
    assert [item.inputs["k"] for item in found] == [1, 2, 3]
    assert [item.label.rpartition(":")[2] for item in found] == ["1", "3", "4"]


def test_json_lines_of_one_line_are_still_many(tmp_path: Path) -> None:
    path = tmp_path / "items.ndjson"
    path.write_text('{"k": 1}\n', encoding="utf-8")
    assert read(str(path)).many


def test_a_bad_line_is_found_before_the_first_item_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"k": 1}\n{"k": }\n', encoding="utf-8")
    with pytest.raises(Problem, match=r"items\.jsonl, line 2, column 7: not JSON"):
        read(str(path))


def test_a_folder_is_one_run_a_file_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.pdf", ".hidden", "deep/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    source = read(str(tmp_path), key="document")
    assert source.many
    assert [item.file for item in source.items] == ["a.txt", "b.txt", "c.pdf"]
    assert inputs(read(str(tmp_path), key="document", glob="*.pdf")) == [
        {"document": str(tmp_path / "c.pdf")}
    ]
    assert [i.file for i in read(str(tmp_path), key="document", glob="**/*.txt").items] == [
        "a.txt",
        "b.txt",
        "deep/d.txt",
    ]


def test_any_other_file_is_one_run_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "letter.pdf"
    path.touch()
    source = read(str(path), key="document")
    assert not source.many
    assert inputs(source) == [{"document": str(path)}]


@pytest.mark.parametrize(
    ("data", "many", "expected"),
    [
        (b'{"k": 1}', False, [{"k": 1}]),
        (b'{\n"k": 1}\n', False, [{"k": 1}]),
        (b'{"k": 1}\n{"k": 2}\n', True, [{"k": 1}, {"k": 2}]),
        (b'[{"k": 1}]', True, [{"k": 1}]),
    ],
)
def test_standard_input_is_an_object_or_lines(
    data: bytes, many: bool, expected: list[dict[str, int]]
) -> None:
    source = read("-", stdin=data)
    assert source.many is many
    assert inputs(source) == expected


def test_the_place_of_an_error_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{\n  "a": 1,\n  "b" 2\n}\n', encoding="utf-8")
    message = refusal(str(path))
    assert "bad.json, line 3, column 7: not JSON" in message
    assert message.splitlines()[-2:] == ['      "b" 2', "          ^"]


def test_the_place_in_a_long_line_is_cut_out_of_it() -> None:
    message = refusal("[" + "1," * 5000 + "oops]")
    shown, caret = message.splitlines()[-2:]
    assert len(shown) <= 80
    assert shown[caret.index("^") :].startswith("oops")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "a": 2}', "the name 'a' comes twice"),
        ('{"a": NaN}', "NaN is not JSON"),
        ("[]", "empty list"),
        ('[{"a": 1}, 7]', "--input[1]: expected an object with the inputs"),
        ("[" * 100_000, "nested too deeply"),
        ("{", "line 1, column 2"),
    ],
)
def test_json_that_is_no_input(text: str, expected: str) -> None:
    assert expected in refusal(text)


def test_what_is_not_there_has_a_neighbour(tmp_path: Path) -> None:
    (tmp_path / "documents").mkdir()
    assert "did you mean 'documents'" in refusal(str(tmp_path / "documnets"))
    assert "does not exist" in refusal(str(tmp_path / "nowhere" / "x.json"))
    assert "JSON starts with {" in refusal("text=hello")


def test_a_folder_without_a_match_is_refused(tmp_path: Path) -> None:
    assert "holds no files" in refusal(str(tmp_path), key="k")
    assert "matches '*.pdf'" in refusal(str(tmp_path), key="k", glob="*.pdf")
    assert "is not a pattern" in refusal(str(tmp_path), key="k", glob="/etc/*")
    assert "leaves the folder" in refusal(str(tmp_path), key="k", glob="../*")


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes('{"k": 1}\n{"k": "é"}\n'.encode("latin-1"))
    assert "line 2: not UTF-8 text (byte 0xe9)" in refusal(str(path))


def test_empty_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").touch()
    (tmp_path / "none.json").touch()
    assert "holds no inputs" in refusal(str(tmp_path / "none.jsonl"))
    assert "line 1, column 1" in refusal(str(tmp_path / "none.json"))
    assert "standard input is empty" in refusal("-", stdin=b" \n")


def test_what_the_system_refuses_is_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "File name too long" in refusal("a text and not a name " * 500)
    path = tmp_path / "locked.json"
    path.touch()

    def refuse(*_: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "Permission denied" in refusal(str(path))


def test_the_key_of_a_file_is_the_only_required_input() -> None:
    assert input_key(["document"], ["mode"], None) == "document"
    assert input_key([], ["document"], None) == "document"
    assert input_key(["a", "b"], [], "b") == "b"
    with pytest.raises(Problem, match="the inputs are 'a' and 'b'"):
        input_key(["a", "b"], ["c"], None)
    with pytest.raises(Problem, match="did you mean 'document'"):
        input_key(["document"], [], "documnet")
    with pytest.raises(Problem, match="no inputs"):
        input_key([], [], None)


def test_a_large_file_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_text("".join(json.dumps({"k": n}) + "\n" for n in range(1000)), encoding="utf-8")
    source = read(str(path))
    assert iter(source.items) is source.items, "items must be read as they are asked for"
    assert sum(item.inputs["k"] for item in source.items) == 499_500
