"""What a notebook does: code that runs while an event loop is running already."""

import asyncio

from plait import Pipeline, step


async def greet(name: str) -> str:
    await asyncio.sleep(0)
    return f"Hello {name}"


pipeline = Pipeline([step(greet, output_state="greeting")], name="greetings")


async def cells() -> None:
    # part: cells
    result = pipeline.run({"name": "Anna"})  # plain run works in a cell
    print(result.state["greeting"])

    result = await pipeline.arun({"name": "Bob"})  # and so does await, on the notebook's own loop
    print(result.state["greeting"])
    # end
    print(sorted(pipeline._repr_mimebundle_()))  # what a cell shows that ends with `pipeline`


if __name__ == "__main__":
    asyncio.run(cells())
