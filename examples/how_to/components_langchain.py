"""Runnables and tools of LangChain as steps."""

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool

from plait import Pipeline, parallel, step

# part: pipeline
model = FakeListChatModel(responses=["about plaits"])  # instead of one that costs money


@tool
def shorten(text: str, words: int = 2) -> str:
    """Keep the first words."""
    return " ".join(text.split()[:words])


topic = ChatPromptTemplate.from_template("What is this about? {text}") | model | StrOutputParser()
pipeline = Pipeline(
    [
        parallel(
            [
                step(topic, ["text"], "topic", name="topic"),
                step(shorten, ["text"], "start"),
            ]
        )
    ]
)
# end

if __name__ == "__main__":
    state = pipeline.run({"text": "Three strands make a plait"}).state
    print(state["start"], "...", state["topic"])
    print(Pipeline([step(shorten, {"txt": "text"}, "start")]).check()[0].message)
