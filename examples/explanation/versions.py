"""A key that is written twice: each step reads the version that the listed order would give it."""

from plait import Pipeline, step


def clean(text: str) -> str:
    return " ".join(text.split())


def count(text: str) -> int:
    return len(text)


def shout(text: str) -> str:
    return text.upper()


pipeline = Pipeline(
    [
        step(clean, ["text"], "text"),  # reads version 0 of text, writes version 1
        step(count, ["text"], "length"),  # reads version 1
        step(shout, ["text"], "text", pure=True),  # reads version 1, writes version 2
    ],
    order="dataflow",
)

if __name__ == "__main__":
    print(pipeline.run({"text": " strands   woven "}).state)
    for name in ("count", "shout"):
        print(pipeline.plan().explain(name))
