"""What a journal gives back at a start: all that the sessions before it knew and that still matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from anyvenue.model.order import Order
from anyvenue.model.position import Position

__all__ = ["Recovered"]


@frozen(kw_only=True)
class Recovered:
    """The state that a journal holds.

    Attributes:
        orders: those that have not ended, or of which fills are missing, or that were being replaced by an amend made
            of two, each rebuilt by the model's own machine from its intent and its events, oldest first. One that was
            journaled and of which nothing else is known is SENT with its create UNKNOWN: it may have left.
        positions: as our fills make them, those that are not flat, one for each instrument and side.
        trade_ids: the fills that are booked in `positions` already: instrument key and trade id.
        values: what was remembered by name and must survive a restart.
        clean: whether the last session ended in order; True for a journal without any.
        sessions: the names of the sessions before this one, oldest first.
        left_by: by when all that was sent about an order had left, in ns, by client id: the session that sent it was
            over when the next one began. Orders of the last session are not in it.
    """

    orders: tuple[Order, ...] = ()
    positions: tuple[Position, ...] = ()
    trade_ids: frozenset[tuple[str, str]] = frozenset()
    values: Mapping[str, Any] = field(factory=dict)
    clean: bool = True
    sessions: tuple[str, ...] = ()
    left_by: Mapping[str, int] = field(factory=dict)
