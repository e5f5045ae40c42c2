"""One order of ours as updates have shown it: under which ids, at which terms, and how much it may have traded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from attrs import define, field

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue_gaiaex.streams import Row

__all__ = ["TWICE", "TrackedOrder"]

TWICE: Final = 2
"""So many updates without an order are proof."""


@define(eq=False, kw_only=True)
class TrackedOrder:
    """An order of ours. `misses` and `looks` count updates in a row without it, and those that told the positions."""

    instrument: Instrument
    side: Side
    price: Decimal | None
    quantity: Decimal
    client_order_id: str | None
    since_ns: int
    sent_ns: int = 0
    """When its create left; 0 for one of an earlier run."""
    ids: list[str] = field(factory=list)
    known_before: frozenset[str] = frozenset()
    is_taking: bool = False
    """It trades at once or never."""
    is_live: bool = False
    is_shown: bool = False
    is_seen: bool = False
    """An update has shown it."""
    is_canceling: bool = False
    """A cancel of it was sent."""
    filled: Decimal = ZERO
    told_filled: Decimal | None = None
    earlier_fills: Decimal | None = ZERO
    doubt: tuple[Decimal, Decimal] | None = None
    misses: int = 0
    looks: int = 0
    ended_ns: int | None = None
    credited_ns: int = 0
    """When it was last booked a fill."""
    chased_ns: int = 0
    """When it was last canceled for having been believed over."""
    is_canceled: bool = False
    is_refused: bool = False
    """It ended since it never came up."""
    is_left_over: bool = False
    """Of an earlier run, and not seen in this one."""
    unheard: Decimal = ZERO
    """What it traded after the earlier run and before this one: part of what was held at the start, and of no fill."""

    @property
    def is_doubtful(self) -> bool:
        """Whether a command about it may still be on its way."""
        return not self.is_live or self.doubt is not None

    @property
    def room(self) -> Decimal:
        """How much it may still have traded; a change of unknown outcome may have raised it."""
        return max(self.quantity, self.doubt[1] if self.doubt else ZERO) - self.filled - self.unheard

    @property
    def untold(self) -> Decimal:
        """How much more the venue says that it has traded than fills have told."""
        return (self.told_filled or ZERO) - self.filled - self.unheard

    @property
    def over_ns(self) -> int | None:
        """Since when it is believed to have ended; None for one that is not."""
        return self.ended_ns if self.ended_ns is not None else self.credited_ns if self.room <= 0 else None

    @property
    def prices(self) -> list[Decimal]:
        """The prices at which it may be there; none for one that takes any."""
        return [] if self.price is None else [self.price, *([self.doubt[0]] if self.doubt else [])]

    def is_changed(self, row: Row) -> bool | None:
        """Whether its row has the terms of a modification in doubt; None where there is none, or they do not tell."""
        if self.doubt is None:
            return None
        price, quantity = self.doubt
        if price != self.price:
            return row.price == price if row.price in (price, self.price) else None
        smaller, shown = min(quantity, self.quantity), max(row.sizes, default=ZERO)
        if shown > smaller:  # the whole is no less than what is shown, be that the rest
            return shown > self.quantity
        return quantity < self.quantity if shown == smaller and row.filled == ZERO else None

    def is_behind(self, row: Row) -> bool:
        """Whether an order that rests would have traded in full before this one could: it is not among the open ones.

        Its price is better, or it was there before at the same price.
        """
        if not self.prices or row.price is None or row.order_id in self.ids:
            return False
        most = max(price * self.side.sign for price in self.prices)
        theirs = row.price * self.side.sign
        return theirs > most or (theirs == most and row.order_id in self.known_before)

    def names(self) -> dict[str, Any]:
        """Return what an event names it by."""
        return {"client_order_id": self.client_order_id, "venue_order_id": self.ids[-1] if self.ids else None}
