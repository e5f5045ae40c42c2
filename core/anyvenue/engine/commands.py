"""What the engine asks of a venue, and how an answer or a failure becomes events again.

Commands leave the engine as values; a runner carries them to the venue. Every command sent ends in events: those the
venue's reply proves, or the ones `failure_events` makes of its error. An error that does not prove a refusal leaves
the outcome unknown.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import TypeAlias

from attrs import frozen

from anyvenue.model.enums import MarginMode, PositionSide
from anyvenue.model.errors import (
    AnyvenueError,
    InvalidOrder,
    NotSent,
    Rejected,
    RejectReason,
    TradingEnded,
    UnknownInstrument,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendRejected,
    AmendUnknown,
    CancelRejected,
    CancelUnknown,
    OrderRejected,
    OrderUnknown,
)
from anyvenue.model.order_spec import Protection
from anyvenue.venue.events import Subscription, VenueEvent
from anyvenue.venue.interface import Venue

__all__ = [
    "Amend",
    "Cancel",
    "Command",
    "CommandFailed",
    "EngineEvent",
    "Place",
    "Protect",
    "Resync",
    "SetLeverage",
    "Subscribe",
    "Unsubscribe",
    "connection_of",
    "failure_events",
    "perform",
]

_log = logging.getLogger("anyvenue.engine")


@frozen
class Place:
    """Send a new order."""

    order: Order


@frozen
class Amend:
    """Change a resting order. None leaves that value as it is."""

    order: Order
    price: Decimal | None
    quantity: Decimal | None


@frozen
class Cancel:
    """Cancel an order."""

    order: Order


@frozen
class Subscribe:
    """Start a stream of market data."""

    subscription: Subscription


@frozen
class Unsubscribe:
    """Stop a stream of market data."""

    subscription: Subscription


@frozen
class Resync:
    """Start a book stream anew after a gap."""

    subscription: Subscription


@frozen
class Protect:
    """Set a position's take-profit and stop-loss."""

    instrument: Instrument
    protection: Protection
    position_side: PositionSide


@frozen
class SetLeverage:
    """Set leverage and margin mode of an instrument."""

    instrument: Instrument
    leverage: Decimal
    margin_mode: MarginMode


Command: TypeAlias = Place | Amend | Cancel | Subscribe | Unsubscribe | Resync | Protect | SetLeverage


@frozen
class CommandFailed:
    """A command other than place, amend or cancel failed; or any command, with an error that ends trading."""

    command: Command
    error: Exception


EngineEvent: TypeAlias = VenueEvent | CommandFailed


def connection_of(command: Command) -> str:
    """Return the name of the connection a command is for."""
    if isinstance(command, (Place, Amend, Cancel)):
        return command.order.spec.instrument.connection
    match command:
        case Subscribe(subscription) | Unsubscribe(subscription) | Resync(subscription):
            return subscription.instrument.connection
        case Protect(instrument) | SetLeverage(instrument):
            return instrument.connection


async def perform(venue: Venue, command: Command) -> Sequence[EngineEvent]:
    """Carry out one command and return the events it came to. Raises only what cancels the task."""
    try:
        if isinstance(command, Place):
            return await venue.place(command.order.spec)
        return await _call(venue, command)
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises becomes the command's fate
        if not isinstance(error, AnyvenueError | InvalidOrder | UnknownInstrument):
            _log.exception("the venue %s raised what an adapter may not raise", venue.name)
        return failure_events(command, error)


async def _call(venue: Venue, command: Command) -> Sequence[EngineEvent]:
    match command:
        case Amend(order, price, quantity):
            return await venue.amend(order, price=price, quantity=quantity)
        case Cancel(order):
            return await venue.cancel(order)
        case Subscribe(subscription):
            await venue.subscribe(subscription)
        case Unsubscribe(subscription):
            await venue.unsubscribe(subscription)
        case Resync(subscription):
            await venue.resync(subscription)
        case Protect(instrument, protection, position_side):
            return await venue.protect(instrument, protection, position_side)
        case SetLeverage(instrument, leverage, margin_mode):
            return [await venue.set_leverage(instrument, leverage, margin_mode)]
    return ()


def failure_events(command: Command, error: Exception) -> Sequence[EngineEvent]:
    """Return what an error says about a command's fate.

    NotSent, Rejected, TradingEnded and a refusal to build the request prove that nothing happened. Nothing else does,
    least of all a plain TypeError: it may come from reading the reply.
    """
    events: list[EngineEvent] = []
    if isinstance(command, Place | Amend | Cancel):
        events.append(_order_event(command, error))
    if not events or isinstance(error, TradingEnded):
        events.append(CommandFailed(command, error))
    return events


def _order_event(command: Place | Amend | Cancel, error: Exception) -> EngineEvent:
    client_order_id, text = command.order.client_order_id, str(error) or type(error).__name__
    reason = _proven_reason(error)
    match command, reason:
        case Place(), None:
            return OrderUnknown(client_order_id=client_order_id, text=text)
        case Place(), RejectReason():
            return OrderRejected(client_order_id=client_order_id, reason=reason, text=text)
        case Amend(), None:
            return AmendUnknown(client_order_id=client_order_id, text=text)
        case Amend(), RejectReason():
            return AmendRejected(client_order_id=client_order_id, reason=reason, text=text)
        case Cancel(), None:
            return CancelUnknown(client_order_id=client_order_id, text=text)
        case _:
            return CancelRejected(client_order_id=client_order_id, reason=reason or RejectReason.OTHER, text=text)


def _proven_reason(error: Exception) -> RejectReason | None:
    match error:
        case Rejected(reason=reason):
            return reason
        case NotSent() | TradingEnded() | InvalidOrder() | UnknownInstrument():
            return RejectReason.NOT_SENT
        case _:
            return None
