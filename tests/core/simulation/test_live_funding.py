"""When paper trading settles funding, by what venues tell of it in their different ways."""

from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingRate, Ticker
from anyvenue.model.pricing import Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.live_funding import LiveFunding

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
LOW, HIGH = Decimal("0.0001"), Decimal("0.0003")


class Bench:
    def __init__(self):
        self.clock = DrivenClock(HOUR // 2)
        self.settled = []
        self.instrument = Instrument(
            symbol="ABC-USDT-PERP",
            venue="x",
            venue_symbol="ABC",
            base="ABC",
            quote="USDT",
            settle="USDT",
            price_rule=Tick(1),
            quantity_step=1,
            min_quantity=1,
            funding_interval_s=3600,
        )
        self.funding = LiveFunding(self.instrument, self.clock, self._settle)

    def _settle(self, rate):
        self.settled.append((self.clock.time_ns(), rate))

    def ticker(self, rate=None, due=None):
        self.funding.on_ticker(Ticker(instrument=self.instrument, funding_rate=rate, next_funding_ts=due))

    def rate(self, rate, ts):
        self.funding.on_rate(FundingRate(instrument=self.instrument, rate=rate, ts_settle=ts))


@pytest.fixture
def bench():
    return Bench()


def test_the_rate_is_the_one_last_told_before_the_time_that_the_venue_names(bench):
    bench.ticker(LOW, 2 * HOUR)
    bench.ticker(HIGH)
    bench.clock.run_until(3 * HOUR)
    assert bench.settled == [(2 * HOUR, HIGH)]


def test_a_time_that_moves_is_waited_for_where_it_has_moved_to(bench):
    bench.ticker(LOW, 2 * HOUR)
    bench.ticker(LOW, 3 * HOUR)
    bench.clock.run_until(4 * HOUR)
    assert bench.settled == [(3 * HOUR, LOW)]


def test_without_a_time_the_interval_tells_it(bench):
    bench.ticker(LOW)
    bench.clock.run_until(HOUR + HOUR // 4)
    bench.ticker(HIGH)
    bench.clock.run_until(2 * HOUR)
    assert bench.settled == [(HOUR, LOW), (2 * HOUR, HIGH)]


def test_a_ticker_that_is_behind_settles_nothing_twice(bench):
    bench.ticker(LOW, HOUR)
    bench.clock.run_until(HOUR)
    bench.ticker(LOW, HOUR)
    bench.rate(LOW, HOUR)
    bench.clock.run_until(HOUR + HOUR // 2)
    assert bench.settled == [(HOUR, LOW)]


def test_a_rate_that_is_expected_is_settled_at_its_time(bench):
    bench.rate(LOW, HOUR)
    bench.clock.run_until(HOUR)
    assert bench.settled == [(HOUR, LOW)]


def test_a_settlement_that_nobody_foretold_is_booked_when_it_is_told_but_not_one_from_before(bench):
    bench.rate(LOW, HOUR // 2)
    bench.clock.run_until(HOUR + SECOND)
    bench.rate(HIGH, HOUR)
    assert bench.settled == [(HOUR + SECOND, HIGH)]


def test_a_settlement_that_is_told_before_its_timer_rings_is_booked_once(bench):
    bench.ticker(LOW, 2 * HOUR)
    bench.clock.run_until(HOUR)
    bench.rate(HIGH, HOUR)
    bench.ticker(LOW, HOUR)
    bench.clock.run_until(HOUR)
    assert bench.settled == [(HOUR, HIGH)]


def test_without_a_rate_nothing_is_settled_nor_after_the_end(bench):
    bench.ticker(due=HOUR)
    bench.clock.run_until(HOUR)
    bench.ticker(LOW, 2 * HOUR)
    bench.funding.stop()
    bench.clock.run_until(2 * HOUR)
    assert bench.settled == []


def test_an_instrument_without_an_interval_waits_to_be_told(bench):
    bench.instrument = evolve(bench.instrument, funding_interval_s=None)
    bench.funding = LiveFunding(bench.instrument, bench.clock, bench._settle)
    bench.ticker(LOW)
    assert bench.clock.next_time is None
