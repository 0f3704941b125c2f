"""Three ways to order the same four steps."""

from plait import Pipeline, dataflow, parallel, step


def split(text: str) -> list[str]:
    return text.split()


def count(words: list[str]) -> int:
    return len(words)


def longest(words: list[str]) -> str:
    return max(words, key=len)


def join(count: int, longest: str) -> str:
    return f"{count} words, the longest is {longest!r}"


# part: steps
first = step(split, output_state="words")
second = step(count, output_state="count")
third = step(longest, output_state="longest")
last = step(join, output_state="summary")
# end

# part: list
in_a_list = Pipeline([first, second, third, last])
with_bars = Pipeline(first | second | third | last)  # the same
# end

# part: parallel
in_a_block = Pipeline([first, parallel([second, third]), last])
with_a_branch = Pipeline(
    [first, parallel([[second], third]), last]
)  # a branch may be a list: it runs in order
# end

# part: dataflow
derived = Pipeline([first, second, third, last], order="dataflow")
part_of_it = Pipeline([first, dataflow([second, third, last])])
# end

if __name__ == "__main__":
    for pipeline in (in_a_list, with_bars, in_a_block, with_a_branch, derived, part_of_it):
        print(pipeline.run({"text": "strands woven into one"}).state["summary"])
    print(in_a_block.to_text())
