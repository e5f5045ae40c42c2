"""A delta whose levels are binary floats that lose nothing: what a decoder makes without a Decimal or a text per level.

A decimal of at most 15 significant digits goes into a binary float and comes back whole (`sys.float_info.dig`). So an
adapter may decode the levels of a frame straight to floats where `are_short` says so of the frame's bytes; any other
frame takes the way of texts. What a reader of the book gets is a Decimal either way.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta, Struct

from anyvenue.model.market import BookDelta, RawLevel
from anyvenue.model.numbers import shortest_text

__all__ = ["FloatDelta", "FloatPair", "are_short", "decimal_of"]

_MAX: Final = 1e15
FloatPair: TypeAlias = tuple[Annotated[float, Meta(gt=0, le=_MAX)], Annotated[float, Meta(ge=0, le=_MAX)]]
"""A price and a size, as msgspec decodes them; the bounds keep out `nan`, `inf` and what is negative."""

_DIGIT_RUNS: Final = bytes(ord("0") if chr(code) in "0123456789." else code for code in range(256))
_MINUS, _BACKSLASH = b"-\\"
_LONG: Final = b"0" * 16
_LONG_SAMPLED: Final = b"0" * 5


def are_short(raw: bytes) -> bool:
    """Tell whether every number in the arrays of a JSON text is written in at most 15 digits and does not underflow.

    False where that is not certain: an escape may hide a digit, a minus may stand in an exponent.
    """
    if _MINUS in raw or _BACKSLASH in raw:
        return False
    start, end = raw.find(b"["), raw.rfind(b"]")
    # What is 16 characters long has five of every third character, and what parts two numbers, `","`, has one: so
    # looking at these is enough nearly always. (`find` is twice as fast as `in`, which tries for a number first.)
    if raw[start:end:3].translate(_DIGIT_RUNS).find(_LONG_SAMPLED) < 0:
        return True
    return raw[start:end].translate(_DIGIT_RUNS).find(_LONG) < 0


def decimal_of(number: float) -> Decimal:
    """Return the decimal of at most 15 digits that the float was read from: the shortest that gives it back."""
    return Decimal(int(number)) if number.is_integer() else Decimal(repr(number))


class FloatDelta(Struct, kw_only=True, eq=False, gc=False):  # it holds no cycle
    """A `BookDelta` (it passes for one, and equals it), made by a decoder.

    The pairs have to be decoded as `FloatPair` from bytes that `are_short`; the rest is as in `BookDelta`. An adapter
    gives the fields its venue's names in a subclass.
    """

    instrument: Any = None
    bid_pairs: list[FloatPair] = []
    ask_pairs: list[FloatPair] = []
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


def _texts(pair: tuple[float, float]) -> list[str]:
    return [shortest_text(decimal_of(number)) for number in pair]
