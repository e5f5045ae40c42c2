"""Flattening an account from outside an engine: by the venue's own word, whatever any process believes.

Orders of ours are canceled until the venue lists none of them, positions are closed by reduce-only market orders until
it tells of none, and what is left then is said. Every step may be repeated: a cancel of what is gone and a reduce-only
order for what is flat do no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

from attrs import field, frozen

from anyvenue.engine.orders import OUR_PREFIX
from anyvenue.model.enums import OrderType, Side
from anyvenue.model.errors import AnyvenueError, UnknownOrder
from anyvenue.model.instrument import Instrument
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.emulation import seen_order
from anyvenue.venue.interface import Venue, VenueOrder
from anyvenue.wire.deadline import deadline, pause

__all__ = ["Flattening", "flatten"]

_log = logging.getLogger("anyvenue.engine")

PAUSES_S: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""The venue is asked again and again whether all is gone, each time after such a pause."""
REQUEST_DEADLINE_S: Final = 15.0


@frozen(kw_only=True)
class Flattening:
    """What is to be flattened, and how.

    Attributes:
        name: the connection, for messages.
        prefix: what the client ids of the orders to cancel begin with.
        new_id: gives the client ids of closing orders.
        closes: whether positions are closed too.
        instruments: the keys of the instruments whose positions are closed; None for all of the account.
        say: told each step, in words.
    """

    name: str
    venue: Venue
    clock: Clock
    new_id: Callable[[], str]
    prefix: str = OUR_PREFIX
    closes: bool = True
    instruments: frozenset[str] | None = None
    say: Callable[[str], None] = field(default=_log.warning)


async def flatten(plan: Flattening) -> tuple[str, ...]:
    """Flatten one connected account. Returns what is left, each in words; empty where all is gone.

    What the venue raises is part of what is left, never raised.
    """
    left = await _cancel_orders(plan)
    if plan.closes:
        left += await _close_positions(plan)
    plan.say(f"{plan.name}: {'; '.join(left) or ('flat' if plan.closes else 'no order of ours is open')}")
    return left


async def _cancel_orders(plan: Flattening) -> tuple[str, ...]:
    if not plan.venue.capabilities.has(Feature.OPEN_ORDERS):
        return (f"{plan.name}: the venue does not list open orders, so it is not known whether any is left",)
    trouble = ""
    for seconds in PAUSES_S:
        await pause(plan.clock, seconds)
        try:
            async with deadline(plan.clock, REQUEST_DEADLINE_S):
                found = await plan.venue.open_orders()
        except (AnyvenueError, TimeoutError) as error:
            trouble = _told(error)
            continue
        ours = [order for order in found if (order.report.client_order_id or "").startswith(plan.prefix)]
        if not ours:
            return _nameless(found)
        trouble = await _cancel_each(plan, ours)
    return (f"{plan.name}: orders of ours may be open still{': ' + trouble if trouble else ''}",)


def _nameless(orders: Iterable[VenueOrder]) -> tuple[str, ...]:
    """Some venues keep no client id of orders that wait for a trigger, so that they may be ours or a person's."""
    return tuple(
        f"{order.instrument.key}: the open order {order.report.venue_order_id} bears no client id: it may be ours"
        for order in orders
        if not order.report.client_order_id
    )


async def _cancel_each(plan: Flattening, orders: Iterable[VenueOrder]) -> str:
    trouble = ""
    for order in orders:
        try:
            plan.say(f"{plan.name}: canceling {order.report.client_order_id}")
            async with deadline(plan.clock, REQUEST_DEADLINE_S):
                await plan.venue.cancel(seen_order(order))
        except UnknownOrder:
            continue
        except (AnyvenueError, TimeoutError, ValueError) as error:
            trouble = f"{order.report.client_order_id}: {_told(error)}"
    return trouble


async def _close_positions(plan: Flattening) -> tuple[str, ...]:
    if not plan.venue.capabilities.has(Feature.POSITIONS):
        return (f"{plan.name}: the venue does not tell positions, so it is not known whether any is left",)
    trouble, held = "", list[Position]()
    for seconds in PAUSES_S:
        await pause(plan.clock, seconds)
        try:
            held = await _positions(plan)
        except (AnyvenueError, TimeoutError) as error:
            trouble = _told(error)
            continue
        if not held:
            return ()
        if seconds != PAUSES_S[-1]:  # the last look is only a look
            trouble = await _close_each(plan, held)
    if not held:
        return (f"{plan.name}: it is not known what is held: {trouble}",)
    return tuple(f"{p.instrument.key}: {p.quantity} is held still{': ' + trouble if trouble else ''}" for p in held)


async def _positions(plan: Flattening) -> list[Position]:
    async with deadline(plan.clock, REQUEST_DEADLINE_S):
        positions = await plan.venue.positions()
    wanted = plan.instruments
    return [p for p in positions if p.quantity and (wanted is None or p.instrument.key in wanted)]


async def _close_each(plan: Flattening, positions: Iterable[Position]) -> str:
    trouble = ""
    for position in positions:
        try:
            plan.say(f"{plan.name}: closing {position.quantity} of {position.instrument.symbol}")
            await _close(plan, position)
        except (AnyvenueError, TimeoutError, ValueError) as error:
            trouble = _told(error)
    return trouble


async def _close(plan: Flattening, position: Position) -> None:
    instrument, left = position.instrument, abs(position.quantity)
    if not plan.venue.capabilities.has(Feature.MARKET):
        async with deadline(plan.clock, REQUEST_DEADLINE_S):
            await plan.venue.close_position(instrument, position.side)
        return
    while left >= instrument.min_quantity:
        quantity = min(left, _largest(instrument, left))
        left -= quantity
        spec = OrderSpec(
            client_order_id=plan.new_id(),
            instrument=instrument,
            side=Side.SELL if position.quantity > 0 else Side.BUY,
            quantity=quantity,
            order_type=OrderType.MARKET,
            reduce_only=True,
            position_side=position.side,
            ts_created=plan.clock.time_ns(),
        )
        async with deadline(plan.clock, REQUEST_DEADLINE_S):
            await plan.venue.place(spec)


def _largest(instrument: Instrument, left: Decimal) -> Decimal:
    return instrument.max_market_quantity or instrument.max_quantity or left


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__
