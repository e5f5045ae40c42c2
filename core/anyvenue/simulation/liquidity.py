"""The liquidity of others in one instrument: what a tape or a flow says is in the book beside our own orders.

Like an `OrderBook` it keeps the kind of side that what it is told calls for (`book_side`, `decoded_side`). Decoded
frames are taken in when somebody looks: where no order of ours rests, hardly anybody does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain
from typing import Final, TypeAlias

from anyvenue.model.book_side import BookSide, Level
from anyvenue.model.decoded_delta import TextPair
from anyvenue.model.decoded_side import DEAD, DecodedSide
from anyvenue.model.enums import Side
from anyvenue.model.errors import InvalidBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import RawLevel
from anyvenue.model.numbers import ZERO

__all__ = ["ExternalLiquidity", "ExternalSide"]

WAITING_MAX: Final = 256
"""So many decoded frames wait at most until somebody looks."""


class _TextSide(BookSide):
    """One side of it. What it adds answers once per frame, without making a number."""

    __slots__ = ()

    def comes_to(self, key: float) -> bool:
        """Tell whether the best price here may have come to that of `key`, or beyond it: a float, negative for asks.

        Never wrong when it says no; where it says yes, the exact numbers decide.
        """
        return bool(self._keys) and self._keys[-1] >= key

    def size_of(self, text: str) -> object:
        """Return the size that stands under a price written so, which is good for comparing; None for no such price."""
        return self._sizes.get(text)

    def find(self, price: Decimal) -> tuple[str | None, object, Decimal]:
        """Return how a price is written here, its `size_of`, and the quantity; None, None, 0 where it is not."""
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


class _DecodedSide(DecodedSide):
    """The same for decoded frames."""

    __slots__ = ()

    @property
    def best(self) -> Level | None:
        """The best level, None where there is none."""
        if not self.texts:
            return None
        text = self.texts[-1]
        level = self.sizes[text]
        return level if level.__class__ is Level else self.read(text, level)

    def comes_to(self, key: float) -> bool:
        return bool(self.keys) and self.keys[-1] >= key

    def size_of(self, text: str) -> object:
        return self.sizes.get(text)

    def find(self, price: Decimal) -> tuple[str | None, object, Decimal]:
        key = float(price) if self._is_bid else -float(price)
        index = bisect_left(self.keys, key)
        text = self.texts[index] if index < len(self.keys) and self.keys[index] == key else self._far.get(key)
        if text is None:
            return None, None, ZERO
        size = self.sizes[text]
        level = size if size.__class__ is Level else self.read(text, size)
        if price != (Decimal(text) if level is None else level.price):
            return None, None, ZERO
        return text, self.sizes[text], ZERO if level is None else level.quantity

    def merge(self, levels: Sequence[TextPair]) -> bool:
        """Take changed levels in. False where one has a price that is too long for a float, or no price at all."""
        sizes = self.sizes
        count = len(sizes)
        sizes.update(levels)
        self.top_count = 0
        if len(sizes) != count and not self.add(len(sizes) - count):
            return False
        texts = self.texts
        while texts:  # as `settle`, but no level is made that nobody may look at
            size = sizes[text := texts[-1]]
            if size.__class__ is Level or size >= "1" or (size not in DEAD and self._lives(text, size)):
                break
            del sizes[texts.pop()], self.keys[-1]
            if not texts and sizes:
                self._come_near()
        return True


ExternalSide: TypeAlias = _TextSide | _DecodedSide


class ExternalLiquidity:
    """One instrument's external book. Unlike an `OrderBook` it has no opinion on whether it is in step or crossed."""

    __slots__ = ("_decoded", "_sides", "_stays_text", "_texts", "_waiting", "_where", "unit")

    def __init__(self, instrument: Instrument) -> None:
        self.unit, self._where = instrument.depth_unit, instrument.key
        self._texts = (
            _TextSide(Side.BUY, self.unit, where=self._where),
            _TextSide(Side.SELL, self.unit, where=self._where),
        )
        self._sides: tuple[_TextSide, _TextSide] | tuple[_DecodedSide, _DecodedSide]
        self._decoded: tuple[_DecodedSide, _DecodedSide] | None
        self._waiting: list[tuple[Sequence[TextPair], Sequence[TextPair]]] = []
        self._clear()

    # Writing

    def apply(self, bids: Sequence[RawLevel], asks: Sequence[RawLevel], *, snapshot: bool) -> None:
        """Take in a whole book, or changed levels with absolute sizes, in the instrument's depth unit.

        Raises InvalidBook for levels that cannot be read, TypeError for a float; it is empty then.
        """
        if snapshot:
            self._clear()
        else:
            if self._waiting:
                self._catch_up()
            self._to_texts()
        self._apply_texts(bids, asks)

    def apply_decoded(self, bids: Sequence[TextPair], asks: Sequence[TextPair]) -> None:
        """Take in changed levels as in a `DecodedDelta`. What is wrong with them is raised when somebody looks."""
        self._waiting.append((bids, asks))
        if len(self._waiting) >= WAITING_MAX:
            self._catch_up()

    def merge_decoded(self, bids: Sequence[TextPair], asks: Sequence[TextPair]) -> tuple[ExternalSide, ExternalSide]:
        """Do the same, and look: return both sides."""
        if self._waiting or self._decoded is None:
            self._waiting.append((bids, asks))
            self._catch_up()
        else:
            self._merge(bids, asks)
        return self._sides

    def take(self, side: Side, level: Level, quantity: Decimal) -> None:
        """Take `quantity` away from a level; it stays away until the tape next speaks about that price.

        The price is written back in the digits it was read from, which name the level.
        """
        if self._waiting:
            self._catch_up()
        index = 0 if side is Side.BUY else 1
        price, left = f"{level.price:f}", f"{(level.quantity - quantity) / self.unit:f}"
        if self._decoded is not None:
            self._decoded[index].merge([(price, left)])
        else:
            self._to_texts()
            self._texts[index].apply([(price, left)])

    def _clear(self) -> None:
        self._waiting.clear()
        for side in self._texts:
            side.clear()
        self._sides, self._decoded = self._texts, None
        self._stays_text = False

    def _apply_texts(self, bids: Sequence[RawLevel], asks: Sequence[RawLevel]) -> None:
        try:
            if bids:
                self._texts[0].apply(bids)
            if asks:
                self._texts[1].apply(asks)
        except (InvalidBook, TypeError):
            self._clear()
            raise

    def _catch_up(self) -> None:
        """Take in what waits, all at once: sizes are absolute, so that the last word on a price is what counts."""
        waiting = self._waiting
        bids, asks = waiting[0]
        if len(waiting) > 1:
            bids, asks = ([*chain.from_iterable(said)] for said in zip(*waiting, strict=True))
        waiting.clear()
        if self._decoded is None and not self._stays_text:
            self._to_decoded()
        self._merge(bids, asks)

    def _merge(self, bids: Sequence[TextPair], asks: Sequence[TextPair]) -> None:
        if self._decoded is not None:
            own_bids, own_asks = self._decoded
            try:
                if own_bids.merge(bids) and own_asks.merge(asks):
                    return
            except InvalidBook:
                self._clear()
                raise
            self._to_texts()
            self._stays_text = True
        self._apply_texts(bids, asks)

    def _to_decoded(self) -> None:
        """Go over to sides for decoded frames; where prices are too long for that, stay until the next whole book."""
        bids = _DecodedSide(Side.BUY, self.unit, where=self._where)
        asks = _DecodedSide(Side.SELL, self.unit, where=self._where)
        if bids.load(self._texts[0].plain()) and asks.load(self._texts[1].plain()):
            self._sides = self._decoded = bids, asks
        else:
            self._stays_text = True

    def _to_texts(self) -> None:
        if self._decoded is None:
            return
        bids, asks = (side.plain() for side in self._decoded)
        for side in self._texts:
            side.clear()
        self._sides, self._decoded = self._texts, None
        self._apply_texts(bids, asks)

    # Reading

    def side(self, side: Side) -> ExternalSide:
        """Return the bids or the asks."""
        if self._waiting:
            self._catch_up()
        return self._sides[0 if side is Side.BUY else 1]

    def sides(self) -> tuple[ExternalSide, ExternalSide]:
        """Return the bids and the asks."""
        if self._waiting:
            self._catch_up()
        return self._sides

    def best(self, side: Side) -> Level | None:
        """Return the best level of one side."""
        return self.side(side).best

    def quantity_at(self, side: Side, price: Decimal) -> Decimal:
        """Return the quantity at a price."""
        return self.side(side).find(price)[2]

    def from_best(self, side: Side) -> Iterator[Level]:
        """Iterate over the levels, best price first."""
        return iter(self.side(side))
