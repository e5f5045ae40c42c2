"""The venue's time: asked for, corrected by the round trip, and never worse than what was known."""

import asyncio

import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.wire.deadline import pause
from anyvenue.wire.server_time import ServerTime

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def venue(clock, *, ahead_ns, trips_s):
    """A venue whose clock is ahead of ours; each answer takes so long to go and so long to come."""
    trips = iter(trips_s)

    async def fetch():
        there_s, back_s = next(trips)
        await pause(clock, there_s)
        answer = clock.time_ns() + ahead_ns
        await pause(clock, back_s)
        return answer

    return fetch


def run(main):
    async def whole():
        clock = DrivenClock(START)
        return await asyncio.wait_for(Pump(clock).serve(main(clock)), 10)

    return asyncio.run(whole())


def test_the_answer_with_the_shortest_round_trip_counts_as_made_in_its_middle():
    async def main(clock):
        # By hand: the second trip takes 0.1 s there and 0.1 s back, so its middle is exact. The others would be off.
        fetch = venue(clock, ahead_ns=-3 * SECOND, trips_s=[(0.9, 0.1), (0.1, 0.1), (0.0, 0.5)])
        server_time = ServerTime(clock, fetch)
        await server_time.sync()
        return server_time.offset_ns, server_time.time_ns() - clock.time_ns()

    assert run(main) == (-3 * SECOND, -3 * SECOND)


def test_an_uneven_trip_errs_by_half_of_the_difference():
    async def main(clock):
        server_time = ServerTime(clock, venue(clock, ahead_ns=SECOND, trips_s=[(0.3, 0.1)] * 3))
        await server_time.sync()
        return server_time.offset_ns

    assert run(main) == SECOND + 100_000_000  # made 0.3 s after sending, taken for 0.2 s after


def test_it_is_due_before_the_first_answer_and_when_the_last_is_old():
    async def main(clock):
        server_time = ServerTime(clock, venue(clock, ahead_ns=0, trips_s=[(0, 0)] * 3), max_age_s=300.0)
        due = [server_time.is_due]
        await server_time.sync()
        due.append(server_time.is_due)
        await pause(clock, 299.0)
        due.append(server_time.is_due)
        await pause(clock, 1.0)
        due.append(server_time.is_due)
        return due

    assert run(main) == [True, False, False, True]


def test_with_nobody_to_ask_our_clock_is_the_venues():
    async def main(clock):
        server_time = ServerTime(clock)
        await server_time.sync()
        return server_time.is_due, server_time.offset_ns, server_time.time_ns()

    assert run(main) == (False, 0, START)


def test_a_failure_is_raised_and_the_offset_stays():
    async def main(clock):
        answers = iter([START + SECOND] * 3)

        async def fetch():
            if (answer := next(answers, None)) is None:
                raise OSError("no route")
            return answer

        server_time = ServerTime(clock, fetch)
        await server_time.sync()
        with pytest.raises(OSError, match="no route"):
            await server_time.sync()
        return server_time.offset_ns

    assert run(main) == SECOND


def test_calls_that_overlap_share_one_and_one_that_is_canceled_takes_nothing_from_the_others():
    async def main(clock):
        asked = []
        ask = venue(clock, ahead_ns=7, trips_s=[(0.1, 0.1)] * 3)

        async def fetch():
            asked.append(clock.time_ns())
            return await ask()

        server_time = ServerTime(clock, fetch)
        tasks = [asyncio.create_task(server_time.sync()) for _ in range(3)]
        await pause(clock, 0.05)
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return len(asked), [type(result) for result in results], server_time.offset_ns

    assert run(main) == (3, [asyncio.CancelledError, type(None), type(None)], 7)
