"""How pipelines are put together: ``|``, ``<<``, ``>>`` and the composer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from plait.core.flow import Chain, Definition, Flow, Order, as_flow, chain
from plait.errors import DefinitionError

if TYPE_CHECKING:
    from plait.composer import Composer


class Joining:
    """The half of a pipeline that makes others of it; none of this changes the pipeline itself."""

    if TYPE_CHECKING:
        __plait_definition__: Definition
        _order: Order

        @property
        def steps(self) -> tuple[Flow, ...]: ...  # noqa: D102  (the pipeline has it)
        def _of(self, parts: tuple[Flow, ...]) -> Any: ...

    @property
    def composer(self) -> Composer:
        """A composer that begins with this pipeline's steps; its ``done()`` gives a new pipeline."""
        from plait.composer import Composer

        return Composer._of(self.steps, self._of)  # noqa: SLF001  (its own half)

    def __or__(self, other: Any) -> Self:
        """``pipeline | step``: a new pipeline with more at its end; of another pipeline, its steps."""
        return self._joined(*self.steps, *_added(self.__plait_definition__, self._order, other))

    def __ror__(self, other: Any) -> Chain:
        return chain(other, as_flow(self, "|"))

    def __lshift__(self, other: Any) -> Self:
        """``pipeline << other``: a new pipeline with a pipeline embedded, or a step added, at its end."""
        return self._joined(*self.steps, as_flow(other, "<<"))

    def __rshift__(self, other: Any) -> Any:
        """``pipeline >> other``: first this one, embedded, then the steps of the other, in the other's pipeline."""
        if not isinstance(other, Joining):
            return self._joined(*self.steps, as_flow(other, ">>"))
        return other._joined(as_flow(self, ">>"), *other.steps)

    def _joined(self, *parts: Flow) -> Self:
        made: Self = self._of(parts)
        return made


def _added(first: Definition, order: Order, other: Any) -> tuple[Flow, ...]:
    """What ``pipeline | other`` adds; of another pipeline its parts, unless it has an order or a limit to keep.

    Raises:
        DefinitionError: for a pipeline with another state type.
    """
    second = getattr(other, "__plait_definition__", None)
    if not isinstance(second, Definition):
        return chain(other).parts
    if first.schema.type is not second.schema.type:
        raise DefinitionError(
            f"pipeline | pipeline joins the steps of two pipelines with the same state type, and these have "
            f"{_type_name(first)} and {_type_name(second)}; embed the second with its own state: "
            f"pipeline | subgraph(other, input_map, output_state)"
        )
    return second.body if second.order == order and second.max_concurrency is None else (as_flow(other, "|"),)


def _type_name(definition: Definition) -> str:
    return "none" if definition.schema.type is None else definition.schema.type.__name__
