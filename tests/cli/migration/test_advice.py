"""What a person has to look at is found where it is, and not where it is not."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from plait.cli.migration.advice import Finding
from plait.cli.migration.moving import move

HEAD = """\
from gllm_core.utils.retry import RetryConfig
from gllm_pipeline.pipeline import Pipeline
from gllm_pipeline.steps import *
from gllm_pipeline.steps import (
    EmptyStepErrorHandler, bundle, goto, guard, if_else, interrupt, no_op, parallel, step, subgraph, switch,
    terminate, toggle, transform, try_catch, while_do, ConditionalStep, ParallelStep,
)
from gllm_pipeline.types import CacheConfig, Val
"""
LINES = len(HEAD.splitlines())


def found(tmp_path: Path, code: str, head: str = HEAD) -> list[Finding]:
    path = tmp_path / "service.py"
    path.write_text(head + textwrap.dedent(code))
    return [one for one in move(str(path)).findings if one.kind != "not-there"]


def kinds(tmp_path: Path, code: str) -> list[str]:
    return [one.kind for one in found(tmp_path, code)]


@pytest.mark.parametrize(
    "code",
    [
        'parallel([step(a, {"t": "t"}, "y"), step(b, {"t": "t"}, "y")])',
        'parallel([step(a, "y", {"t": "t"}), step(b, "y", {"t": "t"})])',
        'parallel([step(a, ["t"], "y"), step(b, ["t"], "y")])',
        'parallel({"l": [step(a, output_state="y")], "r": transform(f, output_state=["x", "y"])})',
        'parallel(branches=[bundle(["a"], "y"), if_else(c, step(a, "y"), no_op())])',
        'parallel([subgraph(p, {"y": "z"}), try_catch(step(a, "y"), no_op())])',
        'parallel([try_catch(step(a, "x"), no_op(), caught_exception_state="y"), step(a, "y")])',
        'first = step(a, "y")\nparallel([first, step(b, "y")])',
        'ParallelStep("p", branches=[step(a, "y"), step(b, "y")])',
        'Pipeline([]).composer.parallel().fork(step(a, "y")).fork(step(b, "y")).end().done()',
        'Pipeline([]).composer.parallel(branches=[step(a, "y"), step(b, "y")]).done()',
    ],
)
def test_two_branches_that_write_one_key(tmp_path: Path, code: str) -> None:
    (one,) = (one for one in found(tmp_path, code) if one.kind == "same-key")
    assert "'y'" in one.reason
    assert "reducer" in one.cure


@pytest.mark.parametrize(
    "code",
    [
        'parallel([step(a, "x"), step(b, "y")])',
        'parallel([[step(a, "y"), step(b, "y")], step(b, "z")])',
        'parallel([if_else(c, step(a, "y"), step(b, "y")), step(b, "z")])',
        '[step(a, "y"), step(b, "y")]',
        "parallel([step(a, name), step(b, name)])",
        "parallel(branches)",
        'parallel([step(a, "x"), *more])',
        'first = step(a, "y")\nfirst = step(a, "z")\nparallel([first, step(b, "y")])',
    ],
)
def test_branches_with_keys_of_their_own(tmp_path: Path, code: str) -> None:
    assert kinds(tmp_path, code) == []


def test_a_branch_that_reads_what_a_sibling_writes(tmp_path: Path) -> None:
    code = """
        parallel([
            step(a, "y", {"t": "text"}),
            [step(c, "w", {"x": "text"}), step(b, "z", {"x": "y.part", "w": "w", "v": Val("text")})],
        ])
    """
    (one,) = found(tmp_path, code)
    assert (one.kind, one.line) == ("sibling", LINES + 4)
    assert "'y'" in one.reason


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("parallel([], squash=False)", "squash"),
        ("parallel([], None, True)", "squash"),
        ("Pipeline([]).composer.parallel(squash=True)", "squash"),
        ('parallel([[terminate(), step(a, "x")], step(b, "y")])', "ends-in-branch"),
        ('parallel([[guard(ok, no_op()), step(a, "x")]])', "ends-in-branch"),
        ("async def ok(s): ...\nguard(ok, no_op())", "async-condition"),
        ("async def ok(s): ...\nif_else(ok, no_op(), no_op())", "async-condition"),
        ("async def ok(s): ...\ntoggle(condition=ok, if_branch=no_op())", "async-condition"),
        (
            "async def ok(s): ...\nPipeline([]).composer.when(ok).then(no_op()).otherwise(no_op())",
            "async-condition",
        ),
        ('guard(lambda s: "true" if s else "false", no_op())', "word-condition"),
        ('def ok(s):\n    return "false"\nguard(ok, no_op())', "word-condition"),
        ("guard(lambda s: len(s), no_op())", "number-condition"),
        ("def ok(s):\n    return sum(s)\nif_else(ok, no_op(), no_op())", "number-condition"),
        ("toggle(lambda s: 1, no_op())", "number-condition"),
        ("guard(Moderator(), no_op())", "component-guard"),
        ("moderator = Moderator()\nguard(moderator, no_op())", "component-guard"),
        ('if_else(lambda s: s["x"] > 1, no_op(), no_op())', "condition-error"),
        ('ConditionalStep("c", {}, [lambda s: s["x"], lambda s: "b"])', "condition-error"),
        ("if_else(lambda s: s, no_op(), no_op(), input_map={'a': 'b'})", "condition-names"),
        ("switch(route, {'a': no_op()})", "switch"),
        ('goto("g", Val("there"))', "goto"),
        ('Pipeline([while_do(body, more), step(a, "x")])', "after-loop"),
        ("Pipeline([]).composer.while_do(body, more).no_op().done()", "after-loop"),
        ('transform(lambda s: {"a": 1, "b": 2}, output_state=["a", "b"])', "several-outputs"),
        ('def both(s):\n    return {"a": 1}\ntransform(both, output_state=["a"])', "several-outputs"),
        ("RetryConfig(max_retries=2, retry_on_exceptions=(OSError,))", "retry"),
        ("RetryConfig(non_retryable_exceptions=(OSError,))", "retry"),
        ("RetryConfig(timeout=3)", "retry"),
        (
            'step(a, "y", retry_config=retry, error_handler=EmptyStepErrorHandler("y"))',
            "retry-and-handler",
        ),
        ('step(a, "y", cache=CacheConfig(store=store))', "cache"),
        ("a = Pipeline([])\nb = Pipeline([])\nc = a >> b", "shift-right"),
        ("a = Pipeline([])\nc = a << no_op()", "shift-left"),
        ('await_ = p.invoke({}, config={"timeout": 30})', "config"),
        ('p.invoke({}, {"max_retries": 3})', "config"),
        ('p.invoke({}, config={"recursion_limit": 300})', "recursion-limit"),
        ("Pipeline([], recursion_limit=100)", "recursion-limit"),
        ("interrupt('ok?')", "pause"),
        ("Pipeline([], interrupt_before=['a'])", "pause"),
        ("p.invoke({}, interrupt_after=['a'])", "pause"),
        ('p.exclusions.exclude("x", "cond.true")', "exclusion"),
        ("from langgraph.types import Command", "langgraph"),
        ("import langgraph.graph as g", "langgraph"),
        ("p = Pipeline([])\np.graph", "graph"),
        ("(step(a) | step(b)).graph", "graph"),
        ("mine.add_to_graph(graph, [])", "graph"),
        ("from gllm_pipeline.steps._func import step as s", "private"),
        ("from gllm_pipeline.pipeline.pipeline import _DebugTraceState", "private"),
        ('import_module("gllm_pipeline.steps")', "string"),
        (
            "class S:\n    notes: Annotated[list, operator.add]\nparallel([no_op()])",
            "reducer",
        ),
    ],
)
def test_what_needs_a_person(tmp_path: Path, code: str, kind: str) -> None:
    assert kinds(tmp_path, code) == [kind]


@pytest.mark.parametrize(
    "code",
    [
        "parallel([], name='block')",
        "if_else(lambda s: s.get('x'), no_op(), no_op())",
        "async def route(s): ...\nswitch(route, {'a': no_op()}, default=no_op())",
        "Pipeline([]).composer.switch(route).case('a', no_op()).default(no_op()).end()",
        "guard(lambda s: True, no_op())",
        "guard(lambda s: len(s) > 1, no_op())",
        "switch(lambda s: 1, {'1': no_op()}, default=no_op())",
        "Pipeline([step(a), while_do(body, more)])",
        "Pipeline([]).composer.while_do(body, more).done()",
        "transform(lambda s: {'a': 1}, output_state='a')",
        "transform(lambda s: (1, 2), output_state=['a', 'b'])",
        "RetryConfig(max_retries=2, base_delay=1)",
        "step(a, retry_config=retry)",
        "step(a, cache=CacheConfig(store=s, key_func=key))",
        "1 << 2 >> x",
        "p.invoke({}, config={'thread_id': 't', 'user': 1}, context={'timeout': 1})",
        "Pipeline([interrupt('?')], checkpointer=saver)",
        "p.checkpointer = saver\np.invoke({}, interrupt_before=['a'])",
        "p.exclusions.exclude('block.left')\nother.exclude('cond.true')",
        "figure.graph",
        "p.build_graph()",
        "def f():\n    '''Uses gllm_pipeline.'''",
        "from gllm_pipeline.exceptions import PipelineRuntimeError as E\ntry: ...\nexcept (E, OSError): ...",
        "class S:\n    notes: Annotated[list, operator.add]",
        "class S:\n    notes: Annotated[list, 'words']\nparallel([no_op()])",
    ],
)
def test_what_needs_nobody(tmp_path: Path, code: str) -> None:
    assert kinds(tmp_path, code) == []


def test_the_lines_are_those_of_the_places(tmp_path: Path) -> None:
    code = """
        block = parallel(
            [],
            squash=False,
        )
        x = if_else(
            lambda s: s["a"] > s["b"],
            no_op(),
            no_op(),
        )
    """
    assert [(one.line, one.kind) for one in found(tmp_path, code)] == [
        (LINES + 4, "squash"),
        (LINES + 7, "condition-error"),
    ]


def test_names_are_followed_to_where_they_come_from(tmp_path: Path) -> None:
    assert [one.kind for one in found(tmp_path, "s.goto('g', t)\n", "import gllm_pipeline.steps as s\n")] == [
        "goto"
    ]
    assert [
        one.kind
        for one in found(tmp_path, "gllm_pipeline.steps.goto('g', t)\n", "import gllm_pipeline.steps\n")
    ] == ["goto"]
    assert [
        one.kind
        for one in found(tmp_path, "jump('g', t)\n", "from gllm_pipeline.steps import goto as jump\n")
    ] == ["goto"]
    assert found(tmp_path, "goto('g', t)\n", "from mine import goto\nimport gllm_pipeline.types\n") == []


def test_a_file_that_was_moved_still_tells_what_needs_a_person(tmp_path: Path) -> None:
    head = HEAD.replace("gllm_pipeline", "plait.compat.gllm")
    assert [one.kind for one in found(tmp_path, 'goto("g", t)\n', head)] == ["goto"]


def test_a_file_without_the_original_is_not_looked_at(tmp_path: Path) -> None:
    assert found(tmp_path, "guard(Moderator(), 1)\nx >> y\n", "from mine import guard\n") == []


def test_names_that_are_not_offered(tmp_path: Path) -> None:
    pytest.importorskip("plait.compat.gllm")
    path = tmp_path / "service.py"
    path.write_text(
        "from gllm_pipeline.steps import step, stp\n"
        "from gllm_pipeline.nowhere import thing\n"
        "import gllm_pipeline.steps as s\n"
        "from gllm_pipeline import steps\n"
        "s.parallell([])\n"
        "s.parallel([])\n"
        "from gllm_pipeline.stps import step\n"
        "from gllm_pipeline.steps.basics import step\n"
    )
    not_there = [one for one in move(str(path)).findings if one.kind == "not-there"]
    assert [one.line for one in not_there] == [1, 2, 5, 7, 8]
    assert "'stp'" in not_there[0].reason
    assert "did you mean 'step'" in not_there[0].reason
    assert "plait.compat.gllm.nowhere" in not_there[1].reason
    assert "did you mean" not in not_there[1].reason
    assert "'parallell'" in not_there[2].reason
    assert "did you mean 'steps'" in not_there[3].reason
    assert not_there[4].cure == "from plait.compat.gllm.steps import step"
