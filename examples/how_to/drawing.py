"""A pipeline as text, as Mermaid and as a picture."""

from plait import Pipeline, parallel, step


def extract(document: str) -> str:
    return document.strip()


def sentiment(text: str) -> float:
    return 0.5 if "good" in text else 0.0


def topics(text: str) -> list[str]:
    return text.split()


def save(sentiment: float, topics: list[str]) -> None:
    del sentiment, topics


pipeline = Pipeline(
    [
        step(extract, output_state="text"),
        parallel(
            [step(sentiment, output_state="sentiment"), step(topics, output_state="topics")], name="analyses"
        ),
        step(save),
    ],
    name="letters",
)

if __name__ == "__main__":
    print(pipeline.to_text())
    print(pipeline.to_mermaid())
    # part: svg
    result = pipeline.run({"document": "a good letter"})
    picture = pipeline.with_durations(result.report).to_svg()  # with durations, the longest way is marked
    # end
    print(picture.splitlines()[1][:21])
