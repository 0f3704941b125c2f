"""A pipeline as a tool of ``gllm_core``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from plait.compat.gllm.exceptions import PipelineValueError
from plait.compat.gllm.steps.component_step import EMITTER
from plait.compat.gllm.types import PipelineInvocation
from plait.errors import MissingExtra

if TYPE_CHECKING:
    from plait.compat.gllm.pipeline.pipeline import Pipeline


def tool_of(
    pipeline: Pipeline,
    description: str | None,
    input_schema: Any,
    output_schema: Any,
    input_transform: Any,
    output_transform: Any,
) -> Any:
    """Make the tool; see ``Pipeline.as_tool``."""
    from plait.compat.gllm._native import Shape

    if (input_schema is None) != (input_transform is None) and input_schema is not None:
        raise PipelineValueError(
            "as_tool: an input_schema needs an input_transform that makes the pipeline's input of it"
        )
    try:
        from gllm_core.schema.tool import Tool  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise MissingExtra(
            "as_tool makes a tool of gllm_core, which is not installed: pip install gllm-core-binary; without it, call "
            "pipeline.invoke(...) in a function of your own"
        ) from None
    schema = _schema(input_schema) if input_schema is not None else _own_schema(pipeline)
    own = schema.get("properties", {})
    results = Shape(output_schema or pipeline.output_type, "as_tool: output_schema")

    async def call(**given: Any) -> Any:
        if input_schema is not None:
            made = input_transform(given)
            known = (
                made
                if isinstance(made, Mapping)
                else {name: getattr(made, name, None) for name in PipelineInvocation.__slots__}
            )
            asked = PipelineInvocation(
                cast("Any", known.get("input")), known.get("config"), known.get("context")
            )
        elif "input" in given and "input" not in own:
            asked = PipelineInvocation(given["input"] or {}, None, given.get("context"))
        else:
            asked = PipelineInvocation(given)
        result: Any = await pipeline.invoke(asked.input, config=asked.config, context=asked.context)
        if output_transform is not None:
            result = output_transform(result)
        if results.keys is not None and isinstance(result, Mapping):
            result = {key: value for key, value in result.items() if key in results.keys}
        return result

    count = len(pipeline.steps)
    return Tool(
        name=pipeline.name or "pipeline_tool",
        description=description
        or f"Runs {pipeline.name or 'a pipeline'} of {count} step{'' if count == 1 else 's'}.",
        input_schema=schema,
        output_schema=_schema(output_schema or pipeline.output_type)
        if output_schema or pipeline.output_type
        else None,
        func=call,
        is_async=True,
    )


def _own_schema(pipeline: Pipeline) -> dict[str, Any]:
    """The pipeline's input; with a context schema, ``input`` and ``context``."""
    if pipeline.input_type is not None:
        schema = _schema(pipeline.input_type)
    else:
        keys = sorted(pipeline.native.__plait_definition__.schema.fields) or [
            *pipeline.native.input_keys,
            *pipeline.native.optional_input_keys,
        ]
        keys = [key for key in keys if key != EMITTER]
        if not keys:
            raise PipelineValueError(
                "as_tool: nothing is known of the input; give Pipeline(..., input_type=...)"
            )
        schema = {"type": "object", "properties": {key: {} for key in keys}}
    if pipeline.context_schema is None:
        return schema
    properties = {"input": schema, "context": _schema(pipeline.context_schema)}
    return {"type": "object", "properties": properties, "required": ["input"]}


def _schema(given: Any) -> dict[str, Any]:
    """A type as JSON Schema: as pydantic says it where it is installed."""
    try:
        from pydantic import TypeAdapter

        return dict(TypeAdapter(given).json_schema())
    except ImportError:
        from plait.core.schema import read_schema

        fields = read_schema(given, "as_tool").fields
        required = [key for key, field in fields.items() if field.required]
        return {"type": "object", "properties": {key: {} for key in fields}, "required": required}
