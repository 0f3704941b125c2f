"""Steps that need no component: computing, collecting, copying, telling, doing nothing."""

from collections.abc import Callable

from plait import DefinitionError, Pipeline, bundle, copy, if_else, log, no_op, parallel, step, transform


def retrieve(query: str) -> list[str]:
    return [f"{query} rises.", f"{query} is baked."]


def answer(prompt: str) -> str:
    return prompt.replace("\n", " ").upper()


# part: all
pipeline = Pipeline(
    [
        copy("query", "original"),
        transform(lambda d: d["query"].strip().capitalize(), ["query"], "query", name="tidy"),
        step(retrieve, output_state="pages"),
        log("{query}: found {pages}"),
        transform(lambda d: "\n".join(d["texts"]), {"texts": "pages"}, "prompt", name="join"),
        if_else(
            lambda state: state["query"] == "Bread",
            step(answer, output_state="answer"),
            no_op(),
            name="known",
        ),
        bundle({"asked": "original", "sources": "pages"}, "record"),
    ]
)
# end

# part: copy
copies = Pipeline(
    [
        copy("a", ["b", "c"]),  # one to several
        copy(["a", "d"], "pair"),  # several to one: a list
        copy(["a", "d"], ["x", "y"]),  # as many: pairwise
    ]
)
# end

if __name__ == "__main__":
    # part: use
    with pipeline.stream({"query": " bread "}, mode="custom") as stream:
        for event in stream:
            print(f"{event.path}: {event.value}")
    # end
    # part: use_state
    result = pipeline.run({"query": " bread "})
    print(result.state["answer"], result.state["record"])
    print(*(one.path for one in result.report.steps))
    # end
    # part: use_copy
    print(copies.run({"a": 1, "d": 2}).state)
    # end
    print()
    mistakes: list[Callable[[], object]] = [
        lambda: copy(["a", "b"], ["x", "y", "z"]),
        lambda: log("{page.title}"),
        lambda: bundle([], "record"),
    ]
    for mistake in mistakes:
        try:
            mistake()
        except DefinitionError as error:
            print(error)
    print(*Pipeline(parallel([copy("a", "b"), bundle(["b"], "c")])).check())
