"""Configure a process: a file, the environment, and what the code says itself."""

from __future__ import annotations

import os
from pathlib import Path

from plait import Limits, Pipeline, step
from plait.settings import settings, sources


def ask(question: str) -> str:
    return f"{question}? Perhaps."


# As if the program had been started in this folder with `PLAIT_THREADS=4 PLAIT_LIMITS=gpu=2 python ...`.
os.chdir(Path(__file__).parent / "configured")
os.environ.update({"PLAIT_THREADS": "4", "PLAIT_LIMITS": "gpu=2"})

# part: pipelines
asking = step(ask, output_state="answer", resources={"openai": 1})
configured = Pipeline([asking])
its_own = Pipeline([asking], limits=Limits({"openai": 2}), grace=1)  # the settings say nothing to this
# end

# part: sources
print(settings().threads, settings().grace, dict(settings().limits))
for name, source in sources().items():
    print(f"{name}: {Path(source).name}")
# end
print(configured.run({"question": "why"}).state["answer"])
