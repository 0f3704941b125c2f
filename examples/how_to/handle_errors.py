"""What to do when a step fails: try again, something else, or go on without."""

import asyncio

from plait import Empty, Fallback, Keep, Optional, Pipeline, Retry, parallel, step, try_catch

calls: list[str] = []


async def search(words: list[str]) -> list[str]:
    calls.append(" ".join(words))
    await asyncio.sleep(0.01)
    raise ConnectionError("the search engine is down")


def split(query: str) -> list[str]:
    return query.lower().split()


def from_cache(words: list[str], reason: str) -> list[str]:
    return [f"an old page about {word} ({reason})" for word in words]


def answer(pages: list[str]) -> str:
    return f"{len(pages)} pages: {', '.join(pages)}"


# part: try_catch
pipeline = Pipeline(
    [
        try_catch(
            [step(split, output_state="words"), step(search, output_state="pages")],
            fallback=step(from_cache, {"words": Optional("words", []), "reason": "reason"}, "pages"),
            catch=ConnectionError,
            caught_exception_state="reason",
        ),
        step(answer, output_state="answer"),
    ]
)
# end


def score(text: str) -> float:
    return float(text)


# part: handlers
def guess(error: Exception, state: dict[str, str]) -> float:
    return float(len(state["text"])) if "convert" in str(error) else 0.0


handled = Pipeline(
    [
        step(score, ["text"], "kept", name="keep", error_handler=Keep()),
        step(score, ["text"], "empty", name="empty", error_handler=Empty()),
        step(
            score,
            ["text"],
            "guessed",
            name="guess",
            error_handler=Fallback(guess, catch=ValueError),
        ),
    ]
)
# end

# part: fallback
whole = Pipeline(
    [
        step(split, output_state="words"),
        step(search, output_state="pages"),
        step(answer, output_state="answer"),
    ],
    fallback=step(lambda query: f"Try {query!r} again later.", output_state="answer", name="sorry"),
    catch=(ConnectionError, TimeoutError),
)
# end

# part: retry
stubborn = Pipeline(
    [
        step(
            search,
            output_state="pages",
            retry=Retry(3, backoff=0.001, on=ConnectionError),
            error_handler=Fallback(lambda error: [f"nothing: {error}"]),
        )
    ]
)
# end


async def figures(words: list[str]) -> int:
    await asyncio.sleep(0.03)
    return len(words)


# part: parallel
beside = Pipeline(
    parallel(
        [
            try_catch(step(search, output_state="pages"), step(list[str], {}, "pages", name="none")),
            step(figures, output_state="figures"),
        ]
    )
)
# end

# part: refused
careless = Pipeline(
    [
        step(score, ["text"], "score", error_handler=Keep()),
        step(lambda score: f"{score:.1f}", output_state="line", name="tell"),
    ]
)
# end

if __name__ == "__main__":
    # part: use
    result = pipeline.run({"query": "Sourdough bread"})
    print(result.state["answer"])
    print(*(f"{one.path}: {one.outcome}" for one in result.report.steps))
    print([(failure.path, str(failure.error)) for failure in result.failures])
    # end
    print()
    # part: use_handlers
    result = handled.run({"text": "many", "kept": 0.5})
    print({key: result.state[key] for key in ("kept", "empty", "guessed")})
    print(*(one.path for one in result.report.steps))
    # end
    print()
    # part: use_fallback
    print(whole.run({"query": "Bread"}).state)
    # end
    # part: use_retry
    calls.clear()
    print(stubborn.run({"words": ["bread"]}).state["pages"], len(calls))
    # end
    # part: use_parallel
    print(beside.run({"words": ["bread"]}).state)
    # end
    print()
    try:
        pipeline.with_components({"split": lambda: 1 / 0}).run({"query": "bread"})
    except ZeroDivisionError as error:
        print(error, error.__notes__)
    print(*careless.check())
