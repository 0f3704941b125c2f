"""A run for the debugger: one step at a time, in this thread."""

from side_by_side import pipeline

if __name__ == "__main__":
    # part: serial
    result = pipeline.run({"document": "dedication.de.txt"}, mode="serial")
    # end
    print(f"speed-up {result.report.speedup:.1f}:")
    for step in result.report.steps:
        print(step.path, step.outcome)
