"""A delta that a decoder made reaches the strategy as any other does."""

from decimal import Decimal

from anyvenue.engine.strategy import Strategy
from anyvenue.model.decoded_delta import DecodedDelta


class Watcher(Strategy):
    def on_book(self, book):
        self.best = book.best_bid


class OfSomeVenue(DecodedDelta):
    """Adapters give the fields their venue's names in a subclass."""


def test_it_changes_the_book(make_desk):
    desk = make_desk(Watcher())
    desk.show_book("100.0", "100.2")
    desk.receive(OfSomeVenue(instrument=desk.instrument, bids=[("100.1", "2.5")]))
    assert desk.strategy.best == (Decimal("100.1"), Decimal("2.5"))
