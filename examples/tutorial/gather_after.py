"""The service with Plait: the same components, the same result."""

import asyncio

from side_by_side import pipeline


# part: code
async def analyse(document: str) -> str:
    state = await pipeline.invoke({"document": document})
    return str(state["report"])


# end

if __name__ == "__main__":
    print(asyncio.run(analyse("devils-dictionary-a.en.txt")))
