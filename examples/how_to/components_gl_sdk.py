"""A component of the GL SDK as a step, unchanged."""

import logging

from gllm_core.event import EventEmitter
from gllm_core.schema import Component, Lazy, main

from plait import Config, Pipeline, parallel, step
from plait.events import Emitted

logging.disable(logging.WARNING)  # its components tell the console when they begin and end


# part: components
class Summarizer(Component):
    """Gives the first words of a text, one after another if somebody listens."""

    @main
    async def summarize(self, text: str, words: int = 3, event_emitter: EventEmitter | None = None) -> str:
        chosen = text.split()[:words]
        if event_emitter is not None:
            for word in chosen:
                await event_emitter.emit(word)
        return " ".join(chosen)


class Greeter(Component):
    def __init__(self, greeting: str) -> None:
        self.greeting = greeting

    @main
    async def greet(self, name: str) -> str:
        return f"{self.greeting}, {name}"


# end
# part: pipeline
greeter = Greeter.to_dynamic({"greeting": Lazy.from_runtime("words")}, cache_instances=True)

pipeline = Pipeline(
    [
        parallel(
            [
                step(Summarizer(), ["text"], "summary"),
                step(greeter, {"name": "author", "words": Config("greeting")}, "greeting"),
            ]
        )
    ]
)
# end

if __name__ == "__main__":
    inputs = {"text": "Three strands make a plait", "author": "Ada"}
    # part: stream
    with pipeline.stream(inputs, config={"greeting": "Good day"}) as stream:
        print([event.value for event in stream if isinstance(event, Emitted)])
    # end
    state = pipeline.run(inputs, config={"greeting": "Hello"}).state
    print(state["summary"], "|", state["greeting"])
