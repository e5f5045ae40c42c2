"""An engine on a driven clock whose commands are kept in a list instead of being carried anywhere."""

from decimal import Decimal

import pytest

from anyvenue.engine.engine import Engine
from anyvenue.engine.strategy import Strategy
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.enums import Liquidity, Side
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot
from anyvenue.model.order_events import OrderAccepted, OrderFilled
from anyvenue.model.pricing import Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def make_instrument(connection="main", symbol="BTC-USDT-PERP", **changes):
    fields = {
        "symbol": symbol,
        "venue": "fake",
        "connection": connection,
        "venue_symbol": symbol,
        "base": symbol.split("-")[0],
        "quote": "USDT",
        "settle": "USDT",
        "price_rule": Tick("0.1"),
        "quantity_step": "0.001",
        "min_quantity": "0.001",
    }
    return Instrument(**(fields | changes))


class Listener(Strategy):
    """Notes every callback."""

    def __init__(self):
        super().__init__()
        self.heard = []

    def on_order(self, order):
        self.heard.append(("order", order.client_order_id, order.state))

    def on_fill(self, fill):
        self.heard.append(("fill", fill.trade_id, fill.quantity))

    def on_position(self, position):
        self.heard.append(("position", position.quantity))

    def on_trade(self, trade):
        self.heard.append(("trade", trade.price))

    def on_candle(self, candle):
        self.heard.append(("candle", candle))

    def on_timer(self, name):
        self.heard.append(("timer", name, self.now))

    def on_refused(self, command, error):
        self.heard.append(("refused", type(command).__name__, str(error)))

    def on_disconnect(self, connection, reason):
        self.heard.append(("disconnect", connection))

    def on_instrument(self, instrument):
        self.heard.append(("instrument", instrument.key, instrument.status))

    def on_stop(self):
        self.heard.append(("stop",))


class Desk:
    """An engine, its clock, its commands."""

    def __init__(
        self,
        strategy=None,
        *,
        connections=("main",),
        features=None,
        before_start=(),
        risk=None,
        on_failure="keep",
        order_rate=None,
        **instrument,
    ):
        self.clock = DrivenClock(START)
        self.strategy = strategy or Listener()
        self.engine = Engine(
            self.strategy, connections=connections, clock=self.clock, session="test", risk=risk, on_failure=on_failure
        )
        self.commands = []
        self.engine.bind(self.commands.append)
        capabilities = Capabilities.of(native=tuple(features or Feature), order_rate=order_rate)
        for name in connections:
            instruments = [make_instrument(name, **instrument), make_instrument(name, "ETH-USDT-PERP")]
            self.engine.add_connection(name, instruments, capabilities, lambda instrument: SequenceRule())
        self.receive(*before_start)
        self.engine.start()
        self.instrument = self.engine.instrument("BTC-USDT-PERP")

    def receive(self, *events, connection="main"):
        for event in events:
            self.engine.receive(event, connection)

    def taken(self):
        """The commands since the last look."""
        commands, self.commands[:] = list(self.commands), []
        return commands

    def show_book(self, bid="100.0", ask="100.2", instrument=None):
        self.strategy.subscribe(instrument or self.instrument)
        self.receive(BookSnapshot(instrument=instrument or self.instrument, bids=[[bid, "1"]], asks=[[ask, "1"]]))
        self.taken()

    def accept(self, order, venue_order_id="v1"):
        self.receive(OrderAccepted(client_order_id=order.client_order_id, venue_order_id=venue_order_id))

    def fill(self, order, quantity, *, price="100", trade_id="t1", fee="0", named=True):
        fill = Fill(
            instrument=order.instrument,
            trade_id=trade_id,
            client_order_id=order.client_order_id,
            venue_order_id=None,
            side=order.side,
            price=Decimal(price),
            quantity=Decimal(quantity),
            fee=Decimal(fee),
            liquidity=Liquidity.MAKER,
        )
        name = order.client_order_id if named else None
        self.receive(OrderFilled(client_order_id=name, venue_order_id=order.venue_order_id, fill=fill))

    def now(self, order):
        return self.engine.orders.get(order.client_order_id)


@pytest.fixture
def make_desk():
    return Desk


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def buy(desk):
    """A resting bid for 0.010 at 100.0."""
    order = desk.strategy.submit("BTC-USDT-PERP", Side.BUY, "0.010", "100.0")
    desk.taken()
    return order
