"""A service that answers at the third try, and one that never answers in time."""

import asyncio

from plait import Pipeline, Retry, StepTimeout, failures, step

calls = 0


async def topics(text: str) -> list[str]:
    global calls  # noqa: PLW0603
    calls += 1
    if calls < 3:
        raise ConnectionError("503, come back later")
    return text.split()[:2]


async def entities(text: str) -> list[str]:
    await asyncio.sleep(3600)
    return text.split()


# part: steps
patient = step(topics, ["text"], "topics", retry=Retry(attempts=4, backoff=0.01, on=ConnectionError))
hurried = step(entities, ["text"], "entities", timeout=0.05)
# end

if __name__ == "__main__":
    result = Pipeline([patient], name="patient").run({"text": "strands woven into one"})
    print(result.state["topics"], "after", result.report.step("topics").attempts, "attempts")
    try:
        Pipeline([hurried], name="hurried").run({"text": "strands"})
    except StepTimeout as error:
        print(error)
        print("failed:", failures(error)[0].path)
