"""What the engine believes is what the exchange has: random strategies, latencies and markets, compared at the end."""

from decimal import Decimal
from random import Random

import pytest

from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.engine import Engine
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import Side, TimeInForce, TriggerKind
from anyvenue.model.order_spec import Trigger
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext

BTC = "BTC-USDT-PERP"
START = 1_723_161_256 * 1_000_000_000
ACTIONS = ["limit", "limit", "post", "ioc", "market", "amend", "amend", "cancel", "stop", "close"]


class Restless(Strategy):
    """Does anything at all, at any time, often what makes no sense."""

    def __init__(self, seed):
        super().__init__()
        self.chance = Random(seed)
        self.made = []

    def on_start(self):
        self.subscribe(BTC)
        self.set_timer("act", every_s="0.05")

    def on_timer(self, name):
        book = self.book(BTC)
        if book.mid is None:
            return
        what = self.chance.choice(
            ["limit", "limit", "post", "ioc", "market", "amend", "amend", "cancel", "stop", "close"]
        )
        getattr(self, what)(book)

    def _price(self, book, side, reach):
        step = self.chance.randint(-reach, reach)
        best = book.best_bid if side is Side.BUY else book.best_ask
        return self.instrument(BTC).round_price(best.price + Decimal(step) / 2, side)

    def _send(self, side, price=None, **how):
        quantity = Decimal(self.chance.randint(1, 40)) / 1000
        self.made.append(self.submit(BTC, side, quantity, price, **how).client_order_id)

    def limit(self, book):
        side = self.chance.choice(list(Side))
        self._send(side, self._price(book, side, 20), reduce_only=self.chance.random() < 0.2)

    def post(self, book):
        side = self.chance.choice(list(Side))
        self._send(side, self._price(book, side, 6), post_only=True)

    def ioc(self, book):
        side = self.chance.choice(list(Side))
        force = self.chance.choice([TimeInForce.IOC, TimeInForce.FOK])
        self._send(side, self._price(book, side, 6), time_in_force=force)

    def market(self, book):
        self._send(self.chance.choice(list(Side)))

    def stop(self, book):
        side = self.chance.choice(list(Side))
        trigger = Trigger(kind=TriggerKind.STOP, price=self._price(book, side.opposite, 0) + 3 * side.sign)
        self._send(side, trigger=trigger)

    def amend(self, book):
        if self.made:
            order = self.order(self.chance.choice(self.made[-8:]))
            quantity = Decimal(self.chance.randint(1, 60)) / 1000 if self.chance.random() < 0.5 else None
            price = self._price(book, order.side, 10) if order.price is not None else None
            super().amend(order, price=price, quantity=quantity)

    def cancel(self, book):
        if self.made:
            super().cancel(self.order(self.chance.choice(self.made[-8:])))

    def close(self, book):
        super().close(BTC)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("market", ["tape", "synthetic"])
def test_the_engine_and_the_exchange_agree(seed, market):
    clock = DrivenClock(START if market == "tape" else 0)
    simulation = SimulationSettings(
        market=market,
        symbols=(BTC,),
        seed=seed,
        duration_s=40,
        latency_in_us=Random(seed).choice([0, 500, 60_000]),
        latency_out_us=Random(seed + 100).choice([0, 500, 60_000]),
        latency_jitter_us=2000,
    )
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="x", simulation=simulation
    )
    venue = DESCRIPTOR.open(context)
    strategy = Restless(seed)
    engine = Engine(strategy, connections=("main",), clock=clock, session="x")
    result = run_backtest(engine, {"main": venue}, clock=clock)

    assert not engine.failure
    assert result.fills > 20
    assert result.unknown == 0
    exchange = venue.market.exchange
    ours, theirs = strategy.position(BTC), exchange.position("main", BTC)
    assert (ours.quantity, ours.cost, ours.realized_pnl, ours.fees) == (
        theirs.quantity,
        theirs.cost,
        theirs.realized_pnl,
        theirs.fees,
    )
    assert exchange.open_orders("main") == []
    for client_order_id in strategy.made:
        order = strategy.order(client_order_id)
        assert order.is_terminal
        known = exchange.order("main", client_order_id=client_order_id)
        if known is None:  # refused, by the limits or at the exchange's door
            assert order.filled_quantity == 0
        else:
            assert (order.state, order.filled_quantity, order.quantity) == (
                known.state,
                known.filled_quantity,
                known.quantity,
            )
            assert order.missing_fills == 0
