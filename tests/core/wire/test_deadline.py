"""Deadlines and pauses: time passes on the clock that they are given, and on no other."""

import asyncio

import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import WallClock
from anyvenue.wire.deadline import deadline, pause

SECOND = 1_000_000_000


def on_a_driven_clock(main):
    async def run():
        clock = DrivenClock()
        return await asyncio.wait_for(Pump(clock).serve(main(clock)), 10), clock

    return asyncio.run(run())


def test_a_pause_lasts_as_long_as_it_says():
    async def main(clock):
        await pause(clock, 2.5)
        return clock.time_ns()

    assert on_a_driven_clock(main)[0] == 2_500_000_000


def test_what_takes_longer_than_its_deadline_ends_in_a_timeout_at_that_moment():
    async def main(clock):
        with pytest.raises(TimeoutError):
            async with deadline(clock, 1.0):
                await pause(clock, 1.5)
        return clock.time_ns()

    now, clock = on_a_driven_clock(main)
    assert now == SECOND
    assert clock.next_time is None  # the pause took its timer along


def test_what_is_done_in_time_is_left_alone_and_no_timer_stays():
    async def main(clock):
        async with deadline(clock, 1.0):
            await pause(clock, 0.5)
        await pause(clock, 5.0)
        return "done"

    result, clock = on_a_driven_clock(main)
    assert result == "done"
    assert clock.next_time is None


def test_an_error_in_the_body_comes_through_and_no_timer_stays():
    async def main(clock):
        with pytest.raises(ValueError, match="inside"):
            async with deadline(clock, 1.0):
                raise ValueError("inside")

    assert on_a_driven_clock(main)[1].next_time is None


def test_the_inner_of_two_deadlines_does_not_speak_for_the_outer():
    async def main(clock):
        seen = []
        try:
            async with deadline(clock, 1.0):
                try:
                    async with deadline(clock, 3.0):
                        await pause(clock, 9.0)
                except TimeoutError:
                    seen.append("inner")
        except TimeoutError:
            seen.append("outer")
        return seen, clock.time_ns()

    assert on_a_driven_clock(main)[0] == (["outer"], SECOND)


def test_whoever_cancels_sees_a_cancellation_and_no_timeout():
    async def main():
        clock = DrivenClock()

        async def work():
            async with deadline(clock, 1.0):
                await pause(clock, 0.5)

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return clock.next_time

    assert asyncio.run(main()) is None


def test_both_work_on_the_wall_clock_too():
    async def main():
        clock = WallClock()
        with pytest.raises(TimeoutError):
            async with deadline(clock, 0.0):
                await pause(clock, 60.0)
        before = clock.time_ns()
        await pause(clock, 0.001)
        return clock.time_ns() - before

    assert asyncio.run(main()) > 0
