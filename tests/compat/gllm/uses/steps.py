"""Steps that do one thing: components, transforms, bundles, copies, log, own classes (PARITY 1.3 and 1.5)."""

from __future__ import annotations

from typing import Any

from tests.compat.gllm.playing import case


@case()
async def case_step_with_a_dict_of_inputs(lib: Any) -> Any:
    state = lib.state(number=int, doubled=int)
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Double(), output_state="doubled", input_map={"x": "number"}, name="double")],
        state_type=state,
    )
    return await pipeline.invoke({"number": 4})


@case()
async def case_step_with_a_list_of_inputs(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Add(), output_state="sum", input_map=["a", "b"], name="add")],
        state_type=lib.state(a=int, b=int, sum=int),
    )
    return await pipeline.invoke({"a": 1, "b": 2})


@case()
async def case_step_with_a_mixed_list_of_inputs(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Add(), output_state="sum", input_map=["a", {"b": "other"}], name="add")],
        state_type=lib.state(a=int, other=int, sum=int),
    )
    return await pipeline.invoke({"a": 1, "other": 5})


@case()
async def case_step_with_a_fixed_value(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Add(), output_state="sum", input_map={"a": "a", "b": lib.Val(10)}, name="add")],
        state_type=lib.state(a=int, sum=int),
    )
    return await pipeline.invoke({"a": 1})


@case()
async def case_step_without_output_discards_its_result(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Double(), input_map={"x": "x"}, name="double")], state_type=lib.state(x=int)
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_step_with_two_outputs_from_a_list(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Pair(), output_state=["low", "high"], input_map={"x": "x"}, name="pair")],
        state_type=lib.state(x=int, low=int, high=int),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_step_rewrites_a_key(lib: Any) -> Any:
    double = lib.parts.Double
    pipeline = lib.Pipeline(
        [
            lib.step(double("first"), output_state="y", input_map={"x": "x"}, name="first"),
            lib.step(double("second"), output_state="y", input_map={"x": "y"}, name="second"),
        ],
        state_type=lib.state(x=int, y=int),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_dotted_path_through_dicts(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Double(), output_state="y", input_map={"x": "order.count"}, name="double")],
        state_type=lib.state(order=dict, y=int),
    )
    return await pipeline.invoke({"order": {"count": 21}})


@case()
async def case_dotted_path_through_attributes(lib: Any) -> Any:
    class Order:
        count = 21

    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Double(), output_state="y", input_map={"x": "order.count"}, name="double")],
        state_type=lib.state(order=object, y=int),
    )
    return (await pipeline.invoke({"order": Order()}))["y"]


@case()
async def case_input_from_config(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Add(), output_state="sum", input_map={"a": "a", "b": "more"}, name="add")],
        state_type=lib.state(a=int, sum=int),
    )
    return await pipeline.invoke({"a": 1}, config={"more": 7})


@case()
async def case_input_from_context(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Add(), output_state="sum", input_map={"a": "a", "b": "more"}, name="add")],
        state_type=lib.state(a=int, sum=int),
    )
    return await pipeline.invoke({"a": 1}, context={"more": 7})


@case()
async def case_state_comes_before_config(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Double(), output_state="y", input_map={"x": "x"}, name="double")],
        state_type=lib.state(x=int, y=int),
    )
    return await pipeline.invoke({"x": 1}, config={"x": 100})


@case()
async def case_none_is_present(lib: Any) -> Any:
    class Kind(lib.Component):
        @lib.main
        async def kind(self, value: Any) -> str:
            lib.note("kind")
            return type(value).__name__

    pipeline = lib.Pipeline(
        [lib.step(Kind(), output_state="kind", input_map={"value": "x"}, name="kind")],
        state_type=lib.state(x=object, kind=str),
    )
    return await pipeline.invoke({"x": None}, config={"x": 1})


@case(says="numbr")
async def case_missing_input_is_refused(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Double(), output_state="y", input_map={"x": "numbr"}, name="double")],
        state_type=lib.state(number=int, numbr=int, y=int),
    )
    return await pipeline.invoke({"number": 4})


@case()
async def case_the_most_derived_main_method_runs(lib: Any) -> Any:
    class Base(lib.Component):
        @lib.main
        async def once(self, x: int) -> int:
            return x

    class Derived(Base):
        @lib.main
        async def twice(self, x: int) -> int:
            return 2 * x

    pipeline = lib.Pipeline(
        [lib.step(Derived(), output_state="y", input_map={"x": "x"}, name="derived")],
        state_type=lib.state(x=int, y=int),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_a_default_of_the_main_method(lib: Any) -> Any:
    class Add(lib.Component):
        @lib.main
        async def add(self, a: int, b: int = 5) -> int:
            return a + b

    pipeline = lib.Pipeline(
        [lib.step(Add(), output_state="y", input_map={"a": "x"}, name="add")],
        state_type=lib.state(x=int, y=int),
    )
    return await pipeline.invoke({"x": 4})


@case(says="more")
async def case_an_absent_input_with_a_default_is_refused(lib: Any) -> Any:
    class Add(lib.Component):
        @lib.main
        async def add(self, a: int, b: int = 5) -> int:
            return a + b

    pipeline = lib.Pipeline(
        [lib.step(Add(), output_state="y", input_map={"a": "x", "b": "more"}, name="add")],
        state_type=lib.state(x=int, y=int, more=int),
    )
    return await pipeline.invoke({"x": 4})


@case()
async def case_transform_of_named_inputs(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.transform(
                lib.noted("join", lambda s: f"{s['a']}-{s['b']}"), ["a", "b"], output_state="c", name="join"
            )
        ],
        state_type=lib.state(a=str, b=str, c=str),
    )
    return await pipeline.invoke({"a": "x", "b": "y"})


@case()
async def case_transform_with_renamed_inputs(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.transform(
                lib.noted("scale", lambda s: s["n"] * s["by"]),
                output_state="c",
                input_map={"n": "a", "by": lib.Val(3)},
                name="scale",
            )
        ],
        state_type=lib.state(a=int, c=int),
    )
    return await pipeline.invoke({"a": 5})


@case()
async def case_transform_with_an_async_function(lib: Any) -> Any:
    async def later(inputs: dict[str, Any]) -> int:
        lib.note("later")
        return int(inputs["a"]) + 1

    pipeline = lib.Pipeline(
        [lib.transform(later, ["a"], output_state="c", name="later")], state_type=lib.state(a=int, c=int)
    )
    return await pipeline.invoke({"a": 5})


@case()
async def case_transform_to_two_outputs(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.transform(
                lib.noted("split", lambda s: divmod(s["a"], 10)),
                ["a"],
                output_state=["tens", "ones"],
                name="split",
            )
        ],
        state_type=lib.state(a=int, tens=int, ones=int),
    )
    return await pipeline.invoke({"a": 42})


@case()
async def case_transform_without_inputs_gets_an_empty_dict(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.transform(lib.noted("size", len), output_state="size", name="size")],
        state_type=lib.state(a=int, size=int),
    )
    return await pipeline.invoke({"a": 42})


@case()
async def case_bundle_a_list(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.bundle(["a", "b"], output_state="both", name="both")],
        state_type=lib.state(a=int, b=int, both=dict),
    )
    return await pipeline.invoke({"a": 1, "b": 2})


@case()
async def case_bundle_with_new_names(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.bundle({"first": "a", "second": "b"}, output_state="both", name="both")],
        state_type=lib.state(a=int, b=int, both=dict),
    )
    return await pipeline.invoke({"a": 1, "b": 2})


@case()
async def case_copy_one_to_one(lib: Any) -> Any:
    pipeline = lib.Pipeline([lib.copy("a", "b", name="copy")], state_type=lib.state(a=int, b=int))
    return await pipeline.invoke({"a": 1})


@case()
async def case_copy_one_to_many(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.copy("a", ["b", "c"], name="copy")], state_type=lib.state(a=int, b=int, c=int)
    )
    return await pipeline.invoke({"a": 1})


@case()
async def case_copy_many_to_one(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.copy(["a", "b"], "c", name="copy")], state_type=lib.state(a=int, b=int, c=list)
    )
    return await pipeline.invoke({"a": 1, "b": 2})


@case()
async def case_copy_pairs(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.copy(["a", "b"], ["c", "d"], name="copy")], state_type=lib.state(a=int, b=int, c=int, d=int)
    )
    return await pipeline.invoke({"a": 1, "b": 2})


@case()
async def case_copy_of_unequal_lists_is_refused(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [lib.copy(["a", "b"], ["c", "d", "e"], name="copy")],
        state_type=lib.state(a=int, b=int, c=int, d=int, e=int),
    )
    return await pipeline.invoke({"a": 1, "b": 2})


@case()
async def case_no_op_changes_nothing(lib: Any) -> Any:
    pipeline = lib.Pipeline([lib.no_op(name="nothing")], state_type=lib.state(a=int))
    return await pipeline.invoke({"a": 1})


@case()
async def case_terminate_ends_the_pipeline(lib: Any) -> Any:
    pipeline = lib.Pipeline(
        [
            lib.step(lib.parts.Double(), output_state="y", input_map={"x": "x"}, name="double"),
            lib.terminate(name="end"),
            lib.step(lib.parts.Double("never"), output_state="z", input_map={"x": "y"}, name="never"),
        ],
        state_type=lib.state(x=int, y=int, z=int),
    )
    return await pipeline.invoke({"x": 4})


def _said(events: list[Any]) -> list[Any]:
    """What was said: without what the original says of its own, and whether or not it comes as an event."""
    said = [getattr(event, "value", event) for event in events]
    return [text for text in said if not str(text).startswith(("[Start", "[Finished"))]


@case()
async def case_log_fills_in_the_state(lib: Any) -> Any:
    emitter, events = lib.collector()
    pipeline = lib.Pipeline([lib.log("count is {x}", name="log")], state_type=lib.state(x=int))
    await pipeline.invoke({"x": 4}, config={"event_emitter": emitter})
    return _said(events)


@case()
async def case_log_as_it_is(lib: Any) -> Any:
    emitter, events = lib.collector()
    pipeline = lib.Pipeline(
        [lib.log("count is {x}", is_template=False, name="log")], state_type=lib.state(x=int)
    )
    await pipeline.invoke({"x": 4}, config={"event_emitter": emitter})
    return _said(events)


@case()
async def case_log_of_an_absent_key(lib: Any) -> Any:
    emitter, events = lib.collector()
    pipeline = lib.Pipeline([lib.log("count is {y}", name="log")], state_type=lib.state(x=int, y=int))
    await pipeline.invoke({"x": 4}, config={"event_emitter": emitter})
    return _said(events)


@case()
async def case_log_without_an_emitter(lib: Any) -> Any:
    pipeline = lib.Pipeline([lib.log("count is {x}", name="log")], state_type=lib.state(x=int))
    return await pipeline.invoke({"x": 4})


@case()
async def case_component_emits_events(lib: Any) -> Any:
    emitter, events = lib.collector()
    pipeline = lib.Pipeline(
        [lib.step(lib.parts.Say(), output_state="said", input_map={"text": "text"}, name="say")],
        state_type=lib.state(text=str, said=str),
    )
    await pipeline.invoke({"text": "hello"}, config={"event_emitter": emitter})
    return [[event.type, event.value] for event in events if event.type == "word"]


@case()
async def case_custom_step_class(lib: Any) -> Any:
    class Count(lib.BasePipelineStep):
        async def execute(self, state: Any, runtime: Any, config: Any = None) -> dict[str, Any]:
            lib.note(self.name)
            return {"count": len(state["text"].split())}

    pipeline = lib.Pipeline([Count("count")], state_type=lib.state(text=str, count=int))
    return await pipeline.invoke({"text": "one two three"})


@case()
async def case_custom_step_that_declares_its_keys(lib: Any) -> Any:
    class Count(lib.BasePipelineStep):
        @property
        def input_state_keys(self) -> set[str]:
            return {"text"}

        @property
        def output_state_keys(self) -> set[str]:
            return {"count"}

        async def execute(self, state: Any, runtime: Any, config: Any = None) -> dict[str, Any]:
            lib.note(self.name)
            return {"count": len(state["text"].split())}

    pipeline = lib.Pipeline([Count("count")], state_type=lib.state(text=str, count=int))
    return await pipeline.invoke({"text": "one two three"})


@case()
async def case_custom_step_that_updates_nothing(lib: Any) -> Any:
    class Look(lib.BasePipelineStep):
        async def execute(self, state: Any, runtime: Any, config: Any = None) -> None:
            lib.note(self.name)

    pipeline = lib.Pipeline([Look("look")], state_type=lib.state(text=str))
    return await pipeline.invoke({"text": "one two three"})
