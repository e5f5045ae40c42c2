"""The pump: who waits moves time, nobody else does, and the pace changes nothing."""

import asyncio

import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.reply import Reply

SECOND = 1_000_000_000


def test_time_moves_only_until_the_predicate_holds():
    async def main():
        clock, seen = DrivenClock(), []
        for when in (1, 2, 3):
            clock.call_at(when, lambda when=when: seen.append(when))
        assert await Pump(clock).run_until(lambda: len(seen) == 2)
        assert clock.time_ns() == 2
        return seen

    assert asyncio.run(main()) == [1, 2]


def test_a_predicate_that_holds_moves_nothing():
    async def main():
        clock = DrivenClock()
        clock.call_at(1, lambda: None)
        assert await Pump(clock).run_until(lambda: True)
        return clock.time_ns()

    assert asyncio.run(main()) == 0


def test_where_nothing_is_left_to_come_it_says_so():
    async def main():
        clock = DrivenClock()
        clock.call_at(5, lambda: None)
        assert not await Pump(clock).run_until(lambda: False)
        return clock.time_ns()

    assert asyncio.run(main()) == 5


def test_whoever_is_woken_reacts_before_time_moves_on():
    async def main():
        clock, seen = DrivenClock(), []
        pump, reply = Pump(clock), Reply()

        async def react():
            await reply
            await asyncio.create_task(asyncio.sleep(0))  # a chain of several turns of the loop
            seen.append(clock.time_ns())
            clock.call_at(clock.time_ns() + 1, lambda: seen.append("scheduled in time"))

        task = asyncio.create_task(react())
        clock.call_at(10, lambda: reply.resolve(None))
        clock.call_at(100, lambda: seen.append("later"))
        await pump.run_until(lambda: clock.time_ns() == 100)
        await task
        return seen

    assert asyncio.run(main()) == [10, "scheduled in time", "later"]


def test_several_wait_and_the_clock_stops_with_the_last():
    async def main():
        clock, seen = DrivenClock(), []
        pump = Pump(clock)
        for when in range(1, 20):
            clock.call_at(when, lambda: None)

        async def wait(until):
            await pump.run_until(lambda: clock.time_ns() >= until)
            seen.append((until, clock.time_ns()))

        await asyncio.gather(wait(7), wait(3), wait(11))
        return seen, clock.time_ns()

    assert asyncio.run(main()) == ([(3, 3), (7, 7), (11, 11)], 11)


def test_serve_gives_the_result_of_what_needs_time():
    async def main():
        clock = DrivenClock()
        pump, reply = Pump(clock), Reply()

        async def work():
            clock.call_at(50, lambda: reply.resolve("answer"))
            return await reply

        return await pump.serve(work()), clock.time_ns()

    assert asyncio.run(main()) == ("answer", 50)


def test_serve_raises_what_the_work_raises():
    async def main():
        async def work():
            raise LookupError("no")

        await Pump(DrivenClock()).serve(work())

    with pytest.raises(LookupError, match="no"):
        asyncio.run(main())


def test_serve_does_not_wait_forever_for_what_cannot_come():
    async def main():
        async def work():
            await Reply()

        await Pump(DrivenClock()).serve(work())

    with pytest.raises(RuntimeError, match="will never come"):
        asyncio.run(main())


def test_an_error_on_the_clock_reaches_all_who_wait_and_the_pump_can_go_on():
    async def main():
        clock = DrivenClock()
        pump = Pump(clock)
        clock.call_at(1, lambda: 1 / 0)
        clock.call_at(2, lambda: None)
        waits = [pump.run_until(lambda: clock.time_ns() >= 2) for _ in range(2)]
        errors = await asyncio.gather(*waits, return_exceptions=True)
        assert await pump.run_until(lambda: clock.time_ns() == 2)
        return [type(error) for error in errors]

    assert asyncio.run(main()) == [ZeroDivisionError, ZeroDivisionError]


def test_a_wait_that_is_cancelled_stops_the_clock():
    async def main():
        clock = DrivenClock()
        pump = Pump(clock)

        def again():
            clock.call_at(clock.time_ns() + 1, again)

        again()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await pump.run_until(lambda: False)
        stopped = clock.time_ns()
        for _ in range(100):
            await asyncio.sleep(0)
        return clock.time_ns() - stopped

    assert asyncio.run(main()) <= 1


def test_the_pace_puts_pauses_between_the_steps_and_changes_nothing_else():
    async def main(speed):
        clock, seen, wall = DrivenClock(), [], [0.0]

        async def sleep(seconds):
            assert 0 < seconds <= 0.05
            wall[0] += seconds

        pump = Pump(clock, speed, monotonic=lambda: wall[0], sleep=sleep)
        for second in range(1, 6):
            clock.call_at(second * SECOND, lambda second=second: seen.append((second, round(wall[0], 6))))
        await pump.run_until(lambda: clock.time_ns() == 5 * SECOND)
        return seen

    assert asyncio.run(main(2.0)) == [(1, 0.5), (2, 1.0), (3, 1.5), (4, 2.0), (5, 2.5)]
    assert [second for second, _ in asyncio.run(main(0.0))] == [1, 2, 3, 4, 5]


def test_a_speed_below_zero_is_refused():
    with pytest.raises(ValueError, match="speed: found -1"):
        Pump(DrivenClock(), -1)
