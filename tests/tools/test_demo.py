"""The one command that runs the main job: how it ends when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"

MAIN_JOB = """
import time
try:
    print("at work", flush=True)
    time.sleep(50)
except KeyboardInterrupt:
    time.sleep(0.6)  # steps that are running end first: longer than subprocess.run would let it
    print("tidied up", flush=True)
    raise SystemExit(130)
"""

DEMO = f"""
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
import demo
sys.exit(demo.run_to_its_end([sys.executable, "-c", {MAIN_JOB!r}], os.environ))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process there")
def test_the_main_job_may_tidy_up_after_ctrl_c() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DEMO], cwd=TOOLS, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as demo:
        assert demo.stdout is not None
        assert demo.stdout.readline() == "at work\n"
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does: both of them hear it
        rest, _ = demo.communicate(timeout=30)
    assert rest == "tidied up\n"
    assert demo.returncode == 130
