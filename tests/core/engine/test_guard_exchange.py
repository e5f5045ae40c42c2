"""What the engine makes itself, against the matching exchange: a venue that has none of it trades all the same."""

from decimal import Decimal

import pytest

from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.engine import Engine
from anyvenue.engine.guard_table import EMULATED
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import PriceSource, Side, TriggerKind
from anyvenue.model.order_spec import Trigger
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext

BTC = "BTC-USDT-PERP"
START = 1_723_161_256 * 1_000_000_000
D = Decimal


def run(strategy, duration_s, **settings):
    """Backtest on a venue that lacks all that the engine can make."""
    clock = DrivenClock(START)
    simulation = SimulationSettings(symbols=(BTC,), duration_s=duration_s, **settings)
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="main", simulation=simulation
    )
    venue = DESCRIPTOR.open(context)
    has = venue.capabilities.features
    venue.capabilities = Capabilities({feature: has[feature] for feature in has if feature not in EMULATED})
    for name in ("amend", "protect"):
        setattr(venue, name, None)
    engine = Engine(
        strategy, connections=("main",), clock=clock, session="run", risk=RiskLimits(max_position=D("0.01"))
    )
    return run_backtest(engine, {"main": venue}, clock=clock), engine


class Quoting(Strategy):
    """Keeps one bid at the touch by amending it, and sells what it bought."""

    def on_start(self):
        self.subscribe(BTC)
        self.bid, self.most, self.amended = None, 0, 0

    def on_book(self, book):
        if not book.is_synced:
            return
        resting = [order for order in self._engine.orders.open_orders() if order.side is Side.BUY]
        self.most = max(self.most, len(resting))
        order = None if self.bid is None else self.order(self.bid)
        if order is None or order.is_terminal:
            self.bid = self.buy(BTC, "0.002", book.best_bid.price, post_only=True).client_order_id
        elif order.price != book.best_bid.price:
            self.amended += 1
            self.amend(self.bid, price=book.best_bid.price)

    def on_position(self, position):
        if position.quantity > 0:
            self.close(BTC)


@pytest.mark.parametrize("latency", [0, 20_000])
def test_amends_leave_one_order_at_a_time_and_lose_nothing(latency):
    strategy = Quoting()
    result, engine = run(strategy, 60, latency_in_us=latency, latency_out_us=latency, latency_jitter_us=latency // 2)
    assert result.failure == ""
    assert strategy.amended > 20
    assert strategy.most == 1
    assert result.fills > 5
    assert engine.is_idle


class Trailing(Strategy):
    """Buys once, and lets a trailing stop take it out."""

    def __init__(self, trail):
        super().__init__()
        self.trail = trail
        self.marks, self.out = [], None

    def on_start(self):
        self.subscribe(BTC)
        self.subscribe(BTC, "ticker")

    def on_book(self, book):
        if book.is_synced and self.out is None and not self.open_orders():
            self.out = ""
            self.buy(BTC, "0.002")

    def on_ticker(self, ticker):
        if ticker.mark_price is not None and self.out:
            self.marks.append(ticker.mark_price)

    def on_fill(self, fill):
        if fill.side is Side.BUY:
            trigger = Trigger(kind=TriggerKind.TRAILING, trail=self.trail, source=PriceSource.MARK)
            self.out = self.sell(BTC, "0.002", reduce_only=True, trigger=trigger).client_order_id
        else:
            self.stop()


def test_a_trailing_stop_takes_the_position_out_behind_the_best_mark():
    strategy = Trailing("5")
    result, engine = run(strategy, 300)
    assert engine.portfolio.quantity(engine.instrument(BTC)) == 0
    assert (result.failure, result.fills) == ("", 2)
    # The last mark that the strategy heard fired it: the first that lies 5 behind the best one before.
    best, fired = strategy.marks[0], []
    for mark in strategy.marks:
        best = max(best, mark)
        fired.append(mark <= best - 5)
    assert fired.index(True) >= len(fired) - 3


class Protected(Strategy):
    """Buys once, with a stop just below."""

    def on_start(self):
        self.subscribe(BTC)
        self.began = False

    def on_book(self, book):
        if book.is_synced and not self.began:
            self.began = True
            self.buy(BTC, "0.002")

    def on_fill(self, fill):
        if fill.side is Side.BUY:
            self.level = self.instrument(BTC).round_price(self.mark_price(BTC) - 5)
            self.protect(BTC, stop_loss=self.level)
        else:
            self.stop()


def test_a_stop_loss_takes_the_position_out():
    result, engine = run(Protected(), 300)
    assert (result.failure, result.fills, result.stopped) == ("", 2, "finished")
    assert engine.portfolio.quantity(engine.instrument(BTC)) == 0
    assert any("has reached stop_loss" in message for message in engine.view().messages)
