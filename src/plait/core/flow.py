"""How steps are put together: a chain, ``parallel``, ``dataflow``, and a pipeline inside a pipeline.

A flow is a tree of immutable values; nothing is looked up or run here. The planner reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, Union, cast

from plait.core.control import Choice, Composed, Goto, Loop, MapReduce, Try
from plait.core.inputs import InputMap, OutputState, Source, choice, normalise_inputs, normalise_outputs
from plait.core.policy import Retry, seconds, whole
from plait.core.schema import Schema
from plait.core.step import Step, check_name, checked
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.core.handlers import ErrorHandler

OnError: TypeAlias = Literal["cancel", "finish", "collect"]
Need: TypeAlias = "int | Literal['all']"
Order: TypeAlias = Literal["listed", "dataflow"]


class Chain(Composed):
    """Steps in listed order: made by ``a | b``, or by a list."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Flow, ...]) -> None:
        self.parts = parts

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.parts))


class Parallel(Composed):
    """Branches that are promised to be independent. Made by ``parallel(...)``.

    Attributes:
        branches: ``((name or None, flow), ...)`` in listed order.
        hedge_after: the seconds of ``race``, if the second half of the branches are the second attempts of the first.
    """

    __slots__ = (
        "branches",
        "error_handler",
        "hedge_after",
        "max_concurrency",
        "name",
        "need",
        "on_error",
        "retry",
        "timeout",
    )

    def __init__(
        self,
        branches: tuple[tuple[str | None, Chain], ...],
        *,
        name: str | None,
        need: Need,
        on_error: OnError,
        max_concurrency: int | None,
        timeout: float | None,
        retry: Retry | None,
        error_handler: ErrorHandler | None = None,
        hedge_after: float | None = None,
    ) -> None:
        self.error_handler, self.hedge_after = error_handler, hedge_after
        self.branches, self.name = branches, name
        self.need: Need = need
        self.on_error: OnError = on_error
        self.max_concurrency, self.timeout, self.retry = max_concurrency, timeout, retry

    @property
    def atomic(self) -> bool:
        """Whether a policy of its own gives the block a private frame (SEMANTICS 2)."""
        return (
            self.need != "all"
            or self.on_error != "cancel"
            or self.timeout is not None
            or self.retry is not None
        )

    def __repr__(self) -> str:
        return f"<parallel {self.name or ''}{[flow for _, flow in self.branches]}>"


class Dataflow(Composed):
    """Steps whose order is derived from what they read and write. Made by ``dataflow(...)``."""

    __slots__ = ("error_handler", "max_concurrency", "name", "parts", "retry", "timeout")

    def __init__(
        self,
        parts: tuple[Flow, ...],
        *,
        name: str | None,
        max_concurrency: int | None,
        timeout: float | None,
        retry: Retry | None,
        error_handler: ErrorHandler | None = None,
    ) -> None:
        self.error_handler = error_handler
        self.parts, self.name, self.max_concurrency, self.timeout, self.retry = (
            parts,
            name,
            max_concurrency,
            timeout,
            retry,
        )

    @property
    def atomic(self) -> bool:
        """Whether a policy of its own gives the block a private frame."""
        return self.timeout is not None or self.retry is not None

    def __repr__(self) -> str:
        return f"<dataflow {self.name or ''}{list(self.parts)}>"


class Definition:
    """The pure definition of a pipeline: what the ``Pipeline`` façade holds and the planner reads."""

    __slots__ = ("body", "max_concurrency", "name", "order", "schema", "schema_in")

    def __init__(
        self,
        body: tuple[Flow, ...],
        *,
        order: Order,
        schema: Schema,
        schema_in: Schema,
        name: str | None,
        max_concurrency: int | None,
    ) -> None:
        self.body, self.schema, self.schema_in = body, schema, schema_in
        self.order: Order = order
        self.name, self.max_concurrency = name, max_concurrency


class Subgraph(Composed):
    """A pipeline as a step of another one. Made by ``subgraph(pipeline, ...)``.

    Attributes:
        inputs: ``((child key, source), ...)``, or None: the child's inputs are read under their own names.
        outputs: ``((parent key, child key), ...)``, or None: every key the child writes, under its own name.
    """

    __slots__ = ("definition", "error_handler", "inputs", "name", "outputs", "retry", "timeout")

    def __init__(
        self,
        definition: Definition,
        *,
        inputs: tuple[tuple[str, Source], ...] | None,
        outputs: tuple[tuple[str, str], ...] | None,
        name: str | None,
        timeout: float | None,
        retry: Retry | None,
        error_handler: ErrorHandler | None = None,
    ) -> None:
        self.error_handler = error_handler
        self.definition, self.inputs, self.outputs = definition, inputs, outputs
        self.name, self.timeout, self.retry = name, timeout, retry

    @property
    def atomic(self) -> bool:
        """Whether a policy of its own gives it a private frame."""
        return self.timeout is not None or self.retry is not None

    def __repr__(self) -> str:
        return f"<subgraph {self.name or self.definition.name or 'pipeline'}>"


Flow: TypeAlias = Union[
    "Step[..., Any]", Chain, Parallel, Dataflow, Subgraph, Choice, Loop, MapReduce, Try, Goto
]


def as_flow(item: object, where: str, _seen: tuple[int, ...] = ()) -> Flow:
    """Accept whatever stands for a flow: a step, a block, a list, a pipeline.

    Raises:
        DefinitionError: for anything else, with what to write instead.
    """
    if isinstance(item, (Step, Composed)):
        return cast("Flow", item)
    if isinstance(item, (list, tuple)):
        return Chain(as_parts(item, where, _seen))
    definition = getattr(item, "__plait_definition__", None)
    if isinstance(definition, Definition):
        return Subgraph(definition, inputs=None, outputs=None, name=None, timeout=None, retry=None)
    if callable(item) or hasattr(item, "ainvoke"):
        label = getattr(item, "__name__", type(item).__name__)
        raise DefinitionError(f"{where}: {label} is not a step yet; write step({label}, ...)")
    raise DefinitionError(
        f"{where}: {item!r} is not a step; a pipeline is a list of steps, blocks, lists and pipelines"
    )


def as_parts(items: object, where: str, _seen: tuple[int, ...] = ()) -> tuple[Flow, ...]:
    """Accept a list of flows, or one flow; refuse an empty one and one that contains itself."""
    if isinstance(items, Chain):
        return items.parts
    if not isinstance(items, (list, tuple)):
        return (as_flow(items, where, _seen),)
    if id(items) in _seen:
        raise DefinitionError(f"{where}: a list of steps contains itself")
    if not items:
        raise DefinitionError(f"{where}: the list of steps is empty; it needs at least one step")
    return tuple(as_flow(item, f"{where}[{i}]", (*_seen, id(items))) for i, item in enumerate(items))


def chain(*items: Any) -> Chain:
    """Put flows after each other; chains in between are flattened."""
    parts: list[Flow] = []
    for item in items:
        flow = as_flow(item, "|")
        parts.extend(flow.parts if isinstance(flow, Chain) else (flow,))
    return Chain(tuple(parts))


def parallel(
    branches: Sequence[Any] | Mapping[str, Any],
    *,
    name: str | None = None,
    need: Need = "all",
    on_error: OnError = "cancel",
    max_concurrency: int | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    error_handler: ErrorHandler | None = None,
) -> Parallel:
    """Run branches at the same time: ``parallel([find_topics, [translate, summarize]])``.

    What is listed after the block waits for all of them. Branches are promised to be independent, and the promise is checked before anything runs: no branch may
    read what another writes, and no two may write one key (unless the key has a reducer).

    Args:
        branches: a list of branches, or a dict that names them. A branch is a step, a block, a pipeline, or a
            list of them that runs in order.
        name: the block's name, part of its steps' paths.
        need: how many branches must succeed: ``"all"``, or a number. With 1 the first success wins.
        on_error: what a failing branch does: ``"cancel"`` its siblings at once and raise all errors;
            ``"finish"``: let the siblings end, then raise; ``"collect"``: keep what succeeded and record the
            failures in the result.
        max_concurrency: the most steps of the block that run at once.
        timeout: seconds that the whole block may take per attempt.
        retry: try the whole block again.
        error_handler: what to do when the block has failed for good, as for ``step``.

    Raises:
        DefinitionError: for a wrong argument.
    """
    where = f"parallel {name!r}" if name else "parallel"
    check_name(name, where)
    named = named_branches(branches, where, "parallel")
    if need != "all":
        count = whole(need, f"{where}: need (how many branches must succeed)", ", or 'all'")
        if count is None:
            raise DefinitionError(f"{where}: need is None; it is a whole number from 1, or 'all'")
        if count > len(named):
            raise DefinitionError(f"{where}: need={need} of {len(named)} branches can never be reached")
    choice(on_error, ("cancel", "finish", "collect"), f"{where}: on_error")
    return Parallel(
        tuple(named),
        name=name,
        need=need,
        on_error=on_error,
        max_concurrency=whole(max_concurrency, f"{where}: max_concurrency"),
        timeout=seconds(timeout, f"{where}: timeout"),
        retry=retry_of(retry, where),
        error_handler=error_handler and checked(error_handler, where),
    )


def named_branches(branches: object, where: str, kind: str) -> list[tuple[str | None, Chain]]:
    """Accept the branches of a block: a list, or a dict that names them."""
    named: list[tuple[str | None, Chain]] = []
    if isinstance(branches, Mapping):
        for key, branch in branches.items():
            check_name(key, f"{where}: a branch")
            named.append((key, Chain(as_parts(branch, f"{where}[{key!r}]"))))
    elif isinstance(branches, (list, tuple)):
        named.extend((None, Chain(as_parts(branch, f"{where}[{i}]"))) for i, branch in enumerate(branches))
    else:
        raise DefinitionError(
            f"{where}: branches is {type(branches).__name__}; give one list: {kind}([a, b])"
        )
    if not named:
        raise DefinitionError(f"{where}: there are no branches")
    return named


def dataflow(
    steps: Sequence[Any],
    *,
    name: str | None = None,
    max_concurrency: int | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    error_handler: ErrorHandler | None = None,
) -> Dataflow:
    """Let Plait derive the order from what steps read and write: ``dataflow([translate, find_topics, summarize])``.

    A step starts as soon as what it reads exists. The result is that of the listed order. An effect still waits for everything listed before it, and a list
    inside stays a chain.

    Args:
        steps: the steps, in an order in which they could run one after another.
        name: the block's name, part of its steps' paths.
        max_concurrency: the most steps of the block that run at once.
        timeout: seconds that the whole block may take per attempt.
        retry: try the whole block again.
        error_handler: what to do when the block has failed for good, as for ``step``.
    """
    where = f"dataflow {name!r}" if name else "dataflow"
    check_name(name, where)
    return Dataflow(
        as_parts(steps, where),
        name=name,
        max_concurrency=whole(max_concurrency, f"{where}: max_concurrency"),
        timeout=seconds(timeout, f"{where}: timeout"),
        retry=retry_of(retry, where),
        error_handler=error_handler and checked(error_handler, where),
    )


def subgraph(
    pipeline: Any,
    input_map: InputMap | None = None,
    output_state: OutputState | None = None,
    *,
    name: str | None = None,
    timeout: float | None = None,
    retry: Retry | None = None,
    error_handler: ErrorHandler | None = None,
) -> Subgraph:
    """Use a pipeline as a step of another one: ``subgraph(counting, {"text": "question"}, {"asked": "count"})``.

    It keeps its own state, order and ``max_concurrency``. Without maps, ``counting`` itself in the list is the same.

    Args:
        pipeline: the pipeline to embed.
        input_map: which of our keys each of its input keys takes; left out, the keys have the same names.
        output_state: which of its keys we take: a key, a list of keys, or ``{our key: its key}``; left out,
            every key that it writes.
        name: the step's name; default: the pipeline's own.
        timeout: seconds that the whole pipeline may take per attempt.
        retry: try the whole pipeline again.
        error_handler: what to do when it has failed for good, as for ``step``.
    """
    definition = getattr(pipeline, "__plait_definition__", None)
    if not isinstance(definition, Definition):
        raise DefinitionError(f"subgraph({pipeline!r}): the first argument is a Pipeline")
    where = f"subgraph {(name or definition.name or 'pipeline')!r}"
    check_name(name, where)
    outputs = normalise_outputs(output_state, where)
    return Subgraph(
        definition,
        inputs=normalise_inputs(input_map, where),
        outputs=tuple((key, field or key) for key, field in outputs) if output_state is not None else None,
        name=name,
        timeout=seconds(timeout, f"{where}: timeout"),
        retry=retry_of(retry, where),
        error_handler=error_handler and checked(error_handler, where),
    )


def retry_of(retry: object, where: str) -> Retry | None:
    """Check a ``retry=``."""
    if retry is not None and not isinstance(retry, Retry):
        raise DefinitionError(f"{where}: retry is {retry!r}; use Retry(attempts=3)")
    return retry


def parts_of(flow: Flow | Definition) -> tuple[Flow, ...]:
    """What a flow consists of, in listed order; a step has no parts."""
    if isinstance(flow, Parallel):
        return tuple(branch for _, branch in flow.branches)
    if isinstance(flow, Subgraph):
        return flow.definition.body
    if isinstance(flow, Definition):
        return flow.body
    if isinstance(flow, (Chain, Dataflow, Choice, Loop, MapReduce, Try, Goto)):
        return flow.parts
    return ()


def steps_of(flow: Flow | Definition) -> Iterator[Step[..., Any]]:
    """All steps of a flow, in listed order, conditions and embedded pipelines included."""
    if isinstance(flow, Step):
        yield flow
    for part in parts_of(flow):
        yield from steps_of(part)


def decides(flow: Flow | Definition) -> bool:
    """Whether something in a flow is decided while it runs: a choice, a loop, a map, a handler, a jump, an end."""
    if isinstance(flow, Step):
        return flow.error_handler is not None or flow.kind == "terminate"
    if isinstance(flow, (Choice, Loop, MapReduce, Try, Goto)):
        return True
    if isinstance(flow, (Parallel, Dataflow, Subgraph)) and flow.error_handler is not None:
        return True
    return any(decides(part) for part in parts_of(flow))
