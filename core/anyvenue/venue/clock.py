"""The clock everything above the model is given: the wall's, or one that a simulation drives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

__all__ = ["Clock", "Timer", "WallClock"]


class Timer(Protocol):
    """A call that is waiting for its time."""

    def cancel(self) -> None:
        """Forget it. Canceling twice, or after it ran, does nothing."""


class Clock(Protocol):
    """Time in integer nanoseconds since the epoch, UTC."""

    def time_ns(self) -> int:
        """Return the time now."""

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once at `when_ns`, or as soon as possible where that has passed. Same times, same order."""


class WallClock:
    """The machine's own time, with timers on the running asyncio loop."""

    time_ns = staticmethod(time.time_ns)
    """Return the time now."""

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Timer:
        """Call `callback` once at `when_ns`. Raises RuntimeError outside a running event loop."""
        import asyncio

        delay_s = max(0, when_ns - time.time_ns()) / 1_000_000_000
        return asyncio.get_running_loop().call_later(delay_s, callback)
