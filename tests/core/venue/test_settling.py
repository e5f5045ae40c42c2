"""A script's order of unknown fate: the venue is asked, and only what that proves is believed."""

import asyncio
from collections import Counter
from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.model.enums import Fate, OrderState, Side
from anyvenue.model.errors import AuthenticationFailed, OutcomeUnknown, PermissionDenied, RejectReason, UnknownOrder
from anyvenue.model.order_events import AmendSent, AmendUnknown, OrderAccepted, OrderEvent, OrderReported
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.reply import spawn
from anyvenue.simulation.venue import SimulatedVenue
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Disconnected, Reconnected
from anyvenue.venue.interface import Retention
from anyvenue.venue.session import Session

pytestmark = pytest.mark.anyio

BTC = "BTC-USDT-PERP"
SECOND = 1_000_000_000
START = 1_723_161_256 * SECOND
LOW = "50000"
"""A price far below the tape's market."""
LOOK_UPS = (Feature.ORDER_LOOKUP, Feature.OPEN_ORDERS, Feature.ORDER_HISTORY, Feature.FILLS)


class Hindered(SimulatedVenue):
    """The simulated venue, where what is asked for goes wrong; it pushes nothing about orders while it is `deaf`.

    `loses` names commands that are carried out without an answer, `drops` those that never arrive, `delays` those that
    arrive after so many seconds, without an answer, `refuses` questions with the error that each is answered with.
    """

    def __init__(self, context):
        super().__init__(context)
        self.loses, self.drops, self.delays = set(), set(), {}
        self.deaf = False
        self.memory = None
        self.asked, self.refuses = Counter(), {}

    @property
    def retention(self):
        return self.memory or super().retention

    def without(self, *features):
        has = self.capabilities.features
        self.capabilities = Capabilities({feature: has[feature] for feature in has if feature not in features})

    async def connect(self, sink):
        self.tell = sink
        await super().connect(lambda event: None if self.deaf and isinstance(event, OrderEvent) else sink(event))

    async def place(self, spec):
        return await self._hinder("place", lambda: SimulatedVenue.place(self, spec))

    async def cancel(self, order):
        return await self._hinder("cancel", lambda: SimulatedVenue.cancel(self, order))

    async def amend(self, order, *, price=None, quantity=None):
        return await self._hinder("amend", lambda: SimulatedVenue.amend(self, order, price=price, quantity=quantity))

    async def _hinder(self, name, command):
        self.asked[name] += 1
        if name in self.drops:
            raise OutcomeUnknown("no answer")
        if name in self.delays:
            due = self._clock.time_ns() + int(self.delays[name] * SECOND)
            self._clock.call_at(due, lambda: spawn(command(), lambda outcome: None))
            raise OutcomeUnknown("no answer")
        events = await command()
        if name in self.loses:
            raise OutcomeUnknown("no answer")
        return events

    async def order(self, order):
        self._asked_for("order")
        return await super().order(order)

    async def open_orders(self, instrument=None):
        self._asked_for("open_orders")
        return await super().open_orders(instrument)

    def _asked_for(self, question):
        self.asked[question] += 1
        if question in self.refuses:
            raise self.refuses[question]


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def session():
    clock = DrivenClock(START)
    context = VenueContext(
        connection="main",
        environment=Environment.SIMULATOR,
        clock=clock,
        session="test",
        simulation=SimulationSettings(symbols=(BTC,), duration_s=200),
    )
    session = Session(Hindered(context), clock, Pump(clock), session="test")
    await session.connect()
    session.venue.deaf = True
    yield session
    await session.disconnect()


async def doubtful(session, price=LOW, quantity="0.010"):
    """Have an order sent of which the answer is lost, and return what the error names."""
    with pytest.raises(OutcomeUnknown) as caught:
        await session.buy(BTC, quantity, price)
    (order,) = session.unsettled_orders()
    assert (order.state, order.create) == (OrderState.SENT, Fate.UNKNOWN)
    assert caught.value.client_order_id == order.client_order_id
    return caught.value.client_order_id


def seconds_since(session, start_ns):
    return (session.time_ns - start_ns) / SECOND


# A create


async def test_a_create_that_arrived_is_found_at_once(session):
    session.venue.loses = {"place"}
    name = await doubtful(session)
    start_ns = session.time_ns
    order = await session.settle(name)
    assert (order.state, order.create, order.price) == (OrderState.OPEN, Fate.DONE, Decimal(LOW))
    assert session.unsettled_orders() == []
    assert seconds_since(session, start_ns) < 0.1


async def test_a_create_that_never_arrived_is_proven_so_once_it_can_no_longer_arrive(session):
    session.venue.drops = {"place"}
    session.venue.memory = evolve(session.venue.retention, create_window_s=20)
    name = await doubtful(session)
    start_ns = session.time_ns
    order = await session.settle(name)
    assert (order.state, order.reason) == (OrderState.REJECTED, RejectReason.NOT_SENT)
    assert 20 <= seconds_since(session, start_ns) < 21
    assert session.venue.asked["place"] == 1
    assert session.unsettled_orders() == []


async def test_the_window_begins_when_the_call_ended_not_when_it_is_asked_about(session):
    session.venue.drops = {"place"}
    session.venue.memory = evolve(session.venue.retention, create_window_s=20)
    name = await doubtful(session)
    await session.sleep(21)
    start_ns = session.time_ns
    assert (await session.settle(name)).state is OrderState.REJECTED
    assert seconds_since(session, start_ns) < 0.1


async def test_a_create_that_arrives_late_is_waited_for(session):
    session.venue.delays = {"place": 6}
    session.venue.memory = evolve(session.venue.retention, create_window_s=10)
    assert (await session.settle(await doubtful(session))).state is OrderState.OPEN


async def test_where_the_venue_declares_no_window_it_stays_unknown_and_that_is_said(session):
    session.venue.drops = {"place"}
    session.venue.memory = Retention(finds_open=True, lists_open=True)
    name = await doubtful(session)
    start_ns = session.time_ns
    with pytest.raises(OutcomeUnknown, match=r"by when a create that left can no longer arrive\. Ask again"):
        await session.settle(name, patience_s=30)
    assert seconds_since(session, start_ns) == pytest.approx(30, abs=0.1)
    assert [order.client_order_id for order in session.unsettled_orders()] == [name]
    assert 4 <= session.venue.asked["order"] <= 7  # after 0, 1, 3, 7, 15, 30 s


async def test_patience_is_its_callers(session):
    session.venue.drops = {"place"}
    session.venue.memory = evolve(session.venue.retention, create_window_s=20)
    name = await doubtful(session)
    with pytest.raises(OutcomeUnknown):
        await session.settle(name, patience_s="0.5")
    assert (await session.settle(name)).state is OrderState.REJECTED


async def test_what_traded_unseen_comes_with_its_fills_each_told_once(session):
    session.venue.loses = {"place"}
    fills = session.new_fills()
    order = await session.settle(await doubtful(session, price=None, quantity="0.002"))
    assert (order.state, order.booked_quantity) == (OrderState.FILLED, Decimal("0.002"))
    told = await anext(fills)
    assert (told.client_order_id, told.side) == (order.client_order_id, Side.BUY)
    session.venue.deaf = False
    session.venue.loses = set()
    await session.sell(BTC, "0.002")
    assert (await anext(fills)).side is Side.SELL


async def test_where_the_venue_tells_no_fills_the_report_is_enough(session):
    session.venue.without(Feature.FILLS)
    session.venue.loses = {"place"}
    order = await session.settle(await doubtful(session, price=None, quantity="0.002"))
    assert (order.state, order.filled_quantity, order.booked_quantity) == (OrderState.FILLED, Decimal("0.002"), 0)


async def test_a_call_that_the_script_gave_up_is_settled_too(session):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await session.buy(BTC, "0.010", LOW)
    (order,) = session.unsettled_orders()
    assert (await session.settle(order)).state is OrderState.OPEN


async def test_the_stream_may_settle_it_while_it_is_asked_about(session):
    """On a venue without look-ups nothing else can."""
    session.venue.without(*LOOK_UPS)
    session.venue.loses = {"place"}
    name = await doubtful(session)
    accepted = OrderAccepted(client_order_id=name, venue_order_id="v1")
    session.clock.call_at(session.time_ns + 5 * SECOND, lambda: session.venue.tell(accepted))
    start_ns = session.time_ns
    assert (await session.settle(name)).state is OrderState.OPEN
    assert seconds_since(session, start_ns) == pytest.approx(5, abs=0.1)


async def test_without_look_ups_and_news_it_is_said_that_nobody_can_tell(session):
    session.venue.without(*LOOK_UPS)
    session.venue.loses = {"place"}
    name = await doubtful(session)
    with pytest.raises(OutcomeUnknown, match="there is no look-up to ask by"):
        await session.settle(name, patience_s=10)


@pytest.mark.parametrize("error", [AuthenticationFailed, PermissionDenied])
async def test_a_refused_key_is_told_at_once_and_what_is_unknown_stays_so(session, error):
    session.venue.loses = {"place"}
    name = await doubtful(session)
    session.venue.refuses = {question: error("the key has expired") for question in ("order", "open_orders")}
    start_ns = session.time_ns
    with pytest.raises(error, match="the key has expired"):
        await session.settle(name)
    assert seconds_since(session, start_ns) < 0.1
    assert session.venue.asked["order"] == 1
    (order,) = session.unsettled_orders()
    assert (order.client_order_id, order.create) == (name, Fate.UNKNOWN)
    session.venue.refuses.clear()
    assert (await session.settle(name)).state is OrderState.OPEN


async def test_what_the_key_may_not_ask_is_not_needed_where_another_answer_is_proof(session):
    session.venue.loses = {"place"}
    name = await doubtful(session)
    session.venue.refuses = {"order": PermissionDenied("only lists")}
    assert (await session.settle(name)).state is OrderState.OPEN


# Cancels and amends


async def test_a_cancel_that_was_done_is_found(session):
    order = await session.buy(BTC, "0.010", LOW)
    session.venue.loses = {"cancel"}
    with pytest.raises(OutcomeUnknown) as caught:
        await session.cancel(order)
    order = await session.settle(caught.value.client_order_id)
    assert (order.state, order.cancel) == (OrderState.CANCELED, Fate.DONE)


async def test_a_cancel_that_did_not_arrive_is_not_sent_again_unasked(session):
    order = await session.buy(BTC, "0.010", LOW)
    session.venue.drops = {"cancel"}
    with pytest.raises(OutcomeUnknown):
        await session.cancel(order)
    with pytest.raises(OutcomeUnknown, match="It rests: cancel it again"):
        await session.settle(order, patience_s=5)
    assert session.venue.asked["cancel"] == 1
    session.venue.drops = set()
    assert (await session.cancel(order)).state is OrderState.CANCELED


async def test_a_cancel_refused_since_the_order_is_gone_has_its_end_looked_up(session):
    order = await session.buy(BTC, "0.010", LOW)
    session.venue.market.exchange.cancel("main", client_order_id=order.client_order_id)
    with pytest.raises(UnknownOrder):
        await session.cancel(order)
    assert (await session.settle(order)).state is OrderState.CANCELED


@pytest.mark.parametrize("is_done", [True, False])
async def test_an_amend_is_settled_by_the_orders_terms(session, is_done):
    order = await session.buy(BTC, "0.010", LOW)
    (session.venue.loses if is_done else session.venue.drops).add("amend")
    with pytest.raises(OutcomeUnknown):
        await session.amend(order, price="50100")
    order = await session.settle(order)
    assert (order.price, order.amend) == (Decimal("50100") if is_done else Decimal(LOW), None)


async def test_an_earlier_amend_that_only_a_trade_could_prove_is_said(session):
    order = await session.buy(BTC, "0.010", LOW)
    name = order.client_order_id
    for event in (
        AmendSent(client_order_id=name, price=None, quantity=Decimal("0.020")),
        AmendUnknown(client_order_id=name),
        AmendSent(client_order_id=name, price=Decimal("50100"), quantity=None),
        OrderReported(
            client_order_id=name,
            state=OrderState.OPEN,
            filled_quantity=Decimal(0),
            price=Decimal("50100"),
            quantity=Decimal("0.010"),
        ),
    ):
        session._receive(event)
    assert session.current(order).lost_amend is not None
    with pytest.raises(OutcomeUnknown, match="nothing but a trade or its end can tell"):
        await session.settle(order)


# What is known


async def test_what_is_known_is_not_asked_about(session):
    order = await session.buy(BTC, "0.010", LOW)
    before = session.venue.asked.total()
    assert await session.settle(order) == order
    assert session.venue.asked.total() == before


async def test_only_orders_of_the_session_go_by_name(session):
    with pytest.raises(ValueError, match="'nobodys', which is none of this session's orders"):
        await session.settle("nobodys")


# After the stream was away


async def test_after_a_reconnect_what_is_open_is_listed_once_and_only_what_is_missing_is_asked_about(session):
    orders = [await session.buy(BTC, "0.010", LOW) for _ in range(5)]
    session._receive(Disconnected(connection="main", reason="gone"))
    session.venue.market.exchange.cancel("main", client_order_id=orders[0].client_order_id)
    session._receive(Reconnected(connection="main"))
    await session.sleep(5)
    assert [session.current(order).state for order in orders] == [OrderState.CANCELED] + [OrderState.OPEN] * 4
    assert (session.venue.asked["open_orders"], session.venue.asked["order"]) == (1, 1)


async def test_after_a_reconnect_an_order_that_is_forgotten_is_ended_by_its_not_being_open(session):
    order = await session.buy(BTC, "0.010", LOW)
    session.venue.without(Feature.ORDER_LOOKUP, Feature.ORDER_HISTORY)
    session.venue.memory = evolve(session.venue.retention, finds_open=False)
    session.venue.market.exchange.cancel("main", client_order_id=order.client_order_id)
    session._receive(Reconnected(connection="main"))
    await session.sleep(5)
    assert session.current(order).state is OrderState.CANCELED
    assert "no longer open" in session.current(order).text


async def test_a_reconnect_lets_no_time_pass_by_itself(session):
    await session.buy(BTC, "0.010", LOW)
    session._receive(Reconnected(connection="main"))
    before_ns = session.time_ns
    await asyncio.sleep(0.01)
    assert session.time_ns == before_ns


async def test_a_second_reconnect_is_asked_about_though_an_order_is_unknown_since_the_first(session):
    session.venue.drops = {"place"}
    session.venue.memory = evolve(session.venue.retention, create_window_s=20)
    await doubtful(session)
    session.venue.drops = set()
    order = await session.buy(BTC, "0.010", LOW)
    session._receive(Reconnected(connection="main"))
    await session.sleep(1)
    session.venue.market.exchange.cancel("main", client_order_id=order.client_order_id)
    session._receive(Reconnected(connection="main"))
    await session.sleep(1)
    assert session.current(order).state is OrderState.CANCELED
    await session.sleep(30)
    assert session.unsettled_orders() == []
