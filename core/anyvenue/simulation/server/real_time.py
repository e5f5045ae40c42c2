"""A driven clock that follows the wall's time under asyncio."""

from __future__ import annotations

import asyncio
from typing import Final

from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.clock import Clock

__all__ = ["RealTime"]

SLICE_S: Final = 0.02
"""So long it catches up at a time when it is late; then whatever else waits in the event loop has its turn."""
_SECOND_NS: Final = 1_000_000_000


class RealTime:
    """Turns `clock` so that it is `wall`'s time whenever something comes from outside.

    What is due runs in its order, at the times it was due, however late the event loop is. Between two calls it waits.
    Made inside the running event loop; `start` begins.
    """

    def __init__(self, clock: DrivenClock, wall: Clock) -> None:
        self._clock = clock
        self._wall = wall
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0
        self._is_running = False

    def start(self) -> None:
        """Begin to turn."""
        self._is_running = True
        self.catch_up()

    def stop(self) -> None:
        """Turn no more."""
        self._is_running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def catch_up(self) -> None:
        """Let it be now: run all that is due. To be called before whatever comes from outside."""
        try:
            self._clock.run_until(self._wall.time_ns())
        finally:
            self.attend()

    def attend(self) -> None:
        """See when the next call is due. To be called after whatever came from outside."""
        due = self._clock.next_time
        if due is None or not self._is_running:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        delay_s = max(0, due - self._wall.time_ns()) / _SECOND_NS
        self._timer = self._loop.call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        clock, now, loop = self._clock, self._wall.time_ns(), self._loop
        enough = loop.time() + SLICE_S
        try:
            while (due := clock.next_time) is not None and due <= now and loop.time() < enough:
                clock.step()
        finally:
            self.attend()
