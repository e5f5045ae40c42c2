"""The work that a venue does beside everything else: begun once, done once more where it is asked for meanwhile."""

import asyncio

from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.remote import RemoteVenue


class Working(RemoteVenue):
    """A venue that has work to do, and nothing else."""

    name = "working"
    place = cancel = balances = subscribe = unsubscribe = connect = None


def played(script):
    async def main():
        context = VenueContext(connection="main", environment=Environment.LIVE, clock=DrivenClock(0), session="t")
        venue, done = Working(context), []
        await script(venue, done)
        for _ in range(10):
            await asyncio.sleep(0)
        await venue.close()
        return done

    return asyncio.run(main())


def test_what_is_asked_for_while_it_is_under_way_is_done_once_more():
    async def script(venue, done):
        async def work():
            done.append(len(done))
            await asyncio.sleep(0)

        venue.start("it", work)
        await asyncio.sleep(0)
        venue.start("it", work)
        venue.start("it", work)

    assert played(script) == [0, 1]


def test_what_is_asked_for_in_the_moment_that_it_ends_is_done_once_more():
    async def script(venue, done):
        async def work():
            done.append(len(done))
            if len(done) == 1:  # runs once this work has ended, and before anybody has heard of it
                asyncio.get_running_loop().call_soon(venue.start, "it", work)

        venue.start("it", work)

    assert played(script) == [0, 1]


def test_work_that_is_given_up_keeps_no_later_one_from_being_closed():
    async def script(venue, done):
        async def work():
            done.append(len(done))
            await asyncio.get_running_loop().create_future()

        venue.start("it", work)
        await asyncio.sleep(0)
        (task,) = venue._tasks.values()
        task.cancel()
        await asyncio.wait([task])
        venue.start("it", work)
        await asyncio.sleep(0)
        assert len(venue._tasks) == 1

    assert played(script) == [0, 1]
