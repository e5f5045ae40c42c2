"""Exact numbers: how text becomes a Decimal, and how a Decimal is rounded to a step.

Prices, quantities and money are `decimal.Decimal` from the venue's text to the strategy. A float has already lost
digits by the time it gets here, so it is refused rather than converted.
"""

from __future__ import annotations

from decimal import (
    MAX_EMAX,
    MAX_PREC,
    MIN_EMIN,
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    ROUND_UP,
    Context,
    Decimal,
    InvalidOperation,
)
from enum import Enum
from typing import Final, TypeAlias

__all__ = [
    "EXACT",
    "ONE",
    "WHOLE_END",
    "ZERO",
    "Number",
    "Rounding",
    "divide_down",
    "exact",
    "is_multiple",
    "plain",
    "quantize_money",
    "readable",
    "round_to_step",
    "shortest_text",
    "whole",
]

Number: TypeAlias = Decimal | int | str
"""What the public API takes where a number is meant: a Decimal, an int, or the number's text. Never a float."""

ZERO: Final = Decimal(0)
"""0, exactly."""
ONE: Final = Decimal(1)
"""1, exactly."""
_TWO: Final = Decimal(2)
DIGITS_MAX: Final = 1_000
"""So many digits a number may have before or behind its point; `1e999999999`, written out, would fill the memory."""

WHOLE_END: Final = 1 << 63
"""Whole numbers that a venue sends lie below it, and above its negative."""

EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""A context in which sums and products keep every digit. It cannot divide."""

# Enough digits for the quotient of any two numbers that trading can come up with.
_WIDE: Final = Context(prec=200)
_READABLE: Final = Context(prec=12)
_WIDE_DOWN: Final = Context(prec=200, rounding=ROUND_DOWN)

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
    if not -DIGITS_MAX <= number.adjusted() <= DIGITS_MAX:
        raise ValueError(f"{name}: found {value!s}; allowed are numbers of at most {DIGITS_MAX} digits")
    return number


def whole(value: object, name: str = "value") -> int:
    """Return a count or an id as it came, a whole number of at most 64 bits.

    Raises TypeError for anything but an int, and ValueError for one that is longer: no database and no log takes it.
    """
    if type(value) is not int:
        raise TypeError(f"{name}: found {value!r} ({type(value).__name__}); allowed are whole numbers")
    if not -WHOLE_END <= value < WHOLE_END:
        raise ValueError(f"{name}: found {value}; allowed are whole numbers of at most 64 bits")
    return value


def _parse(text: str, name: str) -> Decimal:
    if "_" not in text:
        try:
            return Decimal(text)
        except InvalidOperation:
            pass
    raise ValueError(f"{name}: found the text {text!r}; allowed is a decimal number such as '0.01'")


def plain(number: Decimal) -> Decimal:
    """Return the same number without a positive exponent, so that it prints as 100 and not as 1E+2."""
    return EXACT.add(number, ZERO)


def shortest_text(number: Decimal) -> str:
    """Return the number in plain digits, without zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def readable(number: Decimal) -> str:
    """Return the number for a reader: plain digits, at most twelve that count."""
    return shortest_text(_READABLE.plus(number))


def round_to_step(value: Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """Return the multiple of `step` (above zero) that `rounding` chooses, exactly.

    Raises ValueError where value and step are more than 200 digits apart.
    """
    try:
        steps, rest = _WIDE.divmod(value, step)
    except InvalidOperation:
        raise ValueError(f"found {value}, which is too far from the step {step} to be rounded to it") from None
    if rest and _goes_outwards(steps, rest, step, rounding):
        steps += -1 if rest < 0 else 1
    return plain(EXACT.multiply(steps, step))


def _goes_outwards(steps: Decimal, rest: Decimal, step: Decimal, rounding: Rounding) -> bool:
    """Tell whether to go away from zero, from the whole number of steps towards it. `rest` has the value's sign."""
    if rounding is Rounding.NEAREST:
        doubled = EXACT.multiply(rest.copy_abs(), _TWO)
        return doubled > step or (doubled == step and steps % 2 != 0)
    if rounding is Rounding.UP:
        return rest > 0
    if rounding is Rounding.DOWN:
        return rest < 0
    return rounding is Rounding.AWAY_FROM_ZERO


def is_multiple(value: Decimal, step: Decimal) -> bool:
    """Tell whether `value` is a whole number of `step`. False where they are more than 200 digits apart."""
    try:
        return not _WIDE.remainder(value, step)
    except InvalidOperation:
        return False


def divide_down(value: Decimal, divisor: Decimal) -> Decimal:
    """Return the quotient cut to 200 digits, so that rounding can never make a little more of it."""
    return _WIDE_DOWN.divide(value, divisor)


def quantize_money(value: Decimal) -> Decimal:
    """Cut an amount of money that came out of a division to 16 decimals, half to even."""
    return value.quantize(MONEY_QUANTUM, ROUND_HALF_EVEN, _WIDE)
