"""Three pipelines that gain little or nothing from running side by side, each for a reason of its own."""

import statistics
import time

from plait import Pipeline, parallel, step


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds * 1.5


def add_up(numbers: int) -> int:
    return sum(number * number for number in range(numbers))


# part: chain
chain = Pipeline(
    [
        step(wait, ["seconds"], "one", name="one"),
        step(wait, {"seconds": "one"}, "two", name="two"),
        step(wait, {"seconds": "two"}, "three", name="three"),
    ],
    order="dataflow",
)
# end

# part: giant
giant = Pipeline(
    [
        parallel(
            {
                "giant": step(wait, {"seconds": "long"}, "a"),
                "dwarf": step(wait, {"seconds": "short"}, "b"),
            }
        )
    ]
)
# end

# part: lock
lock = Pipeline([parallel({"left": step(add_up, ["numbers"], "a"), "right": step(add_up, ["numbers"], "b")})])
# end

if __name__ == "__main__":
    print(chain.run({"seconds": 0.03}).report.bound())
    print(giant.run({"long": 0.1, "short": 0.02}).report.bound())
    inputs = {"numbers": 500_000}
    reports = [(lock.run(inputs).report, lock.run(inputs, mode="serial").report) for _ in range(5)]
    claimed = statistics.median(report.speedup for report, _ in reports)
    real = statistics.median(serial.wall / report.wall for report, serial in reports)
    print(f"both at once: {claimed:.1f} times as fast by the report; against serial runs: {real:.1f}")
    step_report = reports[0][0].step("left")
    assert step_report.cpu is not None
    print(f"left: {step_report.cpu / step_report.work:.0%} of its time on a core")
