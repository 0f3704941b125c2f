"""How much runs at once: in a run, of a resource, of one component."""

import asyncio

from plait import Limits, Pipeline, parallel, step


class Counter:
    """Counts how many calls are under way, and remembers the most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, text: str) -> int:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.005)
        self.now -= 1
        return len(text)


# part: run
run_counter = Counter()
of_a_run = Pipeline(
    [parallel({f"branch{n}": step(run_counter, output_state=f"n{n}") for n in range(8)})],
    max_concurrency=3,
)
# end

# part: resource
shared = Limits({"model": 2})  # one object, shared by all pipelines that are given it
model_counter = Counter()
asking = [step(model_counter, ["text"], f"n{n}", name=f"ask{n}", resources={"model": 1}) for n in range(4)]
one = Pipeline([parallel(asking)], limits=shared, name="one")
two = Pipeline([parallel(asking)], limits=shared, name="two")
# end

# part: exclusive
door = Counter()
alone = Pipeline(
    [parallel({f"branch{n}": step(door, output_state=f"n{n}", exclusive="door") for n in range(4)})]
)
# end


async def both() -> None:
    await asyncio.gather(one.arun({"text": "a"}), two.arun({"text": "b"}))


if __name__ == "__main__":
    of_a_run.run({"text": "strands"})
    print("in one run:", run_counter.most)
    asyncio.run(both())
    print("of the model, in two runs:", model_counter.most)
    alone.run({"text": "strands"})
    print("behind the door:", door.most)
    for finding in Pipeline([step(door, output_state="n", resources={"modle": 1})], limits=shared).check():
        print(finding.code, finding.message)
