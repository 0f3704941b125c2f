"""The binder for pipelines in which something is decided while they run."""

from __future__ import annotations

from plait.core.plan.bind import Binder
from plait.core.plan.jumps import Jumps


class DecidingBinder(Jumps, Binder):
    """Binds everything."""
