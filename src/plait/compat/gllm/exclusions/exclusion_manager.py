"""``pipeline.exclusions``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.compat.gllm.exceptions import PipelineValueError
from plait.core.names import did_you_mean

if TYPE_CHECKING:
    from plait.compat.gllm.pipeline.pipeline import Pipeline


class ExclusionManager:
    """Which steps of a pipeline are left out; runs that have started keep what they have.

    Attributes:
        pipeline: the pipeline.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self._paths: tuple[str, ...] = ()

    def exclude(self, *paths: str) -> None:
        """Leave these out, and nothing else.

        A branch of a condition that is left out is never taken: the other one is, or the default.

        Raises:
            PipelineValueError: for a path that is none, with "did you mean".
        """
        known = self.pipeline._paths()  # noqa: SLF001  (its own half)
        for path in paths:
            if path not in known:
                raise PipelineValueError(f"exclude: no step has the path {path!r}{did_you_mean(path, known)}")
        self._paths = tuple(dict.fromkeys(paths))

    def include(self, *paths: str) -> None:
        """Take these in again.

        Raises:
            PipelineValueError: for a path that is none.
        """
        known = self.pipeline._paths()  # noqa: SLF001
        for path in paths:
            if path not in known:
                raise PipelineValueError(f"include: no step has the path {path!r}{did_you_mean(path, known)}")
        self._paths = tuple(path for path in self._paths if path not in paths)

    def clear(self) -> None:
        """Leave nothing out."""
        self._paths = ()

    def list_excluded(self) -> list[str]:
        """The names of the pipeline's own steps that are left out."""
        own = {part.name for part in self.pipeline.steps}
        return [path for path in self._paths if path in own]

    def get_current_exclusions(self) -> list[str]:
        """All paths that are left out."""
        return list(self._paths)
