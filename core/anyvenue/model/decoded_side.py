"""One side of an order book fed by `DecodedDelta`. The hot path of the whole product.

A frame is merged by one call that runs in C, `dict.update` from a price's text to its size's. Only prices that were not
there before cost more: they are the last keys of the dict after it. So:

- A deleted level stays in the dict with its size of zero, so that it costs nothing to delete it or to bring it back.
  Those better than the best are dropped at once, so that whatever may become the best is new.
- The best levels, and no others, are kept in order: `keys`, numbers to sort by (negative for asks, so that both sides
  ascend), and `texts`, the best last. The others are in `_far`, in no order, until so many of the best are gone that
  they are needed. A price of more than 15 characters may not survive in a binary float, and is refused.
- A size is looked at when its level is read: then it is replaced in the dict by the `Level` made of it, so that what
  stands unchanged is never made twice. One that is no number raises InvalidBook there, and zero in an unusual spelling
  is the usual one from then on.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from itertools import islice
from math import inf
from typing import Any, Final

from anyvenue.model.book_side import Level, read_number
from anyvenue.model.enums import Side
from anyvenue.model.market import RawLevel
from anyvenue.model.numbers import EXACT, ZERO

__all__ = ["DEAD", "DecodedSide"]

DIGITS_MAX: Final = 15  # sys.float_info.dig: so many significant digits survive in a binary float
NEAR: Final = 128
"""So many levels are put in order when none is near any more."""
NEAR_MAX: Final = 512
"""When they have become more, half of them are far."""
DEAD_MIN: Final = 1024
"""So many deleted levels may be there, and two more for each that is not deleted."""
PRICES_KEPT: Final = 4096

_DEAD: Final = "0"
DEAD: Final = frozenset([_DEAD, *(f"0.{'0' * count}" for count in range(1, DIGITS_MAX))])
"""Sizes that are zero in the spellings of exchanges; tapes, and venues with fractions of contracts, write `0.000`."""
_multiply: Final = EXACT.multiply
_divide: Final = Context(prec=DIGITS_MAX).divide  # back to a size that has no more digits, so that it is exact
_new: Final = tuple.__new__  # what Level() does, without a detour


class DecodedSide:
    """Bids or asks. `unit` is the quantity in one unit of size, `depth` the number of levels to keep (None: all),
    `where` what the messages of InvalidBook begin with.

    Whoever merges a frame updates `sizes` with it, calls `add` where it has grown, `settle` where the last of `texts`
    may not be the best any more, or has another size, and sets `top_count` to 0. Whatever looks at levels may raise
    InvalidBook.
    """

    __slots__ = (
        "_depth",
        "_edge",
        "_far",
        "_is_bid",
        "_limit",
        "_prices",
        "_top",
        "_unit",
        "_where",
        "keys",
        "sizes",
        "texts",
        "top_count",
    )

    def __init__(self, side: Side, unit: Decimal, *, depth: int | None = None, where: str = "") -> None:
        self._is_bid = side is Side.BUY
        self._unit = unit
        self._depth = depth
        self._where = f"{where}: {'bid' if self._is_bid else 'ask'}"
        self._far: dict[float, str] = {}
        self._edge = -inf
        self._limit = 0
        self._prices: dict[str, Decimal] = {}
        self._top: list[Level] = []
        self.top_count = 0
        """So many levels `_top` was asked for; 0 where they may have changed since."""
        self.sizes: dict[str, Any] = {}
        """By price: the size's text, or the Level that was made of it."""
        self.keys: list[float] = []
        self.texts: list[str] = []
        """The near prices, the best last."""

    # Writing

    def load(self, levels: Sequence[RawLevel]) -> bool:
        """Begin with these levels, in plain texts. False where a price is too long for a float: not usable then."""
        if any(len(price) > DIGITS_MAX for price, _ in levels):
            return False
        self.sizes = dict(levels)  # type: ignore[arg-type]  # they are pairs
        self._divide()
        return True

    def add(self, count: int) -> bool:
        """Take in the last `count` prices of `sizes`, which are new.

        False where one of them is no short plain number, or is known in another spelling: `sizes` is without them then,
        and good for `plain` alone.
        """
        keys, far, edge, sizes, is_bid = self.keys, self._far, self._edge, self.sizes, self._is_bid
        for text in islice(reversed(sizes), count):
            if len(text) > DIGITS_MAX or text.strip("0123456789."):
                return self._refuse(count)
            try:
                key = float(text) if is_bid else -float(text)
            except ValueError:
                return self._refuse(count)
            if key < edge:
                if far.setdefault(key, text) is not text or not key:
                    return self._refuse(count)
                continue
            index = bisect_left(keys, key)
            if (index < len(keys) and keys[index] == key) or not key:
                return self._refuse(count)
            keys.insert(index, key)
            self.texts.insert(index, text)
        if len(sizes) > self._limit:
            self._divide()
        elif len(keys) > NEAR_MAX:
            self._send_away()
        return True

    def _refuse(self, count: int) -> bool:
        for text in list(islice(reversed(self.sizes), count)):
            del self.sizes[text]
        return False

    def settle(self) -> Level | None:
        """Drop the best levels for as long as they are dead, and return the best that is not."""
        sizes, texts = self.sizes, self.texts
        while texts:
            text = texts[-1]
            level = sizes[text]
            if level.__class__ is Level or (level not in DEAD and (level := self.read(text, level))):
                return level
            del sizes[texts.pop()], self.keys[-1]
            if not texts and sizes:
                self._come_near()
        return None

    def _divide(self) -> None:
        """Forget dead levels, and keep the best of the rest in order."""
        lives = self._lives
        alive = {
            text: size
            for text, size in self.sizes.items()
            if size.__class__ is Level or size >= "1" or (size not in DEAD and lives(text, size))
        }
        names = {(float(text) if self._is_bid else -float(text)): text for text in alive}
        if self._depth is not None:
            for key in sorted(names)[: -self._depth]:
                del alive[names.pop(key)]
        self.sizes, self._far = alive, names
        self.keys, self.texts = [], []
        self._limit = DEAD_MIN + 3 * len(alive) if self._depth is None else self._depth
        self._come_near()

    def _send_away(self) -> None:
        """Let half of the near levels, the worse ones, be far."""
        keys, texts, count = self.keys, self.texts, NEAR_MAX // 2
        self._far.update(zip(keys[:count], texts[:count], strict=True))
        del keys[:count], texts[:count]
        self._edge = keys[0]

    def _come_near(self) -> None:
        """Put the best of the far levels in order, where none is near any more."""
        far, sizes, keys = self._far, self.sizes, self.keys
        ordered = sorted(far)
        while ordered and len(keys) < NEAR:
            text = far.pop(key := ordered.pop())
            size = sizes[text]
            if size.__class__ is Level or (size not in DEAD and self._lives(text, size)):
                keys.append(key)
                self.texts.append(text)
            else:
                del sizes[text]
        keys.reverse()
        self.texts.reverse()
        self._edge = keys[0] if far else -inf
        self.top_count = 0

    # Reading

    def read(self, text: str, size: str) -> Level | None:
        """Return a level as decimals, and remember it; None where its size is 0. Raises InvalidBook."""
        if size in DEAD:
            return None
        price = self._prices.get(text)
        if price is None:
            if len(self._prices) >= PRICES_KEPT:
                self._prices.clear()
            price = self._prices[text] = Decimal(text)
        is_plain = size.replace(".", "", 1).isdecimal() and size.isascii()
        number = Decimal(size) if is_plain else read_number(size, "size", self._where)
        if not number:
            self.sizes[text] = _DEAD
            return None
        level = _new(Level, (price, _multiply(number, self._unit)))
        if len(size) <= DIGITS_MAX:  # which `plain` can take back out of it
            self.sizes[text] = level
        return level

    def _lives(self, text: str, size: Any) -> bool:
        """Tell whether a level that was not read is not dead, without making numbers of sizes in plain digits."""
        return size >= "1" or size.strip("0.")[:1].isdecimal() or self.read(text, size) is not None

    def __iter__(self) -> Iterator[Level]:
        """Yield the levels, best first."""
        far = self._far
        for texts in (reversed(self.texts), (far[key] for key in sorted(far, reverse=True))):
            for text in texts:
                level = self.sizes[text]
                if level.__class__ is Level or (level not in DEAD and (level := self.read(text, level))):
                    yield level

    def top(self, count: int) -> list[Level]:
        """Return at most `count` levels, best first."""
        if count == self.top_count > 0:
            return self._top.copy()
        sizes = self.sizes
        found: list[Level] = []
        for text in reversed(self.texts) if count > 0 else ():
            level = sizes[text]
            if level.__class__ is Level or (level not in DEAD and (level := self.read(text, level))):
                found.append(level)
                if len(found) == count:
                    break
        else:
            if self._far and len(found) < count:
                self._divide()
                found = list(islice(self, count))
        self._top, self.top_count = found, count
        return found.copy()

    def quantity_at(self, price: Decimal) -> Decimal:
        """Return the quantity at exactly `price`, 0 where there is none."""
        key = float(price) if self._is_bid else -float(price)
        index = bisect_left(self.keys, key)
        near = index < len(self.keys) and self.keys[index] == key
        text = self.texts[index] if near else self._far.get(key)
        if text is None:
            return ZERO
        level = self.sizes[text]
        if level.__class__ is not Level:
            level = self.read(text, level)
        return level.quantity if level is not None and level.price == price else ZERO

    def quantity_up_to(self, price: Decimal) -> Decimal:
        """Return the sum of the quantities at `price` and better ones."""
        total = ZERO
        for level in self:
            if level.price < price if self._is_bid else level.price > price:
                break
            total = EXACT.add(total, level.quantity)
        return total

    def plain(self) -> list[RawLevel]:
        """Return all levels as texts of price and size, as they came."""
        return [
            (text, str(_divide(size.quantity, self._unit)) if size.__class__ is Level else size)
            for text, size in self.sizes.items()
            if size.__class__ is Level or size not in DEAD
        ]
