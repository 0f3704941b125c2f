"""Several ways to the same answer: the first success counts, and a second attempt starts when the first takes long."""

import asyncio

from plait import Pipeline, race, step

calls: list[str] = []


async def ask_here(question: str) -> str:
    await asyncio.sleep(5)
    return f"{question} Yes, says the model here."


async def ask_there(question: str) -> str:
    await asyncio.sleep(0.02)
    return f"{question} Yes, says the model there."


# part: race
pipeline = Pipeline(
    [
        race(
            {
                "here": step(ask_here, ["question"], "answer"),
                "there": step(ask_there, ["question"], "answer"),
            },
            name="models",
        ),
    ]
)
# end

# part: use
result = pipeline.run({"question": "Ready?"})
print(result.state["answer"])
for one in result.report.races:
    print(one)
# end


# A server that is slow now and then: here at its first call.
async def ask(question: str) -> str:
    calls.append(question)
    await asyncio.sleep(5 if len(calls) == 1 else 0.02)
    return f"{question} Yes."


# part: hedge
hedged = Pipeline([race([step(ask, output_state="answer")], hedge_after=0.1)])
# end

# part: use_hedge
result = hedged.run({"question": "Ready?"})
print(result.state["answer"])
for one in result.report.races:
    print(one)
result = hedged.run({"question": "Still?"})
print(result.state["answer"])
for one in result.report.races:
    print(one)
# end

# part: text
print(hedged.to_text())
# end
