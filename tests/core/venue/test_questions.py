"""What a start depends on is asked for until it is answered, and no longer where the key is refused."""

import asyncio

import pytest

from anyvenue.model.errors import OutcomeUnknown, PermissionDenied
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.questions import Questions

START = 1_723_161_256_000_000_000


class Silent(SimulatedVenue):
    """A venue that fails to answer for its positions as often as there are errors for that, and never tells orders."""

    fails = ()

    async def open_orders(self, instrument=None):
        raise PermissionDenied("orders are not for this key")

    async def positions(self):
        self.fails, error = self.fails[1:], next(iter(self.fails), None)
        if error is not None:
            raise error
        return []


def positions_of(*fails):
    async def asked():
        await venue.connect(lambda event: None)
        questions = Questions(venue, "main", clock)
        assert await questions.open_orders() is None
        venue.fails = fails
        told = await questions.surely(Feature.POSITIONS, questions.positions)
        await venue.close()
        return told.what

    clock = DrivenClock(START)
    settings = SimulationSettings(symbols=("BTC-USDT-PERP",), duration_s=600)
    venue = Silent(
        VenueContext(
            connection="main", environment=Environment.SIMULATOR, clock=clock, session="t", simulation=settings
        )
    )
    return asyncio.run(Pump(clock).serve(asked()))


def test_that_another_question_was_refused_before_does_not_end_the_asking():
    assert positions_of(OutcomeUnknown("no answer")) == []


def test_that_it_is_refused_itself_does():
    with pytest.raises(PermissionDenied, match="not for this key either"):
        positions_of(OutcomeUnknown("no answer"), PermissionDenied("not for this key either"))
