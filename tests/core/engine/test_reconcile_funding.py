"""Funding that a venue settles: told whether it pushes it, tells it when it is asked, or does both."""

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.recovered import Recovered
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import OrderType, Side
from anyvenue.model.errors import OutcomeUnknown
from anyvenue.model.market import FundingPayment
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.reply import spawn
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext

BTC = "BTC-USDT-PERP"
SECOND = 1_000_000_000
START = 1_723_161_256 * SECOND


class Bookkeeping(SimulatedVenue):
    """A venue that pushes funding payments or not, and tells those of the account when it is asked."""

    pushes = False

    async def connect(self, sink):
        def passed(event):
            if self.pushes or not isinstance(event, FundingPayment):
                sink(event)

        await super().connect(passed)


class Holder(Strategy):
    """Buys at once, sells what it has after 20 s where it is told so, and notes what it is paid."""

    def __init__(self, *, sells=False):
        super().__init__()
        self.sells = sells
        self.paid = []

    def on_start(self):
        self.subscribe(BTC)
        self.set_timer("buy", after_s=1)
        if self.sells:
            self.set_timer("sell", after_s=20)

    def on_timer(self, name):
        if name == "buy":
            self.buy(BTC, "0.1")
        else:
            self.close(BTC)

    def on_funding(self, funding):
        if isinstance(funding, FundingPayment):
            self.paid.append(funding)


@pytest.mark.parametrize("sells", [False, True], ids=["held on", "sold since"])
@pytest.mark.parametrize("pushes", [False, True], ids=["asked for", "pushed, and asked for"])
def test_what_was_settled_is_booked_once_and_told_once(pushes, sells):
    clock = DrivenClock(START)
    settings = SimulationSettings(symbols=(BTC,), duration_s=150)
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="t", simulation=settings
    )
    venue = Bookkeeping(context)
    assert venue.capabilities.has(Feature.FUNDING_PAYMENTS)
    venue.pushes = pushes
    strategy = Holder(sells=sells)
    engine = Engine(strategy, connections=("main",), clock=clock, session="t")
    exchange = venue.market.exchange
    settled = []
    for seconds, rate in ((10, "0.001"), (15, "-0.002")):
        at = START + seconds * SECOND

        def settle(rate=rate):
            exchange.settle_funding(BTC, Decimal(rate))
            settled.append(exchange.mark_price(BTC) * Decimal("0.1") * -Decimal(rate))

        clock.call_at(at, lambda settle=settle: venue.market.do(settle))
    asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event(), recovery=Recovery(every_s=40)))
    assert [payment.amount for payment in strategy.paid] == settled
    assert len(settled) == 2
    assert engine.portfolio.position(engine.instrument(BTC)).funding == sum(settled)


class Behind(Bookkeeping):
    """A venue whose clock is so many seconds behind ours: it says when things happened, and looks back, by its own."""

    slow_s = 30
    says_so = False
    """Whether it says what time it is there."""
    loses = 0
    """So many answers about funding are lost first."""

    @property
    def clock_ahead_ns(self):
        return -self.slow_s * SECOND if self.says_so else 0

    def _late(self, event):
        return evolve(event, ts_event=event.ts_event - self.slow_s * SECOND)

    async def connect(self, sink):
        def told(event):
            if isinstance(event, OrderFilled):
                event = self._late(evolve(event, fill=self._late(event.fill)))
            elif isinstance(event, Position):
                event = self._late(event)
            sink(event)

        await super().connect(told)

    async def funding_payments(self, instrument, *, start_ns):
        self.loses -= 1
        if self.loses >= 0:
            raise OutcomeUnknown("no answer")
        paid = map(self._late, await super().funding_payments(instrument, start_ns=0))
        return [payment for payment in paid if payment.ts_event >= start_ns]


class Keeper(Holder):
    """Holds what is held already."""

    def on_timer(self, name):
        pass


@pytest.fixture
def behind():
    """A venue whose clock is behind, our clock, what settles a rate after some seconds, and what runs a strategy."""
    clock = DrivenClock(START)
    context = VenueContext(
        connection="main",
        environment=Environment.SIMULATOR,
        clock=clock,
        session="t",
        simulation=SimulationSettings(symbols=(BTC,), duration_s=150),
    )
    venue = Behind(context)
    market = venue.market

    def settle_in(seconds, rate):
        due_ns = clock.time_ns() + int(seconds * SECOND)
        clock.call_at(due_ns, lambda: market.do(lambda: market.exchange.settle_funding(BTC, Decimal(rate))))

    def run(strategy, recovered=None):
        engine = Engine(strategy, connections=("main",), clock=clock, session="t")
        engine.recover(recovered or Recovered())
        recovery = Recovery(every_s=20)
        asyncio.run(run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event(), recovery=recovery))
        return strategy

    return venue, clock, settle_in, run


def test_what_is_settled_right_after_the_start_is_told_though_the_venues_clock_is_behind(behind):
    _, _, settle_in, run = behind
    settle_in(5, "0.001")
    settle_in(12, "-0.002")
    paid = run(Holder()).paid
    assert [payment.rate for payment in paid] == [Decimal("0.001"), Decimal("-0.002")]
    assert paid[0].ts_event < START  # by its clock that was before the run


@pytest.fixture
def trade(behind):
    """Trades by hand, before any run, and returns the instrument."""
    venue, clock, _, _ = behind

    async def by_hand(side):
        await venue.connect(lambda event: None)
        spec = OrderSpec(
            client_order_id=side.value,
            instrument=(await venue.instruments())[0],
            side=side,
            quantity="0.1",
            price=None,
            order_type=OrderType.MARKET,
        )
        await venue.place(spec)
        await venue.close()
        return spec.instrument

    def trade(side, until_s):
        done = []
        spawn(by_hand(side), done.append)
        clock.run_until(START + until_s * SECOND)
        return done[0]

    return trade


@pytest.mark.parametrize("is_held", [True, False], ids=["held on", "closed before"])
@pytest.mark.parametrize("slow_s", [30, 600, 86_400])
def test_what_was_paid_before_the_run_is_not_the_runs(behind, trade, is_held, slow_s):
    venue, _, settle_in, run = behind
    venue.slow_s, venue.says_so = slow_s, slow_s > 60
    settle_in(2, "0.004")
    trade(Side.BUY, 4)
    if not is_held:
        trade(Side.SELL, 5)
    assert venue.market.exchange.position("main", BTC).funding != 0
    settle_in(3, "0.001")
    settle_in(30, "-0.002")
    strategy = run(Keeper() if is_held else Holder())
    assert [payment.rate for payment in strategy.paid] == [Decimal("0.001"), Decimal("-0.002")]


def test_where_nobody_says_what_was_paid_before_the_run_what_is_older_than_it_is_not_told(behind, trade):
    venue, _, settle_in, run = behind
    settle_in(2, "0.004")
    instrument = trade(Side.BUY, 4)
    settle_in(60, "-0.002")
    venue.loses = 1
    bought = Position(instrument=instrument, quantity=Decimal("0.1"), ts_event=START - 20 * SECOND)
    strategy = run(Keeper(), Recovered(positions=(bought,)))
    assert [payment.rate for payment in strategy.paid] == [Decimal("-0.002")]
    assert venue.loses < 0
