"""The kill switch: orders canceled, proof waited for, positions closed, the venue asked, what is left said."""

import asyncio
from decimal import Decimal

import pytest
from attrs import evolve
from listed import linear

from anyvenue.engine.engine import Engine
from anyvenue.engine.flatten import Flattening, flatten
from anyvenue.engine.live import run_live
from anyvenue.engine.strategy import Strategy
from anyvenue.model.enums import OrderState, OrderType, Side
from anyvenue.model.errors import NotSent, Rejected, RejectReason, UnknownOrder
from anyvenue.model.order_events import OrderCanceled, OrderReported
from anyvenue.model.position import Position
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.interface import VenueOrder

BTC = "BTC-USDT-PERP"
START = 1_723_161_256 * 1_000_000_000
SECOND = 1_000_000_000
D = Decimal

INSTRUMENT = linear(symbol=BTC, venue="fake", connection="main", venue_symbol="BTC", max_market_quantity="1")


def resting(client_order_id):
    report = OrderReported(
        client_order_id=client_order_id,
        venue_order_id=f"v-{client_order_id}",
        state=OrderState.OPEN,
        filled_quantity=D(0),
        price=D(100),
        quantity=D(1),
    )
    return VenueOrder(instrument=INSTRUMENT, side=Side.BUY, order_type=OrderType.LIMIT, report=report)


class Account:
    """A venue that is asked and told, and fails as the test says."""

    name = "fake"
    capabilities = Capabilities.of(native=tuple(Feature))

    def __init__(self, *orders, held="0"):
        self.orders = {order.report.client_order_id: order for order in orders}
        self.held = D(held)
        self.placed, self.canceled = [], []
        self.deaf = 0  # so many requests fail before one is heard
        self.stuck = False

    async def _hear(self):
        if self.deaf:
            self.deaf -= 1
            raise NotSent("no connection")

    async def open_orders(self, instrument=None):
        await self._hear()
        return list(self.orders.values())

    async def cancel(self, order):
        self.canceled.append(order.client_order_id)
        if self.orders.pop(order.client_order_id, None) is None:
            raise UnknownOrder("gone", reason=RejectReason.UNKNOWN_ORDER)
        return []

    async def positions(self):
        await self._hear()
        return [Position(instrument=INSTRUMENT, quantity=self.held, cost=self.held * 100)] if self.held else []

    async def place(self, spec):
        if self.stuck:
            raise Rejected("no market", reason=RejectReason.MARKET_CLOSED)
        self.placed.append(spec)
        self.held += spec.quantity * spec.side.sign
        return []


def flattened(venue, **changes):
    """Flatten on a driven clock; return what is left, and what was said."""
    clock, said = DrivenClock(START), []
    ids = iter(range(100))
    plan = Flattening(name="main", venue=venue, clock=clock, new_id=lambda: f"avk-{next(ids)}", say=said.append)
    return asyncio.run(Pump(clock).serve(flatten(evolve(plan, **changes)))), said


class TestAccounts:
    def test_our_orders_are_canceled_and_positions_closed_reduce_only_in_orders_the_venue_takes(self):
        venue = Account(resting("av1-1"), resting("av2-7"), resting("web-3"), held="-2.5")
        left, said = flattened(venue)
        assert left == ()
        assert venue.canceled == ["av1-1", "av2-7"]
        assert list(venue.orders) == ["web-3"]
        assert [(spec.side, spec.quantity) for spec in venue.placed] == [
            (Side.BUY, 1),
            (Side.BUY, 1),
            (Side.BUY, D("0.5")),
        ]
        assert {(spec.reduce_only, spec.order_type) for spec in venue.placed} == {(True, OrderType.MARKET)}
        assert said[-1] == "main: flat"

    def test_of_one_session_only_and_without_closing(self):
        venue = Account(resting("av1-1"), resting("av2-7"), held="1")
        left, _ = flattened(venue, prefix="av1-", closes=False)
        assert (left, venue.canceled, venue.placed, venue.held) == ((), ["av1-1"], [], 1)

    def test_a_venue_that_does_not_answer_is_asked_again(self):
        venue = Account(resting("av1-1"), held="1")
        venue.deaf = 3
        left, _ = flattened(venue)
        assert (left, venue.held, venue.orders) == ((), 0, {})

    def test_what_cannot_be_closed_is_said(self):
        venue = Account(held="1")
        venue.stuck = True
        left, said = flattened(venue)
        assert left == ("main:BTC-USDT-PERP: 1 is held still: no market",)
        assert said[-1] == f"main: {left[0]}"

    def test_an_order_that_stays_open_is_said(self):
        venue = Account(resting("av1-1"))

        async def cancel(order):
            raise Rejected("not now", reason=RejectReason.OTHER)

        venue.cancel = cancel
        left, _ = flattened(venue)
        assert left == ("main: orders of ours may be open still: av1-1: not now",)

    def test_an_order_without_a_name_is_left_alone_and_said(self):
        order = resting("x")
        venue = Account(evolve(order, report=evolve(order.report, client_order_id=None, venue_order_id="t7")))
        left, _ = flattened(venue)
        assert left == ("main:BTC-USDT-PERP: the open order t7 bears no client id: it may be ours",)
        assert venue.canceled == []

    def test_what_is_not_known_is_said_to_be_unknown(self):
        venue = Account()
        venue.deaf = 100
        left, _ = flattened(venue)
        assert left == (
            "main: orders of ours may be open still: no connection",
            "main: it is not known what is held: no connection",
        )

    def test_a_venue_without_the_look_ups_leaves_it_unknown(self):
        venue = Account()
        venue.capabilities = Capabilities.of(native=(Feature.MARKET,))
        left, _ = flattened(venue)
        assert [text.split(",")[0] for text in left] == [
            "main: the venue does not list open orders",
            "main: the venue does not tell positions",
        ]

    def test_only_the_instruments_that_are_meant(self):
        venue = Account(held="1")
        assert flattened(venue, instruments=frozenset({"main:ETH-USDT-PERP"}))[0] == ()
        assert venue.placed == []


class TestEngine:
    def test_cancels_first_and_closes_once_nothing_can_change_the_position(self, desk, buy):
        desk.accept(buy)
        desk.fill(buy, "0.004")
        desk.taken()
        desk.engine.flatten("a person said so")
        (cancel,) = desk.taken()
        assert cancel.order.client_order_id == buy.client_order_id
        desk.receive(OrderCanceled(client_order_id=buy.client_order_id))
        (close,) = desk.taken()
        spec = close.order.spec
        assert (spec.side, spec.quantity, spec.reduce_only) == (Side.SELL, D("0.004"), True)
        assert desk.engine.result().stopped == "flattened"
        assert "flatten: a person said so" in desk.engine.view().messages

    def test_a_run_that_is_ending_already_closes_too(self, desk, buy):
        desk.accept(buy)
        desk.fill(buy, "0.010")
        desk.taken()
        desk.engine.stop("interrupted")
        assert desk.taken() == []
        desk.engine.flatten("now")
        assert [command.order.side for command in desk.taken()] == [Side.SELL]
        desk.engine.flatten("again")
        assert desk.taken() == []


class Holder(Strategy):
    """Buys at once, and rests a bid far away."""

    def on_start(self):
        self.subscribe(BTC)
        self.done = False

    def on_book(self, book):
        if book.is_synced and not self.done:
            self.done = True
            self.buy(BTC, "0.003")
            self.buy(BTC, "0.001", self.instrument(BTC).round_price(book.best_bid.price / 2))


@pytest.mark.parametrize("elsewhere", ["0", "0.002"])
def test_a_live_run_ends_flat_by_the_venues_word(elsewhere):
    """What the account holds besides, and no fill of ours ever told of, is closed with it."""

    async def run():
        clock = DrivenClock(START)
        simulation = SimulationSettings(symbols=(BTC,))
        context = VenueContext(
            connection="main", environment=Environment.SIMULATOR, clock=clock, session="main", simulation=simulation
        )
        venue = DESCRIPTOR.open(context)
        engine = Engine(Holder(), connections=("main",), clock=clock, session="run")
        clock.call_at(START + 5 * SECOND, lambda: engine.flatten("test"))
        if D(elsewhere):
            # The engine is made to believe that it holds less than it does.
            original = engine.portfolio.position
            engine.portfolio.position = lambda i, side=None: evolve(
                original(i), quantity=original(i).quantity - D(elsewhere)
            )
        held = []

        async def close(closing=venue.close):
            held.append([position.quantity for position in await venue.positions()])
            await closing()

        venue.close = lambda: Pump(clock).serve(close())
        return await run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event()), engine, held

    result, engine, held = asyncio.run(run())
    assert result.stopped == "flattened"
    assert not engine.orders.open_orders()
    assert held == [[]]
    assert engine.view().messages[-1] == "main: flat"


def test_a_fault_of_the_engine_itself_leaves_no_order_behind():
    async def run():
        clock = DrivenClock(START)
        simulation = SimulationSettings(symbols=(BTC,))
        context = VenueContext(
            connection="main", environment=Environment.SIMULATOR, clock=clock, session="main", simulation=simulation
        )
        venue = DESCRIPTOR.open(context)
        engine = Engine(Holder(), connections=("main",), clock=clock, session="run")

        def fault(before, order):
            raise LookupError("a fault of ours")

        engine.guards.on_order = fault
        closing, left = venue.close, []

        async def close():
            left.extend([await venue.open_orders(), await venue.positions()])
            await closing()

        venue.close = lambda: Pump(clock).serve(close())
        with pytest.raises(LookupError, match="a fault of ours"):
            await run_live(engine, {"main": venue}, clock=clock, stop=asyncio.Event())
        return left

    orders, positions = asyncio.run(run())
    assert orders == []
    assert [position.quantity for position in positions] == [D("0.003")]  # on_failure is "keep"
