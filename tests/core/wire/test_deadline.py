"""Deadlines and pauses: time passes on the clock that they are given, and on no other."""

import asyncio

import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import WallClock
from anyvenue.wire.deadline import Deadlines, deadline, pause
from anyvenue.wire.eager import EagerFuture

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


class TestDeadlines:
    """Of a length of 0 they ring at the loop's next turn, so nothing has to be waited for."""

    @staticmethod
    async def never():
        await asyncio.get_running_loop().create_future()

    def test_what_takes_longer_ends_in_a_timeout_and_its_task_lives_on(self):
        async def main():
            with pytest.raises(TimeoutError), Deadlines(WallClock(), 0).begin():
                await self.never()
            await asyncio.sleep(0)
            return asyncio.current_task().cancelling()

        assert asyncio.run(main()) == 0

    def test_what_is_done_in_time_is_left_alone(self):
        async def main():
            deadlines = Deadlines(WallClock(), 0)
            with deadlines.begin():
                pass
            for _ in range(5):  # the timer goes off meanwhile
                await asyncio.sleep(0)
            with pytest.raises(TimeoutError), deadlines.begin():  # and is set anew
                await self.never()
            return "done"

        assert asyncio.run(main()) == "done"

    def test_each_that_is_due_ends_whatever_became_of_those_before(self):
        async def one(deadlines, work):
            try:
                with deadlines.begin():
                    await work
            except TimeoutError:
                return "late"
            return "in time"

        async def main():
            deadlines = Deadlines(WallClock(), 0)
            works = (self.never(), asyncio.sleep(0), self.never())
            return await asyncio.gather(*(one(deadlines, work) for work in works))

        assert asyncio.run(main()) == ["late", "in time", "late"]

    def test_they_hold_in_another_loop_too(self):
        deadlines = Deadlines(WallClock(), 0)

        async def main():
            with pytest.raises(TimeoutError), deadlines.begin():
                await self.never()
            with deadlines.begin():  # leaves its timer behind
                pass

        for _ in range(2):
            asyncio.run(main())

    def test_an_error_in_the_body_comes_through(self):
        async def main():
            with pytest.raises(ValueError, match="inside"), Deadlines(WallClock(), 60).begin():
                raise ValueError("inside")

        asyncio.run(main())

    def test_somebody_elses_cancel_is_no_timeout(self):
        async def main():
            deadlines = Deadlines(WallClock(), 60)

            async def body():
                with deadlines.begin():
                    await self.never()

            task = asyncio.create_task(body())
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            deadlines.stop()

        asyncio.run(main())

    def test_outside_of_a_task_there_is_nothing_to_hold_to_it(self):
        async def main():
            told = asyncio.get_running_loop().create_future()

            def call():
                try:
                    Deadlines(WallClock(), 1).begin()
                except RuntimeError as error:
                    told.set_result(str(error))

            asyncio.get_running_loop().call_soon(call)
            return await told

        assert asyncio.run(main()) == "a deadline needs a task to hold to it"

    def test_on_a_driven_clock_no_timer_stays(self):
        async def main(clock):
            deadlines = Deadlines(clock, 1.0)
            with deadlines.begin():
                await pause(clock, 0.5)
            with pytest.raises(TimeoutError), deadlines.begin():
                await pause(clock, 5.0)
            return clock.time_ns()

        now, clock = on_a_driven_clock(main)
        assert now == 1_500_000_000
        assert clock.next_time is None


class TestFuturesWithADeadline:
    def test_one_that_is_not_settled_in_time_is_settled_by_a_timeout(self):
        async def main():
            deadlines = Deadlines(WallClock(), 0)
            with pytest.raises(TimeoutError):
                await deadlines.watch(EagerFuture())
            return asyncio.current_task().cancelling()

        assert asyncio.run(main()) == 0

    def test_one_that_is_settled_in_time_is_left_alone_and_they_end_in_the_order_in_which_they_began(self):
        async def main():
            deadlines = Deadlines(WallClock(), 0)
            first, second = deadlines.watch(EagerFuture()), deadlines.watch(EagerFuture())
            first.set_result("in time")
            with pytest.raises(TimeoutError):
                await second
            with pytest.raises(TimeoutError), deadlines.begin():
                await asyncio.get_running_loop().create_future()
            return await first

        assert asyncio.run(main()) == "in time"

    def test_on_a_driven_clock_it_ends_at_that_moment_and_one_that_is_settled_leaves_no_timer(self):
        async def main(clock):
            deadlines = Deadlines(clock, 2.0)
            settled, canceled, early = EagerFuture(), EagerFuture(), EagerFuture()
            early.set_result("before")
            assert await deadlines.watch(early) == "before"
            deadlines.watch(settled).set_result("in time")
            deadlines.watch(canceled).cancel()
            assert clock.next_time is None
            with pytest.raises(TimeoutError):
                await deadlines.watch(EagerFuture())
            return clock.time_ns()

        now, clock = on_a_driven_clock(main)
        assert now == 2 * SECOND
        assert clock.next_time is None
