"""A strategy in a live run on the simulated Gate, undisturbed and with everything going wrong."""

import asyncio
from decimal import Decimal

import pytest

from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import Side
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import host
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_gateio.endpoints import GateOptions
from anyvenue_gateio.simulator.dialect import GateDialect
from anyvenue_gateio.venue import GateVenue

BTC = "BTC-USDT-PERP"
START = 1_704_067_200_000_000_000


class Quoter(Strategy):
    """Keeps a bid and an ask a little off the touch, moves them, and takes a bit now and then."""

    def __init__(self):
        super().__init__()
        self.books = 0
        self.unsynced = 0
        self.disconnects = []
        self.reconnects = 0
        self.turns = 0

    def on_start(self):
        self.subscribe(BTC)
        self.set_timer("turn", every_s=1)

    def on_book(self, book):
        self.books += 1
        self.unsynced += not book.is_synced

    def on_disconnect(self, connection, reason):
        self.disconnects.append(reason)

    def on_reconnect(self, connection):
        self.reconnects += 1

    def on_timer(self, name):
        self.turns += 1
        book = self.book(BTC)
        if book is None or not book.is_synced or not book.best_bid or not book.best_ask:
            return
        orders = self.open_orders(BTC)
        if len(orders) < 2:
            side = Side.BUY if self.turns % 2 else Side.SELL
            touch = book.best_bid.price if side is Side.BUY else book.best_ask.price
            self.submit(BTC, side, "0.01", touch, post_only=True)
        elif self.turns % 3 == 0:
            self.cancel(orders[0])
        elif self.turns % 5 == 0:
            self.submit(BTC, Side.BUY if self.turns % 2 else Side.SELL, "0.01")


def context(clock, settings, **options):
    return VenueContext(
        connection="gate",
        environment=Environment.SIMULATOR,
        clock=clock,
        session="t",
        options=GateOptions(**options),
        simulation=settings,
    )


def run(duration_s, faults=(), skew_s=0.0, seed=1, **options):
    """Run the quoter; return it, its engine, the run's result and the stage."""

    async def body():
        clock = DrivenClock(START)
        settings = SimulationSettings(market="synthetic", symbols=(BTC,), seed=seed)
        hosted = await host(context(clock, settings), GateDialect)
        hosted.gateway.faults = FaultPlan.parse(
            {"rules": list(faults), "clock_skew_s": skew_s}, seed="engine", start_ns=START
        )
        strategy = Quoter()
        engine = Engine(strategy, connections=("gate",), clock=clock, session="t")
        venue = GateVenue(context(clock, settings, **options))
        result = await run_live(engine, {"gate": venue}, clock=clock, stop=asyncio.Event(), duration_s=duration_s)
        return strategy, engine, result, hosted.stage

    return asyncio.run(body())


def agrees(engine, stage):
    """Whether engine and exchange are of one mind about fills, position and open orders."""
    instrument = engine.instrument(BTC)
    fills = stage.exchange.fills("gate")
    held = sum((fill.quantity * fill.side.sign for fill in fills), Decimal(0))
    return (
        engine.portfolio.quantity(instrument) == held
        and not stage.exchange.open_orders("gate")
        and not engine.orders.open_orders()
    )


@pytest.mark.parametrize(
    "options", [{}, {"order_entry": "websocket"}, {"book": "updates"}], ids=["rest", "websocket", "updates"]
)
def test_a_quoter_trades_and_ends_with_the_exchanges_view(options):
    strategy, engine, result, stage = run(25, **options)
    assert result.failure == ""
    assert strategy.disconnects == []
    assert strategy.books > 100
    assert len(stage.exchange.fills("gate")) > 3
    assert agrees(engine, stage)


def test_the_same_seed_gives_the_same_run():
    first, second = (run(15)[3].exchange.fills("gate") for _ in range(2))
    assert first
    assert [(f.price, f.quantity, f.ts_event) for f in first] == [(f.price, f.quantity, f.ts_event) for f in second]


FAULTS = {
    "gaps": [
        {"on": "ws_out", "match": "futures.obu", effect: value, "probability": 0.01}
        for effect, value in (("drop", True), ("duplicate", True), ("reorder", 2), ("corrupt", True))
    ],
    "disconnects": [{"on": "ws_out", "match": "futures.", "disconnect": True, "probability": 0.004}],
    "private news lost with the connection": [
        {"on": "ws_out", "match": "futures.usertrades", "disconnect": True, "every": 3},
        {"on": "ws_out", "match": "futures.orders", "disconnect": True, "every": 7},
    ],
    "half-open": [{"on": "ws_out", "match": "futures.obu", "stall": True, "every": 300, "times": 2}],
    "refusals": [
        {"on": "http", "method": "POST", "status": 429, "body": '{"label": "TOO_MANY_REQUESTS"}', "every": 7},
        {"on": "http", "method": "GET", "status": 503, "every": 5},
    ],
}


@pytest.mark.parametrize("faults", list(FAULTS.values()), ids=list(FAULTS))
def test_a_quoter_whose_wire_fails_ends_with_the_exchanges_view(faults):
    strategy, engine, result, stage = run(40, faults)
    assert result.failure == ""
    assert 0 <= strategy.reconnects <= len(strategy.disconnects)
    assert stage.exchange.fills("gate")
    assert agrees(engine, stage)


def test_a_quoter_trades_on_a_venue_whose_clock_is_ninety_seconds_off():
    _, engine, result, stage = run(20, skew_s=90)
    assert result.failure == ""
    assert stage.exchange.fills("gate")
    assert agrees(engine, stage)
