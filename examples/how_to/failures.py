"""What happens when steps fail: everything ends, or the block goes on with what it has."""

import asyncio

from plait import Optional, Pipeline, PipelineErrors, failures, parallel, step


async def fast(question: str) -> str:
    raise ConnectionError(f"fast: cannot answer {question!r}")


async def careful(question: str) -> str:
    await asyncio.sleep(0.02)
    return f"careful: {question[::-1]}"


async def slow(question: str) -> str:
    await asyncio.sleep(60)
    return f"slow: {question}"


# part: all
cancel = Pipeline([parallel([step(fast, output_state="a"), step(slow, output_state="b")])])
# end

# part: finish
finish = Pipeline(
    [
        parallel(
            {
                "one": step(fast, output_state="a"),
                "two": step(fast, output_state="b"),
                "three": step(careful, output_state="c"),
            },
            on_error="finish",
        )
    ]
)
# end

# part: collect
collect = Pipeline(
    [
        parallel([step(fast, output_state="a"), step(careful, output_state="b")], on_error="collect"),
        step(
            lambda a, b: b or a or "no answer",
            {"a": Optional("a"), "b": Optional("b")},
            "best",
            name="choose",
        ),
    ]
)
# end

# part: need
first_answer = Pipeline(
    [
        parallel(
            {
                "fast": step(fast, output_state="answer"),
                "careful": step(careful, output_state="answer"),
                "slow": step(slow, output_state="answer"),
            },
            need=1,
        )
    ]
)
# end

if __name__ == "__main__":
    inputs = {"question": "why"}
    # part: catch
    try:
        cancel.run(inputs)
    except ConnectionError as error:  # the step's own error
        print("cancel:", error)
        print("       ", failures(error).report.step("slow").outcome)  # type: ignore[union-attr]
    # end
    # part: group
    try:
        finish.run(inputs)
    except* ConnectionError as group:  # one or several
        print("finish:", [failure.path for failure in failures(group)])
    # end
    result = collect.run(inputs)
    print("collect:", result.state["best"], [failure.path for failure in result.failures])
    result = first_answer.run(inputs)
    print("need=1:", result.state["answer"], [failure.path for failure in result.failures])
    assert issubclass(PipelineErrors, ExceptionGroup)
