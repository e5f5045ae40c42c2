"""A driven clock that follows the wall's."""

import asyncio

import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.real_time import RealTime
from anyvenue.venue.clock import WallClock

SECOND = 1_000_000_000


class Wall:
    """A wall's clock that is set by hand."""

    now = 0

    def time_ns(self):
        return self.now


def test_what_is_due_runs_in_its_order_at_its_time_however_late_it_is():
    async def scenario():
        clock, wall, ran = DrivenClock(), Wall(), []
        turner = RealTime(clock, wall)
        for when in (3, 1, 2, 9):
            clock.call_at(when * SECOND, lambda: ran.append(clock.time_ns()))
        wall.now = 5 * SECOND
        turner.catch_up()
        assert ran == [SECOND, 2 * SECOND, 3 * SECOND]
        assert clock.time_ns() == 5 * SECOND

    asyncio.run(scenario())


def test_it_wakes_for_the_next_call_and_for_one_that_comes_before_it():
    async def scenario():
        wall = WallClock()
        clock = DrivenClock(wall.time_ns())
        turner = RealTime(clock, wall)
        turner.start()
        begin, ran = clock.time_ns(), asyncio.Event()
        clock.call_at(begin + 3600 * SECOND, lambda: None)
        turner.attend()
        clock.call_at(begin + SECOND // 100, ran.set)
        turner.attend()
        async with asyncio.timeout(10):
            await ran.wait()
        assert wall.time_ns() >= begin + SECOND // 100
        assert clock.time_ns() == begin + SECOND // 100
        turner.stop()
        clock.call_at(0, lambda: pytest.fail("it was stopped"))
        turner.attend()
        await asyncio.sleep(0)

    asyncio.run(scenario())


def test_an_error_in_a_call_goes_to_the_loop_and_what_follows_is_run_all_the_same():
    async def scenario():
        wall = WallClock()
        clock = DrivenClock(wall.time_ns())
        turner = RealTime(clock, wall)
        told, ran = [], asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: told.append(context["exception"]))
        turner.start()
        clock.call_at(clock.time_ns() + 1000, lambda: 1 // 0)
        clock.call_at(clock.time_ns() + 2000, ran.set)
        turner.attend()
        async with asyncio.timeout(10):
            await ran.wait()
        assert [type(error) for error in told] == [ZeroDivisionError]
        turner.stop()

    asyncio.run(scenario())
