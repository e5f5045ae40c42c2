"""What an account may have missed while its stream was away, asked for anew: the same for every venue."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable

from anyvenue.model.enums import PositionSide
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.position import Position
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import AccountEvent
from anyvenue.venue.interface import Venue

__all__ = ["filled", "looked_back", "missed"]


def filled(fill: Fill) -> OrderFilled:
    """Return the event that tells a fill of a look-up."""
    return OrderFilled(
        client_order_id=fill.client_order_id,
        venue_order_id=fill.venue_order_id,
        fill=fill,
        ts_event=fill.ts_event,
        ts_recv=fill.ts_recv,
    )


def looked_back(venue: Venue, since_ns: int) -> int:
    """Return the time to ask a venue by for what happened since one of our clock: earlier, where its own is behind."""
    return max(0, since_ns + min(0, venue.clock_ahead_ns))


async def missed(
    venue: Venue,
    traded: Iterable[Instrument],
    *,
    since_ns: int,
    sides: Collection[PositionSide] = (PositionSide.NET,),
) -> AsyncIterator[AccountEvent]:
    """Tell what brings an account up to date: orders, fills, positions, balances as the venue has them now.

    `traded` are the instruments whose orders and fills since `since_ns`, by our clock, are asked for; a position of
    theirs that the venue no longer has is told as flat: `sides` are those that one instrument can have in the account's
    mode. Only what the venue declares is asked, and each answer is told at once, before it grows old. Since events are
    idempotent it does no harm to ask for too much. Raises what the look-ups raise.
    """
    has, instruments, since_ns = venue.capabilities.has, list(traded), looked_back(venue, since_ns)
    for instrument in instruments:
        if has(Feature.FILLS):
            for fill in await venue.fills(instrument, start_ns=since_ns):
                yield filled(fill)
        if has(Feature.ORDER_HISTORY):
            for ended in await venue.order_history(instrument, start_ns=since_ns):
                yield ended.report
    if has(Feature.OPEN_ORDERS):
        for found in await venue.open_orders():
            yield found.report
    if has(Feature.POSITIONS):
        held = {(position.instrument.key, position.side): position for position in await venue.positions()}
        for position in held.values():
            yield position
        for instrument in instruments:
            for side in sides:
                if (instrument.key, side) not in held:
                    yield Position(instrument=instrument, side=side)
    for balance in await venue.balances():
        yield balance
