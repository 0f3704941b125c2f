"""The tutorial of the original: its pipeline, in the forms in which people have it (PARITY section 2)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.playing import Fault, case

REPORT = {
    "document": "Good work in Oslo",
    "text": "Good work in Oslo",
    "sentiment_score": 1,
    "detected_topics": ["work"],
    "extracted_entities": ["Oslo"],
    "language_code": "en",
    "analysis_report": "1 work Oslo en",
}
RAN = {"entities": 1, "extract": 1, "language": 1, "report": 1, "sentiment": 1, "topics": 1}


def _services(lib: Any) -> dict[str, Any]:
    class Extractor(lib.Component):
        @lib.main
        async def extract(self, document: str) -> str:
            lib.note("extract")
            return document.strip()

    class Sentiment(lib.Component):
        @lib.main
        async def analyze(self, text: str) -> int:
            lib.note("sentiment")
            return int("Good" in text)

    class Topics(lib.Component):
        @lib.main
        async def detect(self, text: str) -> list[str]:
            lib.note("topics")
            return [word for word in text.split() if word == "work"]

    class Entities(lib.Component):
        @lib.main
        async def extract(self, text: str) -> list[str]:
            lib.note("entities")
            return [word for word in text.split()[1:] if word.istitle()]

    class Language(lib.Component):
        @lib.main
        async def detect(self, text: str) -> str:
            lib.note("language")
            return "en"

    class Report(lib.Component):
        @lib.main
        async def write(self, sentiment: int, topics: list[str], entities: list[str], language: str) -> str:
            lib.note("report")
            return " ".join([str(sentiment), *topics, *entities, language])

    return {
        "extract": Extractor(),
        "sentiment": Sentiment(),
        "topics": Topics(),
        "entities": Entities(),
        "language": Language(),
        "report": Report(),
    }


def _state(lib: Any) -> Any:
    return lib.state(
        document=str,
        text=str,
        sentiment_score=int,
        detected_topics=list,
        extracted_entities=list,
        language_code=str,
        analysis_report=str,
    )


ANALYSES = {
    "sentiment": "sentiment_score",
    "topics": "detected_topics",
    "entities": "extracted_entities",
    "language": "language_code",
}


@case()
async def case_tutorial_one_after_another(lib: Any) -> Any:
    services = _services(lib)
    pipeline = lib.Pipeline(
        [
            lib.step(services["extract"], output_state="text", input_map={"document": "document"}),
            *(
                lib.step(services[name], output_state=key, input_map={"text": "text"})
                for name, key in ANALYSES.items()
            ),
            lib.step(services["report"], output_state="analysis_report", input_map=dict(ANALYSES)),
        ],
        state_type=_state(lib),
    )
    return await pipeline.invoke({"document": "Good work in Oslo"})


@case()
async def case_tutorial_in_parallel(lib: Any) -> Any:
    services = _services(lib)
    pipeline = lib.Pipeline(
        [
            lib.step(services["extract"], output_state="text", input_map={"document": "document"}),
            lib.parallel(
                [
                    lib.step(services[name], output_state=key, input_map={"text": "text"})
                    for name, key in ANALYSES.items()
                ],
                name="content_analysis_parallel",
            ),
            lib.step(services["report"], output_state="analysis_report", input_map=dict(ANALYSES)),
        ],
        state_type=_state(lib),
    )
    return await pipeline.invoke({"document": "Good work in Oslo"})


@case()
async def case_tutorial_with_the_output_second(lib: Any) -> Any:
    services = _services(lib)
    pipeline = lib.Pipeline(
        [
            lib.step(services["extract"], "text", {"document": "document"}),
            lib.parallel(
                [lib.step(services[name], key, {"text": "text"}) for name, key in ANALYSES.items()],
                name="content_analysis_parallel",
            ),
            lib.step(services["report"], "analysis_report", dict(ANALYSES)),
        ],
        state_type=_state(lib),
    )
    return await pipeline.invoke({"document": "Good work in Oslo"})


@case(
    fault=Fault(
        "2 (1)",
        was='`step(component, {inputs}, "output")`, the order of the tutorial, is refused since 0.5',
        now="both orders are understood",
        outcome={"state": REPORT, "ran": RAN},
    )
)
async def case_tutorial_with_the_inputs_second(lib: Any) -> Any:
    services = _services(lib)
    pipeline = lib.Pipeline(
        [
            lib.step(services["extract"], {"document": "document"}, "text"),
            lib.parallel(
                [lib.step(services[name], {"text": "text"}, key) for name, key in ANALYSES.items()],
                name="content_analysis_parallel",
            ),
            lib.step(services["report"], dict(ANALYSES), "analysis_report"),
        ],
        state_type=_state(lib),
    )
    return await pipeline.invoke({"document": "Good work in Oslo"})


@case(
    fault=Fault(
        "2 (2)",
        was="without `state_type` a pipeline with a `parallel` throws its input away and fails",
        now="no `state_type` is needed",
        outcome={"state": REPORT, "ran": RAN},
    )
)
async def case_tutorial_without_a_state_type(lib: Any) -> Any:
    services = _services(lib)
    pipeline = lib.Pipeline(
        [
            lib.step(services["extract"], output_state="text", input_map={"document": "document"}),
            lib.parallel(
                [
                    lib.step(services[name], output_state=key, input_map={"text": "text"})
                    for name, key in ANALYSES.items()
                ],
                name="content_analysis_parallel",
            ),
            lib.step(services["report"], output_state="analysis_report", input_map=dict(ANALYSES)),
        ]
    )
    return await pipeline.invoke({"document": "Good work in Oslo"})
