"""The watchdog speaks up when the engine's thread stands still, and only then."""

import asyncio
import logging
import threading
from decimal import Decimal

import pytest
from listed import linear

from anyvenue.engine.engine import Engine
from anyvenue.engine.guard_rescue import rescue
from anyvenue.engine.live import run_live
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.strategy import Strategy
from anyvenue.engine.watchdog import Watchdog
from anyvenue.model.enums import OrderState
from anyvenue.model.market import Ticker
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderReported
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.clock import WallClock
from anyvenue.venue.interface import Venue, VenueOrder


class Fake:
    """Looks like an engine from outside. Being looked at is what the test waits for."""

    def __init__(self, *, busy, moving):
        self.is_busy, self._moving, self._events = busy, moving, 0
        self.looked = threading.Semaphore(0)

    @property
    def events(self):
        self._events += self._moving
        self.looked.release()
        return self._events


def watch(fake, looks):
    """Run a watchdog until it has looked so many times."""
    with Watchdog(fake, limit_s=0.001):
        for _ in range(looks):
            assert fake.looked.acquire(timeout=10)


def test_a_hang_is_told_once_with_the_place(caplog):
    with caplog.at_level(logging.CRITICAL, "anyvenue.engine"):
        watch(Fake(busy=True, moving=0), 5)
    (record,) = caplog.records
    assert "a callback has not returned for 0.001 s" in record.getMessage()
    assert "test_watchdog.py" in record.getMessage()


@pytest.mark.parametrize(("busy", "moving"), [(False, 0), (True, 1)])
def test_an_idle_or_busy_engine_is_fine(caplog, busy, moving):
    watch(Fake(busy=busy, moving=moving), 5)
    assert caplog.records == []


class Account:
    """What a venue knows, whoever is connected to it."""

    def __init__(self):
        self.orders = {}
        self.held = Decimal(0)
        self.closed = threading.Event()


class Link(Venue):
    """One connection to the account."""

    name = "fake"
    capabilities = Capabilities.of(native=tuple(Feature))

    def __init__(self, account):
        self.account = account
        self.instrument = linear(
            venue="fake", connection="main", venue_symbol="BTC", quantity_step="1", min_quantity="1"
        )

    async def connect(self, sink):
        self.sink = sink

    async def close(self):
        pass

    async def instruments(self):
        return [self.instrument]

    async def balances(self):
        return []

    async def subscribe(self, subscription):
        self.sink(Ticker(instrument=self.instrument, mark_price=Decimal(100)))

    async def unsubscribe(self, subscription):
        pass

    async def place(self, spec):
        if spec.price is None:
            self.account.held += spec.quantity * spec.side.sign
            if not self.account.held:
                self.account.closed.set()
        else:
            self.account.orders[spec.client_order_id] = spec
        return [OrderAccepted(client_order_id=spec.client_order_id, venue_order_id=spec.client_order_id)]

    async def cancel(self, order):
        self.account.orders.pop(order.client_order_id, None)
        return [OrderCanceled(client_order_id=order.client_order_id)]

    async def open_orders(self, instrument=None):
        return [
            VenueOrder(
                instrument=self.instrument,
                side=spec.side,
                order_type=spec.order_type,
                report=OrderReported(
                    client_order_id=name,
                    venue_order_id=name,
                    state=OrderState.OPEN,
                    filled_quantity=Decimal(0),
                    price=spec.price,
                    quantity=spec.quantity,
                ),
            )
            for name, spec in self.account.orders.items()
        ]

    async def positions(self):
        held = self.account.held
        return [Position(instrument=self.instrument, quantity=held, cost=held * 100)] if held else []


class Hanging(Strategy):
    """Rests an order, and hangs once it is accepted, until the account is flat; then goes on as if nothing was."""

    def __init__(self, account):
        super().__init__()
        self.account = account
        self.refused = ""
        self.again = None
        self.stopped = False

    def on_start(self):
        self.buy("BTC-USDT-PERP", 1, "90.0")

    def on_order(self, order):
        if order.state is OrderState.REJECTED:
            self.refused = order.text
        if not order.is_resting or self.again is not None:
            return
        assert self.account.closed.wait(timeout=20)
        self.again = self.buy("BTC-USDT-PERP", 1, "90.0")

    def on_stop(self):
        self.stopped = True


@pytest.mark.parametrize("on_failure", ["flatten", "keep"])
def test_a_hanging_strategy_loses_its_orders_and_its_positions_as_configured(on_failure, caplog):
    account = Account()
    account.held = Decimal(3)
    strategy = Hanging(account)

    async def run():
        clock = WallClock()
        engine = Engine(
            strategy,
            connections=("main",),
            clock=clock,
            session="hang",
            on_failure=on_failure,
            risk=RiskLimits(hang_s=0.1),
        )
        saved = []

        def saves():
            saved.append(
                rescue(lambda clock: {"main": Link(account)}, prefix="avhang-", closes=on_failure == "flatten")
            )
            account.closed.set()

        result = await run_live(engine, {"main": Link(account)}, clock=clock, stop=asyncio.Event(), rescue=saves)
        return result, saved

    with caplog.at_level(logging.CRITICAL, "anyvenue.engine"):
        result, saved = asyncio.run(run())
    assert saved == [()]
    assert account.orders == {}
    assert account.held == (0 if on_failure == "flatten" else 3)
    assert "a callback has not returned for 0.1 s: the strategy is given up" in caplog.text
    assert "test_watchdog.py" in caplog.text
    assert strategy.refused.startswith("a callback has not returned")
    assert (result.stopped, strategy.stopped) == ("hung", False)
