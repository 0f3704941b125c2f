"""Settings of a run: they are no part of the state."""

from plait import Config, InputError, Pipeline, StepContext, step


# part: code
def shorten(text: str, width: int, mark: str) -> str:
    return text if len(text) <= width else text[: width - len(mark)] + mark


def sign(text: str, context: StepContext) -> str:
    return f"{text} ({context.config.get('author', 'nobody')})"


pipeline = Pipeline(
    [
        step(shorten, {"text": "text", "width": Config("width"), "mark": Config("mark", "...")}, "short"),
        step(sign, {"text": "short"}, "signed"),
    ]
)
# end

if __name__ == "__main__":
    inputs = {"text": "strands woven into one"}
    print(pipeline.run(inputs, config={"width": 12, "author": "Anna"}).state["signed"])
    print(pipeline.run(inputs, config={"mark": "-"}, context={"width": 9, "mark": "+"}).state["signed"])
    try:
        pipeline.run(inputs)
    except InputError as error:
        print(error)
