"""The wall's clock for a run on real venues: time as the machine has it, calls made by the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from anyvenue.venue.clock import Timer

__all__ = ["WallClock"]

_SECOND_NS = 1_000_000_000


class WallClock:
    """Time of this machine. Make it inside the event loop that is to make the calls."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def time_ns(self) -> int:
        """Return the time now."""
        return time.time_ns()

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once at `when_ns`, or as soon as possible where that has passed."""
        return self._loop.call_later(max(0.0, (when_ns - time.time_ns()) / _SECOND_NS), callback)
