"""The service with its real components on a real document, side by side and one after another in turns."""

import statistics
import sys
from pathlib import Path

SERVICE = Path(__file__).parent.parent / "document_analysis"
sys.path.insert(0, str(SERVICE))

from pipeline import one_after_another, pipeline  # noqa: E402

inputs = {"input_document": str(SERVICE / "documents" / "debian-history.fr.pdf")}

if __name__ == "__main__":
    with pipeline:  # sets up the components: the models are loaded before the clock starts
        turns = [(pipeline.run(inputs), one_after_another.run(inputs)) for _ in range(3)]
        assert all(result.state == listed.state for result, listed in turns)
        print(turns[-1][0].report)
        gain = statistics.median(listed.report.wall / result.report.wall for result, listed in turns)
        print()
        print(f"measured against the list: {gain:.2f} times as fast")
