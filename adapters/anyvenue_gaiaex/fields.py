"""What fields of GaiaEx's answers and messages hold: ids, times, numbers. Junk is refused, never guessed at."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from anyvenue.model.numbers import exact
from anyvenue.model.times import unix_ns

__all__ = ["listed", "moment_ns", "number", "order_id"]

_ID_DIGITS_MAX: Final = 19
DIGITS_MAX: Final = 40
"""No price, size or balance has more digits before its point, or zeros behind it."""


def order_id(value: object) -> str:
    """Return an order's id as text: it comes as a whole number, or as its text. Raises ValueError."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or not (text.isascii() and text.isdecimal()) or len(text) > _ID_DIGITS_MAX:
        raise ValueError(f"an order id: found {value!r}; allowed are whole numbers of up to {_ID_DIGITS_MAX} digits")
    return text


def moment_ns(value: object) -> int:
    """Return a time as nanoseconds since the epoch, 0 where none is told. Raises TypeError and ValueError."""
    return unix_ns(value, "timestamp") if value else 0


def number(value: Any, name: str) -> Decimal:
    """Return a price, a size or an amount of money. Raises TypeError and ValueError."""
    found = exact(value, name)
    if abs(found.adjusted()) > DIGITS_MAX:
        raise ValueError(f"{name}: found {value}; allowed are numbers of up to {DIGITS_MAX} digits")
    return found


def listed(value: object, name: str) -> list[Any]:
    """Return a list as it came. Raises TypeError for anything else: that there is nothing must have been said."""
    if not isinstance(value, list):
        raise TypeError(f"{name}: found {value!r:.100}; allowed are lists")
    return value
