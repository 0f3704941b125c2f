"""A notebook: ``run`` below the kernel's own loop, ``await`` on it, and what is shown of a pipeline and a result."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("nbformat", "nbclient", "ipykernel")),
    reason="needs plait[notebook]",
)

CELLS = [
    """
from plait import Pipeline, parallel, step
import asyncio, time

def moody(text):
    time.sleep(0.2)
    return len(text)

async def topics(text):
    await asyncio.sleep(0.2)
    return text.split()

pipeline = Pipeline(parallel([step(moody, output_state="mood"), step(topics, output_state="topics")]), name="analyse")
""",
    'result = pipeline.run({"text": "a b"})\nresult.state',
    'await pipeline.invoke({"text": "a b c"})',
    "pipeline",
    "result",
    '[item.result.state["mood"] for item in pipeline.map([{"text": "x"}, {"text": "xy"}])]',
    """
async with pipeline.astream({"text": "a"}) as events:
    seen = [type(event).__name__ async for event in events]
seen[0], seen[-1]
""",
]


# In a process of its own: what Jupyter leaves open is no finding about Plait.
CLIENT = """
import json, sys
import nbclient, nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

class Kernel(AsyncKernelManager):  # needs no kernel installed anywhere: it is this interpreter
    @property
    def kernel_spec(self):
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="here", language="python")

cells = [nbformat.v4.new_code_cell(cell.strip()) for cell in json.load(sys.stdin)]
notebook = nbformat.v4.new_notebook(cells=cells)
nbclient.NotebookClient(notebook, timeout=40, km=Kernel()).execute()
shown = [[out.data for out in cell.outputs if out.output_type == "execute_result"] for cell in notebook.cells]
print(json.dumps([data[0] if data else None for data in shown]))
"""


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """What each cell gave as its value, in a kernel of this very Python."""
    done = subprocess.run(
        [sys.executable, "-c", CLIENT],
        input=json.dumps(CELLS),
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
        cwd=tmp_path_factory.mktemp("notebook"),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_run_works_below_the_kernel_s_loop(outputs):
    assert outputs[1]["text/plain"] == "{'text': 'a b', 'mood': 3, 'topics': ['a', 'b']}"


def test_await_works_on_the_kernel_s_loop(outputs):
    assert outputs[2]["text/plain"] == "{'text': 'a b c', 'mood': 5, 'topics': ['a', 'b', 'c']}"


def test_a_pipeline_is_shown_as_a_picture_with_a_text(outputs):
    assert outputs[3]["image/svg+xml"].startswith("<svg")
    assert "moody" in outputs[3]["image/svg+xml"]
    assert outputs[3]["text/plain"].startswith("<pipeline 'analyse' of 2 steps>\n")


def test_a_result_is_shown_with_its_timeline(outputs):
    text = outputs[4]["text/plain"]
    assert text.startswith("<result of 'analyse' in ")
    assert "analyse: succeeded in" in text
    assert "critical path" in text


def test_many_inputs_and_events_work_too(outputs):
    assert outputs[5]["text/plain"] == "[1, 2]"
    assert outputs[6]["text/plain"] == "('RunStarted', 'RunFinished')"
