"""A delta as a decoder made it, without a Decimal for each level: prices are the venue's texts, sizes are numbers.

A decimal of at most 15 significant digits goes into a binary float and comes back whole (`sys.float_info.dig`). So an
adapter may decode the sizes of a frame straight to floats where `are_short` says so of the frame's bytes; any other
frame takes the way of texts. What a reader of the book gets is a Decimal either way.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct

from anyvenue.model.market import BookDelta, RawLevel
from anyvenue.model.numbers import shortest_text

__all__ = ["DIGITS_MAX", "FloatDelta", "FloatPair", "are_short", "decimal_of"]

DIGITS_MAX: Final = 15  # sys.float_info.dig: so many significant digits survive in a binary float
_MAX: Final = 1e15
FloatPair: TypeAlias = tuple[str, Annotated[float, Meta(ge=0, le=_MAX)]]
"""A price and a size, as msgspec decodes them; the bounds keep out `nan`, `inf` and what is negative."""

_DIGIT_RUNS: Final = bytes(ord("0") if chr(code) in "0123456789." else code for code in range(256))
_MINUS, _BACKSLASH = b"-\\"
_LONG: Final = b"0" * 16
_LONG_SAMPLED: Final = b"0" * 5


def are_short(raw: bytes, start: int = 0, end: int | None = None) -> bool:
    """Tell whether every number in the arrays of a JSON text is written in at most 15 digits and does not underflow.

    False where that is not certain: an escape may hide a digit, a minus may stand in an exponent. `start` and `end`
    bound where the arrays are, as far as that is known.
    """
    if _MINUS in raw or _BACKSLASH in raw:
        return False
    # What is 16 characters long has five of every third character, and what parts two numbers, `","`, has one: so
    # looking at these is enough nearly always. (`find` is twice as fast as `in`, which tries for a number first.)
    if raw[start:end:3].translate(_DIGIT_RUNS).find(_LONG_SAMPLED) < 0:
        return True
    return raw[raw.find(b"[") : raw.rfind(b"]")].translate(_DIGIT_RUNS).find(_LONG) < 0


def decimal_of(size: float) -> Decimal:
    """Return the decimal of at most 15 digits that a size was read from: the shortest that gives it back."""
    return Decimal(int(size)) if size.is_integer() else Decimal(repr(size))


class FloatDelta(Struct, kw_only=True, eq=False, gc=False):  # it holds no cycle
    """A `BookDelta` (it passes for one, and equals it), made by a decoder.

    The pairs have to be decoded as `FloatPair` from bytes that `are_short`; the rest is as in `BookDelta`. An
    adapter gives the fields its venue's names in a subclass.
    """

    instrument: Any = None
    bid_pairs: Sequence[tuple[str, float]] = []
    ask_pairs: Sequence[tuple[str, float]] = []
    first_id: int = 0
    last_id: int = 0
    previous_id: int | None = None
    ts_event: int = 0
    ts_recv: int = 0

    @property
    def bids(self) -> list[RawLevel]:
        """The changed bids as texts."""
        return [_texts(pair) for pair in self.bid_pairs]

    @property
    def asks(self) -> list[RawLevel]:
        """The changed asks as texts."""
        return [_texts(pair) for pair in self.ask_pairs]

    def plain(self) -> BookDelta:
        """Return the same as a BookDelta."""
        return BookDelta(
            instrument=self.instrument,
            bids=self.bids,
            asks=self.asks,
            first_id=self.first_id,
            last_id=self.last_id,
            previous_id=self.previous_id,
            ts_event=self.ts_event,
            ts_recv=self.ts_recv,
        )

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, FloatDelta) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.plain())


BookDelta.register(FloatDelta)


def _texts(pair: tuple[str, float]) -> list[str]:
    return [pair[0], shortest_text(decimal_of(pair[1]))]
