"""Fixtures for pytest that come with Plait: nothing to import, nothing to switch on.

    def test_the_report_names_the_topics(plait_run):
        result = plait_run(pipeline, {"document": "A letter from Anna"})
        assert result.state["topics"] == ["Anna"]

``plait_run(pipeline, inputs, *, seed=0, config=..., context=..., deadline=..., observers=...)`` gives the
``Result`` of a run on a virtual clock: an hour of ``asyncio.sleep``, a pause between attempts or a timeout passes at once,
and ``result.report`` counts in these seconds. The seed decides the order of what is ready at the same time, and
repeats exactly; an error says which seed it came with. To try many orders:

    @pytest.mark.parametrize("seed", range(20))
    def test_it_never_depends_on_who_is_first(plait_run, seed):
        assert plait_run(pipeline, {"document": "..."}, seed=seed).state["report"] == "..."

``plait_serial(pipeline, inputs, **options)`` runs it one step at a time in the test's own thread, in listed order, so
that ``breakpoint()`` works in every component. Its clock is the real one.

What a component's ``setup()`` made for ``plait_run`` is torn down before it returns. Where pytest was told to load no
plugins by itself (``PYTEST_DISABLE_PLUGIN_AUTOLOAD``), name this one: ``pytest -p plait.testing.pytest_plugin``.
"""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures, unless pytest has found them by itself: twice would be once too often."""
    import _plait_pytest

    if not config.pluginmanager.is_registered(_plait_pytest):
        config.pluginmanager.register(_plait_pytest, "plait")
