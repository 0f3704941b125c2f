"""Doing things again: a loop until a draft is good, and a jump back to an earlier step."""

import asyncio

from plait import ConditionError, Pipeline, TooManyTurns, Val, goto, parallel, step, while_do


async def draft(question: str, remarks: list[str]) -> str:
    await asyncio.sleep(0.01)
    return f"{question} answered, {len(remarks)} times revised"


async def review(text: str) -> int:
    await asyncio.sleep(0.02)
    return 4 + 2 * int(text.split()[-3])


async def check_sources(text: str) -> int:
    await asyncio.sleep(0.01)
    return 10 if "2 times" in text else 7


def note(remarks: list[str], score: int) -> list[str]:
    return [*remarks, f"only {score} points"]


def publish(text: str) -> str:
    return text.capitalize()


# part: refine
refine = while_do(
    [
        step(draft, output_state="text"),
        parallel([step(review, output_state="score"), step(check_sources, output_state="sources")]),
        step(note, output_state="remarks"),
    ],
    lambda state: state["score"] < 8,
    name="refine",
    max_turns=5,
)
pipeline = Pipeline([refine, step(publish, output_state="published")])
# end

# part: dataflow
by_data = Pipeline(
    [refine, step(check_sources, {"text": "question"}, "background", name="look_up")],
    order="dataflow",
)
# end


def think(question: str, found: list[str]) -> str:
    return "search" if len(found) < len(question.split()) else "answer"


def search(question: str, found: list[str]) -> list[str]:
    return [*found, f"page {len(found) + 1} about {question}"]


def answer(found: list[str]) -> str:
    return " and ".join(found)


# part: goto
agent = Pipeline(
    [
        step(think, output_state="next"),
        goto("choose", "next"),
        step(search, output_state="found"),
        goto("again", Val("think")),
        step(answer, output_state="answer"),
    ]
)
# end

if __name__ == "__main__":
    # part: use
    result = pipeline.run({"question": "why", "remarks": []})
    print(result.state["published"], result.state["remarks"])
    print(*(one.path for one in result.report.steps))
    # end
    print()
    # part: use_goto
    result = agent.run({"question": "bread baking", "found": []})
    print(result.state["answer"])
    print(*(one.path for one in result.report.steps))
    # end
    print()
    # part: use_dataflow
    report = by_data.run({"question": "why", "remarks": []}).report
    print(report.step("look_up").start < report.step("refine#1/condition").start)
    # end
    print()
    endless = while_do(
        step(review, output_state="score"), lambda score: score < 8, ["score"], name="ask", max_turns=2
    )
    try:
        Pipeline([endless]).run({"text": "nothing, 0 times revised"})
    except TooManyTurns as error:
        print(error)
    print(*Pipeline([step(publish, output_state="text"), goto("back", Val("publsh"))]).check())
    try:
        agent.with_components({"think": lambda: "serach"}).run({"question": "bread baking", "found": []})
    except ConditionError as error:
        print(error)
