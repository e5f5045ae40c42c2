"""A delta as a decoder made it: pairs of texts, and nothing else has been looked at yet."""

from __future__ import annotations

from typing import Any, Self, TypeAlias

from msgspec import Struct, ValidationError, convert

from anyvenue.model.market import BookDelta

__all__ = ["DecodedDelta", "TextPair"]

TextPair: TypeAlias = tuple[str, str]
"""A price and a size, as msgspec decodes them."""


class DecodedDelta(Struct, kw_only=True, eq=False, gc=False):  # it holds no cycle
    """A `BookDelta` (it passes for one, and equals it), made by a decoder.

    That the levels are pairs of texts has to be certain: let the decoder see to it. An adapter gives the fields its
    venue's names in a subclass.
    """

    # Decoding is fastest where fields are in the order in which they come, those that do not come being the last.
    ts_event: int = 0
    first_id: int = 0
    last_id: int = 0
    bids: list[TextPair] = []
    asks: list[TextPair] = []
    previous_id: int | None = None
    instrument: Any = None
    ts_recv: int = 0

    @classmethod
    def of(cls, delta: BookDelta) -> Self:
        """Return what `plain` made this of. Raises TypeError for levels that are no pairs of texts."""
        try:
            bids, asks = convert((delta.bids, delta.asks), tuple[list[TextPair], list[TextPair]])
        except ValidationError as error:
            raise TypeError(f"levels: {error}") from None
        return cls(
            instrument=delta.instrument,
            bids=bids,
            asks=asks,
            first_id=delta.first_id,
            last_id=delta.last_id,
            previous_id=delta.previous_id,
            ts_event=delta.ts_event,
            ts_recv=delta.ts_recv,
        )

    def received(self, ts_recv: int) -> Self:
        """Note when it came in, and return it."""
        self.ts_recv = ts_recv
        return self

    def plain(self) -> BookDelta:
        """Return the same as a BookDelta."""
        return BookDelta(
            instrument=self.instrument,
            bids=[list(pair) for pair in self.bids],
            asks=[list(pair) for pair in self.asks],
            first_id=self.first_id,
            last_id=self.last_id,
            previous_id=self.previous_id,
            ts_event=self.ts_event,
            ts_recv=self.ts_recv,
        )

    def __eq__(self, other: object) -> bool:
        return self.plain() == (other.plain() if isinstance(other, DecodedDelta) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.plain())


BookDelta.register(DecodedDelta)
