"""The two revisions of GaiaEx's documents, which contradict each other, and which of them a server follows where."""

from __future__ import annotations

from enum import Enum

from anyvenue.simulation.chance import Chance

__all__ = ["BOOK", "Revision", "Shapes"]

BOOK = "orderbook"
"""The topic of the perp book stream."""


class Revision(Enum):
    """Which documents a server follows. MIXED draws for each endpoint and kind of message on its own."""

    A = "a"
    B = "b"
    MIXED = "mixed"


class Shapes:
    """Tells which revision's shape each topic has: an endpoint, a kind of message, a text.

    `book` is the revision of the perp book stream. It is apart from the others because [A] does not say which of its
    levels are bids and which are asks: nobody can trade on such a book.
    """

    def __init__(self, revision: Revision, book: Revision, seed: int) -> None:
        self.revision = revision
        self.book = book
        self._seed = seed
        self._drawn: dict[str, bool] = {}

    def is_b(self, topic: str) -> bool:
        """Tell whether a topic has the shape of [B]; with one seed a topic always has the same."""
        revision = self.book if topic == BOOK else self.revision
        if revision is not Revision.MIXED:
            return revision is Revision.B
        if topic not in self._drawn:
            self._drawn[topic] = Chance(f"{self._seed} revision of {topic}").below(2) == 1
        return self._drawn[topic]
