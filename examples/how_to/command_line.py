"""A pipeline for the command line: it stands in a file, under the name `pipeline`."""

from plait import Pipeline, parallel, step


def words(text: str) -> int:
    return len(text.split())


def shout(text: str) -> str:
    return text.upper()


pipeline = Pipeline(
    [parallel([step(words, output_state="words"), step(shout, output_state="loud")], name="both")],
    name="letters",
)
