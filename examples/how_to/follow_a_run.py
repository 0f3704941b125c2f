"""A component that gives its answer in pieces, and a reader that sees them as they come."""

import asyncio

from plait import Pipeline, StepContext, step
from plait.events import Emitted, RunFinished, StepFinished, StepStarted


async def write(topic: str, context: StepContext) -> str:
    words = ["Three", "strands", "make", topic]
    for word in words:
        await context.emit(word)  # waits while the reader is far behind
    return " ".join(words)


pipeline = Pipeline([step(write, output_state="text")])


# part: astream
async def follow() -> None:
    async with pipeline.astream({"topic": "a plait"}) as stream:
        async for event in stream:
            match event:
                case StepStarted():
                    print("started", event.path)
                case Emitted():
                    print("  ", event.value)
                case StepFinished():
                    print("finished", event.path)
                case RunFinished():
                    print("the run", event.outcome)
                case _:
                    pass  # there are more kinds
        assert stream.result is not None  # it is there after the last event
        print(stream.result.state["text"])


# end

if __name__ == "__main__":
    asyncio.run(follow())
    # part: stream
    with pipeline.stream({"topic": "a rope"}) as events:
        print([event.value for event in events if isinstance(event, Emitted)])
    # end
