"""``plait run``: items, results, exit codes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from plait.cli import main
from plait.cli.desk import Desk
from plait.cli.reading import Item
from plait.cli.records import Done
from plait.cli.writing import open_writer
from plait.observers.progress import Progress

Write = Callable[[str, str], Path]

PIPELINE = """
    from plait import Config, Optional, Pipeline, parallel, step

    def size(text: str) -> int:
        if not text:
            raise ValueError("the text is empty")
        return len(text)

    def shout(text: str) -> str:
        print("shouting")
        if text == "quiet":
            raise LookupError("no voice")
        return text.upper()

    pipeline = Pipeline([parallel([
        step(size, output_state="size"),
        step(shout, output_state="loud"),
    ], name="both")], name="texts")

    collecting = Pipeline([parallel([
        step(size, output_state="size"),
        step(shout, output_state="loud"),
    ], name="both", on_error="collect")])

    def greet(name, words):
        return f"{words} {name}"

    settings = Pipeline([step(greet, {"name": "name", "words": Config("words", "hello")}, "greeting")])
    clash = Pipeline([parallel([step(size, output_state="n"), step(shout, output_state="n")], name="both")], name="clash")

    def read(path: str) -> str:
        with open(path) as file:
            return file.read()

    files = Pipeline([step(read, {"path": "document"}, "text"), step(size, output_state="size")])
    two_inputs = Pipeline([step(greet, output_state="greeting")])

    def nothing() -> object:
        return object()

    odd = Pipeline([step(nothing, output_state="thing")])
"""


@pytest.fixture(autouse=True)
def here(fresh_imports: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    write("texts.py", PIPELINE)
    monkeypatch.setenv("CI", "1")  # no progress
    return fresh_imports


class Called:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Called]:
    def run(target: str, *words: str) -> Called:
        code = main(["run", f"texts.py:{target}", *words])
        out, err = capsys.readouterr()
        return Called(code, out, err)

    return run


Run = Callable[..., Called]


def test_one_run_prints_its_state(run: Run) -> None:
    ended = run("settings", "--input", '{"name": "you"}')
    assert ended.code == 0
    assert json.loads(ended.out) == {"name": "you", "greeting": "hello you"}


def test_settings_are_json_or_text(run: Run) -> None:
    assert (
        json.loads(run("settings", "-i", '{"name": "you"}', "-c", "words=good day").out)["greeting"]
        == "good day you"
    )
    assert (
        json.loads(run("settings", "-i", '{"name": "you"}', "-c", "words=[1]").out)["greeting"] == "[1] you"
    )
    assert run("settings", "-i", '{"name": "you"}', "-c", "words").code == 2


def test_one_failed_run_shows_the_step_and_the_authors_lines(run: Run) -> None:
    ended = run("files", "--input", '{"document": "nowhere.txt"}')
    assert ended.code == 1
    assert not ended.out
    assert "step read failed" in ended.err
    assert "in read\n      with open(path) as file:" in ended.err
    assert "FileNotFoundError" in ended.err
    assert "plait/run" not in ended.err


def test_json_is_one_line_an_item(run: Run) -> None:
    ended = run("pipeline", "--input", '[{"text": "abc"}, {"text": ""}, {"text": "x"}]', "--json")
    assert ended.code == 4
    first, second, third = ended.lines
    assert first["index"] == 0
    assert first["ok"] is True
    assert first["state"] == {"text": "abc", "size": 3, "loud": "ABC"}
    assert first["seconds"] > 0
    assert second["ok"] is False
    assert second["error"] == {
        "type": "ValueError",
        "message": "the text is empty",
        "path": "both/size",
        "attempt": 1,
    }
    assert "state" not in second
    assert third["index"] == 2
    assert third["source"] == "--input[2]"
    assert "shouting" in ended.err, "what components print must not come between the lines"
    assert "2 succeeded, 1 failed" in ended.err


def test_one_failed_run_in_json(run: Run) -> None:
    ended = run("pipeline", "--input", '{"text": ""}', "--json")
    assert ended.code == 1
    assert ended.lines[0]["error"]["path"] == "both/size"


def test_several_failures_of_one_run_are_listed(run: Run, write: Write) -> None:
    write(
        "texts.py",
        """
        from plait import Pipeline, parallel, step

        def bad(text):
            raise ValueError(text)

        def worse(text):
            raise KeyError(text)

        pipeline = Pipeline([parallel([step(bad, output_state="a"), step(worse, output_state="b")], on_error="finish")])
        """,
    )
    error = run("pipeline", "--input", '{"text": "t"}', "--json").lines[0]["error"]
    assert error["type"] == "PipelineErrors"
    assert [(f["path"], f["type"]) for f in error["failures"]] == [
        ("bad", "ValueError"),
        ("worse", "KeyError"),
    ]
    shown = run("pipeline", "--input", '{"text": "t"}').err
    assert "step bad failed" in shown
    assert "step worse failed" in shown


def test_failures_that_the_run_survived_are_in_its_record(run: Run) -> None:
    ended = run("collecting", "--input", '{"text": "quiet"}', "--json")
    assert ended.code == 0
    record = ended.lines[0]
    assert record["ok"] is True
    assert record["state"] == {"text": "quiet", "size": 5}
    assert record["failures"] == [
        {"type": "LookupError", "message": "no voice", "path": "both/shout", "attempt": 1}
    ]
    assert (
        "step both/shout failed, and the run went on" in run("collecting", "--input", '{"text": "quiet"}').err
    )


def test_some_failed_items_are_allowed_when_the_operator_says_so(run: Run) -> None:
    words = ["--input", '[{"text": "abc"}, {"text": ""}]']
    ended = run("pipeline", *words)
    assert ended.code == 4
    assert "failed  --input[1]" in ended.out
    assert "both/size: ValueError: the text is empty" in ended.out
    assert run("pipeline", *words, "--allow-failures").code == 0


def test_a_refused_pipeline_runs_nothing(run: Run) -> None:
    ended = run("clash", "--input", '{"text": "abc"}')
    assert ended.code == 3
    assert "E202" in ended.err
    assert "both/size" in ended.err
    assert "both/shout" in ended.err
    assert "'n'" in ended.err
    assert "shouting" not in ended.out + ended.err


def test_inputs_that_do_not_fit_one_run_are_refused(run: Run) -> None:
    ended = run("pipeline", "--input", '{"txt": "abc"}')
    assert ended.code == 3
    assert "'text'" in ended.err
    assert "Traceback" not in ended.err
    assert run("pipeline").code == 3


def test_inputs_that_do_not_fit_stay_with_their_item(run: Run) -> None:
    ended = run("pipeline", "--input", '[{"text": "abc"}, {"txt": "abc"}]', "--json")
    assert ended.code == 4
    assert ended.lines[1]["error"]["type"] == "InputError"
    assert ended.lines[1]["error"]["path"] is None


def test_a_folder_gives_each_file_to_the_only_required_input(run: Run, here: Path) -> None:
    for name, text in (("b.txt", "bb"), ("a.txt", "a"), ("empty.txt", "")):
        (here / "documents").mkdir(exist_ok=True)
        (here / "documents" / name).write_text(text, encoding="utf-8")
    ended = run("files", "--input", "documents", "--output", "out", "--max-concurrency", "1")
    assert ended.code == 4
    assert [line.split()[:2] for line in ended.out.splitlines()[:3]] == [
        ["ok", "a.txt"],
        ["ok", "b.txt"],
        ["failed", "empty.txt"],
    ]
    assert "2 succeeded, 1 failed" in ended.out
    found = {p.name: json.loads(p.read_text()) for p in (here / "out").iterdir()}
    assert {name: record["ok"] for name, record in found.items()} == {
        "a.txt.json": True,
        "b.txt.json": True,
        "empty.txt.json": False,
    }
    assert found["b.txt.json"]["state"]["size"] == 2


def test_which_input_gets_the_path_must_be_clear(run: Run, here: Path) -> None:
    ended = run("two_inputs", "--input", str(here))
    assert ended.code == 2
    assert "--input-key" in ended.err
    assert "'name' and 'words'" in ended.err
    assert run("files", "--input", str(here), "--input-key", "documnet").code == 2


def test_lines_of_a_file_and_of_standard_input(
    run: Run, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("items.jsonl", '{"text": "a"}\n\n{"text": "bb"}\n')
    ended = run("pipeline", "--input", "items.jsonl", "--json", "--output", "out.jsonl")
    assert [record["source"] for record in ended.lines] == ["items.jsonl:1", "items.jsonl:3"]
    assert Path("out.jsonl").read_text(encoding="utf-8") == ended.out
    with path.open(encoding="utf-8") as file:
        monkeypatch.setattr("sys.stdin", file)
        assert [record["state"]["size"] for record in run("pipeline", "--input", "-", "--json").lines] == [
            1,
            2,
        ]


def test_unreadable_input_runs_nothing_and_leaves_no_output(run: Run, write: Write, here: Path) -> None:
    write("items.jsonl", '{"text": "a"}\n{"text": \n')
    ended = run("pipeline", "--input", "items.jsonl", "--output", "out")
    assert ended.code == 2
    assert "items.jsonl, line 2, column 10" in ended.err
    assert not (here / "out").exists()
    assert not ended.out


@pytest.mark.parametrize("words", [["--json"], []])
def test_values_that_json_cannot_hold(run: Run, words: list[str]) -> None:
    ended = run("odd", *words)
    assert ended.code == 0
    assert '"<object>"' in ended.out


def test_serial_gives_the_same(run: Run) -> None:
    words = ["--input", '[{"text": "abc"}, {"text": ""}, {"txt": "x"}]', "--json"]
    parallel, serial = run("pipeline", *words), run("pipeline", *words, "--serial")
    assert parallel.code == serial.code == 4
    for one, other in zip(parallel.lines, serial.lines, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    assert run("pipeline", "--input", '{"txt": 1}', "--serial").code == 3
    assert run("pipeline", "--input", '{"text": ""}', "--serial").code == 1


def test_the_report_of_one_run_and_of_the_slowest(run: Run) -> None:
    assert "critical path" in run("pipeline", "--input", '{"text": "abc"}', "--report").out
    ended = run("pipeline", "--input", '[{"text": "abc"}, {"text": "d"}]', "--report", "--json")
    assert "the slowest run, --input[" in ended.err
    assert len(ended.lines) == 2, "with --json the report is not on standard output"
    assert "there is no report" in run("pipeline", "--input", '[{"txt": "abc"}]', "--report").err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max-concurrency", "0"], "a number from 1, or auto"),
        (["--max-concurrency", "many"], "a number from 1, or auto"),
        (["--deadline", "0"], "--deadline"),
        (["--progress", "loud"], "--progress"),
        (["--input", "nowhere"], "there is no file or folder"),
        (["--input", '{"text": "a"}', "--output", "nowhere/x.jsonl"], "--output nowhere/x.jsonl"),
        (["--nonsense"], "--nonsense"),
    ],
)
def test_usage(run: Run, words: list[str], said: str) -> None:
    ended = run("pipeline", *words)
    assert ended.code == 2
    assert said in ended.err


def test_a_deadline_is_a_failure_of_the_run(run: Run, write: Write) -> None:
    write(
        "texts.py",
        """
        import asyncio
        from plait import Pipeline, step

        async def forever(text):
            await asyncio.Event().wait()

        pipeline = Pipeline([step(forever, output_state="never")])
        """,
    )
    ended = run("pipeline", "--input", '{"text": "t"}', "--deadline", "0.05", "--json")
    assert ended.code == 1
    assert ended.lines[0]["error"]["type"] == "DeadlineExceeded"


def test_a_set_up_that_fails_fails_its_step_and_not_the_others(run: Run, write: Write) -> None:
    write(
        "texts.py",
        """
        from plait import Pipeline, parallel, step

        class Model:
            def setup(self):
                raise OSError("no weights")
            def __call__(self, text):
                return text

        class Good:
            alive = False
            def setup(self):
                Good.alive = True
            def teardown(self):
                Good.alive = False
            def __call__(self, text):
                assert Good.alive
                return len(text)

        good = Good()
        pipeline = Pipeline([parallel([step(Model(), output_state="a"), step(good, output_state="b")], on_error="collect")])
        alone = Pipeline([step(good, output_state="b")])
        """,
    )
    record = run("pipeline", "--input", '{"text": "abc"}', "--json").lines[0]
    assert record["state"]["b"] == 3
    assert record["failures"][0]["path"] == "model"
    assert record["failures"][0]["message"] == "no weights"
    assert run("alone", "--input", '{"text": "abc"}').code == 0
    import sys

    assert not sys.modules["texts"].Good.alive, "torn down"


def test_a_teardown_that_fails_comes_after_the_results(run: Run, write: Write) -> None:
    write(
        "texts.py",
        """
        from plait import Pipeline, step

        class Model:
            def teardown(self):
                raise OSError("could not say goodbye")
            def __call__(self, text):
                return text

        pipeline = Pipeline([step(Model(), output_state="a")])
        """,
    )
    ended = run("pipeline", "--input", '{"text": "abc"}')
    assert ended.code == 1
    assert json.loads(ended.out)["a"] == "abc"
    assert "could not say goodbye" in ended.err


def test_a_component_that_ends_the_program(run: Run, write: Write) -> None:
    write(
        "texts.py",
        "import sys\nfrom plait import Pipeline, step\ndef end(): sys.exit(0)\npipeline = Pipeline([step(end, output_state='x')])\n",
    )
    ended = run("pipeline")
    assert ended.code == 1
    assert "sys.exit(0)" in ended.err


class Wide(io.StringIO):
    """Standard output that is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def failing(message: str) -> Done:
    return Done(0, Item("letter.pdf", {}), error=ValueError(message), seconds=0.004)


@pytest.mark.parametrize("width", [60, 100])
def test_on_a_terminal_the_cause_of_a_failed_item_is_never_cut(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "width", width)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    out = Wide()
    cause = (
        "letter.pdf needs a password that nobody has told us; ask the sender for one without, and try again"
    )
    desk = Desk(out, open_writer(None, many=True), Progress(mode="none"), total=1, as_json=False, place=None)
    desk.take(failing(cause))
    first, *below = out.getvalue().splitlines()
    assert first == "failed  letter.pdf  4 ms"
    assert " ".join(line.strip() for line in below) == f"ValueError: {cause}"
    assert all(line.startswith(" " * 8) and len(line) < width for line in below)


def test_elsewhere_an_item_is_one_line_and_so_is_a_short_failure_on_a_terminal() -> None:
    assert failing("is empty").to_lines(60) == ["letter.pdf  4 ms  ValueError: is empty"]
    assert len(failing("word " * 30).to_lines()) == 1
    assert Done(0, Item("x" * 90, {}), seconds=1.0).to_lines(20) == ["x" * 19 + "…"]
