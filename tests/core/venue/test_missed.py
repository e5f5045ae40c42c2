"""How far back a venue is asked: by its own clock, whatever ours says."""

import asyncio

import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.missed import looked_back, missed
from anyvenue.venue.questions import Questions
from anyvenue.venue.remote import RemoteVenue
from anyvenue.wire.server_time import ServerTime

SECOND = 1_000_000_000
START = 1_723_161_256 * SECOND


class Elsewhere(SimulatedVenue):
    """A venue with a clock of its own, which notes how far back it is asked."""

    def __init__(self, context, ahead_s):
        super().__init__(context)
        self.ahead_s, self.asked_ns = ahead_s, {}

    @property
    def clock_ahead_ns(self):
        return self.ahead_s * SECOND

    async def fills(self, instrument, *, start_ns):
        self.asked_ns["fills"] = start_ns
        return []

    async def order_history(self, instrument, *, start_ns):
        self.asked_ns["history"] = start_ns
        return []


def context_on(clock):
    settings = SimulationSettings(symbols=("BTC-USDT-PERP",), duration_s=20)
    return VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="t", simulation=settings
    )


@pytest.mark.parametrize(("ahead_s", "earlier_s"), [(0, 0), (-600, 600), (600, 0)])
def test_what_happened_is_asked_for_from_where_it_is_by_the_clock_that_dates_it(ahead_s, earlier_s):
    async def asked(venue, clock):
        await venue.connect(lambda event: None)
        (instrument,) = await venue.instruments()
        questions = Questions(venue, "main", clock)
        await questions.fills(instrument, START)
        await questions.history(instrument, START)
        found = [venue.asked_ns.copy()]
        async for _ in missed(venue, [instrument], since_ns=START):
            pass
        await venue.close()
        return [*found, venue.asked_ns]

    clock = DrivenClock(START)
    venue = Elsewhere(context_on(clock), ahead_s)
    expected = {"fills": START - earlier_s * SECOND, "history": START - earlier_s * SECOND}
    assert asyncio.run(Pump(clock).serve(asked(venue, clock))) == [expected, expected]
    assert looked_back(venue, 5) == max(0, 5 - earlier_s * SECOND)


def test_a_venue_on_the_network_says_what_its_requests_go_by():
    class Distant(RemoteVenue):
        name = "distant"
        place = cancel = balances = subscribe = unsubscribe = connect = None

    async def told():
        async def fetch():
            return clock.time_ns() - 600 * SECOND

        venue, time = Distant(context_on(clock)), ServerTime(clock, fetch)
        assert venue.clock_ahead_ns == 0
        venue.http = venue.client("https://distant.example", judge=None, sign=None, server_time=time)
        await time.sync()
        await venue.close()
        return venue.clock_ahead_ns

    clock = DrivenClock(START)
    assert asyncio.run(told()) == -600 * SECOND
