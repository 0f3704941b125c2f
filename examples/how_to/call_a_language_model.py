"""Ask a language model for a sentence and for an object, and try again what is worth it."""

import sys
from typing import Any

from typing_extensions import TypedDict

from plait import Pipeline, Retry, parallel, step
from plait.components import BadAnswer, ChatModel


# part: schema
class Ticket(TypedDict):
    product: str
    urgent: bool


# end


def pipeline_with(model: str, **endpoint: Any) -> Pipeline:
    # part: retry
    import openai

    busy = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)
    patient = Retry(5, backoff=1, on=(*busy, BadAnswer))
    # end
    # part: steps
    answer = ChatModel(model, system="Answer in one sentence.", max_tokens=200, stream=True, **endpoint)
    ticket = ChatModel(model, system="What is this letter about?", schema=Ticket, temperature=0, **endpoint)
    return Pipeline(
        [
            parallel(
                [
                    step(answer, {"prompt": "letter"}, "answer", name="answer", retry=patient, timeout=60),
                    step(ticket, {"prompt": "letter"}, "ticket", name="ticket", retry=patient, timeout=60),
                ]
            )
        ]
    )
    # end


if __name__ == "__main__":
    # OPENAI_BASE_URL and OPENAI_API_KEY say where the model is
    with pipeline_with(sys.argv[1]) as pipeline:
        print(pipeline.run({"letter": input("Your letter? ")}).state)
