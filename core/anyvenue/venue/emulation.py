"""Stateless emulation: what a venue does not have, made of what it has, with nothing to remember in between.

These are for venues whose capabilities lack the native call, and each is one loop over others. What would have to
survive a crash (amend as cancel and new order, trailing stops) is not here: it lives in the engine and is journaled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from anyvenue.model.enums import OrderType, PositionSide, Side
from anyvenue.model.errors import AnyvenueError, OutcomeUnknown, Rejected, RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.events import AccountEvent
from anyvenue.venue.interface import Venue, VenueOrder

__all__ = ["cancel_all", "close_position", "place_batch", "seen_order"]

_GONE = (RejectReason.UNKNOWN_ORDER, RejectReason.ORDER_CLOSED)


async def cancel_all(venue: Venue, instrument: Instrument) -> Sequence[AccountEvent]:
    """Cancel every open order on `instrument`, one after the other, also those that are not ours.

    Needs the look-up of open orders. An order that ended on its own meanwhile is no error. Any other failure does not
    stop the rest: they are all tried, then the first OutcomeUnknown is raised, else the first failure.
    """
    events: list[AccountEvent] = []
    failures: list[AnyvenueError] = []
    for found in await venue.open_orders(instrument):
        try:
            events += await venue.cancel(seen_order(found))
        except Rejected as error:
            if error.reason not in _GONE:
                failures.append(error)
        except AnyvenueError as error:
            failures.append(error)
    if failures:
        raise next((error for error in failures if isinstance(error, OutcomeUnknown)), failures[0])
    return events


async def close_position(
    venue: Venue,
    instrument: Instrument,
    position_side: PositionSide = PositionSide.NET,
    *,
    new_id: Callable[[], str],
) -> Sequence[AccountEvent]:
    """Close a position with a reduce-only market order over its whole size, as the venue tells it now.

    Needs the look-up of positions, market orders and reduce-only. Reduce-only makes it safe against what happens
    between look-up and order: it never opens a position the other way. A flat position needs no order. `new_id` gives
    client order ids. A size above the instrument's largest market order is closed in several orders.
    """
    quantity = sum(
        (
            position.quantity
            for position in await venue.positions()
            if position.instrument.key == instrument.key and position.side is position_side
        ),
        start=instrument.quantity_step * 0,
    )
    side = Side.SELL if quantity > 0 else Side.BUY
    left, most = abs(quantity), instrument.max_market_quantity or instrument.max_quantity or abs(quantity)
    events: list[AccountEvent] = []
    while left > 0:
        spec = OrderSpec(
            client_order_id=new_id(),
            instrument=instrument,
            side=side,
            quantity=min(left, most),
            order_type=OrderType.MARKET,
            reduce_only=True,
            position_side=position_side,
        )
        events += await venue.place(spec)
        left -= spec.quantity
    return events


async def place_batch(venue: Venue, specs: Sequence[OrderSpec]) -> Sequence[Sequence[AccountEvent] | Exception]:
    """Place orders one after the other; one answer for each, in order: its events or its error."""
    answers: list[Sequence[AccountEvent] | Exception] = []
    for spec in specs:
        try:
            answers.append(await venue.place(spec))
        except (AnyvenueError, TypeError, ValueError) as error:
            answers.append(error)
    return answers


def seen_order(found: VenueOrder) -> Order:
    """Return an order, ours or a stranger's, as a look-up shows it, for commands that take an Order.

    What a look-up does not tell (its original price and quantity, triggers) is filled in with what it has now.
    """
    report, instrument = found.report, found.instrument
    is_limit = found.order_type is OrderType.LIMIT and report.price is not None
    # A stranger's order need not fit our rules for new ones. The report, applied below, says how it really is.
    spec = OrderSpec(
        client_order_id=report.client_order_id or "",
        instrument=instrument,
        side=found.side,
        quantity=_fitting(instrument, report.quantity or report.filled_quantity),
        price=instrument.round_price(report.price, found.side) if is_limit and report.price is not None else None,
        order_type=OrderType.LIMIT if is_limit else OrderType.MARKET,
        reduce_only=found.reduce_only,
        position_side=found.position_side,
    )
    return Order(spec=spec).apply(OrderSent(client_order_id=report.client_order_id)).apply(report)


def _fitting(instrument: Instrument, quantity: Decimal) -> Decimal:
    limits = (instrument.max_quantity, instrument.max_market_quantity)
    return max(
        instrument.round_quantity(min([quantity, *(limit for limit in limits if limit is not None)])),
        instrument.min_quantity,
    )
