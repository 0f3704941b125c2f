"""Flows that decide something while they run: which branch, how often, for how many items, what after an error.

Values only, as in ``flow``; ``branching``, ``looping`` and ``handling`` have the functions that make them. The planner
lowers all of them to regions with bodies (docs/decisions/0026-bodies.md), so the scheduler knows none of them.

    Choice      a condition, then one of several branches (if_else, switch, toggle, guard)
    Loop        a body, then a condition whether to do it again (while_do)
    MapReduce   a list, a component for each of its items, and one for all results (map_reduce)
    Try         a body, and what to do when it fails (try_catch, error_handler, a pipeline's fallback)
    Goto        a jump to another step of the same list (goto)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from plait.core.flow import Chain, Flow
    from plait.core.handlers import ErrorHandler
    from plait.core.step import Step

ChoiceKind: TypeAlias = Literal["if_else", "switch", "toggle", "guard"]
TRUE: Final = "true"
FALSE: Final = "false"
"""What the conditions of two branches, and those of loops, answer."""
END: Final = "__end__"
"""The target of a ``goto`` that ends the pipeline."""
ERROR_KEY: Final = "~error"
"""The name under which a handler's own step asks for the exception."""


class Composed:
    """A flow that consists of others; ``|`` puts flows after each other."""

    __slots__ = ()

    def __or__(self, other: Any) -> Chain:
        """``a | b``: first a, then b."""
        from plait.core.flow import chain

        return chain(self, other)

    def __ror__(self, other: Any) -> Chain:
        from plait.core.flow import chain

        return chain(other, self)


class Choice(Composed):
    """A condition, and the branch that it chooses. Made by ``if_else``, ``switch``, ``toggle`` and ``guard``.

    Attributes:
        condition: a step of kind ``"condition"``: it gives the key of a branch, and nothing else.
        branches: ``((key, flow), ...)`` in listed order. A key without a branch chooses nothing.
        default: the key of the branch for all other keys, or None.
    """

    __slots__ = ("branches", "condition", "default", "kind", "name")

    def __init__(
        self,
        condition: Step[..., Any],
        branches: tuple[tuple[str, Chain], ...],
        *,
        kind: ChoiceKind,
        default: str | None,
        name: str | None,
    ) -> None:
        self.condition, self.branches, self.default, self.name = condition, branches, default, name
        self.kind: ChoiceKind = kind

    @property
    def total(self) -> bool:
        """Whether every answer has a branch: two for a truth; what a ``switch`` has none for is an error."""
        return self.kind == "switch" or len(self.branches) == 2

    @property
    def parts(self) -> tuple[Flow, ...]:
        """The condition, then the branches."""
        return (self.condition, *(branch for _, branch in self.branches))

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name or self.condition.label} {[key for key, _ in self.branches]}>"


class Loop(Composed):
    """A body that is done again as long as its condition says so. Made by ``while_do``.

    Attributes:
        body: done at least once.
        condition: a step of kind ``"condition"``, after each turn: ``"true"`` starts another one.
        max_turns: how many turns there may be, or None.
    """

    __slots__ = ("body", "condition", "max_turns", "name")

    def __init__(
        self, body: Chain, condition: Step[..., Any], *, max_turns: int | None, name: str | None
    ) -> None:
        self.body, self.condition, self.max_turns, self.name = body, condition, max_turns, name

    @property
    def parts(self) -> tuple[Flow, ...]:
        """The body, then the condition."""
        return (self.body, self.condition)

    def __repr__(self) -> str:
        return f"<while_do {self.name or self.condition.label}>"


class MapReduce(Composed):
    """A component for each item of a list, side by side, and one for all results. Made by ``map_reduce``.

    Attributes:
        fan_out: a step of kind ``"fan_out"``: it takes the inputs apart into ``Items``.
        each: the step for one item; its inputs are the arguments of the items.
        reduce: a step that takes the list of results, or None: the list itself is the result.
        outputs: the keys that take the result.
        max_concurrency: the most items at once.
    """

    __slots__ = ("each", "error_handler", "fan_out", "max_concurrency", "name", "outputs", "reduce")

    def __init__(
        self,
        fan_out: Step[..., Any],
        each: Step[..., Any],
        reduce: Step[..., Any] | None,
        *,
        outputs: tuple[tuple[str, str | None], ...],
        max_concurrency: int | None,
        name: str | None,
        error_handler: ErrorHandler | None = None,
    ) -> None:
        self.error_handler = error_handler
        self.fan_out, self.each, self.reduce, self.outputs = fan_out, each, reduce, outputs
        self.max_concurrency, self.name = max_concurrency, name

    @property
    def parts(self) -> tuple[Flow, ...]:
        """Taking apart, the step for each item, putting together."""
        return (self.fan_out, self.each) if self.reduce is None else (self.fan_out, self.each, self.reduce)

    def __repr__(self) -> str:
        return f"<map_reduce {self.name or self.each.label}>"


class Try(Composed):
    """A body, and what to do when it fails. Made by ``try_catch``, ``error_handler=`` and a pipeline's ``fallback``.

    Attributes:
        body: what is tried.
        handler: what to do after an error that matches ``catch``; None raises it.
        catch: the exception classes.
        error_state: the key that takes the error's text, or None.
        name: the name of the level that it adds to paths, or None: it adds none.
    """

    __slots__ = ("body", "catch", "error_state", "handler", "name")

    def __init__(
        self,
        body: Chain,
        handler: Chain | None,
        *,
        catch: tuple[type[BaseException], ...],
        error_state: str | None,
        name: str | None,
    ) -> None:
        self.body, self.handler, self.catch = body, handler, catch
        self.error_state, self.name = error_state, name

    @property
    def parts(self) -> tuple[Flow, ...]:
        """The body, then the handler."""
        return (self.body,) if self.handler is None else (self.body, self.handler)

    def __repr__(self) -> str:
        return f"<try_catch {self.name or list(self.body.parts)}>"


class Goto(Composed):
    """A jump to a step of the same list. Made by ``goto``.

    Attributes:
        name: its name.
        target: a step of kind ``"condition"``: it gives the name of a member of the list, or ``END``.
        fixed: the name that it always gives, if that is known.
        allow_end: whether it may end the pipeline.
    """

    __slots__ = ("allow_end", "fixed", "name", "target")

    def __init__(self, name: str, target: Step[..., Any], *, fixed: str | None, allow_end: bool) -> None:
        self.name, self.target, self.fixed, self.allow_end = name, target, fixed, allow_end

    @property
    def parts(self) -> tuple[Flow, ...]:
        """The step that says where to go."""
        return (self.target,)

    def __repr__(self) -> str:
        return f"<goto {self.name} {self.fixed or ''}>"
