"""What ``plait run`` does: reads everything, then runs the pipeline and hands every finished item over."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from typing import Any, NamedTuple, TextIO

from plait.cli import reading
from plait.cli.checking import refuse_errors
from plait.cli.desk import Desk
from plait.cli.problem import Exit, Problem, clean
from plait.cli.reading import Item, Source
from plait.cli.records import Done
from plait.cli.stopping import Stopper
from plait.cli.target import load_pipeline, user_lines
from plait.cli.writing import open_writer
from plait.errors import DefinitionError, InputError, InvalidPipeline, PauseError, failures
from plait.observers.progress import Mode, Progress
from plait.pipeline import Pipeline
from plait.run.loops import shutdown
from plait.settings import settings

Take = Callable[[Done], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the operator asked for."""

    target: str
    input_text: str | None
    glob: str
    input_key: str | None
    output: str | None
    max_concurrency: int | None
    allow_failures: bool
    config: Mapping[str, Any]
    serial: bool
    deadline: float | None
    as_json: bool
    progress: Mode | None
    report: bool


class Options(NamedTuple):
    """What every run gets."""

    config: Mapping[str, Any]
    deadline: float | None
    max_concurrency: int | None
    observers: tuple[Any, ...]


def carry_out(request: Request, out: TextIO, stopper: Stopper) -> int:
    """Do all of it and return the exit code. Whatever can be refused is refused before anything runs."""
    pipeline = load_pipeline(request.target)
    refuse_errors(pipeline)
    source = reading.read_input(
        request.input_text,
        key=lambda: reading.input_key(
            tuple(pipeline.input_keys), tuple(pipeline.optional_input_keys), request.input_key
        ),
        glob=request.glob,
        stdin=getattr(sys.stdin, "buffer", None),
    )
    writer = open_writer(request.output, many=source.many)
    total = source.total if source.many else None
    mode = request.progress or settings().progress
    if request.serial and mode == "auto":
        mode = "none"  # pdb wants the terminal
    with Progress(mode=mode, items=total) as progress:
        desk = Desk(out, writer, progress, total=total, as_json=request.as_json, place=request.output)
        options = Options(
            request.config, request.deadline, request.max_concurrency, (progress,) if progress.shows else ()
        )
        began = time.perf_counter()
        trouble: Exception | None = None
        try:
            if request.serial:
                run_serial(pipeline, source, options, desk.take)
            else:
                run_parallel(pipeline, source, options, desk.take, stopper, progress.print)
        except (InputError, InvalidPipeline, DefinitionError) as error:
            raise Problem(clean(str(error)), Exit.CHECK) from error
        except SystemExit as error:
            raise Problem(f"a component ended the program: sys.exit({error.code!r})", Exit.FAILED) from error
        except KeyboardInterrupt:
            if stopper.code is None:
                raise
        except (Problem, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  (a component's teardown, most likely: the results are there)
            trouble = error
        finally:
            writer.close()
        took = time.perf_counter() - began
        progress.close()
        code = desk.finish(took, stopper.code, allow_failures=request.allow_failures, report=request.report)
    if trouble is None:
        try:
            shutdown()  # components that were set up late are torn down here
        except Exception as error:  # noqa: BLE001  (as above)
            trouble = error
    if trouble is not None:
        raise Problem(f"after the runs\n{user_lines(trouble)}", Exit(code or Exit.FAILED))
    return code


def run_parallel(
    pipeline: Pipeline[Any],
    source: Source,
    options: Options,
    take: Take,
    stopper: Stopper,
    say: Callable[[str], None],
) -> None:
    """Run everything on an event loop of our own. A signal cancels it, and it is waited for."""
    work = (
        _many(pipeline, source.items, options, take)
        if source.many
        else _one(pipeline, source.items, options, take)
    )
    asyncio.run(_stoppable(work, stopper, say))


def run_serial(pipeline: Pipeline[Any], source: Source, options: Options, take: Take) -> None:
    """Run everything in this thread, one step after another, so that a debugger works."""
    with ExitStack() as stack:
        with suppress(Exception):  # see _warm
            stack.enter_context(pipeline)
        for index, item in enumerate(source.items):
            began = time.perf_counter()
            try:
                result = pipeline.run(
                    item.inputs,
                    config=options.config,
                    deadline=options.deadline,
                    mode="serial",
                    observers=options.observers,
                )
            except Exception as error:
                if _is_refusal(error) and not source.many:
                    raise
                take(failed(index, item, error, time.perf_counter() - began))
            else:
                take(succeeded(index, item, result))


async def _one(pipeline: Pipeline[Any], items: Iterable[Item], options: Options, take: Take) -> None:
    (item,) = items
    async with _warm(pipeline):
        began = time.perf_counter()
        try:
            result = await pipeline.arun(
                item.inputs, config=options.config, deadline=options.deadline, observers=options.observers
            )
        except Exception as error:
            if _is_refusal(error):
                raise
            take(failed(0, item, error, time.perf_counter() - began))
        else:
            take(succeeded(0, item, result))


async def _many(pipeline: Pipeline[Any], items: Iterable[Item], options: Options, take: Take) -> None:
    waiting: deque[Item] = deque()  # what the map has asked for and not given back; it gives back in order

    def inputs() -> Iterator[dict[str, Any]]:
        for item in items:
            waiting.append(item)
            yield item.inputs

    async with (
        _warm(pipeline),
        pipeline.amap(
            inputs(),
            max_concurrency=options.max_concurrency,
            on_error="collect",
            config=options.config,
            deadline=options.deadline,
            observers=options.observers,
        ) as results,
    ):
        async for done in results:
            item = waiting.popleft()
            if done.ok:
                take(succeeded(done.index, item, done.result))
            else:
                take(failed(done.index, item, done.error, None))


@asynccontextmanager
async def _warm(pipeline: Pipeline[Any]) -> AsyncIterator[None]:
    """Set components up before, and tear them down on the loop that used them.

    A set-up that fails must fail its steps only, with their paths and the others' results; so it is left to them.
    """
    async with AsyncExitStack() as stack:
        with suppress(Exception):
            await stack.enter_async_context(pipeline)
        yield


async def _stoppable(work: Awaitable[None], stopper: Stopper, say: Callable[[str], None]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    def stop() -> None:
        if not task.done():
            say("stopping: waiting for the steps that are running; once more to leave at once")
            task.cancel()

    stopper.watch(lambda: loop.call_soon_threadsafe(stop))
    try:
        await task
    except asyncio.CancelledError:
        if stopper.code is None:
            raise


def _is_refusal(error: Exception) -> bool:
    """Whether nothing was run; an error of these types that a component raised is a failure of its step."""
    return isinstance(error, (InputError, InvalidPipeline, DefinitionError)) and not failures(error)


def succeeded(index: int, item: Item, result: Any) -> Done:
    """An item whose run succeeded; one that waits for an answer has not."""
    if result.pauses:
        return Done(index, item, None, paused(result), (), result.report.wall, result.report)
    return Done(index, item, result.state, None, tuple(result.failures), result.report.wall, result.report)


def paused(result: Any) -> PauseError:
    """What to say of a run that waits for somebody: nobody can answer it here."""
    where = "; ".join(
        f"it waits at {pause.id!r}" + (f": {pause.message}" if pause.message is not None else "")
        for pause in result.pauses
    )
    return PauseError(
        f"the run is paused: {where}. The command line can't answer; in Python: result = pipeline.run(...), then result.resume(...)"
    )


def failed(index: int, item: Item, error: Any, took: float | None) -> Done:
    """An item whose run failed, or was refused because of its inputs."""
    report = failures(error).report
    return Done(index, item, None, error, (), took if report is None else report.wall, report)
