"""What a check reports: a stable code, where, a sentence, and what to do."""

from typing import Any, NamedTuple


class Diagnostic(NamedTuple):
    """One finding of a check.

    Attributes:
        code: the rule's stable code; ``E…`` refuses the pipeline, ``W…`` is advice. ``plait rule CODE`` explains it.
        paths: the paths of the steps (or blocks) concerned, the first one first.
        message: what is wrong, in one sentence.
        hint: what to do about it, or an empty string.
        key: the state key concerned, if it is about one.
    """

    code: str
    paths: tuple[str, ...]
    message: str
    hint: str = ""
    key: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether the pipeline is refused because of it."""
        return self.code.startswith("E")

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        return f"{text}\n      {self.hint}" if self.hint else text

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "code": self.code,
            "paths": list(self.paths),
            "message": self.message,
            "hint": self.hint,
            "key": self.key,
        }
