"""A hand on the simulated venue, for its tests: coroutines run by hand, and a small tape made to measure."""

import gzip
from decimal import Decimal

import orjson
import pytest

from anyvenue.model.enums import OrderType, Side
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.reply import spawn
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Subscription

SECOND = 1_000_000_000
START = 1_000_000 * SECOND
SYMBOL = "ABC-USDT-PERP"

# Book at the start: bids 99.5 x 3, 99.0 x 10; asks 100.0 x 2, 100.5 x 10. Then, every second:
FRAMES = [
    [START, "s", [["99.5", "3"], ["99.0", "10"]], [["100.0", "2"], ["100.5", "10"]]],
    [START + 1 * SECOND, "d", [["99.5", "4"]], []],
    [START + 2 * SECOND, "t", "sell", "99.5", "1", "t1"],
    [START + 3 * SECOND, "d", [["99.5", "3"]], [["101.0", "5"]]],
    [START + 4 * SECOND, "t", "buy", "100.0", "2", "t2"],
    [START + 5 * SECOND, "d", [], [["100.0", "0"]]],
    [START + 6 * SECOND, "t", "sell", "99.0", "5", "t3"],
    [START + 7 * SECOND, "d", [["99.5", "0"], ["99.0", "6"]], []],
    [START + 8 * SECOND, "d", [["99.0", "7"]], []],
]


def write_tape(path, frames=FRAMES, *, start_ns=None, **header):
    """Write a tape of these frames and return its path as text."""
    header = {
        "tape": 1,
        "symbol": SYMBOL,
        "base": "ABC",
        "quote": "USDT",
        "settle": "USDT",
        "price_tick": "0.5",
        "quantity_step": "0.1",
        "source": "made by hand",
        "start_ns": frames[0][0] if start_ns is None else start_ns,
        "end_ns": frames[-1][0],
        "frames": len(frames),
    } | header
    path.write_bytes(gzip.compress(b"\n".join(orjson.dumps(line) for line in (header, *frames)) + b"\n"))
    return str(path)


class Desk:
    """One connected venue, and every event it told."""

    def __init__(self, clock, settings, connection="main", *, connect=True):
        self.clock = clock
        context = VenueContext(
            connection=connection,
            environment=Environment.SIMULATOR,
            clock=clock,
            session="x",
            simulation=settings,
        )
        self.venue = DESCRIPTOR.open(context)
        self.events = []
        self._count = 0
        if connect:
            self.wait(self.venue.connect(self.events.append))
            self.instrument = self.wait(self.venue.instruments())[0]

    def wait(self, coroutine):
        """Turn the clock until a coroutine is done, and all that is due then; return or raise its outcome."""
        outcomes = []
        spawn(coroutine, outcomes.append)
        while not outcomes and self.clock.step():
            pass
        self.clock.run_until(self.clock.time_ns())
        if isinstance(outcomes[0], BaseException):
            raise outcomes[0]
        return outcomes[0]

    def run_to(self, second):
        """Turn the clock to a second of the tape, what is due then included."""
        self.clock.run_until(START + int(second * SECOND))

    def subscribe(self, *channels):
        for channel in channels:
            self.wait(self.venue.subscribe(Subscription(channel=channel, instrument=self.instrument)))

    def spec(self, side, quantity, price=None, **terms):
        self._count += 1
        return OrderSpec(
            client_order_id=f"x{self._count}",
            instrument=self.instrument,
            side=side,
            quantity=Decimal(quantity),
            price=None if price is None else Decimal(price),
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            **terms,
        )

    def place(self, side, quantity, price=None, **terms):
        """Place an order and return it as its reply leaves it."""
        spec = self.spec(side, quantity, price, **terms)
        order = Order(spec=spec).apply(OrderSent(client_order_id=spec.client_order_id))
        for event in self.wait(self.venue.place(spec)):
            order = order.apply(event)
        return order

    def buy(self, quantity, price=None, **terms):
        return self.place(Side.BUY, quantity, price, **terms)

    def sell(self, quantity, price=None, **terms):
        return self.place(Side.SELL, quantity, price, **terms)

    def of(self, kind):
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class Stall:
    """Where the tests get their tapes and desks."""

    frames = FRAMES
    second = SECOND
    start = START
    symbol = SYMBOL

    def __init__(self, folder):
        self._folder = folder
        self._count = 0

    def tape(self, frames=FRAMES, **header):
        """Write a tape; return its path."""
        self._count += 1
        return write_tape(self._folder / f"{self._count}.tape.gz", frames, **header)

    def settings(self, path=None, **settings):
        """Return settings, without latency unless told."""
        settings = {"latency_in_us": 0, "latency_out_us": 0} | settings
        return SimulationSettings(market=path or self.tape(), **settings)

    def desk(self, path=None, *, clock=None, connection="main", connect=True, **settings):
        """Open a venue."""
        return Desk(clock or DrivenClock(), self.settings(path, **settings), connection, connect=connect)


@pytest.fixture
def stall(tmp_path):
    return Stall(tmp_path)
