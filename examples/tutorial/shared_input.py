"""Two steps get the same list, and one of them sorts it in place."""

from plait import Pipeline, step
from plait.testing import run_serial


# part: steps
def ranked(words: list[str]) -> list[str]:
    words.sort(key=len, reverse=True)  # alters the list that the others read too
    return words


def first(words: list[str]) -> str:
    return words[0]


careless = Pipeline([step(ranked, output_state="ranked"), step(first, output_state="first")])
careful = Pipeline([step(ranked, output_state="ranked", copy=True), step(first, output_state="first")])
# end

if __name__ == "__main__":
    for name, pipeline in {"careless": careless, "careful": careful}.items():
        print(name, run_serial(pipeline, {"words": ["one", "two", "three"]}).state["first"])
