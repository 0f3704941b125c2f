"""The Mermaid text."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings

from plait.core.draw import mermaid
from plait.core.draw.mermaid import label
from plait.core.draw.shape import drawn as steps
from plait.core.plan.bind import bind
from plait.core.plan.outline import outline
from plait.testing.strategies import pipelines

LINE = re.compile(
    r"""flowchart\ LR
    | \ +subgraph\ b\d+_\d+\["[^"<>]*"\]
    | \ +end
    | \ +direction\ LR
    | \ +s\d+(\["[^"<>]*"\]|\[/"[^"<>]*"/\]|\{{1,2}"[^"<>]*"\}{1,2}|\[\["[^"<>]*"\]\]|\(\["[^"<>]*"\]\))
    | \ +inputs\(\["[^"<>]*"\]\):::given
    | \ +[sb]\d+(_\d+)?\ (-->|-\.->|(-->|-\.->)\|"[^"<>]*"\|)\ [sb]\d+(_\d+)?
    | \ +inputs\ -->\ [sb]\d+(_\d+)?
    | \ +classDef\ (given\ stroke-dasharray:\ 3\ 3|effect\ stroke-width:\ 2px)
    | \ +class\ s\d+(,s\d+)*\ effect""",
    re.VERBOSE,
)


def test_the_analysis(analysis):
    assert mermaid(analysis) == (
        "flowchart LR\n"
        '  inputs(["document"]):::given\n'
        '  s0["extract"]\n'
        '  subgraph b1_1["parallel analyses, at most 2 at once"]\n'
        "    direction LR\n"
        '    s1["sentiment"]\n'
        '    s2["topics"]\n'
        "  end\n"
        '  s3["report"]\n'
        '  s4[/"save"/]\n'
        "  inputs --> s0\n"
        "  s0 --> b1_1\n"
        "  b1_1 --> s3\n"
        "  s3 --> s4\n"
        "  classDef given stroke-dasharray: 3 3\n"
        "  classDef effect stroke-width: 2px\n"
        "  class s4 effect\n"
    )


def test_what_decides(deciding):
    assert mermaid(deciding) == (
        "flowchart LR\n"
        '  inputs(["path"]):::given\n'
        '  s0["load"]\n'
        '  s1{"allowed"}\n'
        '  s2["refuse"]\n'
        '  s3(["terminate"])\n'
        '  s4[["sum_up #215; n, at most 4 at once, on error: empty"]]\n'
        '  subgraph b8_8["while_do refine, at most 3 turns"]\n'
        "    direction LR\n"
        '    s8["draft"]\n'
        '    s9["review"]\n'
        '    s10{"is_long"}\n'
        "  end\n"
        '  subgraph b12_11["try_catch look_up, on ConnectionError"]\n'
        "    direction LR\n"
        '    s11["fetch"]\n'
        '    s12["parse"]\n'
        '    s13["cached"]\n'
        "  end\n"
        '  s14{"route"}\n'
        '  s15["search"]\n'
        '  s16["read"]\n'
        '  s17["reply"]\n'
        '  s18["shrug"]\n'
        '  s19{"polish"}\n'
        '  s20["polish"]\n'
        '  s21{{"goto over"}}\n'
        '  s22["skipped"]\n'
        '  s23[/"save, on error: keep"/]\n'
        "  inputs --> s0\n"
        "  s2 --> s3\n"
        '  s1 -->|"failure"| s2\n'
        "  s8 --> s9\n"
        "  s9 --> s10\n"
        '  s10 -.->|"again while is_long"| s8\n'
        "  s11 --> s12\n"
        '  s11 -.->|"on ConnectionError"| s13\n'
        "  s15 --> s16\n"
        '  s14 -->|"deep"| s15\n'
        '  s14 -->|"quick"| s17\n'
        '  s14 -->|"otherwise"| s18\n'
        '  s19 -->|"true"| s20\n'
        "  s0 --> s1\n"
        '  s1 -->|"success"| s4\n'
        "  s4 --> b8_8\n"
        "  b8_8 --> b12_11\n"
        "  b12_11 --> s14\n"
        "  s16 --> s19\n"
        "  s17 --> s19\n"
        "  s18 --> s19\n"
        "  s20 --> s21\n"
        '  s19 -->|"false"| s21\n'
        "  s22 --> s23\n"
        "  s21 -.-> s23\n"
        "  classDef given stroke-dasharray: 3 3\n"
        "  classDef effect stroke-width: 2px\n"
        "  class s23 effect\n"
    )


def test_in_dataflow_lines_carry_the_keys(made, do):
    bound = made(
        [do("a", ["in"], "x"), do("b", ["in"], "y"), do("c", ["x", "y"], "z"), do("tell", ["x"])],
        order="dataflow",
    )
    edges = [line.strip() for line in mermaid(bound).splitlines() if "--" in line or "-." in line]
    assert edges == [
        "inputs --> s0",
        "inputs --> s1",
        's0 -->|"x"| s2',
        's1 -->|"y"| s2',
        's0 -->|"x"| s3',
        "s2 -.-> s3",
    ]


def test_a_list_in_a_list_is_drawn_as_its_parts(everything):
    drawn = mermaid(everything)
    names = {m[2]: m[1] for m in re.finditer(r'^ +(?:subgraph )?(\w+)\["([^"]*)"\]', drawn, re.MULTILINE)}
    assert f"  {names['one']} --> {names['two']}\n" in drawn
    assert f"  {names['clean']} --> {names['pipeline words']}\n" in drawn
    assert drawn.count(f" {names['one']} -->") == 1


@pytest.mark.parametrize("name", ['a"b', "<b>", "a]b", "`x`", "#35;", "%%{init}%%", "a\nb", "a;b|c{d}"])
def test_a_label_holds_nothing_that_ends_it(name):
    inside = label(name)[1:-1]
    assert not set(re.sub(r"#\d+;", "", inside)) & set("\"<>[]{}()|`#%;&\n'\\")


def test_names_stay_in_their_labels(hostile):
    drawn = mermaid(hostile)
    assert [line for line in drawn.splitlines() if not LINE.fullmatch(line)] == []
    assert "日本語のステップ" in drawn


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(pipelines())
def test_every_pipeline_can_be_drawn_and_each_time_the_same(case):
    for order in ("listed", "dataflow"):
        bound = bind(case.definition(order))
        drawn = mermaid(bound)
        assert [line for line in drawn.splitlines() if not LINE.fullmatch(line)] == []
        assert len(re.findall(r"^ +s\d+[\[({]", drawn, re.MULTILINE)) == sum(1 for _ in steps(outline(bound)))
        known = set(re.findall(r"^ +(?:subgraph )?([sb]\d+(?:_\d+)?)[\[({]", drawn, re.MULTILINE)) | {
            "inputs"
        }
        used = {
            end
            for line in drawn.splitlines()
            if "-->" in line or "-.->" in line
            for end in re.findall(r"\b(?:[sb]\d+(?:_\d+)?|inputs)\b", re.sub(r'"[^"]*"', "", line))
        }
        assert used <= known
        assert mermaid(bind(case.definition(order))) == drawn
