"""Exact numbers: how text becomes a Decimal, and how a Decimal is rounded to a step.

Prices, quantities and money are `decimal.Decimal` from the venue's text to the strategy. A float has already lost
digits by the time it gets here, so it is refused rather than converted.
"""

from __future__ import annotations

from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_UP,
    Decimal,
    InvalidOperation,
)
from enum import Enum
from typing import Final, TypeAlias

__all__ = ["ONE", "ZERO", "Number", "Rounding", "exact", "is_multiple", "quantize_money", "round_to_step"]

Number: TypeAlias = Decimal | int | str
"""What the public API takes where a number is meant: a Decimal, an int, or the number's text. Never a float."""

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)

# Divided money (inverse notionals, released entry cost) is cut here once, when it comes into being; after that only
# sums and differences are taken, so nothing is ever lost or made. 28 digits of context leave 12 before the point.
MONEY_QUANTUM: Final = Decimal("1e-16")


class Rounding(Enum):
    """Which way a number goes when it lies between two steps."""

    TOWARD_ZERO = ROUND_DOWN
    AWAY_FROM_ZERO = ROUND_UP
    DOWN = ROUND_FLOOR
    UP = ROUND_CEILING
    NEAREST = ROUND_HALF_EVEN


def exact(value: Number, name: str = "value") -> Decimal:
    """Return `value` as a finite Decimal, without passing through a binary float.

    Raises TypeError for a float or any other type, saying what to write instead, and ValueError for text that is
    not a plain finite number (`nan`, `inf`, `1_000`, an empty string).
    """
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, str):
        number = _parse(value, name)
    elif type(value) is int:
        return Decimal(value)
    elif isinstance(value, float):
        message = (
            f"{name}: found the float {value!r}, which is not exact; write Decimal({str(value)!r}) or {str(value)!r}"
        )
        raise TypeError(message)
    else:
        raise TypeError(f"{name}: found {value!r} ({type(value).__name__}); allowed are Decimal, int and str")
    if not number.is_finite():
        raise ValueError(f"{name}: found {value!s}; allowed are finite numbers")
    return number


def _parse(text: str, name: str) -> Decimal:
    if "_" not in text:
        try:
            return Decimal(text)
        except InvalidOperation:
            pass
    raise ValueError(f"{name}: found the text {text!r}; allowed is a decimal number such as '0.01'")


def round_to_step(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """Return the multiple of `step` (above zero) that `rounding` chooses, exactly."""
    steps = (value / step).to_integral_value(rounding.value)
    candidate = steps * step
    # The quotient above is rounded to the context's 28 digits; where that moved it over a step, move it back.
    if rounding is Rounding.DOWN and candidate > value:
        candidate -= step
    elif rounding is Rounding.UP and candidate < value:
        candidate += step
    elif rounding is Rounding.TOWARD_ZERO and abs(candidate) > abs(value):
        candidate -= step.copy_sign(value)
    elif rounding is Rounding.AWAY_FROM_ZERO and abs(candidate) < abs(value):
        candidate += step.copy_sign(value)
    return candidate


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Tell whether `value` is a whole number of `step`."""
    return value % step == 0


def quantize_money(value: Decimal) -> Decimal:
    """Cut an amount of money that came out of a division to 16 decimals, half to even."""
    return value.quantize(MONEY_QUANTUM, ROUND_HALF_EVEN)
