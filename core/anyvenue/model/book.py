"""An order book: levels as the venue last told them, exact decimals to whoever reads.

`DepthSync` decides which frames belong in it; this module only carries them out. How a side is kept is the affair of
`book_side` (any frames) and `decoded_side` (frames that a decoder has checked to be pairs of texts); the frames decide
which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import wraps
from typing import Concatenate, Final, ParamSpec, TypeVar

from anyvenue.model.book_side import BookSide, Level
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.decoded_side import DecodedSide
from anyvenue.model.enums import ContractKind, Side
from anyvenue.model.errors import InvalidBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import RawLevel
from anyvenue.model.numbers import EXACT, ZERO, Number, exact

__all__ = ["Level", "OrderBook"]

HALF: Final = Decimal("0.5")
_P = ParamSpec("_P")
_T = TypeVar("_T")


def _emptied_by_junk(read: Callable[Concatenate[OrderBook, _P], _T]) -> Callable[Concatenate[OrderBook, _P], _T]:
    """Let a reader that comes upon a size which is no number empty the book, and read that.

    `bids` and `asks` do so themselves: they are read so often that the call would be felt.
    """

    @wraps(read)
    def reading(book: OrderBook, /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return read(book, *args, **kwargs)
        except InvalidBook as error:
            book.clear(str(error), book.ts_recv)
            return read(book, *args, **kwargs)

    return reading


class OrderBook:
    """The bids and asks of one instrument.

    It is synced from a snapshot on, and stale before the first one, after `mark_stale`, `clear`, a frame that cannot
    be read, and a delta that leaves it crossed. A stale book takes no deltas; the next snapshot mends it. What it
    shows while stale is the past, and may be crossed: look at `is_synced` before trading on it. A size that is no
    number may be found as late as its level is read: the book is stale from then on, and what is read is empty.

    Readers take the side of the book: `Side.BUY` for the bids, `Side.SELL` for the asks. Prices are in quote money,
    quantities in the instrument's quantity unit, both exact. `depth` keeps only so many levels a side, for venues
    that do not say which levels have left their window.
    """

    __slots__ = (
        "_asks",
        "_bids",
        "_decoded",
        "_depth",
        "_stale_reason",
        "_stale_since",
        "_stays_text",
        "_texts",
        "best_ask",
        "best_bid",
        "instrument",
        "ts_event",
        "ts_recv",
    )

    def __init__(self, instrument: Instrument, *, depth: int | None = None) -> None:
        if depth is not None and depth < 1:
            raise ValueError(f"{instrument.key}: depth: found {depth}; allowed are numbers from 1, or None for all")
        self.instrument = instrument
        self.ts_event = 0
        """When the venue made the last frame that was applied, in nanoseconds since the epoch."""
        self.ts_recv = 0
        """When that frame came in."""
        self.best_bid: Level | None
        """The highest bid, None where there is none."""
        self.best_ask: Level | None
        """The lowest ask, None where there is none."""
        self._depth = depth
        unit, where = instrument.depth_unit, instrument.key
        self._texts = (
            BookSide(Side.BUY, unit, depth=depth, where=where),
            BookSide(Side.SELL, unit, depth=depth, where=where),
        )
        self._bids: BookSide | DecodedSide
        self._asks: BookSide | DecodedSide
        self._decoded: tuple[DecodedSide, DecodedSide] | None
        self._empty()
        self._stale_since: int | None = 0
        self._stale_reason = "no snapshot yet"

    # Writing

    def apply_snapshot(
        self, bids: Sequence[RawLevel], asks: Sequence[RawLevel], ts_event: int = 0, ts_recv: int = 0
    ) -> None:
        """Replace the book. It is synced then.

        A level is a price and a size in the instrument's `depth_unit`, both text (or Decimal); size 0 is no level.
        Raises InvalidBook for levels that cannot be read and for a book that is crossed or locked, TypeError for a
        float; the book is empty and stale then.
        """
        self._empty()
        self._merge(bids, asks, ts_recv)
        if self._is_crossed():
            touch = f"best bid {self._bids.top(1)[0].price}, best ask {self._asks.top(1)[0].price}"
            message = f"{self.instrument.key}: snapshot: found {touch}; allowed are bids below asks"
            self.clear(message, ts_recv)
            raise InvalidBook(message)
        self.ts_event, self.ts_recv = ts_event, ts_recv
        self._stale_since, self._stale_reason = None, ""

    def apply_delta(
        self, bids: Sequence[RawLevel], asks: Sequence[RawLevel], ts_event: int = 0, ts_recv: int = 0
    ) -> bool:
        """Change levels, as in `apply_snapshot`; size 0 deletes. Return whether the book is synced afterwards.

        A stale book ignores it. One that it leaves crossed or locked becomes stale. Raises InvalidBook for levels
        that cannot be read, TypeError for a float; the book is empty and stale then.
        """
        if self._stale_since is not None:
            return False
        self._merge(bids, asks, ts_recv)
        self.ts_event, self.ts_recv = ts_event, ts_recv
        if self._is_crossed():
            self.mark_stale("crossed by a delta", ts_recv)
            return False
        return True

    def apply_decoded(self, delta: DecodedDelta) -> bool:
        """Do as `apply_delta`, at a fraction of its cost where all prices of the book have at most 15 digits.

        A size that is no number is found out when its level is looked at. The best levels are looked at here; where one
        behind them is such, the book is empty and stale once it is read.
        """
        sides = self._decoded
        if sides is None and (sides := self._to_decoded()) is None:
            return self.apply_delta(delta.bids, delta.asks, delta.ts_event, delta.ts_recv)
        bids, asks = sides
        has_new = False
        try:
            if pairs := delta.bids:
                sizes = bids.sizes
                count = len(sizes)
                sizes.update(pairs)
                bids.top_count = 0
                if len(sizes) != count:
                    has_new = True
                    if not bids.add(len(sizes) - count):
                        return self._apply_odd(delta)
                if not (texts := bids.texts) or sizes[texts[-1]] is not self.best_bid:
                    self.best_bid = bids.settle()
            if pairs := delta.asks:
                sizes = asks.sizes
                count = len(sizes)
                sizes.update(pairs)
                asks.top_count = 0
                if len(sizes) != count:
                    has_new = True
                    if not asks.add(len(sizes) - count):
                        return self._apply_odd(delta)
                if not (texts := asks.texts) or sizes[texts[-1]] is not self.best_ask:
                    self.best_ask = asks.settle()
        except InvalidBook as error:
            self.clear(str(error), delta.ts_recv)
            raise
        self.ts_event, self.ts_recv = delta.ts_event, delta.ts_recv
        # What is not new was not better than the best before, so that it crosses nothing.
        if has_new and bids.keys and asks.keys and bids.keys[-1] >= -asks.keys[-1]:
            self.mark_stale("crossed by a delta", delta.ts_recv)
            return False
        return True

    def _apply_odd(self, delta: DecodedDelta) -> bool:
        """Go over to texts until the next snapshot. The delta is applied from its beginning: its sizes are absolute."""
        is_synced = self.apply_delta(delta.bids, delta.asks, delta.ts_event, delta.ts_recv)
        self._stays_text = True
        return is_synced

    def clear(self, reason: str = "cleared", ts: int = 0) -> None:
        """Drop all levels. The book is stale then, as by `mark_stale`."""
        self._empty()
        self.mark_stale(reason, ts)

    def mark_stale(self, reason: str, ts: int) -> None:
        """Say that the book can no longer be trusted, since `ts` (local nanoseconds). The levels stay to be seen.

        Where it is stale already, the first reason and time stand.
        """
        if self._stale_since is None:
            self._stale_since, self._stale_reason = ts, reason
            self._decoded = None  # what would be written is found by this alone; the sides stay to be read

    def _merge(self, bids: Sequence[RawLevel], asks: Sequence[RawLevel], ts_recv: int) -> None:
        if self._decoded is not None:
            kept_bids, kept_asks = (side.plain() for side in self._decoded)
            self._empty()
            self._merge(kept_bids, kept_asks, ts_recv)
        try:
            if bids:
                self._bids.apply(bids)  # type: ignore[union-attr]
            if asks:
                self._asks.apply(asks)  # type: ignore[union-attr]
        except (InvalidBook, TypeError) as error:
            self.clear(str(error), ts_recv)
            raise
        self.best_bid, self.best_ask = self._bids.best, self._asks.best  # type: ignore[union-attr]  # as above

    def _empty(self) -> None:
        self._bids, self._asks = self._texts
        self._bids.clear()
        self._asks.clear()
        self._decoded = None
        self._stays_text = False
        self.best_bid = self.best_ask = None

    def _to_decoded(self) -> tuple[DecodedSide, DecodedSide] | None:
        """Go over to sides for decoded frames; None for a book that is stale, or whose prices are too long for that.

        In this case it stays with texts until the next snapshot, lest every frame look at every level.
        """
        if self._stays_text or self._stale_since is not None:
            return None
        unit, depth = self.instrument.depth_unit, self._depth
        where = self.instrument.key
        bids = DecodedSide(Side.BUY, unit, depth=depth, where=where)
        asks = DecodedSide(Side.SELL, unit, depth=depth, where=where)
        if not bids.load(self._bids.plain()) or not asks.load(self._asks.plain()):
            self._stays_text = True
            return None
        for side in self._texts:
            side.clear()
        self._bids, self._asks = self._decoded = bids, asks
        return self._decoded

    def _is_crossed(self) -> bool:
        return self._bids.reaches(self._asks)  # type: ignore[union-attr, arg-type]  # texts were merged just now

    # State

    @property
    def is_synced(self) -> bool:
        """Whether the book is what the venue has, as far as is known."""
        return self._stale_since is None

    @property
    def stale_since(self) -> int | None:
        """Local time at which it became stale, nanoseconds since the epoch (0: never synced yet); None if synced."""
        return self._stale_since

    @property
    def stale_reason(self) -> str:
        """Why it is stale, in words; empty if synced."""
        return self._stale_reason

    # Reading

    def bids(self, count: int) -> list[Level]:
        """Return the best `count` bids, or as many as there are, highest first."""
        try:
            return self._bids.top(count)
        except InvalidBook as error:
            self.clear(str(error), self.ts_recv)
            return []

    def asks(self, count: int) -> list[Level]:
        """Return the best `count` asks, or as many as there are, lowest first."""
        try:
            return self._asks.top(count)
        except InvalidBook as error:
            self.clear(str(error), self.ts_recv)
            return []

    @_emptied_by_junk
    def quantity_at(self, side: Side, price: Number) -> Decimal:
        """Return the quantity at exactly `price`, 0 where there is none."""
        return self._side(side).quantity_at(exact(price, "price"))

    @_emptied_by_junk
    def cumulative(self, side: Side, up_to_price: Number) -> Decimal:
        """Return the sum of quantities from the best price to `up_to_price`, that one included."""
        return self._side(side).quantity_up_to(exact(up_to_price, "up_to_price"))

    @_emptied_by_junk
    def vwap(self, side: Side, quantity: Number) -> Decimal | None:
        """Return the average price of taking `quantity` from one side of the book, None where it holds less.

        A buyer takes from `Side.SELL`. The average is the one that fills give a position: weighted by base quantity,
        so for an inverse contract, sized in quote money, it is the quantity over the sum of quantity / price.
        Rounded to 28 digits. Raises ValueError for a quantity that is not above 0.
        """
        wanted = exact(quantity, "quantity")
        if wanted <= 0:
            raise ValueError(f"{self.instrument.key}: quantity: found {wanted}; allowed are quantities above 0")
        is_linear = self.instrument.kind is ContractKind.LINEAR
        left, value = wanted, ZERO
        for level in self._side(side):
            taken = min(left, level.quantity)
            value = EXACT.fma(taken, level.price, value) if is_linear else value + taken / level.price
            left = EXACT.subtract(left, taken)
            if not left:
                return value / wanted if is_linear else wanted / value
        return None

    @property
    def mid(self) -> Decimal | None:
        """Halfway between the best bid and the best ask; None where a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else EXACT.multiply(EXACT.add(bid.price, ask.price), HALF)

    @property
    def microprice(self) -> Decimal | None:
        """The mid drawn towards the side whose best level is smaller, to 28 digits; None where a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        if bid is None or ask is None:
            return None
        weighted = EXACT.fma(bid.price, ask.quantity, EXACT.multiply(ask.price, bid.quantity))
        return weighted / EXACT.add(bid.quantity, ask.quantity)

    @property
    def spread(self) -> Decimal | None:
        """Best ask less best bid; None where a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else EXACT.subtract(ask.price, bid.price)

    def imbalance(self, count: int) -> Decimal | None:
        """Return (bid - ask) / (bid + ask) over the quantities of the best `count` levels: 1 is all bids, -1 all asks.

        Rounded to 28 digits; None where both sides are empty.
        """
        bid = sum((level.quantity for level in self.bids(count)), ZERO)
        ask = sum((level.quantity for level in self.asks(count)), ZERO)
        return (bid - ask) / (bid + ask) if bid or ask else None

    def _side(self, side: Side) -> BookSide | DecodedSide:
        return self._bids if side is Side.BUY else self._asks

    def __repr__(self) -> str:
        bid, ask = self.best_bid, self.best_ask
        touch = f"{bid.price if bid else None} / {ask.price if ask else None}"
        return f"OrderBook({self.instrument.key}, {touch}, {'synced' if self.is_synced else self._stale_reason})"
