"""The bench on which the rows of the truth tables run: small words for pipelines, and every way to run them.

    pure("b", "a")          a step b that reads a and writes b; its value tells what it read: "b(a)"
    pure("b", "a", to="k")  the same, written to k
    pure("b", asks="?")     a step that asks a person, and whose value is the answer
    act("save", "b")        a step without outputs: an effect
    bad("b")                a step that fails, each time; pure(..., fails=2) fails twice

The names of all kinds stand for what they are in ``plait``. All that components do is noted. They sleep on a virtual clock (``takes`` seconds, 1 if not said), so that
orders are exact, and each seed is another order of what is ready at the same moment.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import plait
from plait import InvalidPipeline, Pipeline, PipelineErrors, StepContext, failures, step
from plait.core.flow import steps_of
from plait.testing.reference import run_reference
from plait.testing.virtual import VirtualLoop, run_virtual

SEEDS = (None, 1, 2, 3, 4, 5)
AS_LISTED = ("reference", "serial", "serial dataflow")


class Boom(RuntimeError):
    """What a failing component raises; it names the step."""


class Par(NamedTuple):
    """A read through a parameter that has a default of its own."""

    key: str
    default: Any


class Bench:
    """The components of one row, and the notes of what they did."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []
        self.calls: Counter[str] = Counter()

    def reset(self) -> None:
        self.notes.clear()
        self.calls.clear()

    def pure(
        self,
        name: str,
        *reads: Any,
        to: str | None = "",
        fails: float = 0,
        takes: float = 1.0,
        gives: Any = None,
        asks: str | None = None,
        **options: Any,
    ) -> Any:
        """A step whose value is a text that tells what it read, unless ``gives`` says it.

        With ``asks`` it asks a person first, and its value is the answer; it starts when that is there.
        """

        async def component(**given: Any) -> Any:
            answer = given.pop("context").interrupt(asks) if asks is not None else None
            self.notes.append(("start", name))
            self.calls[name] += 1
            call = self.calls[name]
            virtual = isinstance(asyncio.get_running_loop(), VirtualLoop)
            try:
                await asyncio.sleep(takes if virtual else 0)
            except asyncio.CancelledError:
                self.notes.append(("cancelled", name))
                raise
            if call <= fails:
                self.notes.append(("failed", name))
                raise Boom(name)
            self.notes.append(("end", name))
            if asks is not None:
                return answer
            if gives is not None:
                return copy.deepcopy(gives)
            read = [given.get(key, getattr(how, "default", None)) for key, how in named.items()]
            return f"{name}({', '.join(map(str, read))})" if read else name

        named: dict[str, Any] = {how if isinstance(how, str) else how.key: how for how in reads}
        kind = inspect.Parameter.KEYWORD_ONLY
        component.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(
                    key, kind, default=how.default if isinstance(how, Par) else inspect.Parameter.empty
                )
                for key, how in named.items()
            ]
            + ([inspect.Parameter("context", kind, annotation=StepContext)] if asks is not None else [])
        )
        sources = {key: key if isinstance(how, Par) else how for key, how in named.items()}
        return step(component, sources, name if to == "" else to, name=name, **options)

    def act(self, name: str, *reads: Any, **options: Any) -> Any:
        return self.pure(name, *reads, to=None, **options)

    def bad(self, name: str, *reads: Any, **options: Any) -> Any:
        return self.pure(name, *reads, fails=math.inf, **options)

    def words(self) -> dict[str, Any]:
        """What may stand in a cell."""
        kinds = {name: getattr(plait, name) for name in plait.__all__}
        return {**kinds, "pure": self.pure, "act": self.act, "bad": self.bad, "Par": Par}


class Seen:
    """What one run did and gave."""

    def __init__(self, way: str, bench: Bench) -> None:
        self.way = way
        self.notes = list(bench.notes)
        self.started = [name for what, name in self.notes if what == "start"]
        self.state: dict[str, Any] | None = None
        self.error: BaseException | None = None
        self.failed: list[str] = []
        """The names of the steps that failed, collected failures included."""
        self.paths: set[str] = set()
        """The paths of the steps that ran, where the run has told."""
        self.paused: list[str] = []
        """The ids of the pauses at which it stands."""

    @property
    def concurrent(self) -> bool:
        return self.way not in AS_LISTED

    def at(self, what: str, name: str) -> list[int]:
        """When a step started, or was over, as places in the notes."""
        if what == "start":
            return [i for i, note in enumerate(self.notes) if note == ("start", name)]
        return [i for i, (kind, who) in enumerate(self.notes) if who == name and kind != "start"]

    def __repr__(self) -> str:
        outcome = f"{self.error!r}" if self.error is not None else f"{self.state!r}"
        return f"<{self.way}: {' '.join(f'{what}:{name}' for what, name in self.notes)} -> {outcome}>"


def ways(
    bench: Bench,
    flows: Sequence[Any],
    given: Callable[[], Mapping[str, Any]],
    orders: Sequence[str],
    *,
    timed: bool = False,
    answers: Mapping[str, Any] | None = None,
    **options: Any,
) -> Iterator[Seen]:
    """Run a pipeline in every way that applies and tell what each did.

    Args:
        bench: whose components they are.
        flows: the steps.
        given: makes the inputs, afresh for each run.
        orders: ``"listed"``, ``"dataflow"``, or both.
        timed: the row is about time, which only the virtual clock has.
        answers: what is answered to pauses, by their ids.
        options: further arguments of ``Pipeline``.
    """
    answers = answers or {}
    if not timed:
        yield _reference(bench, Pipeline(flows, **options), given(), answers)
        for order in orders:
            way = "serial" if order == "listed" else "serial dataflow"
            yield _run(bench, Pipeline(flows, order=order, **options), given(), way, answers)
    for order in orders:
        pipeline = Pipeline(flows, order=order, **options)
        for seed in SEEDS:
            yield _run(bench, pipeline, given(), f"{order}, seed {seed}", answers, seed=seed)


def _reference(bench: Bench, pipeline: Any, given: Mapping[str, Any], answers: Mapping[str, Any]) -> Seen:
    bench.reset()
    found = run_reference(pipeline, given, answers=answers, loop_factory=VirtualLoop)
    seen = Seen("reference", bench)
    seen.error = found.error
    seen.paused = [found.paused] if found.paused is not None else []
    seen.state = found.state if found.error is None and not seen.paused else None
    seen.failed = [path.rpartition("/")[2] for path, _ in found.failures]
    seen.paths = set(found.executed)
    return seen


def _run(
    bench: Bench,
    pipeline: Any,
    given: Mapping[str, Any],
    way: str,
    answers: Mapping[str, Any],
    *,
    seed: int | None = None,
) -> Seen:
    bench.reset()
    result = error = None
    try:
        if way in AS_LISTED:
            result = pipeline.run(given, mode="serial")
            while known := _known(result, answers):
                result = result.resume(known)
        else:
            result = run_virtual(_to_the_end(pipeline, given, answers), seed=seed)
    except InvalidPipeline:
        raise
    except (Exception, PipelineErrors) as caught:
        error = caught
    seen = Seen(way, bench)
    seen.error = error
    if result is not None:
        seen.state = result.state
        seen.paused = [pause.id for pause in result.pauses]
        found: Sequence[Any] = result.failures
        report = result.report
    else:
        assert error is not None
        found = failures(error)
        report = found.report
    seen.paths = {each.path for each in report.steps} if report is not None else set()
    seen.failed = [failure.path.rpartition("/")[2] for failure in found]
    return seen


async def _to_the_end(pipeline: Any, given: Mapping[str, Any], answers: Mapping[str, Any]) -> Any:
    """Run, and answer what can be answered, one question after another, those listed last first."""
    result = await pipeline.arun(given)
    while known := _known(result, answers):
        last = list(known)[-1]
        result = await result.aresume({last: known[last]})
    return result


def _known(result: Any, answers: Mapping[str, Any]) -> dict[str, Any]:
    return {pause.id: answers[pause.id] for pause in result.pauses if pause.id in answers}


# ---------------------------------------------------------------------- what the cells say


def holds_starts(cell: str, seen: Seen, among: set[str]) -> None:
    """Check which steps started: ``a b? c×2 -``; all others of ``among`` did not.

    ``b?`` may have started or not, ``c×2`` started twice, ``-`` stands for none.
    """
    counts = Counter(name for name in seen.started if name in among)
    named: set[str] = set()
    for token in cell.split():
        if token == "-":
            continue
        name, _, times = token.rstrip("?").partition("×")
        assert name in among, f"the row names {name!r}, which is none of {sorted(among)}"
        named.add(name)
        wanted = int(times or 1)
        allowed = {0, wanted} if token.endswith("?") else {wanted}
        assert counts[name] in allowed, f"{name} started {counts[name]} times in {seen}"
    assert not counts.keys() - named, f"{sorted(counts.keys() - named)} started in {seen}"


def holds_order(cell: str, seen: Seen) -> None:
    """Check orders: ``a<b`` a was over before b started; ``a&b`` they ran at the same time.

    Only a way of running side by side can show the latter. ``-`` says nothing.
    """
    for token in cell.split():
        if token == "-":
            continue
        mark = "<" if "<" in token else "&"
        one, _, other = token.partition(mark)
        assert other, f"{token!r} is no order"
        starts, ends = (seen.at(what, name) for what, name in (("start", other), ("end", one)))
        if mark == "<":
            if starts:
                assert ends, f"{one} was never over, but {other} started, in {seen}"
                assert ends[-1] < starts[0], f"{token} does not hold in {seen}"
        elif seen.concurrent:
            assert seen.at("start", one), f"{one} did not start in {seen}"
            assert starts, f"{other} did not start in {seen}"
            assert max(seen.at("start", one)[0], starts[0]) < min(ends[0], seen.at("end", other)[0]), (
                f"{one} and {other} did not run at the same time in {seen}"
            )


def holds_paths(cell: str, seen: Seen) -> None:
    """Check the paths of what ran, conditions included; all of them, in any order. ``-`` says nothing."""
    if cell != "-":
        # The reference takes a map's inputs apart itself.
        wanted = {path for path in cell.split() if seen.way != "reference" or not path.endswith("/fan_out")}
        assert seen.paths == wanted, f"the paths are {sorted(seen.paths)} in {seen}"


def holds_result(cell: str, seen: Seen, words: Mapping[str, Any]) -> None:
    """Check the result: ``{...}`` the final state, ``fails b c``, ``collects b {...}``, or ``paused a b {...}``.

    ``fails b?`` is a failure that may be missing because its step was cancelled before. The reference stands at the
    first pause in listed order, and does not go on with what could go on.
    """
    kind, _, rest = cell.partition(" ")
    if kind == "paused":
        who, _, state = rest.partition("{")
        wanted = who.split()
        if seen.error is not None:
            raise seen.error
        if seen.way == "reference":
            assert seen.paused == wanted[:1], seen
            return
        assert seen.paused == wanted, f"it waits at {seen.paused} in {seen}"
        assert seen.state == eval("{" + state, dict(words)), seen
        return
    assert not seen.paused, f"it waits at {seen.paused} in {seen}"
    if kind == "fails":
        assert seen.error is not None, f"it had to fail in {seen}"
        sure = {name for name in rest.split() if not name.endswith("?")}
        may = {name.rstrip("?") for name in rest.split()}
        assert sure <= set(seen.failed) <= may, f"{seen.failed} failed in {seen}"
        assert sure, "something fails for sure"
        return
    who, brace, state = cell.partition("{")
    assert brace, f"{cell!r} is no result"
    expected_failures = who.split()[1:] if kind == "collects" else []
    if seen.error is not None:
        raise seen.error
    assert seen.state == eval("{" + state, dict(words)), seen
    assert seen.failed == expected_failures, f"{seen.failed} were collected in {seen}"


def refuses(cell: str, flows: Sequence[Any], orders: Sequence[str], **options: Any) -> bool:
    """Whether the cell says ``refused E104``; then check that every order is, before anything runs."""
    kind, _, code = cell.partition(" ")
    if kind != "refused":
        return False
    for order in orders:
        found = {d.code for d in Pipeline(flows, order=order, **options).check() if d.code.startswith("E")}
        assert found == {code}, found
    return True


def orders_of(cell: str) -> list[str]:
    """``listed``, ``dataflow``, or both."""
    found = [word.strip() for word in cell.split(",")]
    assert found, "a row says how it is run"
    assert set(found) <= {"listed", "dataflow"}, f"nobody knows how to run {cell!r}"
    return found


def labels(flows: Sequence[Any], *, effects: bool = False) -> set[str]:
    """The names of all steps, or of the effects."""
    definition = Pipeline(flows).__plait_definition__
    return {each.label for each in steps_of(definition) if each.effect or not effects}


def run_row(
    row: Mapping[str, str], bench: Bench, words: Mapping[str, Any], *, given: str = "{}", **options: Any
) -> None:
    """Run a row with the columns pipeline, run as, result, and any of: given, answers, starts, effects, paths, order.

    Args:
        row: the row.
        bench: whose words they are.
        words: all that may stand in the cells.
        given: the inputs of rows that give none.
        options: further arguments of ``Pipeline``.
    """
    flows = eval(row["pipeline"], dict(words))
    flows = flows if isinstance(flows, list) else [flows]
    orders = orders_of(row["run as"])
    inputs = row.get("given") or given
    if refuses(row["result"], flows, orders, **options):
        return
    timed = "timeout=" in row["pipeline"]
    answers = eval("{" + row.get("answers", "-").removeprefix("-") + "}")
    halted = row["result"].startswith("paused")
    for seen in ways(bench, flows, lambda: eval(inputs), orders, timed=timed, answers=answers, **options):
        holds_result(row["result"], seen, words)
        if halted and seen.way == "reference":
            continue
        if "effects" in row:
            holds_starts(row["effects"], seen, labels(flows, effects=True))
        if "starts" in row:
            holds_starts(row["starts"], seen, labels(flows))
        holds_paths(row.get("paths", "-"), seen)
        holds_order(row.get("order", "-"), seen)
