"""The pump: what turns a DrivenClock under asyncio.

In a script or a notebook, time on a driven clock moves only while somebody waits in the pump: for a reply, for the
next item of a stream, for a moment to come. It stands still while the script computes, and while it waits for anything
else. After every step the pump lets the event loop run until nothing is left to run at once, so that whoever was woken
has reacted before time moves on. So the same script sees the same market, event for event, however fast the machine
is, and misses nothing.

`speed` only puts pauses between the steps. It never changes what happens in them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from anyvenue.simulation.clock import DrivenClock

__all__ = ["Pump"]

T = TypeVar("T")

BREATH_STEPS: Final = 256
"""After so many steps in which nobody was woken the loop gets its turn all the same, for signals and timeouts."""
TURNS_MAX: Final = 64
"""So many turns the loop gets after one step at most, where tasks keep waking each other."""
PAUSE_S_MAX: Final = 0.05
"""A pause is cut into pieces of this length, since what is scheduled meanwhile may be due before its end."""
_SECOND_NS: Final = 1_000_000_000


class Pump:
    """Turns one clock, for any number of waiting tasks of one event loop. There should be one pump to a clock.

    `speed` is seconds of market per second; 0 is as fast as possible. `monotonic` and `sleep` are for tests.
    """

    def __init__(
        self,
        clock: DrivenClock,
        speed: float = 0.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if speed < 0:
            raise ValueError(f"speed: found {speed}; allowed are numbers from 0 (as fast as possible)")
        self.clock = clock
        self._speed = speed
        self._monotonic = monotonic
        self._sleep = sleep
        self._waiting: dict[asyncio.Future[bool], Callable[[], bool]] = {}
        self._turning: asyncio.Task[None] | None = None

    async def run_until(self, predicate: Callable[[], bool]) -> bool:
        """Turn the clock until `predicate()` holds. It is asked before the first and after every step.

        Returns False where no call is left on the clock and it still does not hold: it never will. Raises what a call
        on the clock raises.
        """
        if predicate():
            return True
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting[waiter] = predicate
        if self._turning is None:
            self._turning = loop.create_task(self._turn())
        try:
            return await waiter
        finally:
            self._waiting.pop(waiter, None)

    async def serve(self, work: Awaitable[T]) -> T:
        """Await `work` with the clock turning meanwhile, and return its result.

        Raises what it raises, and RuntimeError where the clock has run out of calls and it is still not done.
        """
        task = asyncio.ensure_future(work)
        await self._quiet()  # most work is done, or has sent what it waits for, without any time going by
        try:
            if not await self.run_until(task.done):
                raise RuntimeError("nothing is left on the simulation's clock, so what is awaited here will never come")
            return await task
        finally:
            task.cancel()

    async def arrives(self, future: asyncio.Future[None]) -> bool:
        """Turn the clock until `future` is done. Returns False where it never will be: no call is left on the clock."""
        return await self.run_until(future.done)

    async def _turn(self) -> None:
        try:
            await self._turn_for_all()
        except BaseException as error:
            for waiter in list(self._waiting):
                if not waiter.done():
                    waiter.set_exception(error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._turning = None

    async def _turn_for_all(self) -> None:
        clock, waiting = self.clock, self._waiting
        pause = self._pace()
        steps = 0
        await self._quiet()
        while waiting:
            due = clock.next_time
            if due is not None and self._speed and (seconds := pause(due)) > 0:
                await self._sleep(min(seconds, PAUSE_S_MAX))
                continue  # what was scheduled during the pause may be due first
            moved = clock.step()
            steps += 1
            await self._quiet(at_least=steps % BREATH_STEPS == 0)
            for waiter, predicate in list(waiting.items()):
                holds = predicate()
                if holds or not moved:
                    waiting.pop(waiter, None)
                    if not waiter.done():
                        waiter.set_result(holds)
            await self._quiet()

    def _pace(self) -> Callable[[int], float]:
        """Return a function that tells how many seconds to wait still before a time on the clock."""
        start_ns, start_s = self.clock.time_ns(), self._monotonic()

        def pause(due_ns: int) -> float:
            return start_s + (due_ns - start_ns) / _SECOND_NS / self._speed - self._monotonic()

        return pause

    async def _quiet(self, *, at_least: bool = False) -> None:
        """Let the loop run until no task is ready."""
        if at_least:
            await asyncio.sleep(0)
        # asyncio has no public word for this. Loops that keep no such list (uvloop) get a fixed number of turns.
        ready = getattr(asyncio.get_running_loop(), "_ready", None)
        turns = 0
        while turns < TURNS_MAX and (ready if ready is not None else turns < TURNS_MAX // 8):
            await asyncio.sleep(0)
            turns += 1
