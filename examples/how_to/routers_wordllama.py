"""The router by examples with a real embedding: static word vectors that a package brings along."""

from pathlib import Path
from typing import Any

from plait import Pipeline, step
from plait.routers import SimilarityRouter


# part: embedder
class WordVectors:
    """WordLlama's static vectors, made for English. Loaded once; nothing is fetched."""

    model: Any = None

    def setup(self) -> None:
        import wordllama

        # The package looks for its tokenizer in the cache folder only, so that is where it points.
        home = Path(wordllama.__file__).parent
        self.model = wordllama.WordLlama.load(cache_dir=home, disable_download=True)

    def __call__(self, texts: list[str]) -> Any:
        return self.model.embed(texts)


# end

router = SimilarityRouter(
    {
        "billing": ["I was charged twice", "where is my invoice", "please refund my payment"],
        "technical": ["the app crashes", "I see an error message", "the page does not load"],
        "delivery": ["where is my parcel", "the package has not arrived", "change the delivery address"],
    },
    WordVectors(),
    default_route="other",
    threshold=0.3,
)
pipeline = Pipeline([step(router, {"source": "query"}, "route")])

if __name__ == "__main__":
    print(pipeline.run({"query": "You took money from my bank account two times"}).state["route"])
