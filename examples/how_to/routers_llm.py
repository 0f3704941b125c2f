"""A router that asks a model, on any server that speaks OpenAI's protocol, with the standard library alone."""

import json
import os
import urllib.request
from urllib.error import HTTPError

from plait import Pipeline, Retry, step
from plait.routers import LLMRouter


# part: client
class ChatModel:
    """One question, one answer. With an SDK this is one line: any function from a text to a text will do."""

    def __init__(self, url: str, model: str, key: str) -> None:
        self.url, self.model, self.key = url, model, key

    def __call__(self, prompt: str) -> str:
        question = {"model": self.model, "temperature": 0, "messages": [{"role": "user", "content": prompt}]}
        request = urllib.request.Request(  # noqa: S310  # the address is ours
            f"{self.url}/chat/completions",
            json.dumps(question).encode(),
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
                return str(json.load(response)["choices"][0]["message"]["content"])
        except HTTPError as error:
            with error:  # it holds the connection
                raise ConnectionError(f"the server of the model answered {error.code}") from None


# end


# part: router
def pipeline_with(model: ChatModel) -> Pipeline:
    router = LLMRouter(
        model,
        {
            "billing": "invoices, payments, refunds",
            "technical": "errors, crashes, how to set something up",
        },
        default_route="other",
    )
    return Pipeline([step(router, {"source": "query"}, "route", retry=Retry(3), timeout=60)])


# end

if __name__ == "__main__":
    chat = ChatModel(os.environ["CHAT_URL"], os.environ["CHAT_MODEL"], os.environ.get("CHAT_KEY", ""))
    print(pipeline_with(chat).run({"query": input("What is it about? ")}).state["route"])
