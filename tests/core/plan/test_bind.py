"""What binding lets wait for what."""

from __future__ import annotations

from plait import Optional, Pipeline, parallel, step, subgraph
from plait.core.plan.bind import bind
from plait.core.plan.bound import Leaf, Region


def component(**_):
    return 1


def read(name: str, *keys: str, to: str | None = None):
    return step(component, {key: key for key in keys}, to, name=name, effect=False)


def frame_of(pipeline):
    bound = bind(pipeline.__plait_definition__)
    assert [f for f in bound.findings if f.code.startswith("E")] == []
    return bound.root


def waits(node) -> set[str]:
    return {other.path for other in node.after}


def test_a_step_that_rewrites_a_key_waits_for_earlier_readers_in_data_flow():
    root = frame_of(Pipeline([read("a", "k", to="x"), read("b", "k", to="k")], order="dataflow"))
    assert waits(root.nodes[1]) == {"a"}


def test_a_sibling_in_a_block_with_a_policy_is_never_waited_for():
    # Under another name in an embedded pipeline a branch may rewrite what its sibling reads. Were the sibling to fail,
    # nothing would ever let the branch go on, though the block lets it end.
    child = Pipeline([read("r", "mine", to="mine"), read("s", "mine", to="y")])
    block = parallel(
        [read("a", "k", to="x"), subgraph(child, {"mine": "k"}, {"y": "y"}, name="child")], on_error="finish"
    )
    (region,) = frame_of(Pipeline([block], order="dataflow")).nodes
    assert isinstance(region, Region)
    for node in region.inner.nodes:
        assert isinstance(node, Leaf)
        assert all(other.branch == node.branch for other in node.after)


def test_a_branch_that_writes_nothing_leaves_its_siblings_writes_alone():
    block = parallel([read("a", to="k"), read("b", to="x")])
    root = frame_of(Pipeline([read("p", to="k"), block, read("c", "k", to="y")]))
    last = root.nodes[-1]
    assert isinstance(last, Leaf)
    version = last.reads[0].version
    assert version is not None
    assert version.maker is not None
    assert version.maker.path == "a"


def test_an_optional_input_of_an_embedded_pipeline_that_nothing_can_give_is_its_default() -> None:
    """Also two pipelines deep, where nobody outside can give the key either."""

    def shout(text: str) -> str:
        return text + "!"

    inner = Pipeline([step(shout, {"text": "said"}, "heard", name="shout")])
    middle = Pipeline(
        [subgraph(inner, {"said": Optional("words", "nothing")}, {"echo": "heard"}, name="inner")]
    )
    outer = Pipeline([subgraph(middle, {}, {"echo": "echo"}, name="middle")])
    assert outer.check() == []
    assert outer.run({}).state == {"echo": "nothing!"}
    assert outer.run({}, mode="serial").state == {"echo": "nothing!"}
