"""Exposure: what is held, and the worst that open orders can make of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from attrs import evolve, frozen

from anyvenue.model.enums import ContractKind, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE, ZERO

__all__ = ["BookExposure", "Exposure", "book_exposure"]


@frozen
class Exposure:
    """What is held and what open orders could add, in the quantity unit."""

    position: Decimal
    open_buys: Decimal
    open_sells: Decimal

    def with_more(self, side: Side, adds: Decimal) -> Exposure:
        """Return it with one more open order."""
        if side is Side.BUY:
            return evolve(self, open_buys=self.open_buys + adds)
        return evolve(self, open_sells=self.open_sells + adds)

    def reach(self, side: Side) -> Decimal:
        """Return how far to one side the position can get: positive that way."""
        return self.position * side.sign + (self.open_buys if side is Side.BUY else self.open_sells)

    @property
    def worst(self) -> Decimal:
        """The largest absolute position that can come of it."""
        return max(abs(self.position), self.reach(Side.BUY), self.reach(Side.SELL))

    def only_reduces(self, side: Side, adds: Decimal) -> bool:
        """Tell whether an order of `adds` more can do nothing but make the position smaller."""
        return self.position * side.sign < 0 and self.with_more(side, adds).reach(side) <= 0


@frozen
class BookExposure:
    """Worst-case notional of several instruments, in quote money."""

    gross: Decimal
    long: Decimal
    short: Decimal

    @property
    def net(self) -> Decimal:
        """The larger lean, to whichever side."""
        return max(self.long, self.short)


def book_exposure(
    exposures: Iterable[tuple[Instrument, Exposure]], marks: Mapping[str, Decimal]
) -> BookExposure | Instrument:
    """Return the exposure of them together; or the first instrument whose mark price is needed and not known."""
    gross = long = short = ZERO
    for instrument, exposure in exposures:
        if not exposure.worst:
            continue
        mark = ONE if instrument.kind is ContractKind.INVERSE else marks.get(instrument.key)
        if mark is None:
            return instrument
        gross += instrument.notional(exposure.worst, mark)
        # Those whose orders do not fill lean to where they are.
        long += instrument.notional(exposure.reach(Side.BUY), mark)
        short += instrument.notional(exposure.reach(Side.SELL), mark)
    return BookExposure(gross, long, short)
