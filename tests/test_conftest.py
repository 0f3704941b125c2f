"""The guard of `conftest.py` has teeth: a test that leaves something behind fails."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

LEAVES = {
    "task": """
        import asyncio
        LOOP = asyncio.new_event_loop()

        def test_one():
            LOOP.create_task(asyncio.Event().wait())
            LOOP.run_until_complete(asyncio.sleep(0))

        def teardown_module():
            for task in asyncio.all_tasks(LOOP):
                task.cancel()
            LOOP.run_until_complete(asyncio.sleep(0))
            LOOP.close()
    """,
    "thread": """
        import threading
        END = threading.Event()

        def test_one():
            threading.Thread(target=END.wait).start()

        def teardown_module():
            END.set()
    """,
    "child process": """
        import subprocess, sys
        CHILDREN = []

        def test_one():
            CHILDREN.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))

        def teardown_module():
            CHILDREN[0].communicate(b"")
    """,
    "open files": """
        import os
        PIPES = []

        def test_one():
            PIPES.extend(end for _ in range(20) for end in os.pipe())

        def teardown_module():
            for end in PIPES:
                os.close(end)
    """,
}


@pytest.mark.parametrize("what", LEAVES)
def test_a_test_that_leaves_something_behind_fails(
    what: str, pytester: pytest.Pytester, request: pytest.FixtureRequest
) -> None:
    conftest = request.config.rootpath / "tests" / "conftest.py"
    source = conftest.read_text().replace("PATIENCE = 3.0", "PATIENCE = 0.2")
    assert "PATIENCE = 0.2" in source
    pytester.makeconftest(source)
    pytester.makepyfile(LEAVES[what])
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:cov")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.re_match_lines([rf".*the test left behind: .*{what}.*"])


def test_a_test_that_cleans_up_passes(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> None:
    pytester.makeconftest((request.config.rootpath / "tests" / "conftest.py").read_text())
    pytester.makepyfile(
        """
        import asyncio, subprocess, sys, threading

        def test_one():
            asyncio.run(asyncio.sleep(0))
            thread = threading.Thread(target=int)
            thread.start()
            thread.join()
            subprocess.run([sys.executable, "-c", ""], check=True)

        def test_an_idle_pool_may_stay():
            threading.Thread(target=threading.Event().wait, name="plait-worker-1", daemon=True).start()
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
