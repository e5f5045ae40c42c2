"""Candles and funding: what the venue's own streams of them tell, and what can be asked for."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from anyvenue.model.market import Candle, CandleSource, FundingRate
from anyvenue.testing.behaviour import behaviour
from anyvenue.testing.bench import ACCOUNT, SECOND_NS, Bench
from anyvenue.testing.session import HeardSession
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, Subscription

__all__ = ["CandlesAndFunding"]

RATE: Final = Decimal("0.0003")
DAY_NS: Final = 24 * 3600 * SECOND_NS


async def _settle_funding(bench: Bench) -> None:
    """Let funding be settled once, at RATE, and the ticker tell that rate."""
    upkeep = bench.market.upkeep(bench.here.instrument.symbol)
    upkeep.funding_rate = RATE
    bench.market.do(upkeep.settle_now)
    bench.here.mark(bench.here.bid)
    await bench.settle()


async def _candles(bench: Bench, session: HeardSession) -> int:
    """Subscribe to candles and return their interval in seconds: a minute, or the shortest there is."""
    intervals = session.venue.candle_intervals
    assert intervals, "candles are declared, and `candle_intervals` has none"
    interval_s = 60 if 60 in intervals else min(intervals)
    instrument = session.instrument(bench.here.instrument.symbol)
    await session.venue.subscribe(Subscription(channel=Channel.CANDLES, instrument=instrument, interval_s=interval_s))
    return interval_s


class CandlesAndFunding:
    """Candles and funding."""

    @behaviour(Feature.CANDLES)
    async def test_candles_are_told_in_the_interval_asked_for_and_oldest_first(self, bench: Bench) -> None:
        """Each begins at a whole interval, and says that the venue made it."""
        session = await bench.session()
        interval_s = await _candles(bench, session)
        for _ in range(3):
            bench.here.trade(bench.here.ask, bench.here.unit)
            await bench.wait(interval_s)
        candles = session.heard(Candle)
        opens = [candle.ts_open for candle in candles]
        assert len(set(opens)) >= 2
        assert opens == sorted(opens)
        assert {moment % (interval_s * SECOND_NS) for moment in opens} == {0}
        assert {(candle.interval_s, candle.source) for candle in candles} == {(interval_s, CandleSource.VENUE)}

    @behaviour(Feature.CANDLES)
    async def test_a_candle_that_is_over_is_told_as_closed_with_all_that_traded(self, bench: Bench) -> None:
        """Its prices are those of the trades, its volume is in base units."""
        session = await bench.session()
        interval_s = await _candles(bench, session)
        interval_ns = interval_s * SECOND_NS
        await bench.wait((interval_ns - bench.clock.time_ns() % interval_ns) / SECOND_NS + 1)
        first, low, high = bench.here.ask, bench.here.off("-0.002"), bench.here.off("0.003")
        ts_open = bench.clock.time_ns() // interval_ns * interval_ns
        for price in (first, low, high):
            bench.here.trade(price, bench.here.unit * 2)
        await bench.wait(2 * interval_s)
        bench.here.trade(first, bench.here.unit)
        await bench.settle()
        closed = [one for one in session.heard(Candle) if one.ts_open == ts_open and one.closed]
        assert closed, "nobody said that the candle is over"
        found = closed[-1]
        assert (found.open, found.high, found.low, found.close) == (first, high, low, high)
        assert found.volume == bench.here.unit * 6

    @behaviour(Feature.FUNDING_RATE)
    async def test_the_funding_stream_tells_the_rate_and_when_it_counts(self, bench: Bench) -> None:
        """The rate as a fraction; the time of its settlement in nanoseconds, within a day of now."""
        session = await bench.session()
        instrument = session.instrument(bench.here.instrument.symbol)
        await session.venue.subscribe(Subscription(channel=Channel.FUNDING, instrument=instrument))
        await bench.settle()
        await _settle_funding(bench)
        await bench.until(lambda: RATE in [one.rate for one in session.heard(FundingRate)], "the rate", at_most_s=60)
        for told in session.heard(FundingRate):
            assert abs(told.ts_settle - bench.clock.time_ns()) < DAY_NS, f"found {told.ts_settle}"

    @behaviour(Feature.FUNDING_PAYMENTS, Feature.MARKET)
    async def test_funding_paid_and_received_is_the_exchanges(self, bench: Bench) -> None:
        """Above 0 where it was received, below where it was paid: a long pays a positive rate."""
        session = await bench.session()
        start = bench.clock.time_ns()
        await session.buy(bench.here.instrument.symbol, bench.here.unit)
        await bench.settle()
        await _settle_funding(bench)
        instrument = session.instrument(bench.here.instrument.symbol)
        told = await session.venue.funding_payments(instrument, start_ns=start)
        done = bench.exchange.funding_payments(ACCOUNT, bench.here.instrument.symbol, start)
        assert [payment.amount for payment in told] == [payment.amount for payment in done]
        assert [payment.amount < 0 for payment in told] == [True]
