"""Try again, but not for ever and not for everything."""

import asyncio

from plait import DeadlineExceeded, Pipeline, Retry, StepTimeout, parallel, step

answers = iter([ConnectionError("reset"), TimeoutError("no reply"), "yes"])


async def ask(question: str) -> str:
    answer = next(answers)
    if isinstance(answer, Exception):
        raise answer
    return f"{question}: {answer}"


async def sleep(seconds: float) -> float:
    await asyncio.sleep(seconds)
    return seconds


# part: retry
asked = step(
    ask,
    output_state="answer",
    retry=Retry(attempts=5, backoff=0.01, on=(ConnectionError, TimeoutError)),
)
# end

# part: hint
hinted = Retry(on=lambda error: getattr(error, "retry_after", False))  # seconds to wait, True or False
# end

# part: timeout
slept = step(sleep, output_state="slept", timeout=0.05)  # one attempt
block = parallel([step(sleep, output_state="slept")], timeout=0.05, name="block")  # all of the block
# end

if __name__ == "__main__":
    result = Pipeline([asked]).run({"question": "ready?"})
    print(result.state["answer"], "at attempt", result.report.step("ask").attempts)
    for timed in (slept, block):
        try:
            Pipeline([timed]).run({"seconds": 60})
        except StepTimeout as error:
            print(error)
    # part: deadline
    try:
        Pipeline([step(sleep, output_state="slept")]).run({"seconds": 60}, deadline=0.05)  # the whole run
    except DeadlineExceeded as error:
        print(error)
    # end
