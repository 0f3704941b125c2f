"""The pages of the rules: current, and their examples do what they say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from plait.core.check import RULES, check
from plait.core.flow import dataflow, parallel, subgraph
from plait.core.inputs import Config, Optional, Val
from plait.core.looping import goto
from plait.core.plan.bind import bind
from plait.core.step import step

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("code", RULES)
def test_the_example_breaks_the_rule_and_the_other_one_mends_it(code, pipeline):
    blocks = re.findall(r"```python\n(.*?)```", RULES[code].page, re.DOTALL)
    assert len(blocks) == 2
    found = []
    for text in blocks:
        names = {
            "Pipeline": pipeline,
            "step": step,
            "parallel": parallel,
            "dataflow": dataflow,
            "subgraph": subgraph,
            "Val": Val,
            "Config": Config,
            "Optional": Optional,
            "goto": goto,
        }
        exec(compile(text, code, "exec", dont_inherit=True), names)
        diagnostics = check(bind(names["pipeline"].__plait_definition__), limits=names.get("limits"))
        found.append({d.code for d in diagnostics})
    assert found == [{code}, set()]


def test_the_pages_in_the_docs_are_current():
    spec = importlib.util.spec_from_file_location("make_rule_pages", ROOT / "tools" / "make_rule_pages.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.stale() == [], "run python tools/make_rule_pages.py"
    assert set(tool.pages()) == {"README.md", *(f"{code}.md" for code in RULES)}
