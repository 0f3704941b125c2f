"""The records themselves: their shape, their index, and the tests that they name."""

from __future__ import annotations

import ast
import re

import pytest
from tests.decisions.reading import RECORDS

ROOT = RECORDS.parents[1]
FILES = sorted(RECORDS.glob("[0-9]*.md"))
SECTIONS = ["Context", "Decision", "Truth table", "Cost", "What would change our mind", "Tests"]
INDEX = (RECORDS / "README.md").read_text("utf-8")


def sections(text):
    return dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))


def named_tests(text):
    return re.findall(r"`((?:tests|examples|benchmarks)/[\w/.]+)(?:::(\w+))?`", text)


def test_there_are_records():
    assert len(FILES) >= 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_record_has_its_sections_in_their_order(path):
    text = path.read_text("utf-8")
    assert re.match(rf"# {path.stem[:4]}: \S.+\n\n", text), "the first line is the decision"
    found = sections(text)
    assert [name.replace("Cases", "Truth table") for name in found] == SECTIONS
    assert all(body.strip() for body in found.values()), "a section says something"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_tests_that_a_record_names_exist(path):
    found = named_tests(sections(path.read_text("utf-8"))["Tests"])
    assert found, "a record names what holds it"
    for file, test in found:
        assert (ROOT / file).exists(), f"{path.name} names {file}"
        if test:
            tree = ast.parse((ROOT / file).read_text("utf-8"))
            names = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
            assert test in names, f"{path.name} names {file}::{test}"


def test_every_record_has_its_line_in_the_index():
    lines = re.findall(r"^\| (?:\[(\d{4})\]\(([\w.-]+)\)|(\d{4})) \| .+ \|$", INDEX, re.MULTILINE)
    numbers = [number or plain for number, _, plain in lines]
    assert numbers == sorted(numbers)
    assert {path.stem[:4] for path in FILES} <= set(numbers)
    for number, link, _ in lines:
        if number:
            assert link.startswith(number)
            assert (RECORDS / link).exists(), link


@pytest.mark.parametrize("path", [*FILES, RECORDS / "README.md"], ids=lambda path: path.stem)
def test_links_between_the_records_lead_somewhere(path):
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
        assert (RECORDS / link).resolve().exists(), f"{path.name} links to {link}"
