"""Funding that a venue settles: told whether it pushes it, tells it when it is asked, or does both."""

import asyncio
from decimal import Decimal

import pytest

from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.strategy import Strategy
from anyvenue.model.market import FundingPayment
from anyvenue.simulation.clock import DrivenClock
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
