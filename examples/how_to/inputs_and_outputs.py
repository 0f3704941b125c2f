"""Where a step's arguments come from, and where its result goes."""

from typing import NamedTuple

from plait import Config, Optional, Pipeline, Val, bundle, step, transform


class Counts(NamedTuple):
    """Several results at once."""

    words: int
    letters: int


# part: inputs
def greet(name: str, greeting: str = "Hello", *, title: str | None, mark: str) -> str:
    return f"{greeting} {f'{title} ' if title else ''}{name}{mark}"


letter = step(
    greet,
    {
        "name": "recipient",  # the key "recipient"
        "greeting": Config("greeting", "Dear"),  # a setting of the run
        "title": Optional("title"),  # a key that may be absent
        "mark": Val(","),  # this very value
    },
    "opening",
)
# end


# part: outputs
def measure(opening: str) -> Counts:
    return Counts(len(opening.split()), sum(character.isalpha() for character in opening))


by_name = step(measure, output_state=["words", "letters"])  # two fields, two keys
renamed = step(measure, output_state={"length": "letters"}, name="renamed")  # the field "letters" as "length"
# end

# part: small
ratio = transform(lambda d: round(d["letters"] / d["words"], 1), ["letters", "words"], "ratio")
figures = bundle(["words", "letters", "ratio"], "figures")
# end

pipeline = Pipeline([letter, by_name, renamed, ratio, figures], name="letters")

if __name__ == "__main__":
    print("must be given:", pipeline.input_keys)
    print("may be given:", pipeline.optional_input_keys)
    state = pipeline.run({"recipient": "Anna", "title": "Dr"}, config={"greeting": "Good morning"}).state
    print(state["opening"])
    print(state["figures"], state["length"])
