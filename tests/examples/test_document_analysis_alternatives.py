"""The alternative components: the same shape of result, so that they fit into the same pipeline."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

pytestmark = [pytest.mark.demo, pytest.mark.slow]

DOCUMENTS = Path(__file__).parents[2] / "examples" / "document_analysis" / "documents"


@pytest.fixture(scope="module")
def lingua(example: Callable[[str], ModuleType]):
    pytest.importorskip("lingua", reason="requirements-full.txt is not installed")
    component = example("modules.alternatives").LinguaLanguageDetector()
    component.setup()
    return component


@pytest.fixture(scope="module")
def semantic(example: Callable[[str], ModuleType]):
    pytest.importorskip("wordllama", reason="requirements-full.txt is not installed")
    component = example("modules.alternatives").SemanticTopicDetector()
    component.setup()
    return component


@pytest.mark.parametrize(
    "name", ["manifesto.lt.html", "dedication.sv.txt", "dedication.zh.gb2312.txt", "debian-history.pt.txt"]
)
def test_lingua_agrees_with_the_default_detector(name: str, lingua, components: SimpleNamespace) -> None:
    text = components.extract(DOCUMENTS / name)["text"]
    found, default = lingua(text), components.language(text)
    assert found["code"] == default["code"]
    assert found.keys() == default.keys()


def test_lingua_knows_a_short_sentence_and_gives_up_on_digits(lingua) -> None:
    assert lingua("Das ist ein kurzer Satz.")["code"] == "de"
    assert lingua("12345")["code"] == "und"


def test_semantic_topics_are_a_choice_of_the_default_ones(semantic, components: SimpleNamespace) -> None:
    text = components.extract(DOCUMENTS / "filesystem-hierarchy.en.pdf")["text"]
    chosen, default = semantic(text), components.topics(text)
    assert len(chosen) == 10
    assert chosen[0] == default[0]
    phrases = [topic["phrase"] for topic in chosen]
    assert len(set(phrases)) == 10
    assert phrases != [topic["phrase"] for topic in default]


def test_semantic_topics_of_nothing_are_none(semantic) -> None:
    assert semantic("") == []


def test_an_alternative_takes_the_place_of_a_default_component(
    semantic, example: Callable[[str], ModuleType], components: SimpleNamespace
) -> None:
    other = example("pipeline").pipeline.with_components({"analyses/topic_detector": semantic})
    document = DOCUMENTS / "choosing.en.html"
    report = other.run({"input_document": str(document)}).state["analysis_report"]
    assert report["topics"] == semantic(components.extract(document)["text"])
