"""Where the finished items of ``plait run`` go: the output, standard output, and the last words."""

from __future__ import annotations

from typing import TextIO

from plait.cli.encode import dumps
from plait.cli.problem import Exit, Problem
from plait.cli.records import Done, in_full
from plait.cli.writing import Writer
from plait.observers.progress import Progress, has_color, is_live, seconds, style


class Desk:
    """Takes the finished items, in order: writes them, shows them, counts them.

    Args:
        out: standard output, even while components print elsewhere.
        writer: what ``--output`` asked for.
        progress: what is shown meanwhile; everything is printed through it, so that lines don't mix.
        total: how many items there are; None for a single run.
        as_json: every item as a line of JSON.
        place: the value of ``--output``.
    """

    def __init__(
        self,
        out: TextIO,
        writer: Writer,
        progress: Progress,
        *,
        total: int | None,
        as_json: bool,
        place: str | None,
    ) -> None:
        self._out, self._writer, self._progress = out, writer, progress
        self._total, self._json, self._place = total, as_json, place
        self._ascii = "utf" not in (out.encoding or "utf-8").lower()
        self._count = self._failed = 0
        self._slowest: Done | None = None

    def take(self, done: Done) -> None:
        """Take the next item."""
        self._count += 1
        self._failed += not done.ok
        if self._slowest is None or (done.seconds or 0) > (self._slowest.seconds or 0):
            self._slowest = done
        record = done.to_record()
        try:
            self._writer.write(record, done.item.file)
        except OSError as error:
            raise Problem(f"--output {self._place}: {error.strerror or error}", Exit.FAILED) from error
        self._progress.item_done(ok=done.ok)
        if self._json:
            self._progress.print(dumps(record, ascii_only=self._ascii), self._out)
        elif self._total is not None:
            mark = (
                style("ok    ", "green", color=self._color)
                if done.ok
                else style("failed", "red", color=self._color)
            )
            first, *more = done.to_lines(self._progress.width - 9 if is_live(self._out) else None)
            text = "\n".join([f"{mark}  {first}", *(f"{'':8}{line}" for line in more)])
            self._progress.print(text, self._out)

    @property
    def _color(self) -> bool:
        return has_color(self._out)

    def finish(self, took: float, stopped: Exit | None, *, allow_failures: bool, report: bool) -> int:
        """Say the last words and tell the exit code."""
        if self._total is None:
            self._say_one(self._slowest)
        else:
            self._say_many(took, self._total)
        if report:
            self._say_report(self._slowest)
        if stopped is not None:
            return int(stopped)
        if not self._failed:
            return int(Exit.OK)
        if self._total is None:
            return int(Exit.FAILED)
        return int(Exit.OK if allow_failures else Exit.SOME_FAILED)

    def _say_one(self, done: Done | None) -> None:
        if done is None:
            self._progress.print("stopped: the run has no result")
            return
        if done.error is not None:
            self._progress.print(f"the run failed\n{in_full(done.error)}")
            return
        for failure in done.found:
            self._progress.print(
                f"step {failure.path} failed, and the run went on: {type(failure.error).__name__}: {failure.error}"
            )
        if self._json:
            return
        if self._place is not None:
            self._progress.print(f"done in {seconds(done.seconds or 0)}: {self._place}", self._out)
        else:
            self._progress.print(dumps(done.state, indent=2, ascii_only=self._ascii), self._out)

    def _say_many(self, took: float, total: int) -> None:
        succeeded = self._count - self._failed
        parts = [f"{succeeded} succeeded"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        if self._count < total:
            parts.append(f"{total - self._count} not finished")
        where = f": {self._place}" if self._place is not None else ""
        hint = (
            ""
            if self._json or self._place is not None
            else " (to see the results: --output FOLDER, or --json)"
        )
        text = f"{', '.join(parts)} in {seconds(took)}{where}{hint}"
        self._progress.print(text, None if self._json else self._out)

    def _say_report(self, done: Done | None) -> None:
        if done is None or done.report is None:
            self._progress.print("there is no report: nothing was run")
            return
        title = "" if self._total is None else f"the slowest run, {done.item.label or done.index}:\n"
        self._progress.print(
            f"\n{title}{done.report.to_text(width=self._progress.width)}", None if self._json else self._out
        )
