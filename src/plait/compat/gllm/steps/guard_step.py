"""A condition for going on: ``guard``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plait.compat.gllm.steps.conditional_step import ConditionalStep
from plait.core import branching
from plait.core.control import Choice

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here


class GuardStep(ConditionalStep):
    """Goes on only if a condition holds, and ends the pipeline otherwise; see ``guard``.

    Args:
        name: its name.
        condition: as for ``ConditionalStep``; it answers True or False.
        success_branch: what to do first if it holds; None goes on at once.
        failure_branch: what to do before the end if it does not.
        output_state: the key that takes ``"success"`` or ``"failure"``.
        input_map: what the condition is given.
        retry_config: when and how often to ask the condition again.
        error_handler: what to do when it has failed for good.
        cache: where the condition's answers are kept.
    """

    _kind = "guard"

    def __init__(
        self,
        name: str,
        condition: Any,
        success_branch: Any = None,
        failure_branch: Any = None,
        output_state: str | None = None,
        input_map: Any = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        branches = {
            "success": [] if success_branch is None else success_branch,
            "failure": [] if failure_branch is None else failure_branch,
        }
        super().__init__(
            name,
            branches,
            condition,
            output_state,
            input_map=input_map,
            retry_config=retry_config,
            error_handler=error_handler,
            cache=cache,
        )

    def _chosen(self, here: Here, kept: dict[str, list[Any] | None]) -> Choice:
        return branching.guard(
            self._asked().step(here),
            kept["success"] or None,
            kept["failure"] or None,
            self.output_state,
            name=here.name,
        )
