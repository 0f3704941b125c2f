"""Components of Haystack as steps."""

from haystack import Document
from haystack.components.builders import PromptBuilder
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from plait import Pipeline, Val, step

store = InMemoryDocumentStore()
store.write_documents([Document(content="cats sleep all day"), Document(content="dogs bark at night")])

# part: pipeline
retriever = InMemoryBM25Retriever(store)
builder = PromptBuilder("{{ documents[0].content }}. {{ query }}?", required_variables="*")

pipeline = Pipeline(
    [
        step(retriever, {"query": "question", "top_k": Val(1)}, ["documents"]),
        step(builder, {"documents": "documents", "query": "question"}, {"asked": "prompt"}),
    ]
)
# end

if __name__ == "__main__":
    print(pipeline.run({"question": "What do dogs do"}).state["asked"])
    wrong = Pipeline([step(builder, {"documents": "found", "query": "question"}, ["promt"])])
    print(wrong.check()[0].message)
