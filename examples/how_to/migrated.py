"""The tutorial's service as it is written for gllm-pipeline, with nothing changed but the imports."""

import asyncio
from typing import Any

from plait.compat.gllm.pipeline import Pipeline
from plait.compat.gllm.steps import parallel, step, transform


class Extractor:
    async def __call__(self, document: str) -> str:
        return document.strip()


class Sentiment:
    async def __call__(self, text: str) -> float:
        return 1.0 if "good" in text else 0.0


class Topics:
    async def __call__(self, text: str) -> list[str]:
        return [word for word in text.split() if len(word) > 5]


def write_report(found: dict[str, Any]) -> str:
    return f"{found['sentiment_score']}: {', '.join(found['detected_topics'])}"


# part: pipeline
pipeline = Pipeline(
    [
        step(Extractor(), {"document": "input_document"}, "extracted_text"),
        parallel(
            [
                step(Sentiment(), {"text": "extracted_text"}, "sentiment_score"),
                step(Topics(), {"text": "extracted_text"}, "detected_topics"),
            ],
            name="content_analysis_parallel",
        ),
        transform(write_report, ["sentiment_score", "detected_topics"], output_state="analysis_report"),
    ]
)
state = asyncio.run(pipeline.invoke({"input_document": " a good harbour, seen at night "}))
print(state["analysis_report"])
# end

# part: native
print(pipeline.check())
print(pipeline.native.plan())
# end
