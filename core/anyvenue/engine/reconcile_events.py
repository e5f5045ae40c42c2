"""What reconciliation tells the engine beside the venue's own events. Like them they are plain values."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from anyvenue.model.order import Order
from anyvenue.model.position import Position

__all__ = [
    "AccountHeld",
    "CancelLeftOver",
    "KeepLeftOver",
    "OrderFound",
    "PositionDiffers",
    "ReconcileEvent",
    "StillUnknown",
]


@frozen(kw_only=True)
class OrderFound:
    """An open order at the venue that this run did not know: ours by its client id, or a stranger's taken on."""

    order: Order
    ts_recv: int = 0


@frozen(kw_only=True)
class AccountHeld:
    """What a connection holds at the start, from before this run: the baseline of all that follows.

    `positions` are those that differ from what is known here, flat ones included. Fills from before `ts_baseline`, by
    the venue's clock, are part of what is held.
    """

    connection: str
    positions: tuple[Position, ...]
    ts_baseline: int
    ts_recv: int = 0


@frozen(kw_only=True)
class PositionDiffers:
    """The venue has another position than our fills make, and no fill that it tells explains it. It is right."""

    ours: Position
    venues: Position
    ts_recv: int = 0


@frozen(kw_only=True)
class StillUnknown:
    """The venue was asked about an order again and again, and something about it is unknown still: tell a person."""

    client_order_id: str
    why: str
    times_asked: int
    ts_recv: int = 0


@frozen(kw_only=True)
class CancelLeftOver:
    """Cancel our orders of earlier runs, which the strategy does not know: before it starts, and those found later."""

    ts_recv: int = 0


@frozen(kw_only=True)
class KeepLeftOver:
    """Keep our orders of earlier runs, and go on with the amends of them that were under way."""

    ts_recv: int = 0


ReconcileEvent: TypeAlias = OrderFound | AccountHeld | PositionDiffers | StillUnknown | CancelLeftOver | KeepLeftOver
