"""A component that loads something heavy once, and lets go of it at the end."""

from plait import Pipeline, parallel, step


# part: component
class WordList:
    """Knows words. Loading them takes a while, so it is done once."""

    def __init__(self, words: str) -> None:
        self.words = words  # cheap: checking and drawing a pipeline loads nothing
        self.known: set[str] = set()

    def setup(self) -> None:
        print("loaded", self.words)
        self.known = set(self.words.split())

    def teardown(self) -> None:
        print("let go of", self.words)
        self.known.clear()

    def __call__(self, text: str) -> list[str]:
        return [word for word in text.split() if word in self.known]


# end

animals = WordList("cat dog")
pipeline = Pipeline(
    [
        parallel(
            {
                "first": step(animals, {"text": "first"}, "in_first"),
                "second": step(animals, {"text": "second"}, "in_second"),
            }
        )
    ]
)

if __name__ == "__main__":
    # part: with
    with pipeline:  # sets up now; without it, the first call does
        for first in ("a cat", "a dog"):
            state = pipeline.run({"first": first, "second": "no cow"}).state
            print(state["in_first"], state["in_second"])
    # end
