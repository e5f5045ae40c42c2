"""The liquidity of others in one instrument: what a tape or a flow says is in the book beside our own orders."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal

from anyvenue.model.book_side import BookSide, Level
from anyvenue.model.enums import Side
from anyvenue.model.errors import InvalidBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import RawLevel
from anyvenue.model.numbers import ZERO

__all__ = ["ExternalLiquidity", "ExternalSide"]


class ExternalSide(BookSide):
    """One side of it. What it adds answers once per frame, without making a number."""

    __slots__ = ()

    def comes_to(self, price: float, *, sign: int) -> bool:
        """Tell whether the best price here may have come to `price` or beyond. `sign` is that of its keys.

        Never wrong when it says no; where it says yes, the exact numbers decide.
        """
        return bool(self._keys) and self._keys[-1] >= price * sign

    def size_of(self, text: str) -> str | None:
        """Return the size that stands under a price written so; None where there is none."""
        return self._sizes.get(text)

    def find(self, price: Decimal) -> tuple[str | None, str | None, Decimal]:
        """Return how a price is written here, its size as written, and the quantity; None, None, 0 where it is not."""
        if self._is_exact:
            index = self._index(price)
        else:  # keys are floats, one for each price; whether it is this very price is seen below
            index = bisect_left(self._keys, float(price) if self._is_bid else -float(price))
        if index < len(self._texts):
            text = self._texts[index]
            if Decimal(text) == price:
                size = self._sizes[text]
                return text, size, self._quantity(size)
        return None, None, ZERO


class ExternalLiquidity:
    """One instrument's external book. Unlike an `OrderBook` it has no opinion on whether it is in step or crossed."""

    __slots__ = ("asks", "bids", "unit")

    def __init__(self, instrument: Instrument) -> None:
        self.unit = instrument.depth_unit
        self.bids = ExternalSide(Side.BUY, self.unit, where=instrument.key)
        self.asks = ExternalSide(Side.SELL, self.unit, where=instrument.key)

    def apply(self, bids: Sequence[RawLevel], asks: Sequence[RawLevel], *, snapshot: bool) -> None:
        """Take in a whole book, or changed levels with absolute sizes, in the instrument's depth unit.

        Raises InvalidBook for levels that cannot be read, TypeError for a float; it is empty then.
        """
        if snapshot:
            self.bids.clear()
            self.asks.clear()
        try:
            if bids:
                self.bids.apply(bids)
            if asks:
                self.asks.apply(asks)
        except (InvalidBook, TypeError):
            self.bids.clear()
            self.asks.clear()
            raise

    def side(self, side: Side) -> ExternalSide:
        """Return the bids or the asks."""
        return self.bids if side is Side.BUY else self.asks

    def best(self, side: Side) -> Level | None:
        """Return the best level of one side."""
        return self.side(side).best

    def quantity_at(self, side: Side, price: Decimal) -> Decimal:
        """Return the quantity at a price."""
        return self.side(side).find(price)[2]

    def from_best(self, side: Side) -> Iterator[Level]:
        """Iterate over the levels, best price first."""
        return iter(self.side(side))

    def take(self, side: Side, level: Level, quantity: Decimal) -> None:
        """Take `quantity` away from a level; it stays away until the tape next speaks about that price.

        The price is written back in the digits it was read from, which name the level.
        """
        left = (level.quantity - quantity) / self.unit
        self.side(side).apply([(f"{level.price:f}", f"{left:f}")])
