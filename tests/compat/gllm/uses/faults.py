"""What the original does silently wrong with errors, conditions, jumps and retries (PARITY 3.1, 1 to 6)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.pieces import double, put, xyz
from tests.compat.gllm.playing import Fault, case, raised, refused, right

# 1


@case(
    fault=Fault(
        "3.1.1",
        was="a failing branch does not stop the others: they go on in the background, with their later steps",
        now="the other branches are cancelled and waited for before the error is raised",
        outcome=raised("ConnectionError", "no route", **{"bad": 1, "slow began": 1}),
    ),
    lingers=0.1,
)
async def case_fault_branches_outlive_a_failure(lib: Any) -> Any:
    bad = lib.step(
        lib.parts.Fail(ConnectionError("no route"), "bad"), output_state="y", input_map={"x": "x"}, name="bad"
    )
    slow = lib.step(lib.parts.Sleep(0.02, "slow"), output_state="z", input_map={"x": "x"}, name="slow")
    block = lib.parallel([[slow, double(lib, "later", "z", "z")], bad], name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 1})


# 2


def _guarding(lib: Any, condition: Any) -> Any:
    return lib.Pipeline(
        [lib.guard(condition, put(lib, "secret", "S"), name="guard")], state_type=lib.state(x=int, out=str)
    )


@case(
    fault=Fault(
        "3.1.2",
        was="`guard` with an `async def` condition lets everything through",
        now="the condition is awaited",
        outcome=right({"x": 1}),
    )
)
async def case_fault_guard_by_an_async_condition(lib: Any) -> Any:
    async def never(state: Any) -> bool:
        return False

    return await _guarding(lib, never).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.2",
        was='`guard` lets through when its condition answers the word "false"',
        now='"true" and "false" are understood, and any other word is refused',
        outcome=right({"x": 1}),
    )
)
async def case_fault_guard_by_a_word(lib: Any) -> Any:
    return await _guarding(lib, lambda _: "false").invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.2",
        was='`guard` lets through when a component answers "false", as documented',
        now='"true" and "false" are understood, and any other word is refused',
        outcome=right({"x": 1}, ask=1),
    )
)
async def case_fault_guard_by_a_component(lib: Any) -> Any:
    return await _guarding(lib, lib.parts.Answer("false", "ask")).invoke({"x": 1})


# 3


def _choosing(lib: Any, condition: Any) -> Any:
    return lib.Pipeline(
        [lib.if_else(condition, put(lib, "yes", "Y"), put(lib, "no", "N"), name="if")],
        state_type=lib.state(x=int, out=str),
    )


@case(
    fault=Fault(
        "3.1.3",
        was="a condition that raises chooses the else branch",
        now="the error of a condition ends the run like that of any step",
        outcome=raised("ZeroDivisionError", "integer division or modulo by zero"),
    )
)
async def case_fault_condition_that_raises(lib: Any) -> Any:
    return await _choosing(lib, lambda s: s["x"] // 0 == 1).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.3",
        was="a condition that reads a missing key chooses the else branch",
        now="the KeyError ends the run",
        outcome=raised("KeyError", "misspelt"),
    )
)
async def case_fault_condition_on_a_missing_key(lib: Any) -> Any:
    return await _choosing(lib, lambda s: s["misspelt"] == 1).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.3",
        was="an `async def` condition of `if_else` or `toggle` always chooses the else branch",
        now="the condition is awaited",
        outcome=right({"x": 1, "out": "Y"}, yes=1),
    )
)
async def case_fault_async_condition(lib: Any) -> Any:
    async def positive(state: Any) -> bool:
        return bool(state["x"] > 0)

    return await _choosing(lib, positive).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.3",
        was="a component whose main method takes no `event_emitter` always chooses the else branch",
        now="a component is called with what it takes",
        outcome=right({"x": 1, "out": "Y"}, ask=1, yes=1),
    )
)
async def case_fault_component_without_an_emitter_as_condition(lib: Any) -> Any:
    class Ask(lib.Component):
        @lib.main
        async def ask(self, value: int) -> str:
            lib.note("ask")
            return "true"

    pipeline = lib.Pipeline(
        [lib.if_else(Ask(), put(lib, "yes", "Y"), put(lib, "no", "N"), input_map={"value": "x"}, name="if")],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.3",
        was="a component that answers True chooses the else branch",
        now="a bool is a bool, whoever answers it",
        outcome=right({"x": 1, "out": "Y"}, ask=1, yes=1),
    )
)
async def case_fault_component_that_answers_a_bool(lib: Any) -> Any:
    return await _choosing(lib, lib.parts.Answer(True, "ask")).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.3",
        was="a condition that answers 1, [1] or another value that counts as true chooses the else branch",
        now="refused: a condition answers True or False",
        outcome=refused("True or False"),
    )
)
async def case_fault_condition_that_answers_a_number(lib: Any) -> Any:
    return await _choosing(lib, lambda _: 1).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.3",
        was="a function as condition does not get the names of its `input_map`, fails, and the else branch is chosen",
        now="it gets them",
        outcome=right({"x": 4, "out": "Y"}, yes=1),
    )
)
async def case_fault_renamed_inputs_of_a_condition(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.if_else(
                lambda s: s["value"] > s["limit"],
                put(lib, "yes", "Y"),
                put(lib, "no", "N"),
                input_map={"value": "x", "limit": lib.Val(3)},
                name="if",
            )
        ],
        state_type=lib.state(x=int, out=str),
    )
    return await pipeline.invoke({"x": 4})


# 4


@case(
    fault=Fault(
        "3.1.4",
        was="what follows a `while_do` runs after every turn of the loop, with the state of that turn",
        now="it runs once, when the loop has ended",
        outcome=right({"n": 3, "z": 6}, add=3, after=1, start=1),
    )
)
async def case_fault_after_a_loop(lib: Any) -> Any:
    add = lib.transform(lib.noted("add", lambda s: s["n"] + 1), ["n"], output_state="n", name="add")
    loop = lib.while_do(add, lambda s: s["n"] < 3, name="loop")
    pipeline = lib.Pipeline(
        [put(lib, "start", 0, "n"), loop, double(lib, "after", "z", "n")],
        state_type=lib.state(n=int, z=int),
    )
    return await pipeline.invoke({})


@case(
    fault=Fault(
        "3.1.4",
        was="`goto` does not jump: the next step runs as well, and what comes after the target runs twice",
        now="it jumps: what lies between is not run",
        outcome=right({"x": 1, "z": 2}, last=1),
    )
)
async def case_fault_goto_forward(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.goto("jump", lib.Val("last")), double(lib, "between", "y"), double(lib, "last", "z")],
        state_type=xyz(lib),
    )
    return await pipeline.invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.4",
        was="a `goto` to a step that does not exist is accepted, and the next step runs",
        now="an unknown target is refused",
        outcome=refused("nowhere"),
    )
)
async def case_fault_goto_nowhere(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.goto("jump", lib.Val("nowhere")), double(lib, "last", "z")], state_type=xyz(lib)
    )
    return await pipeline.invoke({"x": 1})


# 5


@case(
    fault=Fault(
        "3.1.5",
        was='`output_state=["a", "b"]` with a dict as result stores the keys: {"a": "a", "b": "b"}',
        now="a dict is taken apart by its keys",
        outcome=right({"x": 1, "a": 10, "b": 20}),
    )
)
async def case_fault_two_outputs_from_a_dict(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.transform(lambda _: {"a": 10, "b": 20}, output_state=["a", "b"], name="both")],
        state_type=lib.state(x=int, a=int, b=int),
    )
    return await pipeline.invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.5",
        was="too few results for `output_state=[...]` are cut off without a word",
        now="the number of results has to be that of the keys",
        outcome=refused("both"),
    )
)
async def case_fault_too_few_outputs(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.transform(lambda _: [10], output_state=["a", "b"], name="both")],
        state_type=lib.state(x=int, a=int, b=int),
    )
    return await pipeline.invoke({"x": 1})


# 6


def _flaky(lib: Any, error: Exception, **retry: Any) -> Any:
    return lib.step(
        lib.parts.Flaky(1, error, "flaky"),
        output_state="y",
        input_map={"x": "x"},
        name="flaky",
        retry_config=lib.RetryConfig(max_retries=2, base_delay=0.01, max_delay=0.02, jitter=False, **retry),
    )


@case(
    fault=Fault(
        "3.1.6",
        was="`retry_on_exceptions=(ConnectionError,)` never retries a ConnectionError",
        now="the filter is compared with the component's own exception",
        outcome=right({"x": 1, "y": 2}, flaky=2),
    )
)
async def case_fault_retry_on_one_error(lib: Any) -> Any:
    flaky = _flaky(lib, ConnectionError("no route"), retry_on_exceptions=(ConnectionError,))
    return await lib.Pipeline([flaky], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.6",
        was="`non_retryable_exceptions` is ignored: the step is tried again",
        now="what is named there is not retried",
        outcome=raised("TypeError", "wrong", flaky=1),
    )
)
async def case_fault_retry_of_what_is_excluded(lib: Any) -> Any:
    flaky = _flaky(lib, TypeError("wrong"), non_retryable_exceptions=(TypeError,))
    return await lib.Pipeline([flaky], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.6",
        was="`timeout` of a RetryConfig is ignored",
        now="it holds for each attempt",
        outcome=refused("slow", **{"slow began": 1}),
    )
)
async def case_fault_retry_timeout(lib: Any) -> Any:
    slow = lib.step(
        lib.parts.Sleep(0.3, "slow"),
        output_state="y",
        input_map={"x": "x"},
        name="slow",
        retry_config=lib.RetryConfig(max_retries=0, base_delay=0.01, max_delay=0.02, timeout=0.05),
    )
    return await lib.Pipeline([slow], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.6",
        was="the retries of a step inside `parallel` or `try_catch` are ignored",
        now="a step is retried wherever it stands",
        outcome=right({"x": 1, "y": 2, "z": 2}, flaky=2, other=1),
    )
)
async def case_fault_retry_in_a_branch(lib: Any) -> Any:
    block = lib.parallel([_flaky(lib, OSError("busy")), double(lib, "other", "z")], name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.6",
        was="a keep, empty or fallback handler takes the place of the retries",
        now="the handler is asked when the last attempt has failed",
        outcome=right({"x": 1, "y": 2}, flaky=2),
    )
)
async def case_fault_handler_instead_of_retries(lib: Any) -> Any:
    flaky = lib.step(
        lib.parts.Flaky(1, OSError("busy"), "flaky"),
        output_state="y",
        input_map={"x": "x"},
        name="flaky",
        retry_config=lib.RetryConfig(max_retries=2, base_delay=0.01, max_delay=0.02, jitter=False),
        error_handler=lib.EmptyStepErrorHandler("y"),
    )
    return await lib.Pipeline([flaky], state_type=xyz(lib)).invoke({"x": 1})
