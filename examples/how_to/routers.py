"""Choosing one of several routes for a text: by keywords, by patterns, by examples, by a function."""

from plait import Pipeline, step, switch
from plait.routers import HashingEmbedder, KeywordRouter, RegexRouter, SimilarityRouter

# part: keyword
by_keyword = KeywordRouter(
    {
        "billing": ["invoice", "refund", "credit card", "发票"],
        "technical": ["crash", "error", "refund button"],
    },
    default_route="other",
)
# end


def refund(query: str) -> str:
    return f"To the accountants: {query}"


def repair(query: str) -> str:
    return f"To the engineers: {query}"


def answer(query: str) -> str:
    return f"To whoever is in: {query}"


# part: switch
pipeline = Pipeline(
    [
        switch(
            by_keyword,
            {
                "billing": step(refund, output_state="answer"),
                "technical": step(repair, output_state="answer"),
            },
            default=step(answer, output_state="answer"),
            input_map={"source": "query"},
        )
    ]
)
# end

# part: step
naming = Pipeline([step(by_keyword, {"source": "query"}, "route")])
# end

# part: regex
by_pattern = RegexRouter(
    {"order": [r"\bA-\d{6}\b", r"\border\b"], "phone": r"\+\d[\d ]{6,}"}, default_route="other"
)
# end

# part: similarity
by_example = SimilarityRouter(
    {
        "billing": ["I was charged twice", "where is my invoice", "please refund my payment"],
        "technical": ["the app crashes", "I see an error message", "the page does not load"],
    },
    HashingEmbedder(),  # crude: compares pieces of words; give a real embedding here
    default_route="other",
    threshold=0.3,
)
# end


# part: function
def by_language(query: str) -> str:
    return "chinese" if any("\u4e00" <= character <= "\u9fff" for character in query) else "other"


# end

if __name__ == "__main__":
    # part: use
    for query in ("Where is my invoice?", "The refund button gives an error", "我要发票", "Hello"):
        print(pipeline.run({"query": query}).state["answer"])

    print(naming.run({"query": "Where is my invoice?"}).state["route"])

    print(by_keyword.explain("The refund button gives an error"))
    print(by_keyword("The refund button gives an error", route_filter=["billing"]))
    # end
    print(by_pattern("Where is A-123456?"), by_pattern("Call +49 30 123456"))
    for query in ("My invoice is wrong", "What a nice day"):
        scores = {route: round(score, 1) for route, score in by_example.explain(query).items()}
        print(query, "->", by_example(query), scores)
    print(by_language("我要发票"))
