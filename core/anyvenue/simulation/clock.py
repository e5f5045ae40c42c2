"""The clock of a simulation: time moves from one scheduled call to the next, and only when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

__all__ = ["DrivenClock", "DrivenTimer"]

_WHEN, _CALLBACK, _CLOCK = 0, 2, 3
_CANCELED_MIN = 1024


class DrivenTimer(list[Any]):
    """A call waiting in a DrivenClock.

    It is its own entry in the heap, `[when, number, callback, clock]`: lists compare in C, and the number, which is
    unique, keeps the comparison from ever reaching the callback.
    """

    __slots__ = ()

    def cancel(self) -> None:
        """Forget the call. Canceling twice, or after it ran, does nothing."""
        if self[_CALLBACK] is not None:
            self[_CALLBACK] = None
            self[_CLOCK]._forget_one()


class DrivenClock:
    """Time in integer nanoseconds since the epoch, UTC, that stands still until `step`, `run` or `run_until`.

    Calls run in the order of their times, and calls of one time in the order in which they were made. Time never
    goes back: a call for the past runs at the present time. An exception in a call goes to whoever turns the clock;
    the call counts as run.
    """

    __slots__ = ("_bound", "_canceled", "_count", "_heap", "_is_over", "_now", "shared")

    def __init__(self, start_ns: int = 0) -> None:
        self._now = start_ns
        self._heap: list[DrivenTimer] = []
        self._count = 0
        self._canceled = 0
        self._is_over: Callable[[], bool] | None = None
        self._bound: list[Any] | None = None
        self.shared: dict[Any, Any] = {}
        """What several users of this clock have in common, such as one simulated market, by any key."""

    def time_ns(self) -> int:
        """Return the time now."""
        return self._now

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> DrivenTimer:
        """Call `callback` once at `when_ns`; where that has passed, at the present time, behind what waits for it."""
        self._count = count = self._count + 1
        timer = DrivenTimer((when_ns if when_ns > self._now else self._now, count, callback, self))
        heappush(self._heap, timer)
        return timer

    @property
    def next_time(self) -> int | None:
        """When the next call is due; None when none is waiting."""
        heap = self._heap
        while heap and heap[0][_CALLBACK] is None:
            heappop(heap)
            self._canceled -= 1
        return heap[0][_WHEN] if heap else None

    def step(self) -> bool:
        """Go to the time of the next call and run it. Return False, and change nothing, when none is waiting."""
        heap = self._heap
        while heap:
            timer = heappop(heap)
            callback = timer[_CALLBACK]
            if callback is None:
                self._canceled -= 1
                continue
            timer[_CALLBACK] = None
            self._now = timer[_WHEN]
            callback()
            return True
        return False

    def run(self, is_over: Callable[[], bool]) -> None:
        """Step until `is_over()` holds, which is asked before each step, or no call is waiting.

        Here one step may lead through many moments: see `reach`.
        """
        outer, self._is_over = self._is_over, is_over
        try:
            while not is_over() and self.step():
                pass
        finally:
            self._is_over = outer

    def reach(self, when_ns: int, callback: Callable[[], None]) -> DrivenTimer | None:
        """Within a call, as its last act: let all happen that is due by `when_ns`, a later time; then it is that time.

        Whoever has many moments in which mostly nothing comes of anything (a tape) saves a call of the clock for each.
        Elsewhere `callback` is called at `when_ns` instead, and the timer returned, as by `call_at`: where every step
        is to be seen (`step`, `run_until`), where the run is over, and where somebody else is to reach his time first.
        """
        heap, is_over, bound = self._heap, self._is_over, self._bound
        if (
            when_ns >= self._now
            and (not heap or heap[0][0] > when_ns)
            and is_over is not None
            and (bound is None or bound[0] > when_ns)
        ):
            self._now = when_ns  # nothing is due before: by far the most common case
            return None
        self._count = count = self._count + 1
        if when_ns < self._now:
            when_ns = self._now
        own = [when_ns, count]
        if is_over is None or (bound is not None and own > bound):
            return self._push(when_ns, count, callback)
        if heap and heap[0] < own:
            self._bound = own
            try:
                while heap and heap[0] < own:
                    due = heappop(heap)
                    due_callback = due[_CALLBACK]
                    if due_callback is None:
                        self._canceled -= 1
                        continue
                    due[_CALLBACK] = None
                    self._now = due[_WHEN]
                    due_callback()
                    if is_over():
                        return self._push(when_ns, count, callback)
            except BaseException:
                self._push(when_ns, count, callback)
                raise
            finally:
                self._bound = bound
        self._now = when_ns
        return None

    def _push(self, when_ns: int, count: int, callback: Callable[[], None]) -> DrivenTimer:
        timer = DrivenTimer((when_ns, count, callback, self))
        heappush(self._heap, timer)
        return timer

    def run_until(self, ts_ns: int) -> None:
        """Run every call due at or before `ts_ns`, those made on the way included; then it is `ts_ns`."""
        while (due := self.next_time) is not None and due <= ts_ns:
            self.step()
        self._now = max(self._now, ts_ns)

    def _forget_one(self) -> None:
        """Canceled calls leave the heap when their time comes; where they are its greater part, at once."""
        self._canceled += 1
        if self._canceled > _CANCELED_MIN and 2 * self._canceled > len(self._heap):
            self._heap[:] = [timer for timer in self._heap if timer[_CALLBACK] is not None]
            heapify(self._heap)
            self._canceled = 0
