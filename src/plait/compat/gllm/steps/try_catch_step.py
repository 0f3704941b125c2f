"""Steps that may fail: ``try_catch``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plait.compat.gllm.steps.composite_step import BaseCompositeStep
from plait.compat.gllm.steps.pipeline_step import BasePipelineStep, step_list
from plait.core import handling
from plait.core.kinds import no_op

if TYPE_CHECKING:
    from plait.compat.gllm._build import Here
    from plait.core.flow import Flow


class TryCatchStep(BaseCompositeStep):
    """Tries steps, and does something else if they fail; see ``try_catch``.

    Args:
        name: its name.
        body: a step, a pipeline or a list of them.
        fallback: the same, for an error that matches; None raises it.
        catch: the exception classes, compared with the components' own errors.
        caught_exception_state: the key that takes the error's text.
        retry_config: when and how often to try all of it again.
        error_handler: what to do when it has failed for good.
        cache: refused: give a cache to the steps inside.
    """

    def __init__(
        self,
        name: str,
        body: Any,
        fallback: Any = None,
        catch: tuple[type[BaseException], ...] = (Exception,),
        caught_exception_state: str | None = None,
        retry_config: Any = None,
        error_handler: Any = None,
        cache: Any = None,
    ) -> None:
        uncached(cache, f"try_catch {name!r}")
        super().__init__(name, retry_config, error_handler)
        self.body = step_list(body, f"try_catch {name!r}")
        self.fallback = [] if fallback is None else step_list(fallback, f"try_catch {name!r}: fallback")
        self.catch, self.caught_exception_state = catch, caught_exception_state

    def _branches(self) -> Sequence[tuple[str | None, Sequence[BasePipelineStep]]]:
        return [(None, self.body), (None, self.fallback)]

    def _own_keys(self) -> tuple[Any, Any]:
        return (), [self.caught_exception_state] if self.caught_exception_state else []

    def _flow(self, here: Here) -> Flow | None:
        body, fallback = here.inside(0), here.inside(1)
        if not body:
            return None
        if self.fallback and not fallback:
            fallback = [no_op(f"{here.name}_fallback_nothing")]
        flow = handling.try_catch(
            body, fallback or None, self.catch, self.caught_exception_state, name=here.name
        )
        return here.retried(flow)


def uncached(cache: Any, where: str) -> None:
    """Refuse a cache for a block.

    Raises:
        PipelineValueError: there is one.
    """
    if cache is not None:
        from plait.compat.gllm.exceptions import PipelineValueError

        raise PipelineValueError(
            f"{where}: a block can't have a cache; give cache=... to the steps inside, or to the pipeline"
        )
