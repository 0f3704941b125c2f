"""The picture of the document analysis service, with the durations of a real run.

python docs/images/draw.py              say whether it is out of date (exit code 1)
python docs/images/draw.py --write      draw it again, with the durations that are written down
python docs/images/draw.py --measure    run the service, write its durations down, and draw it
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PICTURE, DURATIONS = HERE / "document_analysis.svg", HERE / "document_analysis.json"
SERVICE = HERE.parent.parent / "examples" / "document_analysis"


def service() -> Any:
    """The pipeline of the example. Importing it loads no model."""
    sys.path.insert(0, str(SERVICE))
    try:
        return importlib.import_module("pipeline").pipeline
    finally:
        sys.path.remove(str(SERVICE))


def measured(pipeline: Any) -> dict[str, float]:
    """Seconds of each step on one of the documents, in a second run."""
    inputs = {"input_document": str(SERVICE / "documents" / "debian-history.fr.pdf")}
    with pipeline:
        pipeline.run(inputs)
        report = pipeline.run(inputs).report
    return {step.path: round(step.work, 6) for step in report.steps}


def drawn(pipeline: Any) -> str:
    """The picture as it should be."""
    durations: dict[str, float] = json.loads(DURATIONS.read_text("utf-8"))
    picture: str = pipeline.with_durations(durations).to_svg()
    return picture


def main(arguments: list[str]) -> int:
    pipeline = service()
    if "--measure" in arguments:
        DURATIONS.write_text(json.dumps(measured(pipeline), indent=2) + "\n", "utf-8")
    picture = drawn(pipeline)
    if arguments:
        PICTURE.write_text(picture, "utf-8")
    elif PICTURE.read_text("utf-8") != picture:
        print(f"{PICTURE.name} is out of date")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
