"""Ending a pipeline early: a check that has to hold, and an end that is reached in a branch."""

import asyncio

from plait import Optional, Pipeline, guard, if_else, parallel, step, subgraph, terminate

FORBIDDEN = {"password", "card number"}
CACHE = {"opening hours": "From nine to five."}


def is_allowed(query: str) -> bool:
    return not any(word in query.lower() for word in FORBIDDEN)


def look_up(query: str) -> str | None:
    return CACHE.get(query)


def refuse(query: str) -> str:
    return f"I do not answer {query!r}."


async def answer(query: str) -> str:
    await asyncio.sleep(0.01)
    return f"The answer to {query!r}."


# part: guard
guarded = Pipeline(
    [
        guard(is_allowed, failure_branch=step(refuse, output_state="answer"), output_state="verdict"),
        step(answer, output_state="answer"),
    ]
)
# end


# part: terminate
cached = Pipeline(
    [
        step(look_up, output_state="answer"),
        if_else(lambda state: state["answer"] is not None, terminate(), name="is_known"),
        step(answer, output_state="answer"),
    ]
)
# end


async def count(query: str) -> int:
    await asyncio.sleep(0.03)
    return len(query.split())


# part: parallel
beside = Pipeline(
    [
        parallel(
            {
                "check": guard(is_allowed, failure_branch=step(refuse, output_state="answer")),
                "count": step(count, output_state="words"),
            },
            name="both",
        ),
        step(answer, output_state="answer"),
    ]
)
# end

# part: embedded
around = Pipeline(
    [
        subgraph(
            Pipeline([guard(is_allowed), step(answer, output_state="answer")]),
            None,
            ["answer"],
            name="answering",
        ),
        step(lambda answer: answer, {"answer": Optional("answer", "(refused)")}, "shown", name="show"),
    ]
)
# end

careless = Pipeline(
    [
        Pipeline([guard(is_allowed), step(answer, output_state="answer")], name="answering"),
        step(lambda answer: answer, output_state="shown", name="show"),
    ]
)

if __name__ == "__main__":
    # part: use
    for query in ("What is it?", "What is my password?"):
        result = guarded.run({"query": query})
        print(
            f"{result.state['verdict']}: {result.state['answer']}", [one.path for one in result.report.steps]
        )
    # end
    # part: use_terminate
    for query in ("opening hours", "prices"):
        print(cached.run({"query": query}).state["answer"])
    # end
    # part: use_parallel
    print(beside.run({"query": "What is my password?"}).state)
    # end
    # part: use_embedded
    print(around.run({"query": "What is my password?"}).state["shown"])
    # end
    try:
        guarded.run({"query": None})
    except AttributeError as error:
        print(type(error).__name__, error.__notes__)
    print(*careless.check())
