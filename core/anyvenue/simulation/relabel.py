"""The exchange's events as one of its clients gets them: with its own instruments, and the time they came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from attrs import evolve

from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderFilled, OrderReported
from anyvenue.model.position import Position
from anyvenue.venue.interface import VenueOrder

__all__ = ["as_looked_up", "relabel"]

E = TypeVar("E")


def relabel(event: E, instruments: Mapping[str, Instrument], now: int) -> E:
    """Return `event`, received `now`, with the instrument of the same symbol from `instruments`."""
    changes: dict[str, object] = {"ts_recv": now}
    if isinstance(event, OrderFilled):
        changes["fill"] = relabel(event.fill, instruments, now)
    elif isinstance(event, Fill | Position | FundingPayment):
        changes["instrument"] = instruments[event.instrument.symbol]
    return evolve(event, **changes)  # type: ignore[misc]


def as_looked_up(order: Order, instruments: Mapping[str, Instrument], now: int) -> VenueOrder:
    """Return the exchange's own view of an order as the answer to a look-up, received `now`."""
    return VenueOrder(
        instrument=instruments[order.instrument.symbol],
        side=order.side,
        order_type=order.spec.order_type,
        reduce_only=order.spec.reduce_only,
        position_side=order.spec.position_side,
        report=OrderReported(
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            state=order.state,
            filled_quantity=order.filled_quantity,
            average_price=order.average_price,
            price=order.price,
            quantity=order.quantity,
            reason=order.reason,
            text=order.text,
            ts_event=order.ts_event,
            ts_recv=now,
        ),
    )
