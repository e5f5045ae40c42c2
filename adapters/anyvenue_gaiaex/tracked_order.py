"""One order of ours as updates have shown it: under which ids, at which terms, and how much it may explain."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from attrs import define, field

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO

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
    is_live: bool = False
    is_shown: bool = False
    filled: Decimal = ZERO
    told_filled: Decimal | None = None
    earlier_fills: Decimal | None = ZERO
    doubt: tuple[Decimal, Decimal] | None = None
    misses: int = 0
    looks: int = 0
    ended_ns: int | None = None
    is_canceled: bool = False
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
    def rank(self) -> int | None:
        """How likely it is to explain a change of position, 0 before 1; None where the venue says it has not traded."""
        if self.told_filled is not None and self.is_shown and self.ended_ns is None:
            return 0 if self.untold > 0 else None
        if self.ended_ns is not None:
            return None if self.is_canceled and self.looks >= TWICE else 4
        if self.is_left_over:  # it had ended before this run, or never arrived, or is late
            return 4
        if not self.is_live:  # it may never have arrived: whoever is known to be there comes first
            return 3
        return 1 if self.is_taking or not self.is_shown else 2

    def names(self) -> dict[str, Any]:
        """Return what an event names it by."""
        return {"client_order_id": self.client_order_id, "venue_order_id": self.ids[-1] if self.ids else None}
