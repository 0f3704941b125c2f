"""The states of a task; the picture of how they follow each other is in ``plait.core.schedule.scheduler``."""

from __future__ import annotations

from typing import Final

WAITING: Final = 0
ACQUIRING: Final = 1
RUNNING: Final = 2
BACKING_OFF: Final = 3
EXPIRING: Final = 4
STOPPING: Final = 5
GATED: Final = 6
SUCCEEDED: Final = 7
FAILED: Final = 8
CANCELLED: Final = 9
SKIPPED: Final = 10
SUSPENDED: Final = 11

STATE_NAMES: Final = (
    "waiting",
    "acquiring",
    "running",
    "backing off",
    "expiring",
    "stopping",
    "gated",
    "succeeded",
    "failed",
    "cancelled",
    "skipped",
    "suspended",
)

RETRY, TIMEOUT, GRACE, DEADLINE = range(4)
"""What a timer is for."""
