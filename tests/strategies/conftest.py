"""A strategy under an engine on a driven clock, whose commands are kept in a list; the test is the venue."""

from decimal import Decimal

import pytest
from listed import linear

from anyvenue.engine.commands import Amend, Cancel, Place, Protect
from anyvenue.engine.engine import Engine
from anyvenue.engine.signal import Signal
from anyvenue.model import (
    AmendRejected,
    Balance,
    BookSnapshot,
    CancelRejected,
    Candle,
    CandleSource,
    Fill,
    Liquidity,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    RejectReason,
    SequenceRule,
)
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature

SECOND = 1_000_000_000
START = 1_723_161_256 * SECOND  # 2024-08-08 23:54:16 UTC


def make_instrument(**changes):
    """BTC in contracts of 0.001, ticks of 0.1."""
    return linear(**{"venue": "fake", "connection": "main", "contract_size": "0.001"} | changes)


class Stage:
    """A started strategy, and the words of a venue."""

    def __init__(self, strategy, *, instruments=None, features=tuple(Feature), balance="10000", **engine):
        self.clock = DrivenClock(START)
        self.strategy = strategy
        self.engine = Engine(strategy, connections=("main",), clock=self.clock, session="t", **engine)
        self.commands = []
        self.engine.bind(self.commands.append)
        listed = instruments or [make_instrument()]
        self.engine.add_connection("main", listed, Capabilities.of(native=tuple(features)), lambda _: SequenceRule())
        if balance is not None:
            money = Balance(currency="USDT", total=Decimal(balance), available=Decimal(balance) / 2)
            self.engine.receive(money, "main")
        self.engine.start()
        self.instrument = listed[0]
        self._trades = 0

    def receive(self, *events):
        for event in events:
            self.engine.receive(event, "main")

    def wait(self, seconds):
        self.clock.run_until(self.clock.time_ns() + int(Decimal(str(seconds)) * SECOND))

    # What the strategy did

    def sent(self):
        """The orders' commands since the last look."""
        commands, self.commands[:] = list(self.commands), []
        return [command for command in commands if isinstance(command, Place | Amend | Cancel | Protect)]

    def told(self):
        """The same, in short."""
        return [_short(command) for command in self.sent()]

    def placed(self):
        """The orders that were sent since the last look, and nothing else was."""
        commands = self.sent()
        assert [type(command) for command in commands] == [Place] * len(commands)
        return [command.order for command in commands]

    def now(self, order):
        return self.engine.orders.get(order.client_order_id)

    @property
    def held(self):
        return self.engine.portfolio.position(self.instrument).quantity

    # What the venue says

    def book(self, bids, asks, instrument=None):
        """A whole book; a level is a price, of quantity 1, or a price and a quantity."""
        sides = [[[price, "1"] if isinstance(price, str) else list(price) for price in side] for side in (bids, asks)]
        self.receive(BookSnapshot(instrument=instrument or self.instrument, bids=sides[0], asks=sides[1]))

    def candle(self, close):
        close = Decimal(close)
        self.receive(
            Candle(
                instrument=self.instrument,
                interval_s=60,
                ts_open=0,
                open=close,
                high=close,
                low=close,
                close=close,
                volume=Decimal(1),
                source=CandleSource.VENUE,
            )
        )

    def signal(self, **payload):
        self.receive(Signal(source="test", payload=payload, ts_recv=self.clock.time_ns()))

    def accept(self, *orders):
        for order in orders:
            self.receive(OrderAccepted(client_order_id=order.client_order_id, venue_order_id=order.client_order_id))

    def reject(self, order, reason=RejectReason.INSUFFICIENT_FUNDS, text="no"):
        self.receive(OrderRejected(client_order_id=order.client_order_id, reason=reason, text=text))

    def amended(self, order):
        self.receive(OrderAmended(client_order_id=order.client_order_id))

    def reject_amend(self, order, reason=RejectReason.WOULD_TAKE_LIQUIDITY):
        self.receive(AmendRejected(client_order_id=order.client_order_id, reason=reason, text="no"))

    def canceled(self, *orders):
        for order in orders:
            self.receive(OrderCanceled(client_order_id=order.client_order_id))

    def reject_cancel(self, order):
        self.receive(CancelRejected(client_order_id=order.client_order_id, reason=RejectReason.OTHER, text="no"))

    def fill(self, order, quantity=None, price="100"):
        """A trade of one of our orders, or of a (side, quantity) that is nobody's we know."""
        self._trades += 1
        side, client_order_id = getattr(order, "side", order), getattr(order, "client_order_id", None)
        fill = Fill(
            instrument=self.instrument,
            trade_id=str(self._trades),
            client_order_id=client_order_id,
            venue_order_id=None,
            side=side,
            price=Decimal(price),
            quantity=order.quantity if quantity is None else Decimal(quantity),
            liquidity=Liquidity.TAKER,
        )
        self.receive(OrderFilled(client_order_id=client_order_id, fill=fill))


def _short(command):
    match command:
        case Place(order):
            price = "market" if order.price is None else str(order.price)
            return ("place", order.side.value, str(order.quantity), price)
        case Amend(order, price, quantity):
            return ("amend", order.side.value, *(None if value is None else str(value) for value in (price, quantity)))
        case Cancel(order):
            return ("cancel", order.side.value)
        case Protect(_, protection, _):
            return ("protect", *(None if v is None else str(v) for v in (protection.take_profit, protection.stop_loss)))


@pytest.fixture(scope="session")
def make_stage():
    return Stage


@pytest.fixture(scope="session")
def instrument_with():
    return make_instrument
