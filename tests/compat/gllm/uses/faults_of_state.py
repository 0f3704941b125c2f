"""What the original does silently wrong with keys and values (PARITY 3.1, 7 to 11)."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, Any

from pydantic import BaseModel
from tests.compat.gllm.pieces import double, put, xyz
from tests.compat.gllm.playing import Fault, case, refused, right

# 7


@case(
    fault=Fault(
        "3.1.7",
        was="two branches that write the same key: the last listed wins, without a word",
        now="refused before anything runs",
        outcome=refused("'y'"),
    )
)
async def case_fault_two_branches_write_one_key(lib: Any) -> Any:
    block = lib.parallel([double(lib, "a", "y"), put(lib, "b", 9, "y")], name="block")
    return await lib.Pipeline([block], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.7",
        was="a branch that reads what another branch writes gets the old value",
        now="refused before anything runs",
        outcome=refused("'y'"),
    )
)
async def case_fault_a_branch_reads_what_a_sibling_writes(lib: Any) -> Any:
    start = put(lib, "start", 100, "y")
    block = lib.parallel([double(lib, "a", "y"), double(lib, "b", "z", "y")], name="block")
    return await lib.Pipeline([start, block], state_type=xyz(lib)).invoke({"x": 1})


# 8


def _adding(lib: Any, **options: Any) -> Any:
    block = lib.parallel([put(lib, "a", [1], "notes"), put(lib, "b", [2], "notes")], name="block", **options)
    state = lib.state(x=int, notes=Annotated[list, operator.add])
    return lib.Pipeline([block], state_type=state)


@case(
    fault=Fault(
        "3.1.8",
        was="a reducer in the state type: a squashed block loses all updates but the last",
        now="every update is added once, in the listed order",
        outcome=right({"x": 1, "notes": [1, 2]}, a=1, b=1),
    )
)
async def case_fault_reducer_in_a_squashed_block(lib: Any) -> Any:
    return await _adding(lib).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.8",
        was="a reducer in the state type: an expanded block adds every update twice",
        now="every update is added once, in the listed order",
        outcome=right({"x": 1, "notes": [1, 2]}, a=1, b=1),
    )
)
async def case_fault_reducer_in_an_expanded_block(lib: Any) -> Any:
    return await _adding(lib, squash=False).invoke({"x": 1})


# 9


@case(
    fault=Fault(
        "3.1.9",
        was="what a branch changes in place is seen by its siblings and by the caller",
        now="each branch works on values of its own",
        outcome=right([1, 1]),
    )
)
async def case_fault_changes_in_place_are_shared(lib: Any) -> Any:
    first = asyncio.Event()

    async def grow(inputs: dict[str, Any]) -> int:
        inputs["words"].append("!")
        first.set()
        return len(inputs["words"])

    async def wait(inputs: dict[str, Any]) -> int:
        await first.wait()
        return len(inputs["words"])

    block = lib.parallel(
        [
            lib.transform(grow, ["words"], output_state="y", name="a"),
            lib.transform(wait, ["words"], output_state="z", name="b"),
        ],
        name="block",
    )
    pipeline = lib.Pipeline([block], state_type=lib.state(words=list, y=int, z=int))
    words: list[str] = ["a"]
    state = await pipeline.invoke({"words": words})
    return [len(words), state["z"]]


# 10


@case(
    fault=Fault(
        "3.1.10",
        was="the initial value of a key that some step writes is dropped, so a kept failure leaves no value",
        now="the initial value stays until a step replaces it",
        outcome=right({"x": 1, "y": 5}, fail=1),
    )
)
async def case_fault_initial_values_are_dropped(lib: Any) -> Any:
    bad = lib.step(
        lib.parts.Fail(ValueError("no"), "fail"),
        output_state="y",
        input_map={"x": "x"},
        name="fail",
        error_handler=lib.KeepStepErrorHandler(),
    )
    return await lib.Pipeline([bad], state_type=xyz(lib)).invoke({"x": 1, "y": 5})


@case(
    fault=Fault(
        "3.1.10",
        was="an output key that the state type does not have is dropped",
        now="refused before anything runs, with the key that was probably meant",
        outcome=refused("'zz'"),
    )
)
async def case_fault_output_key_outside_the_state_type(lib: Any) -> Any:
    return await lib.Pipeline([double(lib, "a", "zz")], state_type=xyz(lib)).invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.10",
        was="with a model as state type the last write is not validated",
        now="what a step writes has to have the type of its key",
        outcome=refused("'y'"),
    )
)
async def case_fault_last_write_is_not_validated(lib: Any) -> Any:
    class State(BaseModel):
        x: int
        y: int = 0

    pipeline = lib.Pipeline(
        [lib.transform(lambda _: "no number", output_state="y", name="wrong")], state_type=State
    )
    return await pipeline.invoke({"x": 1})


@case(
    fault=Fault(
        "3.1.10",
        was="defaults of a model as state type are absent from the result",
        now="they are in the result",
        outcome=right({"x": 1, "y": 2, "z": 7}, a=1),
    )
)
async def case_fault_defaults_of_a_model_are_absent(lib: Any) -> Any:
    class State(BaseModel):
        x: int
        y: int = 0
        z: int = 7

    return await lib.Pipeline([double(lib, "a", "y")], state_type=State).invoke({"x": 1})


# 11


class Store:
    """A cache in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def cache(self, key_func: Any = None, name: str = "", **_: Any) -> Any:
        """The decorator that a step's cache is made of."""

        def decorate(function: Any) -> Any:
            async def cached(*args: Any, **kwargs: Any) -> Any:
                key = f"{name}:{key_func(*args, **kwargs) if key_func else [args, kwargs]!r}"
                if key not in self.kept:
                    self.kept[key] = await function(*args, **kwargs)
                return self.kept[key]

            return cached

        return decorate


@case(
    fault=Fault(
        "3.1.11",
        was="the cache of a step never hits with its default key",
        now="the key is the step and what it reads",
        outcome=right([{"x": 1, "y": 2}, {"x": 1, "y": 2}], double=1),
    )
)
async def case_fault_step_cache_never_hits(lib: Any) -> Any:
    step = lib.step(
        lib.parts.Double("double"),
        output_state="y",
        input_map={"x": "x"},
        name="double",
        cache=lib.CacheConfig(store=Store(), name="c"),
    )
    pipeline = lib.Pipeline([step], state_type=lib.state(x=int, y=int))
    return [await pipeline.invoke({"x": 1}), await pipeline.invoke({"x": 1})]
