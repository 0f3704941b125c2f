"""The components of the tutorial. Each asks a service and waits for its answer, as calls of models behind an API do.

The waits are those that the tutorial speaks of, 9.5 s in all, run at a twentieth of their length.
"""

import asyncio
import re
from collections import Counter
from pathlib import Path

SECONDS = {"extract": 0.5, "sentiment": 2.2, "topics": 2.2, "entities": 2.5, "language": 1.6, "report": 0.5}
SCALE = 1 / 20
DOCUMENTS = Path(__file__).parent.parent / "document_analysis" / "documents"
GOOD = {"admirable", "beautiful", "good", "great", "happy", "love"}
BAD = {"bad", "death", "evil", "fool", "hate", "wicked"}
COMMON = {"en": {"the", "of", "and"}, "de": {"der", "und", "wir"}, "pt": {"que", "de", "para"}}


async def answer(step: str) -> None:
    await asyncio.sleep(SECONDS[step] * SCALE)


async def extract(document: str) -> str:
    await answer("extract")
    return await asyncio.to_thread((DOCUMENTS / document).read_text, "utf-8")


async def sentiment(text: str) -> float:
    await answer("sentiment")
    words = Counter(re.findall(r"[a-z]+", text.lower()))
    good, bad = sum(words[word] for word in GOOD), sum(words[word] for word in BAD)
    return round((good - bad) / (good + bad or 1), 2)


async def topics(text: str) -> list[str]:
    await answer("topics")
    words = Counter(word for word in re.findall(r"\w{6,}", text.lower()))
    return [word for word, _ in words.most_common(3)]


async def entities(text: str) -> list[str]:
    await answer("entities")
    names = Counter(re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}", text))
    return [name for name, _ in names.most_common(3)]


async def language(text: str) -> str:
    await answer("language")
    words = Counter(re.findall(r"\w+", text.lower()))
    return max(COMMON, key=lambda code: sum(words[word] for word in COMMON[code]))


async def report(sentiment: float, topics: list[str], entities: list[str], language: str) -> str:
    await answer("report")
    return f"{language}, mood {sentiment:+.2f}, about {', '.join(topics)}; names {', '.join(entities)}"
