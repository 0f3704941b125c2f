"""Results that are kept: of steps, of whole pipelines, and where to look whether it worked."""

from __future__ import annotations

import asyncio

from plait import Cache, Config, MemoryCache, Pipeline, step


# part: step
async def embed(text: str) -> list[float]:
    print("embed", text)
    return [float(len(word)) for word in text.split()]


async def rank(vector: list[float], model: str) -> list[float]:
    print("rank with", model)
    return sorted(vector)


vectors = MemoryCache(max_entries=10_000)
pipeline = Pipeline(
    [
        step(embed, ["text"], "vector", cache=vectors),
        step(rank, {"vector": "vector", "model": Config("model")}, "ranked", cache=Cache(ttl=3600)),
    ]
)
# end


# part: settings
class Retriever:
    """Has settings, and a client that says nothing about itself."""

    def __init__(self, top: int, client: object) -> None:
        self.top, self.client = top, client

    def cache_key(self) -> int:
        return self.top

    def __call__(self, query: str) -> list[str]:
        return [f"{query} {n}" for n in range(self.top)]


retrieve = step(Retriever(3, client=object()), ["query"], "chunks", cache=True)
# end

# part: key
normalised = Cache(vectors, key=lambda inputs: " ".join(inputs["text"].lower().split()))
relaxed = Pipeline([step(embed, ["text"], "vector", cache=normalised)])
# end

# part: pipeline
whole = Pipeline([step(embed, ["text"], "vector"), step(len, {"obj": "vector"}, "words")], cache=True)
# end


async def at_once() -> None:
    # part: at_once
    results = await asyncio.gather(
        *(pipeline.arun({"text": "five at once"}, config={"model": "small"}) for _ in range(5))
    )
    print(sum(result.report.step("embed").cached for result in results), "of 5 did not embed")
    # end


def main() -> None:
    # part: run
    for model in ("small", "small", "large"):
        result = pipeline.run({"text": "a cat sat"}, config={"model": model, "request": object()})
        print({found.path: found.cached for found in result.report.steps})
    # end
    asyncio.run(at_once())
    for text in ("The cat", " the  CAT"):
        relaxed.run({"text": text})
    for _ in range(2):
        print(whole.run({"text": "all of it"}).report.cached)


if __name__ == "__main__":
    main()
