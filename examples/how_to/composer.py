"""The same pipeline in a chain of calls, and pipelines put together with operators."""

from plait import Composer, Pipeline, step, subgraph


def find_words(text: str) -> list[str]:
    return text.lower().split()


def count(words: list[str]) -> int:
    return len(words)


def longest(words: list[str]) -> str:
    return max(words, key=len)


def is_short(state: dict[str, list[str]]) -> bool:
    return len(state["words"]) < 4


def in_short(words: list[str]) -> str:
    return " ".join(words)


def in_numbers(count: int, longest: str) -> str:
    return f"{count} words, the longest is {longest!r}"


def shout(summary: str) -> str:
    return summary.upper()


# part: composed
summing_up = (
    Composer(name="summing_up")
    .step(find_words, output_state="words")
    .parallel(name="figures")
    .fork(step(count, output_state="count"))
    .fork(step(longest, output_state="longest"))
    .end()
    .when(is_short, name="length")
    .then(step(in_short, output_state="summary"))
    .otherwise(step(in_numbers, output_state="summary"))
    .end()
    .done()
)
# end

# part: continued
loud = summing_up.composer.step(shout, output_state="summary").done()
# end

# part: operators
shouting = Pipeline([step(shout, output_state="summary")], name="shouting")

joined = summing_up | shouting  # one list: the steps of both
embedded = summing_up << shouting  # shouting is one step of it, with a state of its own
in_front = summing_up >> shouting  # first summing_up, embedded, then the steps of shouting
renamed = summing_up | subgraph(shouting, {"summary": "summary"}, {"headline": "summary"})
# end

if __name__ == "__main__":
    print(summing_up.run({"text": "Good morning"}).state["summary"])
    print(loud.run({"text": "Every good boy does fine"}).state["summary"])
    for pipeline in (joined, embedded, in_front):
        print(pipeline.name, pipeline.run({"text": "Good morning"}).state["summary"])
    print(renamed.run({"text": "Good morning"}).state["headline"])
