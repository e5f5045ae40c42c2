"""Emulation: what a venue lacks, made of what it has."""

from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.model.enums import OrderState, OrderType, PositionSide, Side
from anyvenue.model.errors import NotSent, OutcomeUnknown, Rejected, RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.order_events import OrderAccepted, OrderCanceled, OrderReported
from anyvenue.model.position import Position
from anyvenue.model.pricing import Tick
from anyvenue.venue import emulation
from anyvenue.venue.interface import VenueOrder

pytestmark = pytest.mark.anyio

ABC = Instrument(
    symbol="ABC-USDT-PERP",
    venue="plain",
    venue_symbol="ABC_USDT",
    base="ABC",
    quote="USDT",
    settle="USDT",
    price_rule=Tick("0.5"),
    quantity_step="0.1",
    min_quantity="0.1",
    max_market_quantity="2",
)
XYZ = Instrument(
    symbol="XYZ-USDT-PERP",
    venue="plain",
    venue_symbol="XYZ_USDT",
    base="XYZ",
    quote="USDT",
    settle="USDT",
    price_rule=Tick("0.5"),
    quantity_step="0.1",
    min_quantity="0.1",
)


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Plain:
    """A venue that can place, cancel and look up, and nothing more. `failing` says what becomes of a cancel."""

    name = "plain"

    def __init__(self, orders=(), positions=(), failing=None):
        self._orders = orders
        self._positions = positions
        self._failing = failing or {}
        self.canceled = []
        self.placed = []

    async def open_orders(self, instrument=None):
        return [order for order in self._orders if instrument is None or order.instrument is instrument]

    async def positions(self):
        return self._positions

    async def cancel(self, order):
        self.canceled.append(order)
        if order.venue_order_id in self._failing:
            raise self._failing[order.venue_order_id]
        return [OrderCanceled(venue_order_id=order.venue_order_id)]

    async def place(self, spec):
        self.placed.append(spec)
        if spec.client_order_id in self._failing:
            raise self._failing[spec.client_order_id]
        return [OrderAccepted(client_order_id=spec.client_order_id)]


def resting(venue_order_id, *, quantity="1", price="100", instrument=ABC, **changes):
    report = OrderReported(
        venue_order_id=venue_order_id,
        state=OrderState.OPEN,
        filled_quantity=Decimal(0),
        price=Decimal(price),
        quantity=Decimal(quantity),
    )
    values = {"instrument": instrument, "side": Side.BUY, "order_type": OrderType.LIMIT, "report": report} | changes
    return VenueOrder(**values)


def refusal(reason):
    return Rejected("no", reason=reason)


async def test_cancel_all_cancels_every_order_of_the_instrument_also_strangers():
    venue = Plain([resting("1"), resting("2"), resting("3", instrument=XYZ)])
    events = await emulation.cancel_all(venue, ABC)
    assert [event.venue_order_id for event in events] == ["1", "2"]


async def test_an_order_that_ended_meanwhile_is_no_error():
    gone = {"1": refusal(RejectReason.UNKNOWN_ORDER), "2": refusal(RejectReason.ORDER_CLOSED)}
    venue = Plain([resting("1"), resting("2"), resting("3")], failing=gone)
    events = await emulation.cancel_all(venue, ABC)
    assert [event.venue_order_id for event in events] == ["3"]


async def test_a_failure_does_not_stop_the_rest_and_unknown_outranks_it():
    failing = {"1": NotSent("no line"), "2": OutcomeUnknown("no answer")}
    venue = Plain([resting("1"), resting("2"), resting("3")], failing=failing)
    with pytest.raises(OutcomeUnknown):
        await emulation.cancel_all(venue, ABC)
    assert [order.venue_order_id for order in venue.canceled] == ["1", "2", "3"]


async def test_a_strangers_order_that_our_rules_would_refuse_is_cancelled_too():
    venue = Plain(
        [resting("1", quantity="0.03", price="100.3"), resting("2", quantity="0"), resting("3", quantity="99")]
    )
    events = await emulation.cancel_all(venue, ABC)
    assert [event.venue_order_id for event in events] == ["1", "2", "3"]


def numbered():
    count = iter(range(1, 100))
    return lambda: f"id{next(count)}"


async def test_a_long_is_closed_by_a_reduce_only_sell_at_market():
    venue = Plain(positions=[Position(instrument=ABC, quantity=Decimal("1.5"))])
    await emulation.close_position(venue, ABC, new_id=numbered())
    (spec,) = venue.placed
    assert (spec.side, spec.quantity, spec.order_type, spec.reduce_only) == (
        Side.SELL,
        Decimal("1.5"),
        OrderType.MARKET,
        True,
    )


async def test_a_size_above_the_largest_market_order_is_closed_in_several():
    venue = Plain(positions=[Position(instrument=ABC, quantity=Decimal("-4.5"))])
    events = await emulation.close_position(venue, ABC, new_id=numbered())
    assert [(spec.side, spec.quantity) for spec in venue.placed] == [
        (Side.BUY, Decimal(2)),
        (Side.BUY, Decimal(2)),
        (Side.BUY, Decimal("0.5")),
    ]
    assert [event.client_order_id for event in events] == ["id1", "id2", "id3"]


async def test_of_a_hedge_only_the_leg_is_closed_and_flat_needs_nothing():
    legs = [
        Position(instrument=ABC, side=PositionSide.LONG, quantity=Decimal(1)),
        Position(instrument=ABC, side=PositionSide.SHORT, quantity=Decimal(-2)),
        Position(instrument=XYZ, side=PositionSide.SHORT, quantity=Decimal(-3)),
    ]
    venue = Plain(positions=legs)
    await emulation.close_position(venue, ABC, PositionSide.SHORT, new_id=numbered())
    assert [(spec.side, spec.quantity, spec.position_side) for spec in venue.placed] == [
        (Side.BUY, Decimal(2), PositionSide.SHORT)
    ]
    assert await emulation.close_position(venue, ABC, new_id=numbered()) == []


async def test_a_batch_answers_for_each_in_order():
    order = emulation.seen_order(resting("1"))
    specs = [evolve(order.spec, client_order_id=name) for name in ("a", "b", "c")]
    error = OutcomeUnknown("no answer")
    answers = await emulation.place_batch(Plain(failing={"b": error}), specs)
    assert [answer if isinstance(answer, Exception) else answer[0].client_order_id for answer in answers] == [
        "a",
        error,
        "c",
    ]


async def test_a_seen_order_is_as_the_venue_says():
    order = emulation.seen_order(resting("7", quantity="0.03", price="100.3"))
    assert (order.venue_order_id, order.quantity, order.price, order.state) == (
        "7",
        Decimal("0.03"),
        Decimal("100.3"),
        OrderState.OPEN,
    )
