"""Branches that are chosen while the pipeline runs: one of two, one of several, or none."""

import asyncio

from plait import (
    ConditionError,
    Config,
    InvalidPipeline,
    Optional,
    Pipeline,
    if_else,
    log,
    parallel,
    step,
    switch,
    toggle,
)
from plait.routers import KeywordRouter

NOTES = {
    "refund": "Refunds are paid within ten days.",
    "crash": "Version 2.1 no longer crashes when a file is large.",
}


def search_notes(query: str) -> list[str]:
    return [note for word, note in NOTES.items() if word in query.lower()]


def no_notes() -> list[str]:
    return []


async def search_web(query: str) -> list[str]:
    await asyncio.sleep(0.02)
    return [f"A page about {query!r}."]


def answer(query: str, notes: list[str]) -> str:
    return " ".join(notes) or f"Nothing is known about {query!r}."


def ask_back(query: str) -> str:
    return f"What do you mean by {query!r}?"


# part: if_else
pipeline = Pipeline(
    [
        if_else(
            lambda state: len(state["query"].split()) < 3,
            step(ask_back, output_state="answer"),
            [step(search_notes, output_state="notes"), step(answer, output_state="answer")],
            name="clear",
        )
    ]
)
# end

# part: switch
router = KeywordRouter({"billing": ["invoice", "refund"], "technical": ["crash", "error"]}, "other")

routed = Pipeline(
    [
        switch(
            router,
            {
                "billing": step(search_notes, output_state="notes"),
                "technical": parallel(
                    {
                        "own": step(search_notes, output_state="own"),
                        "web": step(search_web, output_state="web"),
                    }
                )
                | step(lambda own, web: own + web, output_state="notes", name="join"),
            },
            output_state="route",
            default=step(no_notes, output_state="notes"),
            input_map={"source": "query"},
            name="research",
        ),
        step(answer, output_state="answer"),
    ]
)
# end

# part: toggle
researched = Pipeline(
    [
        step(search_notes, output_state="notes"),
        toggle(
            Config("use_web", False),
            step(lambda query, notes: [*notes, f"A page about {query!r}."], output_state="notes", name="add"),
        ),
        step(answer, output_state="answer"),
    ]
)
# end


def count(text: str) -> int:
    return len(text.split())


# part: maybe
maybe = Pipeline(
    [
        if_else(
            lambda state: len(state["text"]) > 20,
            step(count, output_state="words"),
            name="is_long",
        ),
        step(lambda words: f"{words} words", output_state="line", name="tell"),
    ]
)
told = Pipeline(
    [
        if_else(lambda state: len(state["text"]) > 20, step(count, output_state="words"), name="is_long"),
        step(lambda words: f"{words} words", {"words": Optional("words", "few")}, "line", name="tell"),
    ]
)
# end


async def figures(text: str) -> int:
    await asyncio.sleep(0.05)
    return len(text)


# part: dataflow
by_data = Pipeline(
    [
        step(figures, output_state="figures"),
        if_else(
            lambda text: text.endswith("?"),
            step(lambda text: f"Q: {text}", output_state="line"),
            step(lambda text: f"A: {text}", output_state="line"),
            input_map=["text"],
            name="kind",
        ),
    ],
    order="dataflow",
)
# end

# part: parallel
beside = Pipeline(
    parallel(
        [
            toggle("use_notes", step(search_notes, output_state="notes")),
            step(answer, output_state="answer"),
        ]
    )
)
# end


if __name__ == "__main__":
    # part: use
    for query in ("hm", "please refund my last order"):
        print(pipeline.run({"query": query}).state["answer"])
    # end
    print()
    # part: use_switch
    for query in ("A refund, please", "It says error", "Hello"):
        result = routed.run({"query": query})
        print(f"{result.state['route']}: {result.state['answer']}")
        print("   ", *(one.path for one in result.report.steps))
    # end
    print()
    # part: use_toggle
    print(researched.run({"query": "refund"}, config={"use_web": True}).state["answer"])
    print(researched.run({"query": "refund"}).state["answer"])
    # end
    print()
    # part: refused
    try:
        maybe.run({"text": "short"})
    except InvalidPipeline as error:
        print(error)
    print(told.run({"text": "short"}).state["line"])
    # end
    try:
        # part: mistake
        Pipeline([switch(lambda state: state["route"], {"billing": log("b")}, name="choose")]).run(
            {"route": "biling"}
        )
        # end
    except ConditionError as error:
        print(error)
    try:
        Pipeline([if_else(lambda state: state["score"], log("good"), name="is_good")]).run({"score": 0.9})
    except ConditionError as error:
        print(error)
    print(*beside.check())
    print()
    # part: use_dataflow
    report = by_data.run({"text": "Is it?"}).report
    print(report.step("kind/true").start < report.step("figures").end)
    # end
