"""Price rules: which prices an instrument allows, and how to round to one of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from attrs import field, frozen, validators

from anyvenue.model.numbers import Rounding, exact, is_multiple, plain, round_to_step

__all__ = ["PriceRule", "SignificantFigures", "Tick"]


def _positive(value: Decimal | int | str) -> Decimal:
    number = plain(exact(value, "tick"))
    if number <= 0:
        raise ValueError(f"tick: found {number}; allowed are numbers above 0")
    return number


@frozen
class Tick:
    """A fixed tick: every price is a whole number of `size`."""

    size: Decimal = field(converter=_positive)

    def step_at(self, price: Decimal) -> Decimal:
        """Return the distance between allowed prices around `price`: always the tick."""
        return self.size

    def allows(self, price: Decimal) -> bool:
        """Tell whether `price` is on the grid."""
        return is_multiple(price, self.size)

    def round(self, price: Decimal, rounding: Rounding) -> Decimal:
        """Return the allowed price that `rounding` chooses."""
        return round_to_step(price, self.size, rounding)

    def __str__(self) -> str:
        return f"a multiple of {self.size}"


@frozen
class SignificantFigures:
    """At most `figures` significant figures and at most `decimals` decimals; whole numbers are always allowed.

    The distance between allowed prices changes at powers of ten: with 5 figures, 9999.9 is followed by 10000 and
    that by 10001.
    """

    figures: int = field(validator=validators.ge(1))
    decimals: int = field(validator=validators.ge(0))

    def step_at(self, price: Decimal) -> Decimal:
        """Return the distance between allowed prices in the decade of `price`."""
        exponent = price.adjusted() - self.figures + 1 if price else -self.decimals
        return Decimal(1).scaleb(min(0, max(exponent, -self.decimals)))

    def allows(self, price: Decimal) -> bool:
        """Tell whether `price` keeps both caps."""
        return is_multiple(price, self.step_at(price))

    def round(self, price: Decimal, rounding: Rounding) -> Decimal:
        """Return the allowed price that `rounding` chooses."""
        return round_to_step(price, self.step_at(price), rounding)

    def __str__(self) -> str:
        return f"at most {self.figures} significant figures and {self.decimals} decimals (whole numbers always)"


PriceRule: TypeAlias = Tick | SignificantFigures
