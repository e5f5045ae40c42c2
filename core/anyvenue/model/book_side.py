"""One side of an order book: the venue's own texts, kept in price order. The hot path of the whole product.

A frame is merged by two calls that run in C: a regular expression over the joined sizes, and `dict.update`. Only
prices that were not there before cost more: they are the last keys of the dict after the update. So:

- `_sizes` maps a price's text to its size's text. A deleted level stays in it with its size of zero, so that
  deleting costs nothing and a price that flickers is not sorted in again; those better than the best are dropped at
  once, the others when they have become many.
- `_keys` and `_texts` hold the same prices in order, the best last, as numbers to sort by (negative for asks, so that
  both sides ascend) and as text. A key is a binary float while every price has at most 15 significant digits: those
  map to floats one to one and in order. The first longer price turns all keys of the side into Decimals.
- One price written in two ways ("1.0" and "1.00") is one level: the side then rewrites every text it is given to
  the shortest, until it is cleared.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import islice
from operator import eq, itemgetter
from typing import Any, Final, NamedTuple

from anyvenue.model.enums import Side
from anyvenue.model.errors import InvalidBook
from anyvenue.model.market import RawLevel
from anyvenue.model.numbers import EXACT, ZERO, exact, shortest_text

__all__ = ["BookSide", "Level", "read_number"]

FLOAT_DIGITS: Final = 15  # sys.float_info.dig: so many significant digits survive in a binary float
FLOAT_TEXT: Final = 40  # a plain text of this length can neither overflow nor underflow a binary float
MAX_EXPONENT: Final = 100  # beyond it a number in a book is nonsense; it also bounds how long a plain text gets
MIN_DEAD: Final = 1024  # clearing out dead levels starts here
MAX_SEEN: Final = 1024  # so many levels are remembered as decimals

_join: Final = ",".join
_price_of: Final = itemgetter(0)
_size_of: Final = itemgetter(1)
_are_plain: Final = re.compile(r"[0-9]++\.?+[0-9]*+(?:,[0-9]++\.?+[0-9]*+)*+").fullmatch


class Level(NamedTuple):
    """A price and what rests there, in the instrument's quantity unit. A tuple because books make so many."""

    price: Decimal
    quantity: Decimal


def read_number(value: object, name: str, where: str) -> Decimal:
    """Return a level's `price` or `size`. Raises InvalidBook, which says `where`; TypeError for a float."""
    where = f"{where} {name}"
    try:
        number = exact(value, where)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        if isinstance(value, float):
            raise  # the adapter's mistake, and not the venue's
        raise InvalidBook(str(error)) from None
    if number < 0 or (name == "price" and not number):
        raise InvalidBook(f"{where}: found {value}; allowed are numbers {'above' if name == 'price' else 'from'} 0")
    if abs(number.adjusted()) > MAX_EXPONENT or (isinstance(value, str) and not value.isascii()):
        raise InvalidBook(f"{where}: found {value!r}; allowed are decimal digits, exponents up to {MAX_EXPONENT}")
    return number.copy_abs()


class BookSide:
    """Bids or asks.

    `unit` is the quantity in one unit of size, `depth` the number of levels to keep (None: all), `where` what the
    messages of InvalidBook begin with. After an error the side holds a part of the frame and must be cleared.
    """

    __slots__ = (
        "_depth",
        "_is_bid",
        "_is_exact",
        "_is_rewriting",
        "_keys",
        "_max_length",
        "_rewritten_texts",
        "_seen",
        "_sizes",
        "_texts",
        "_unit",
        "_where",
    )

    _keys: list[Any]  # of float, or of Decimal where `_is_exact`

    def __init__(self, side: Side, unit: Decimal, *, depth: int | None = None, where: str = "") -> None:
        self._is_bid = side is Side.BUY
        self._unit = unit
        self._depth = depth
        self._seen: dict[str, tuple[str, Level | None]] = {}
        self._rewritten_texts: dict[str, str] = {}
        self._where = f"{where}: {'bid' if self._is_bid else 'ask'}"
        self.clear()

    def clear(self) -> None:
        """Forget every level."""
        self._sizes: dict[str, str] = {}
        self._keys = []
        self._texts: list[str] = []
        self._is_exact = False
        self._is_rewriting = False
        self._max_length = MIN_DEAD if self._depth is None else self._depth

    # Writing

    def apply(self, levels: Sequence[RawLevel]) -> None:
        """Merge a frame. Raises InvalidBook, or TypeError for a float; the side must then be cleared."""
        if self._is_rewriting:
            levels = self._rewritten_prices(levels)
        known = self._sizes
        length = len(known)
        try:
            sizes = _join(map(_size_of, levels))
            are_plain = _are_plain(sizes) and sizes.count(",") == len(levels) - 1
            if are_plain:
                known.update(levels)  # type: ignore[arg-type]  # that they are pairs is checked by doing it
        except (TypeError, ValueError, LookupError):
            are_plain = False
        if not are_plain:
            levels = self._rewritten(levels)
            known.update(levels)  # type: ignore[arg-type]
        if len(known) != length:
            added = list(islice(reversed(known), len(known) - length))
            if not self._insert(added):
                self._rewrite(added, levels)
                return
        texts = self._texts
        while texts and not known[texts[-1]].strip("0."):
            del known[texts.pop()]
            self._keys.pop()
        if len(texts) > self._max_length:
            self._drop_dead()

    def _insert(self, added: list[Any]) -> bool:
        """Sort new prices in. False if one is not plain text, or the same as another one."""
        keys, texts, is_bid = self._keys, self._texts, self._is_bid
        try:
            joined = _join(added)
        except TypeError:
            return False
        if not _are_plain(joined) or joined.count(",") != len(added) - 1:
            return False
        if not keys and not self._is_exact and max(map(len, added)) <= FLOAT_DIGITS:
            return self._fill(added)
        for text in added:
            if self._is_exact or len(text) > FLOAT_DIGITS:
                key = self._long_key(text)
                keys = self._keys
            else:
                key = float(text) if is_bid else -float(text)
            index = bisect_left(keys, key)
            if index < len(keys) and keys[index] == key:
                return False
            if not key:
                raise InvalidBook(f"{self._where} price: found {text!r}; allowed are prices above 0")
            keys.insert(index, key)
            texts.insert(index, text)
        return True

    def _fill(self, texts: list[str]) -> bool:
        """Sort all prices of an empty side in at once. False if two are the same."""
        keys = list(map(float, texts)) if self._is_bid else [-float(text) for text in texts]
        if (ordered := sorted(keys)) != keys:
            texts = [text for _, text in sorted(zip(keys, texts, strict=True))]
        if any(map(eq, ordered, islice(ordered, 1, None))):
            return False
        if not ordered[0 if self._is_bid else -1]:
            raise InvalidBook(
                f"{self._where} price: found {texts[0 if self._is_bid else -1]!r}; allowed are prices above 0"
            )
        self._keys, self._texts = ordered, texts
        return True

    def _long_key(self, text: str) -> float | Decimal:
        if not self._is_exact:
            digits = text.replace(".", "").strip("0")
            if len(text) <= FLOAT_TEXT and len(digits) <= FLOAT_DIGITS:
                return float(text) if self._is_bid else -float(text)
            self._is_exact = True
            self._keys = [self._signed(known) for known in self._texts]
        return self._signed(text)

    def _rewrite(self, added: list[str], levels: Sequence[RawLevel]) -> None:
        """Go over to shortest texts and merge the frame again: sizes are absolute, so twice does no harm."""
        for text in added:
            del self._sizes[text]
        known = {shortest_text(Decimal(text)): size for text, size in self._sizes.items()}
        self.clear()
        self._is_rewriting = True
        if known:
            self.apply(list(known.items()))
        self.apply(levels)

    def _rewritten(self, levels: Sequence[RawLevel]) -> Sequence[RawLevel]:
        """Return the levels as pairs of shortest plain texts; this is also where bad ones get their message."""
        try:
            pairs = [(price, size) for price, size in levels]
        except (TypeError, ValueError):
            raise InvalidBook(f"{self._where}: found {levels!r:.200}; allowed are pairs of price and size") from None
        where = self._where
        return [
            (shortest_text(read_number(price, "price", where)), shortest_text(read_number(size, "size", where)))
            for price, size in pairs
        ]

    def _rewritten_prices(self, levels: Sequence[RawLevel]) -> Sequence[RawLevel]:
        rewritten = self._rewritten_texts
        try:
            return [(rewritten[price], size) for price, size in levels]
        except (KeyError, TypeError, ValueError):
            pairs = self._rewritten(levels)
        if len(rewritten) > MAX_SEEN:
            rewritten.clear()
        # Only texts: a float would find the Decimal or int that it equals.
        rewritten |= {old[0]: new[0] for old, new in zip(levels, pairs, strict=True) if type(old[0]) is str}
        return pairs

    def _drop_dead(self) -> None:
        sizes = self._sizes
        alive = [index for index, text in enumerate(self._texts) if sizes[text].strip("0.")]
        if self._depth is not None:
            alive = alive[-self._depth :]
        self._keys = [self._keys[index] for index in alive]
        self._texts = [self._texts[index] for index in alive]
        self._sizes = {text: sizes[text] for text in self._texts}
        if self._depth is None:
            self._max_length = MIN_DEAD + 2 * len(alive)

    # Reading

    @property
    def best(self) -> Level | None:
        """The best level, None where there is none. Reading it again costs next to nothing."""
        if not self._texts:
            return None
        text = self._texts[-1]
        size, seen = self._sizes[text], self._seen.get(text)
        return seen[1] if seen is not None and seen[0] == size else self._level(text, size)

    def reaches(self, other: BookSide) -> bool:
        """Tell whether this side's best price is as high as the other's (bids) or as low (asks), or beyond."""
        if not self._keys or not other._keys:
            return False
        if self._is_exact or other._is_exact:
            mine, its = Decimal(self._texts[-1]), Decimal(other._texts[-1])
            return mine >= its if self._is_bid else mine <= its
        return bool(self._keys[-1] >= -other._keys[-1])

    def __iter__(self) -> Iterator[Level]:
        """Yield the levels, best first."""
        for text in reversed(self._texts):
            level = self._level(text, self._sizes[text])
            if level is not None:
                yield level

    def top(self, count: int) -> list[Level]:
        """Return at most `count` levels, best first."""
        return list(islice(self, count))

    def plain(self) -> list[RawLevel]:
        """Return all levels as texts of price and size, as plain numbers."""
        return [(text, size) for text in self._texts if (size := self._sizes[text]).strip("0.")]

    def quantity_at(self, price: Decimal) -> Decimal:
        """Return the quantity at exactly `price`, 0 where there is none."""
        index = self._index(price)
        if index == len(self._texts):
            return ZERO
        text = self._texts[index]
        return self._quantity(self._sizes[text]) if Decimal(text) == price else ZERO

    def quantity_up_to(self, price: Decimal) -> Decimal:
        """Return the sum of the quantities at `price` and better ones."""
        total = ZERO
        for text in islice(self._texts, self._index(price), None):
            total = EXACT.add(total, Decimal(self._sizes[text]))
        return EXACT.multiply(total, self._unit)

    def _index(self, price: Decimal) -> int:
        """Return where `price` is or would be among the prices."""
        signed, keys = price if self._is_bid else price.copy_negate(), self._keys
        index = bisect_left(keys, signed if self._is_exact else float(signed))
        # A price of more than 15 digits may round to the float of a level that is not quite as good.
        if index < len(keys) and self._signed(self._texts[index]) < signed:
            index += 1
        return index

    def _signed(self, text: str) -> Decimal:
        return Decimal(text) if self._is_bid else Decimal(text).copy_negate()

    def _level(self, text: str, size: str) -> Level | None:
        """Return the level as decimals, None for a dead one; what was read before is remembered."""
        seen = self._seen.get(text)
        if seen is not None and seen[0] == size:
            return seen[1]
        if len(self._seen) >= MAX_SEEN:
            self._seen.clear()
        level = Level(Decimal(text), EXACT.multiply(Decimal(size), self._unit)) if size.strip("0.") else None
        self._seen[text] = size, level
        return level

    def _quantity(self, size: str) -> Decimal:
        return EXACT.multiply(Decimal(size), self._unit)
