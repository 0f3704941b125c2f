"""The picture: sound XML that can do nothing, and a layout in which nothing touches."""

from __future__ import annotations

import cProfile
import pstats
import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from hypothesis import HealthCheck, given, settings

from plait import Pipeline, subgraph
from plait.core.draw import mermaid, svg, text
from plait.core.draw.layout import ACROSS, DOWN, Box, Layout
from plait.core.draw.shape import Waits
from plait.core.draw.shape import drawn as steps
from plait.core.draw.svg import width_of
from plait.core.flow import dataflow, parallel
from plait.core.plan.bind import bind
from plait.core.plan.outline import outline
from plait.testing.strategies import pipelines

NS = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "style", "rect", "g", "text", "tspan", "path", "polygon", "circle"}


def read(picture):
    root = ET.fromstring(picture)
    for element in root.iter():
        assert element.tag.removeprefix(NS) in ALLOWED
        assert not [a for a in element.attrib if a.startswith("on") or "href" in a or a == "style"]
    assert [s.tag for s in root][:2] == [f"{NS}title", f"{NS}desc"]
    return root


def names(root):
    return [e.text for e in root.iter(f"{NS}text") if e.get("class") == "n"]


def test_the_analysis_is_a_picture_with_a_title_and_every_step(analysis):
    root = read(svg(analysis))
    assert root.get("role") == "img"
    assert root.findtext(f"{NS}title") == "analysis"
    assert (
        root.findtext(f"{NS}desc")
        == "A pipeline of 5 steps: extract, analyses/sentiment, analyses/topics, report, save."
    )
    assert names(root) == ["extract", "sentiment", "topics", "report", "save"]
    assert [e.text for e in root.iter(f"{NS}text") if e.get("class") == "t"] == ["parallel analyses"]
    assert "prefers-color-scheme:dark" in root.findtext(f"{NS}style")


def test_what_decides_is_told_at_the_lines(deciding):
    root = read(svg(deciding))
    said = [e.text for e in root.iter(f"{NS}text") if e.get("class") == "t y"]
    assert said[:2] == ["failure", "success"]
    assert {"again while is_long", "on error", "deep", "quick", "otherwise", "true", "false"} <= set(said)
    decisions = [g.findtext(f"{NS}text") for g in root.iter(f"{NS}g") if g.find(f"{NS}polygon") is not None]
    assert decisions == ["allowed", "is_long", "route", "polish"]
    (pile,) = [g for g in root.iter(f"{NS}g") if len(g.findall(f"{NS}rect")) == 3]
    assert "→ sums · at most 4 at once · on error: empty" in [e.text for e in pile.iter(f"{NS}text")]
    assert "terminate" in names(root)


@pytest.mark.parametrize("sizes", [ACROSS, DOWN])
def test_a_way_back_stays_in_its_loop_and_a_handler_beside_what_is_tried(deciding, sizes):
    layout = laid_out(deciding, sizes)
    assert_sound(layout)
    (back,) = layout.backs
    assert back.source.m > back.target.m
    assert (
        back.around.c + back.around.cl
        >= max(back.source.c + back.source.cl, back.target.c + back.target.cl) + 15
    )
    boxes = {part.name: box for part, box in layout.boxes.items()}
    assert boxes["cached"].c >= boxes["fetch"].c + boxes["fetch"].cl
    aside = [edge for edge in layout.edges if boxes["cached"] in (edge.source, edge.target)]
    assert [edge.data for edge in aside] == [False, False]


def test_nothing_follows_an_end_or_a_jump_with_a_fixed_target(deciding):
    layout = laid_out(deciding, ACROSS)
    boxes = {part.name: box for part, box in layout.boxes.items()}
    assert not [edge for edge in layout.edges if edge.source in (boxes["terminate"], boxes["over"])]


def test_nothing_is_fetched_and_nothing_runs(analysis):
    drawn = svg(analysis)
    assert re.findall(r"\w+://[^\"']*", drawn) == ["http://www.w3.org/2000/svg"]
    assert "@import" not in drawn
    assert "url(" not in drawn


def test_durations_are_shown_and_the_longest_way_is_marked(analysis):
    durations = {
        "extract": 0.5,
        "analyses/sentiment": 2.0,
        "analyses/topics": 0.02,
        "report": 12.3,
        "save": 0.0001,
    }
    root = read(svg(analysis, durations=durations))
    assert [e.text for e in root.iter(f"{NS}text") if e.get("class") == "d"] == [
        "500 ms",
        "2.0 s",
        "20 ms",
        "12 s",
        "< 1 ms",
    ]
    marked = [g.find(f"{NS}text").text for g in root.iter(f"{NS}g") if " w" in (g.get("class") or "")]
    assert marked == ["extract", "sentiment", "report", "save"]
    assert not [g for g in read(svg(analysis)).iter(f"{NS}g") if " w" in (g.get("class") or "")]


def test_names_are_text_and_nothing_else(hostile):
    root = read(svg(hostile))
    assert len(names(root)) == 11
    assert "日本語のステップ" in names(root)
    assert root.findtext(f"{NS}title") == "<text><script>alert(1)<script>&amp;&#60;"


def test_a_long_chain_runs_down_and_a_short_one_across(made, do):
    def size(count):
        root = read(svg(made([do(f"step_{i}", [f"k{i}"], f"k{i + 1}") for i in range(count)])))
        return float(root.get("width")), float(root.get("height"))

    width, height = size(3)
    assert width > 3 * height
    width, height = size(40)
    assert height > 3 * width


def laid_out(bound, sizes):
    root = outline(bound)
    return Layout(root, Waits(bound, root), sizes, lambda part: (12.0 * len(part.name), 40.0), (80.0, 26.0))


def every(box: Box):
    yield box
    for child in box.children:
        yield from every(child)


def assert_sound(layout):
    boxes = list(every(layout.box))
    for box in boxes:
        for child in box.children:
            assert child.m >= box.m - 0.01
            assert child.c >= box.c - 0.01
            assert child.m + child.ml <= box.m + box.ml + 0.01
            assert child.c + child.cl <= box.c + box.cl + 0.01
    steps = [box for box in boxes if box.kind in ("step", "decision", "input")]
    for one, other in combinations(steps, 2):
        apart = (
            one.m + one.ml <= other.m + 0.01
            or other.m + other.ml <= one.m + 0.01
            or one.c + one.cl <= other.c + 0.01
            or other.c + other.cl <= one.c + 0.01
        )
        assert apart, (one.part, other.part)
    for edge in layout.edges:
        assert edge.source.m + edge.source.ml < edge.target.m  # always forwards
        for bend in edge.bends:  # where a line passes steps, it passes beside them
            for step in steps:
                within = bend.m - 0.01 <= step.m < bend.m + bend.ml
                assert not within or not step.c < bend.c + bend.port < step.c + step.cl, step.part


@pytest.mark.parametrize("sizes", [ACROSS, DOWN])
def test_a_line_that_passes_a_layer_goes_straight_through_it(made, do, sizes):
    bound = made(
        [
            dataflow(
                [
                    do("first", ["x"], "a"),
                    *(do(f"step{i}", ["a"], f"k{i}") for i in range(4)),
                    do("second", ["k1"], "b"),
                    do("last", ["a", "b"], "c"),
                ]
            )
        ]
    )
    layout = laid_out(bound, sizes)
    assert_sound(layout)
    (long,) = [edge for edge in layout.edges if edge.bends]
    depth = max(box.ml for part, box in layout.boxes.items() if part.name.startswith("step"))
    assert long.bends[0].ml == depth


@pytest.mark.parametrize("sizes", [ACROSS, DOWN])
def test_a_frame_is_as_wide_as_its_title(made, do, sizes):
    block = parallel(
        [do("a", ["x"], "a"), do("b", ["x"], "b")], name="a long name", on_error="collect", timeout=3
    )
    layout = laid_out(made([block]), sizes)
    assert_sound(layout)
    (frame,) = [box for box in every(layout.box) if box.kind == "frame"]
    text = "parallel a long name, on error: collect, timeout 3 s"
    assert (frame.ml if sizes.across else frame.cl) >= 5.9 * len(text)


def test_a_pipeline_without_a_name_is_not_named_twice(made, do):
    inner = Pipeline([do("a", ["x"], "a")])
    assert "pipeline pipeline" not in svg(made([subgraph(inner)]))


@pytest.mark.parametrize("sizes", [ACROSS, DOWN])
def test_boxes_do_not_touch_and_lines_run_forwards(analysis, everything, sizes):
    for bound in (analysis, everything):
        layout = laid_out(bound, sizes)
        assert len(layout.boxes) == sum(1 for _ in bound.leaves())
        assert_sound(layout)


def test_many_to_many_lines_meet_in_a_joint(made, do):
    bound = made(
        [
            parallel([do(f"a{i}", ["in"], f"a{i}") for i in range(9)]),
            parallel([do(f"b{i}", ["a0"], f"b{i}") for i in range(9)]),
        ]
    )
    assert len(laid_out(bound, ACROSS).edges) == 9 + 9 + 9  # the input's, and nine each way instead of 81


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(pipelines())
def test_every_pipeline_can_be_drawn_and_each_time_the_same(case):
    for order in ("listed", "dataflow"):
        bound = bind(case.definition(order))
        for sizes in (ACROSS, DOWN):
            assert_sound(laid_out(bound, sizes))
        drawn = svg(bound)
        count = sum(1 for _ in steps(outline(bound)))
        assert len(names(read(drawn))) == count
        assert svg(bind(case.definition(order))) == drawn
        assert len(text(bound).splitlines()) > count


def test_widths_follow_the_letters():
    assert width_of("iiii", 10) < width_of("nnnn", 10) < width_of("mmmm", 10) < width_of("日本語中", 10)


def test_drawing_three_hundred_steps_takes_little_work(made, do):
    bound = made(
        [parallel([do(f"s{j}_{i}", [f"k{j}_{i}"], f"k{j + 1}_{i}") for i in range(10)]) for j in range(30)]
    )
    for draw, calls_per_step in ((mermaid, 60), (text, 150), (svg, 300)):
        profile = cProfile.Profile()
        profile.runcall(draw, bound)
        assert pstats.Stats(profile).total_calls < 300 * calls_per_step, draw
