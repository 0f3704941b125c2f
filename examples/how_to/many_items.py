"""One component for each item of a list, side by side, and one for all results."""

import asyncio

from plait import DefinitionError, Group, Pipeline, Retry, failures, map_reduce, parallel, step

PAGES = [
    "Bread rises because yeast makes gas. It takes an hour.",
    "Sourdough has wild yeast. It takes a day.",
    "Flat bread has no yeast. It takes minutes.",
]


# part: components
async def summarize(page: str, language: str) -> str:
    await asyncio.sleep(0.03 if "day" in page else 0.01)  # the second page takes longest
    return f"{page.partition('.')[0]} ({language})"


def join(summaries: list[str]) -> str:
    return "; ".join(summaries)


# end

# part: map_reduce
pipeline = Pipeline(
    [
        map_reduce(
            "summary",
            summarize,
            join,
            input_map={"page": "pages", "language": "language"},
            max_concurrency=2,
        ),
    ]
)
# end


# part: group
def relevant(page: str, weight: float, words: list[str]) -> float:
    return weight * sum(word in page.lower() for word in words)


scored = Pipeline(
    [
        map_reduce(
            "scores",
            relevant,
            input_map={"page": "pages", "weight": "weights", "words": Group("words")},
        )
    ]
)
# end


# part: retrievers
def from_notes(query: str) -> list[str]:
    return [page for page in PAGES if query in page.lower()]


async def from_web(query: str) -> list[str]:
    await asyncio.sleep(0.02)
    return [f"A page about {query}. It is long."]


retrieval = Pipeline(
    [
        parallel(
            {"notes": step(from_notes, output_state="own"), "web": step(from_web, output_state="others")},
            name="retrieve",
        ),
        step(lambda own, others: own + others, output_state="pages", name="gather"),
        map_reduce("summary", summarize, join, input_map={"page": "pages", "language": "language"}),
    ]
)
# end


class Flaky:
    """Fails at some pages, the first time."""

    def __init__(self, *words: str, times: int = 1) -> None:
        self.words, self.times = words, times
        self.calls: dict[str, int] = {}

    async def __call__(self, page: str) -> str:
        self.calls[page] = self.calls.get(page, 0) + 1
        if any(word in page for word in self.words) and self.calls[page] <= self.times:
            raise ConnectionError(f"no answer for {page[:9]!r}")
        return page.partition(" ")[0]


# part: retry
again = map_reduce(
    "firsts", Flaky("wild"), input_map={"page": "pages"}, name="read", retry=Retry(2, backoff=0)
)
# end

# part: forgiving
flaky = Flaky("wild", times=100)


async def careful(page: str) -> str | None:
    try:
        return await flaky(page)
    except ConnectionError:
        return None


forgiving = map_reduce("firsts", careful, lambda firsts: [one for one in firsts if one], {"page": "pages"})
# end

if __name__ == "__main__":
    # part: use
    result = pipeline.run({"pages": PAGES, "language": "en"})
    print(result.state["summary"])
    print(*(one.path for one in result.report.steps))
    # end
    # part: use_group
    words = ["yeast", "wild"]
    print(scored.run({"pages": PAGES, "weights": [1.0, 0.5, 2.0], "words": words}).state["scores"])
    # end
    # part: use_retrievers
    print(retrieval.run({"query": "yeast", "language": "en"}).state["summary"])
    # end
    print()
    reading = map_reduce("firsts", Flaky("wild"), input_map={"page": "pages"}, name="read")
    try:
        Pipeline([reading]).run({"pages": PAGES})
    except ConnectionError as error:
        print(error, [failure.path for failure in failures(error)])
    print(Pipeline([again]).run({"pages": PAGES}).state["firsts"])
    print(Pipeline([forgiving]).run({"pages": PAGES}).state["firsts"])
    print()
    try:
        scored.run({"pages": PAGES, "weights": [1.0], "words": words})
    except ValueError as error:
        print(error)
    print(scored.run({"pages": [], "weights": [], "words": words}).state)
    try:
        map_reduce("firsts", careful, input_map={"pgae": "pages"})
    except DefinitionError as error:
        print(error)
