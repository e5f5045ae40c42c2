"""Waiting by a clock that is an argument: deadlines and pauses, on the wall's time and on a driven one alike."""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Any, TypeVar

from anyvenue.venue.clock import Clock, Timer, WallClock
from anyvenue.wire.eager import EagerFuture

__all__ = ["Deadlines", "deadline", "pause"]

T = TypeVar("T")

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


class Deadlines:
    """Deadlines of one length, for what begins often and rarely takes long: `with deadlines.begin():` does what
    `deadline` does.

    On the wall's clock they go by the loop's own time, which nobody sets, and share one timer, which looks at the
    oldest. On a driven clock each has its own, so that none is left for the clock to be turned to.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._is_shared = isinstance(clock, WallClock)
        self._begun: deque[_Begun | EagerFuture[Any]] = deque()  # the oldest first, which is the first to be due
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        """Whose timer it is."""

    def begin(self) -> _Begun:
        """Return one that begins now, for the task at hand."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task to hold to it")
        if not self._is_shared:
            begun = _Begun(task)
            begun.timer = self._clock.call_at(self._clock.time_ns() + int(self._seconds * _SECOND_NS), begun.ring)
            return begun
        begun = _Begun(task)
        self._add(begun)
        return begun

    def watch(self, future: EagerFuture[T]) -> EagerFuture[T]:
        """Have a future that is not settled in time, from now on, be settled by TimeoutError. Returns it."""
        if future.is_over:
            return future
        if self._is_shared:
            self._add(future)
        else:
            future.timer = self._clock.call_at(self._clock.time_ns() + int(self._seconds * _SECOND_NS), future.ring)
        return future

    def _add(self, begun: _Begun | EagerFuture[Any]) -> None:
        loop, waiting = asyncio.get_running_loop(), self._begun
        begun.due = loop.time() + self._seconds
        while waiting and waiting[0].is_over:
            waiting.popleft()
        waiting.append(begun)
        if self._timer is None or self._loop is not loop:
            self._timer, self._loop = loop.call_at(begun.due, self._ring), loop

    def stop(self) -> None:
        """Let none ring any more that shares a timer."""
        self._begun.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _ring(self) -> None:
        """End what is due, and come again for the oldest that is not."""
        loop, waiting = asyncio.get_running_loop(), self._begun
        now = loop.time()
        while waiting and (waiting[0].is_over or waiting[0].due <= now):
            waiting.popleft().ring()
        self._timer = loop.call_at(waiting[0].due, self._ring) if waiting else None


class _Begun:
    __slots__ = ("_cancels", "_has_rung", "_task", "due", "is_over", "timer")

    def __init__(self, task: asyncio.Task[object]) -> None:
        self._task = task
        self.timer: Timer | None = None
        """Its own, where it has one."""
        self.due = 0.0
        self.is_over = False
        """Whether what it was for is done."""
        self._cancels = task.cancelling()
        self._has_rung = False

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_over = True
        if self.timer is not None:
            self.timer.cancel()
        # Where somebody else has canceled the task as well, that is not ours to take back.
        if self._has_rung and self._task.uncancel() <= self._cancels and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def ring(self) -> None:
        if not self.is_over:
            self._has_rung = True
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
