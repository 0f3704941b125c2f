"""Asking a person in the middle of a run, and going on with the answer."""

import asyncio

from plait import PauseError, Pipeline, StepContext, if_else, interrupt, parallel, pause, step

sent: list[str] = []


async def draft(question: str) -> str:
    await asyncio.sleep(0.01)
    return f"About {question}: it depends."


def publish(text: str) -> None:
    sent.append(text)


def withdraw(text: str) -> str:
    return f"withdrawn: {text}"


# part: interrupt
pipeline = Pipeline(
    [
        step(draft, output_state="text"),
        interrupt("Publish this?", "approved", name="approve"),
        if_else(
            lambda state: state["approved"],
            step(publish),
            step(withdraw, output_state="outcome"),
            name="decide",
        ),
    ]
)
# end


async def figures(question: str) -> int:
    await asyncio.sleep(0.02)
    return len(question)


# part: several
def price(question: str, context: StepContext) -> float:
    if "discount" not in question:
        return 10.0
    asked = context.interrupt({"ask": "How much off?", "at most": 5})
    return 10.0 - float(asked)


offer = Pipeline(
    [
        parallel(
            [
                step(price, output_state="price"),
                interrupt("Is this allowed?", "allowed", name="lawyer"),
                step(figures, output_state="figures"),
            ],
            name="ask",
        ),
        step(lambda price, allowed: price if allowed else None, output_state="offer", name="offer"),
    ]
)
# end

# part: pause
checked = Pipeline([step(draft, output_state="text"), pause("look"), step(publish)])
# end

if __name__ == "__main__":
    # part: use
    result = pipeline.run({"question": "bread"})
    print(result.status, result.state["text"])
    for each in result.pauses:
        print(each.id, each.message, each.wants_answer)

    final = result.resume(True)
    print(final.status, sent, *(one.path for one in final.report.steps))
    # end
    print()
    # part: use_several
    result = offer.run({"question": "a discount"})
    print([(each.id, each.message) for each in result.pauses], result.state["figures"])
    result = result.resume({"ask/lawyer": True})
    print(result.status, [each.id for each in result.pauses])
    print(result.resume({"ask/price": 2}).state["offer"])
    # end
    print()
    # part: token
    result = pipeline.run({"question": "cake"})
    (token,) = [each.token for each in result.pauses]  # send this to the person
    print(result.resume({token: False}).state["outcome"])
    try:
        result.resume({token: True})
    except PauseError as error:
        print(error)
    # end
    print()
    # part: use_pause
    print(checked.run({"question": "tea"}).resume().status, sent[-1])
    # end
    # part: breakpoints
    result = checked.run({"question": "rye"}, interrupt_before=["publish"], interrupt_after=["draft"])
    while result.status == "paused":
        print(*(each.id for each in result.pauses))
        result = result.resume()
    # end
    print()
    result = offer.run({"question": "a discount"})
    for answers in ({"ask/lawer": True}, True):
        try:
            result.resume(answers)
        except PauseError as error:
            print(error)
