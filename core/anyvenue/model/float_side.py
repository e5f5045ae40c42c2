"""One side of an order book fed by `FloatDelta`: a dict, and the near levels in order. The hot path of all.

A frame is merged by `dict.update` alone. A deleted level stays in the dict with its size of zero, so that it costs
nothing to delete it or to bring it back. Only the best levels are kept sorted, `keys`; those behind `_edge` are not,
until so many of the best are gone that they are needed. Keys are prices, negative for asks, so that both sides ascend
and the best is last.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from math import inf
from typing import Final

from anyvenue.model.book_side import Level
from anyvenue.model.enums import Side
from anyvenue.model.float_delta import decimal_of
from anyvenue.model.market import RawLevel
from anyvenue.model.numbers import EXACT, ZERO

__all__ = ["FloatSide"]

FLOAT_DIGITS: Final = 15  # sys.float_info.dig: so many significant digits survive in a binary float
NEAR: Final = 64
NEAR_MAX: Final = 512
MIN_DEAD: Final = 1024  # clearing out dead levels starts here
MAX_SEEN: Final = 1024  # so many prices and levels are remembered as decimals

_multiply: Final = EXACT.multiply
_new: Final = tuple.__new__  # what Level() does, without a detour


class FloatSide:
    """Bids or asks. `unit` is the quantity in one unit of size, `depth` the number of levels to keep (None: all)."""

    __slots__ = ("_depth", "_edge", "_is_bid", "_levels", "_limit", "_sizes", "_unit", "keys")

    def __init__(self, side: Side, unit: Decimal, *, depth: int | None = None) -> None:
        self._is_bid = side is Side.BUY
        self._unit = unit
        self._depth = depth
        self._levels: dict[float, tuple[float, Level]] = {}
        self._sizes: dict[float, float] = {}
        self.keys: list[float] = []
        """The near levels, best last: a price, negative for asks. The last one is alive."""
        self._edge = -inf
        self._limit = MIN_DEAD if depth is None else depth

    # Writing

    def load(self, levels: Sequence[RawLevel]) -> bool:
        """Begin with these levels, in plain texts. False where one of them is too long for a float: not usable then."""
        if any(len(text) > FLOAT_DIGITS for level in levels for text in level):
            return False
        self._sizes = {float(price): float(size) for price, size in levels}
        self._sort()
        return True

    def apply(self, pairs: Sequence[tuple[float, float]]) -> None:
        """Merge a frame."""
        sizes, near = self._sizes, self.keys
        length = len(sizes)
        sizes.update(pairs)
        added = len(sizes) - length
        if added:
            edge = self._edge
            if self._is_bid:
                keys = [price for price in islice(reversed(sizes), added) if price > edge]
            else:
                keys = [-price for price in islice(reversed(sizes), added) if -price > edge]
            for key in keys:
                insort(near, key)
            if length + added > self._limit or len(near) > NEAR_MAX:
                self._sort()
                return
        while near and not sizes[abs(near[-1])]:
            del sizes[abs(near.pop())]
        if not near:
            self._sort()

    def _sort(self) -> None:
        """Drop what is dead, and sort the rest."""
        alive = {price: size for price, size in self._sizes.items() if size}
        keys = self._sorted(alive)
        if self._depth is None:
            self._limit = MIN_DEAD + 2 * len(alive)
        elif len(keys) > self._depth:
            keys = keys[-self._depth :]
            alive = {abs(key): alive[abs(key)] for key in keys}
        self._sizes, self.keys = alive, keys[-NEAR:]
        self._edge = self.keys[0] if len(keys) > NEAR else -inf

    def _sorted(self, prices: dict[float, float]) -> list[float]:
        return sorted(prices) if self._is_bid else sorted([-price for price in prices])

    # Reading

    @property
    def best(self) -> Level | None:
        """The best level, None where there is none. Reading it again costs next to nothing."""
        if not self.keys:
            return None
        price = abs(self.keys[-1])
        seen = self._levels.get(price)
        return seen[1] if seen is not None and seen[0] == self._sizes[price] else self._level(price)

    def reaches(self, other: FloatSide) -> bool:
        """Tell whether this side's best price is as high as the other's (bids) or as low (asks), or beyond."""
        mine, its = self.keys, other.keys
        return bool(mine and its) and mine[-1] >= -its[-1]

    def __iter__(self) -> Iterator[Level]:
        """Yield the levels, best first."""
        sizes = self._sizes
        for key in reversed(self.keys):
            if sizes[abs(key)]:
                yield self._level(abs(key))
        if self._edge > -inf:  # sorted only for whoever looks so far
            for key in reversed(self._sorted(sizes)):
                if key < self._edge and sizes[abs(key)]:
                    yield self._level(abs(key))

    def top(self, count: int) -> list[Level]:
        """Return at most `count` levels, best first."""
        sizes, levels = self._sizes, self._levels
        found: list[Level] = []
        for key in reversed(self.keys):
            if len(found) >= count:
                return found
            price = key if key > 0 else -key
            if size := sizes[price]:
                seen = levels.get(price)
                found.append(seen[1] if seen is not None and seen[0] == size else self._level(price))
        if len(found) >= count or self._edge == -inf:
            return found[: max(count, 0)]
        if count <= NEAR:
            self._sort()
        return list(islice(self, count))

    def quantity_at(self, price: Decimal) -> Decimal:
        """Return the quantity at exactly `price`, 0 where there is none."""
        key = float(price)
        if not self._sizes.get(key):
            return ZERO
        level = self._level(key)
        return level.quantity if level.price == price else ZERO

    def quantity_up_to(self, price: Decimal) -> Decimal:
        """Return the sum of the quantities at `price` and better ones."""
        total = ZERO
        for level in self:
            if level.price < price if self._is_bid else level.price > price:
                break
            total = EXACT.add(total, level.quantity)
        return total

    def texts(self) -> list[RawLevel]:
        """Return all levels as texts of price and size."""
        return [(str(decimal_of(price)), str(decimal_of(size))) for price, size in self._sizes.items() if size]

    def _level(self, price: float) -> Level:
        """Return the level as decimals; what was read before is remembered."""
        size, levels = self._sizes[price], self._levels
        seen = levels.get(price)
        if seen is not None and seen[0] == size:
            return seen[1]
        if len(levels) >= MAX_SEEN:
            levels.clear()
        exact_price = decimal_of(price) if seen is None else seen[1].price
        level = _new(Level, (exact_price, _multiply(decimal_of(size), self._unit)))
        levels[price] = size, level
        return level
