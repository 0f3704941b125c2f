"""Blocking code beside other code: as a plain def, it has a thread of its own."""

import asyncio
import time

from plait import Pipeline, parallel, step


def read(path: str) -> str:
    time.sleep(0.2)  # a driver, a model, a file: it blocks, and that is all right in a def
    return path


async def ask(path: str) -> str:
    await asyncio.sleep(0.2)
    return path


# part: good
good = Pipeline([parallel([step(read, output_state="a"), step(ask, output_state="b")])])
# end


# part: bad
async def read_badly(path: str) -> str:
    time.sleep(0.5)  # noqa: ASYNC251  # the mistake that this shows: nothing else runs meanwhile
    return path


bad = Pipeline([parallel([step(read_badly, output_state="a"), step(ask, output_state="b")])])
# end


# part: observer
class Blocked:
    """An observer that tells what blocked the event loop."""

    def on_event(self, event: object) -> None:
        if type(event).__name__ == "LoopBlocked":
            print(f"{event.path} blocks the event loop: {event.cure}")  # type: ignore[attr-defined]


# end

if __name__ == "__main__":
    print(f"side by side: {good.run({'path': 'a.txt'}).report.speedup > 1.5}")
    bad.run({"path": "a.txt"}, observers=[Blocked()])
