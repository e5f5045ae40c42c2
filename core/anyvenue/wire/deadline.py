"""Waiting by a clock that is an argument: deadlines and pauses, on the wall's time and on a driven one alike."""

from __future__ import annotations

import asyncio
from types import TracebackType

from anyvenue.venue.clock import Clock, Timer

__all__ = ["deadline", "pause"]

_SECOND_NS = 1_000_000_000


class deadline:  # noqa: N801 - it is used as asyncio.timeout is
    """Raise TimeoutError in the body of an `async with` when `seconds` have passed on the clock.

    It does what `asyncio.timeout` does, whose timers know no other clock than the loop's.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._when_ns = clock.time_ns() + int(seconds * _SECOND_NS)
        self._is_over = False
        self._timer: Timer
        self._task: asyncio.Task[object]
        self._cancels = 0

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to hold to it")
        self._task, self._cancels = task, task.cancelling()
        self._timer = self._clock.call_at(self._when_ns, self._ring)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        # Where somebody else has canceled the task as well, that is not ours to take back.
        if self._is_over and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _ring(self) -> None:
        self._is_over = True
        self._task.cancel()


async def pause(clock: Clock, seconds: float) -> None:
    """Wait until `seconds` have passed on the clock."""
    passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring() -> None:
        if not passed.done():
            passed.set_result(None)

    timer = clock.call_at(clock.time_ns() + int(seconds * _SECOND_NS), ring)
    try:
        await passed
    finally:
        timer.cancel()
