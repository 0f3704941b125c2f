"""Two computations in Python at the same time, and what a crash in a process costs."""

import os
import signal

from plait import Pipeline, WorkerDied, parallel, step


def count_primes(limit: int) -> int:
    return sum(all(n % d for d in range(2, int(n**0.5) + 1)) for n in range(2, limit))


def sum_of_digits(limit: int) -> int:
    return sum(int(digit) for n in range(limit) for digit in str(n))


def crash(limit: int) -> None:  # noqa: ARG001
    os.kill(os.getpid(), signal.SIGSEGV)


if __name__ == "__main__":
    pipeline = Pipeline(
        [
            parallel(
                [
                    step(count_primes, output_state="primes", executor="process"),
                    step(sum_of_digits, output_state="digits", executor="process"),
                ]
            )
        ]
    )
    print(pipeline.run({"limit": 20_000}).state)

    try:
        Pipeline([step(crash, executor="process")]).run({"limit": 1})
    except WorkerDied as error:
        print(error)
