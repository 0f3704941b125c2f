"""The real documents of this repository through one pipeline, several at a time."""

from pathlib import Path

from plait import Pipeline, parallel, step

DOCUMENTS = Path(__file__).parent.parent / "document_analysis" / "documents"


def read(path: Path) -> str:
    return path.read_text("utf-8")


def words(text: str) -> int:
    return len(text.split())


def letters(text: str) -> int:
    return sum(character.isalpha() for character in text)


pipeline = Pipeline(
    [
        step(read, output_state="text"),
        parallel([step(words, output_state="words"), step(letters, output_state="letters")]),
    ]
)

if __name__ == "__main__":
    paths = sorted(DOCUMENTS.glob("de*.txt"))
    # part: map
    with pipeline.map(({"path": path} for path in paths), max_concurrency=4) as items:
        for item in items:
            name = item.input["path"].name
            if item.result is not None:
                print(f"{name}: {item.result.state['words']:,} words")
            else:
                print(f"{name}: {type(item.error).__name__}")
    # end
