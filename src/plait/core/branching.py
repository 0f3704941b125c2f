"""Branches that a condition chooses: ``if_else``, ``switch``, ``toggle`` and ``guard``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plait.core.condition import Case, Condition, Flag, Truth
from plait.core.control import FALSE, TRUE, Choice, ChoiceKind
from plait.core.flow import Chain, as_parts
from plait.core.inputs import Config, InputMap, Optional
from plait.core.kinds import terminate
from plait.core.step import Step, check_name, make_step
from plait.errors import DefinitionError

OTHERWISE = "otherwise"
"""The key of the branch for answers without one of their own, in paths and drawings."""


def if_else(
    condition: Any,
    if_branch: Any,
    else_branch: Any = None,
    output_state: str | None = None,
    input_map: InputMap | None = None,
    *,
    name: str | None = None,
) -> Choice:
    """Run one of two branches: ``if_else(lambda state: len(state["text"]) > 100, [translate, summarize], answer)``.

    Args:
        condition: any component that answers True or False (or ``"true"`` or ``"false"``); anything else is an
            error, and so is an exception: no branch runs then. A function of one parameter gets the whole state as a
            dict, unless it has an input map or its parameter is annotated as something else than a mapping.
        if_branch: a step, a block, a pipeline, or a list of them, for True.
        else_branch: the same for False; left out, nothing happens then.
        output_state: the key that takes ``"true"`` or ``"false"``.
        input_map: what the condition reads, as for ``step``.
        name: the name of its level in paths; default: that of the condition.

    Raises:
        DefinitionError: for a wrong argument.
    """
    where = _where("if_else", name, condition)
    branches = {TRUE: if_branch} if else_branch is None else {TRUE: if_branch, FALSE: else_branch}
    return _choice("if_else", condition, branches, Truth(where), output_state, input_map, name, where)


def switch(
    condition: Any,
    branches: Mapping[str, Any],
    output_state: str | None = None,
    default: Any = None,
    input_map: InputMap | None = None,
    *,
    name: str | None = None,
) -> Choice:
    """Run the branch that a component names: ``switch(route, {"deep": [search, read], "quick": answer})``.

    Args:
        condition: any component that answers the key of a branch (a router, for example); see ``if_else`` for what it
            is called with.
        branches: ``{key: step, block, pipeline or list of them}``.
        output_state: the key that takes the answer.
        default: the branch for all other answers; left out, they are an error.
        input_map: what the condition reads, as for ``step``.
        name: the name of its level in paths; default: that of the condition.

    Raises:
        DefinitionError: for a wrong argument.
    """
    where = _where("switch", name, condition)
    if not isinstance(branches, Mapping) or not branches:
        raise DefinitionError(f"{where}: branches is {branches!r}; it is a dict of a branch for each answer")
    chosen = dict(branches)
    fallback = None
    if default is not None:
        fallback = OTHERWISE
        while fallback in chosen:
            fallback += "_"
        chosen[fallback] = default
    verdict = Case(where, tuple(branches), fallback)
    return _choice(
        "switch", condition, chosen, verdict, output_state, input_map, name, where, default=fallback
    )


def toggle(
    condition: Any,
    if_branch: Any,
    output_state: str | None = None,
    input_map: InputMap | None = None,
    *,
    name: str | None = None,
) -> Choice:
    """Run a branch or leave it out: ``toggle("use_search", search)``.

    Args:
        condition: a state key, or ``Config("key", False)`` for a setting of the run: whether its value is true as
            Python sees it, and false if it is absent. Or a component that answers True or False, as for ``if_else``.
        if_branch: a step, a block, a pipeline, or a list of them.
        output_state: the key that takes ``"true"`` or ``"false"``.
        input_map: what the condition reads, as for ``step``; not for a key.
        name: the name of its level in paths; default: the key, or the name of the condition.

    Raises:
        DefinitionError: for a wrong argument.
    """
    if isinstance(condition, (str, Config)):
        key = condition if isinstance(condition, str) else condition.key
        where = f"toggle {(name or key)!r}"
        if input_map is not None:
            raise DefinitionError(f"{where}: the condition is the key {key!r} already; leave input_map out")
        source = Optional(condition, False) if isinstance(condition, str) else condition
        return _choice(
            "toggle",
            _same,
            {TRUE: if_branch},
            Flag(),
            output_state,
            {"value": source},
            name,
            where,
            label=key,
        )
    where = _where("toggle", name, condition)
    return _choice("toggle", condition, {TRUE: if_branch}, Truth(where), output_state, input_map, name, where)


def guard(
    condition: Any,
    success_branch: Any = None,
    failure_branch: Any = None,
    output_state: str | None = None,
    input_map: InputMap | None = None,
    *,
    name: str | None = None,
) -> Choice:
    """Go on only if a condition holds: ``guard(is_allowed, failure_branch=log("refused"))``.

    Otherwise a branch is run and the pipeline ends, successfully. What is listed before, and branches beside it, still finish. In an embedded pipeline only that one ends.

    Args:
        condition: as for ``if_else``.
        success_branch: what to do if it holds, before what is listed after the guard; None goes on at once.
        failure_branch: what to do before the end if it does not hold.
        output_state: the key that takes ``"success"`` or ``"failure"``.
        input_map: what the condition reads, as for ``step``.
        name: the name of its level in paths; default: that of the condition.

    Raises:
        DefinitionError: for a wrong argument.
    """
    where = _where("guard", name, condition)
    failed = [
        *([] if failure_branch is None else as_parts(failure_branch, f"{where}: failure_branch")),
        terminate(),
    ]
    branches: dict[str, Any] = {} if success_branch is None else {"success": success_branch}
    branches["failure"] = failed
    truth = Truth(where)
    return _choice("guard", condition, branches, _Guarded(truth), output_state, input_map, name, where)


class _Guarded:
    """The verdict of ``guard``."""

    __slots__ = ("truth",)

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def __call__(self, answer: Any) -> str:
        return "success" if self.truth(answer) == TRUE else "failure"


def _same(value: Any) -> Any:
    return value


def _where(kind: str, name: str | None, condition: Any) -> str:
    from plait.core.component import default_name

    if isinstance(condition, Step):
        return f"{kind} {(name or condition.label)!r}"
    return f"{kind} {(name or default_name(condition))!r}"


def make_condition(
    condition: Any, verdict: Any, output_state: str | None, input_map: Any, where: str, name: str | None
) -> Step[..., Any]:
    """The step that answers with the key of a branch."""
    settings: dict[str, Any] = {}
    if isinstance(condition, Step):
        if condition.outputs:
            raise DefinitionError(
                f"{where}: the condition is a step with output_state={condition.outputs[0][0]!r}; leave that out there and "
                f"give output_state to {where.split(' ', maxsplit=1)[0]}"
            )
        settings = {
            key: getattr(condition, key)
            for key in (
                "copy",
                "exclusive",
                "executor",
                "timeout",
                "retry",
                "resources",
                "abandon",
                "idempotent",
                "pure",
                "cache",
            )
        }
        if condition.error_handler is not None:
            raise DefinitionError(
                f"{where}: the condition is a step with an error handler; a condition that fails chooses no branch, so "
                f"handle that around it: try_catch({where.split(' ', maxsplit=1)[0]}(...), fallback=...)"
            )
        if input_map is None and condition.inputs is not None:
            input_map = dict(condition.inputs)
        name = name or condition.name
        condition = condition.component.given
    if isinstance(condition, str) or not (callable(condition) or hasattr(condition, "ainvoke")):
        raise DefinitionError(
            f"{where}: the condition is {condition!r}; it is a function or another component"
        )
    if output_state is not None and not isinstance(output_state, str):
        raise DefinitionError(f"{where}: output_state is {output_state!r}; it is one key")
    if condition is _same:
        settings["executor"] = "inline"
    component = Condition(condition, verdict, mapped=input_map is not None)
    return make_step(
        component,
        input_map,
        output_state,
        kind="condition",
        name=name or component.name,
        effect=False,
        **settings,
    )


def _choice(
    kind: ChoiceKind,
    condition: Any,
    branches: Mapping[str, Any],
    verdict: Any,
    output_state: str | None,
    input_map: InputMap | None,
    name: str | None,
    where: str,
    *,
    default: str | None = None,
    label: str | None = None,
) -> Choice:
    check_name(name, where)
    made: list[tuple[str, Chain]] = []
    for key, branch in branches.items():
        if not isinstance(key, str):
            raise DefinitionError(f"{where}: the key {key!r} of a branch is not a string")
        check_name(key, f"{where}: a branch")
        made.append((key, Chain(as_parts(branch, f"{where}[{key!r}]"))))
    step = make_condition(condition, verdict, output_state, input_map, where, name or label)
    return Choice(step, tuple(made), kind=kind, default=default, name=name)
