"""The same run, as tokens, as updates and as states."""

from plait import Pipeline, StepContext, step


async def write(topic: str, context: StepContext) -> str:
    words = ["Three", "strands", "make", topic]
    for word in words:
        await context.emit(word)
    return " ".join(words)


def count(text: str) -> int:
    return len(text.split())


pipeline = Pipeline([step(write, output_state="text"), step(count, output_state="words")])

if __name__ == "__main__":
    with pipeline.stream({"topic": "a plait"}, mode="tokens") as tokens:
        print(*tokens)
    with pipeline.stream({"topic": "a plait"}, mode="updates") as updates:
        for update in updates:
            print(update)
    with pipeline.stream({"topic": "a plait"}, mode=["tokens", "values"]) as items:
        for mode, item in items:
            print(mode, item if mode == "tokens" else list(item))
