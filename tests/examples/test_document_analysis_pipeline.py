"""The service as a pipeline: same results as its components alone, one PDFium call at a time, errors that say why."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from plait import Pipeline, failures, step

pytestmark = pytest.mark.demo

EXAMPLE = Path(__file__).parents[2] / "examples" / "document_analysis"
DOCUMENTS = EXAMPLE / "documents"
PDFS = sorted(path for path in DOCUMENTS.glob("debian-history.*.pdf"))
SMALL = ["dedication.de.txt", "manifesto.ko.html", "debian-history.ja.pdf"]


@pytest.fixture(scope="module")
def service(example: Callable[[str], ModuleType]) -> Any:
    """The example's pipeline.py, as it is."""
    return example("pipeline")


class OneAtATime:
    """An extractor that notices when it is called while it is at work."""

    def __init__(self, extractor: Any) -> None:
        self.extractor = extractor
        self.calls = 0
        self.overlaps = 0
        self._busy = threading.Lock()

    def __call__(self, document: str) -> Any:
        if not self._busy.acquire(blocking=False):
            self.overlaps += 1
            with self._busy:  # PDFium itself must not meet what the test is about
                return self.extractor(document)
        try:
            self.calls += 1
            return self.extractor(document)
        finally:
            self._busy.release()


def test_a_run_gives_what_the_components_give(service: Any, components: SimpleNamespace) -> None:
    for name in SMALL:
        result = service.pipeline.run({"input_document": str(DOCUMENTS / name)})
        extraction = components.extract(DOCUMENTS / name)
        text = extraction["text"]
        assert result.state["document_info"] == extraction["info"]
        assert result.state["analysis_report"] == components.report(
            components.sentiment(text),
            components.topics(text),
            components.entities(text),
            components.language(text),
        )


def test_side_by_side_and_one_after_another_give_the_same(service: Any) -> None:
    inputs = {"input_document": str(DOCUMENTS / "developer-duties.en.html")}
    assert service.pipeline.run(inputs).state == service.one_after_another.run(inputs).state


def test_the_plan_has_no_faults(service: Any) -> None:
    errors = [found for found in service.pipeline.check() if found.code.startswith("E")]
    assert errors == []


def test_the_critical_path_runs_through_the_entities(service: Any) -> None:
    report = service.pipeline.run({"input_document": str(DOCUMENTS / "debian-history.en.pdf")}).report
    assert {step.path for step in report.steps} == {
        "document_extractor",
        "analyses/sentiment_analyzer",
        "analyses/topic_detector",
        "analyses/entity_extractor",
        "analyses/language_detector",
        "report_generator",
    }
    assert list(report.critical_path) == [
        "document_extractor",
        "analyses/entity_extractor",
        "report_generator",
    ]
    assert report.critical_seconds <= report.work
    assert report.speedup_possible >= 1


def test_many_runs_at_once_give_pdfium_one_call_at_a_time(components: SimpleNamespace) -> None:
    expected = {str(path): components.extract(path) for path in PDFS}
    probe = OneAtATime(components.extract)
    first = Pipeline(
        [step(probe, {"document": "path"}, "extraction", exclusive="pdfium", name="read")], name="first"
    )
    other = Pipeline(
        [step(probe, {"document": "file"}, "again", exclusive="pdfium", name="read_again")], name="other"
    )

    def hammer(number: int) -> list[tuple[str, Any]]:
        found = []
        for path in PDFS[number % 2 :: 2] * 2:
            if number % 3:
                found.append((str(path), first.run({"path": str(path)}).state["extraction"]))
            else:
                found.append((str(path), other.run({"file": str(path)}).state["again"]))
        return found

    with ThreadPoolExecutor(8) as threads:
        found = [pair for pairs in threads.map(hammer, range(8)) for pair in pairs]
    assert len(found) == probe.calls
    assert probe.overlaps == 0
    assert all(extraction == expected[path] for path, extraction in found)


def test_many_items_of_one_map_give_pdfium_one_call_at_a_time(components: SimpleNamespace) -> None:
    expected = [components.extract(path) for path in PDFS] * 3
    probe = OneAtATime(components.extract)
    reader = Pipeline(
        [step(probe, {"document": "path"}, "extraction", exclusive="pdfium", name="read")], name="reader"
    )
    with reader.map(
        [{"path": str(path)} for path in PDFS] * 3, max_concurrency=8, on_error="collect"
    ) as items:
        found = [item.result.state["extraction"] for item in items]
    assert (probe.calls, probe.overlaps) == (len(expected), 0)
    assert found == expected


def test_the_probe_of_these_tests_notices_calls_at_the_same_time() -> None:
    """If it did not, the two tests above would prove nothing."""
    inner = threading.Thread(target=lambda: probe("inner"))

    def nested(document: str) -> str:
        if document == "outer":
            inner.start()
            while probe.overlaps == 0:
                time.sleep(0.001)
        return document

    probe = OneAtATime(nested)
    probe("outer")
    inner.join()
    assert (probe.calls, probe.overlaps) == (1, 1)


def test_a_bad_document_ends_with_its_own_error_and_the_rest_finish(service: Any, example: Any) -> None:
    modules = example("modules")
    names = [
        "bad-encrypted.pdf",
        "dedication.sv.txt",
        "bad-truncated.pdf",
        "manifesto.lt.html",
        "bad-blank.txt",
    ]
    inputs = [{"input_document": str(DOCUMENTS / name)} for name in names]
    with service.pipeline.map(inputs, max_concurrency=3, on_error="collect") as items:
        found = list(items)
    assert [item.index for item in found] == [0, 1, 2, 3, 4]
    assert [item.ok for item in found] == [False, True, False, True, False]
    kinds = {0: modules.EncryptedDocument, 2: modules.DamagedDocument, 4: modules.EmptyDocument}
    for index, kind in kinds.items():
        (failure,) = failures(found[index].error)
        assert failure.path == "document_extractor"
        assert type(failure.error) is kind


def test_the_original_exception_can_be_caught(service: Any, example: Any) -> None:
    with pytest.raises(example("modules").EncryptedDocument, match="needs a password"):
        service.pipeline.run({"input_document": str(DOCUMENTS / "bad-encrypted.pdf")})


def test_many_runs_at_once_share_the_models_and_agree(service: Any) -> None:
    inputs = [{"input_document": str(DOCUMENTS / name)} for name in SMALL] * 4
    with service.pipeline.map(inputs, max_concurrency=6, on_error="collect") as items:
        texts = [json.dumps(item.result.state["analysis_report"], sort_keys=True) for item in items]
    assert texts == texts[:3] * 4
