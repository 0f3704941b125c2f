"""Parts of a card and of memory, and requests and tokens per minute; the waiting passes on a virtual clock."""

import asyncio

import plait
from plait import Limit, Limits, Pipeline, parallel, step
from plait.testing.virtual import run_virtual


class Gauge:
    """Counts how many calls are under way, and remembers the most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, text: str) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(1)
        self.now -= 1
        return len(text)


# part: amounts
model_gauge = Gauge()
on_one_card = Pipeline(
    [
        parallel(
            [
                step(
                    model_gauge, ["text"], f"n{n}", name=f"model{n}", resources={"gpu": 0.5, "memory": "1 MB"}
                )
                for n in range(4)
            ]
        )
    ],
    limits=Limits({"gpu": 1, "memory": "3 MB"}),
)
# end


# part: rates
async def ask(question: str) -> str:
    answer = question.upper()  # here a provider is called
    plait.current_step().charge(tokens=len(answer.split()))
    return answer


provider = Limits({"provider": Limit(concurrency=8, rpm=60, tpm=30_000)})
asking = Pipeline([step(ask, ["question"], "answer", name="ask", resources={"provider": 1})], limits=provider)
# end


async def many() -> float:
    await asyncio.gather(*(asking.arun({"question": "what are strands"}) for _ in range(61)))
    return asyncio.get_running_loop().time()


if __name__ == "__main__":
    run_virtual(on_one_card.arun({"text": "strands"}))
    print("on the card at once:", model_gauge.most)
    print("61 questions took", round(run_virtual(many())), "seconds")
    too_many = step(ask, ["question"], "answer", name="ask", resources={"provider": 61})
    for finding in Pipeline([too_many], limits=provider).check():
        print(finding.code, finding.message)
