"""A delta that a decoder made reaches the strategy as any other does."""

from decimal import Decimal

from anyvenue.engine.commands import Resync
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


class LooksDeeper(Strategy):
    def on_book(self, book):
        self.seen = book.bids(10), book.is_synced


def test_junk_behind_the_best_is_never_shown_and_the_next_delta_has_the_book_sent_anew(make_desk):
    desk = make_desk(LooksDeeper())
    desk.show_book("100.0", "100.2")
    desk.receive(OfSomeVenue(instrument=desk.instrument, bids=[("99", "inf")]))
    assert desk.strategy.seen == ([], False)
    assert desk.taken() == []
    desk.receive(OfSomeVenue(instrument=desk.instrument, bids=[("98", "1")]))
    assert [type(command) for command in desk.taken()] == [Resync]
    desk.show_book("100.0", "100.2")
    assert desk.strategy.seen == ([(Decimal(100), Decimal(1))], True)
