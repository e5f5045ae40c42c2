"""A book fed with what a decoder made equals a slow one of Decimals; junk never comes to be read."""

from __future__ import annotations

import json
import random
from decimal import Decimal

import msgspec
import pytest
from attrs import evolve
from hypothesis import example, given, settings
from hypothesis import strategies as st
from listed import linear

from anyvenue.model import BookDelta, InvalidBook, OrderBook, Side
from anyvenue.model.decoded_delta import DecodedDelta, TextPair
from anyvenue.model.decoded_side import NEAR, NEAR_MAX

CONTRACTS = linear(quantity_step="0.0001", min_quantity="0.0001", contract_size="0.0001", depth_unit="0.0001")
UNIT = Decimal("0.0001")
D = Decimal


class Wire(msgspec.Struct):
    """A frame as an adapter would declare it."""

    b: list[TextPair]
    a: list[TextPair]


DECODER = msgspec.json.Decoder(Wire)


def delta_of(bids, asks):
    """What an adapter makes of a frame."""
    frame = DECODER.decode(json.dumps({"b": bids, "a": asks}))
    return DecodedDelta(instrument=CONTRACTS, bids=frame.b, asks=frame.a)


class Slow:
    """The same book by the plainest means there are."""

    def __init__(self):
        self.sides = ({}, {})

    def apply(self, *frame):
        for side, levels in zip(self.sides, frame, strict=True):
            for price, size in levels:
                side[D(price)] = D(size) * UNIT
        return not (self.bids() and self.asks() and self.bids()[0][0] >= self.asks()[0][0])

    def cut(self, depth):
        for side, levels in zip(self.sides, (self.bids(), self.asks()), strict=True):
            for price, _ in levels[depth:]:
                del side[price]

    def bids(self):
        return sorted(((price, size) for price, size in self.sides[0].items() if size), reverse=True)

    def asks(self):
        return sorted((price, size) for price, size in self.sides[1].items() if size)


def spelled(number):
    """The ways in which a number may be written."""
    plain = f"{number:f}"
    point = plain if "." in plain else f"{plain}."
    return st.sampled_from([plain, f"{point}0", f"{point}000", f"{point}000000000000000", f"{number:e}", f"0{plain}"])


LONG_BIDS = ["0.1000000000000001", "0.100000000000000001", "0.30000000000000004", "2.00000000000000000001"]
LONG_ASKS = ["10.0000000000000001", "10.000000000000000001", "1234567890123456.7", "1234567890123456.75"]
sizes = st.one_of(
    st.just("0"),
    st.integers(0, 99_999).map(D).flatmap(spelled),
    st.sampled_from(["0.0", "0e5", "0e-5", "2.909", "1e-5", "12345678901234567890.5", "999999999999999"]),
)
BAD = ["nan", "inf", "-1", "", "-inf", "1_0", "infinity", "0x1", "1e-400", "\u0661", ".", "1.2.3"]


def levels(lowest, highest, long, rare):
    """Levels at ticks of 0.1; long ones now and then, since the first one ends the short way."""
    short = st.integers(lowest, highest).map(lambda tick: D(tick) / 10).flatmap(spelled)
    price = st.one_of(short, short, short, st.sampled_from(long)) if rare else short
    return st.lists(st.tuples(price, sizes), max_size=12)


def frames(rare):
    return st.lists(st.tuples(levels(1, 60, LONG_BIDS, rare), levels(100, 160, LONG_ASKS, rare)), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.booleans().flatmap(frames))
@example([([("1.0", "5"), ("1.00", "0")], [])])
@example([([("0.1", "5")], []), ([("0.100000000000000001", "7")], []), ([("0.1", "0")], []), ([("0.2", "1")], [])])
def test_it_equals_a_slow_book_of_decimals_after_every_frame(found):
    book, slow = OrderBook(CONTRACTS), Slow()
    book.apply_snapshot([["0.05", "1"]], [["99", "1"]])
    slow.apply([["0.05", "1"]], [["99", "1"]])
    for bids, asks in found:
        slow.apply(bids, asks)
        assert book.apply_decoded(delta_of(bids, asks))
        assert book.best_bid == next(iter(slow.bids()), None)
        assert book.best_ask == next(iter(slow.asks()), None)
        assert book.bids(3) == slow.bids()[:3]
        assert (book.bids(99), book.asks(99)) == (slow.bids(), slow.asks())
        assert book.quantity_at(Side.BUY, "0.1") == dict(slow.bids()).get(D("0.1"), 0)
        assert book.cumulative(Side.SELL, "12.5") == sum(size for price, size in slow.asks() if price <= D("12.5"))


@settings(max_examples=100, deadline=None)
@given(levels(1, 60, LONG_BIDS, True), st.sampled_from(BAD), st.integers(0, 12))
def test_a_price_that_is_no_number_is_refused_wherever_it_stands(bids, bad, place):
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["0.05", "1"]], [["99", "1"]])
    assert book.apply_decoded(delta_of([("0.1", "5")], []))
    bids.insert(place, (bad, "1"))
    with pytest.raises(InvalidBook):
        book.apply_decoded(delta_of(bids, []))
    assert not book.is_synced
    assert book.best_bid is None


LOOKS = (
    lambda book: book.bids(99),
    lambda book: book.imbalance(99),
    lambda book: book.quantity_at(Side.BUY, "3"),
    lambda book: book.cumulative(Side.BUY, "0.01"),
    lambda book: book.vwap(Side.BUY, "99999999999999999999"),
)


@settings(max_examples=200, deadline=None)
@given(
    levels(1, 60, LONG_BIDS, True), st.sampled_from(BAD), st.integers(0, 12), st.sampled_from(LOOKS), st.integers(0, 99)
)
def test_a_size_that_is_no_number_is_never_read(bids, bad, place, look, far):
    """It makes the book stale and empty with the frame where its level is the best, else with the first look at it."""
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["0.05", "1"], *([f"0.0{99 - number}", "1"] for number in range(far))], [["99", "1"]])
    assert book.apply_decoded(delta_of([("0.1", "5")], []))
    bids = [level for level in bids if D(level[0]) != 3]
    bids.insert(place, ("3", bad))
    try:
        assert book.apply_decoded(delta_of(bids, []))
    except InvalidBook:
        pass
    else:
        assert book.best_bid.price > 3
        look(book)
    assert not book.is_synced
    assert "found" in book.stale_reason
    assert (book.best_bid, book.best_ask, book.bids(9), look(book) or None) == (None, None, [], None)
    assert not book.apply_decoded(delta_of([("0.1", "5")], []))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_best_level_whose_size_is_no_number_is_refused_with_its_frame(count):
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["1", "1"]], [["99", "1"]])
    for price in ("9", "8", "7")[:count]:
        assert book.apply_decoded(delta_of([(price, "1")], []))
    with pytest.raises(InvalidBook, match="bid size: found nan"):
        book.apply_decoded(delta_of([("9", "0"), ("8", "0"), ("7", "0"), ("6", "nan")], []))
    assert not book.is_synced


def test_a_size_that_is_no_number_is_refused_when_texts_follow_too():
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["1", "1"]], [["99", "1"]])
    assert book.apply_decoded(delta_of([("0.5", "inf")], []))
    with pytest.raises(InvalidBook, match="bid size: found inf"):
        book.apply_delta([], [["98", "1"]])
    assert not book.is_synced


def test_a_book_that_is_crossed_is_stale_and_takes_nothing_more():
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["10", "1"]], [["11", "1"]])
    assert not book.apply_decoded(delta_of([("11.0", "1")], []))
    assert (book.is_synced, book.stale_reason) == (False, "crossed by a delta")
    assert not book.apply_decoded(delta_of([("11", "0")], []))


def test_levels_behind_the_sorted_ones_come_up_when_those_are_gone():
    prices = [str(price) for price in range(1, 3 * NEAR + 1)]
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([[price, "7"] for price in prices], [])
    book.apply_decoded(delta_of([("5.5", "9")], []))
    assert book.bids(2) == [(3 * NEAR, D("0.0007")), (3 * NEAR - 1, D("0.0007"))]
    book.apply_decoded(delta_of([(price, "0") for price in prices[NEAR:]], []))
    assert book.best_bid == (NEAR, D("0.0007"))
    book.apply_decoded(delta_of([(price, "0") for price in prices[5:]], []))
    assert [price for price, _ in book.bids(9)] == [D("5.5"), 5, 4, 3, 2, 1]


def test_levels_that_become_too_many_to_be_kept_in_order_come_up_when_they_are_the_best():
    prices = [str(price) for price in range(1, 2 * NEAR_MAX + 1)]
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["0.5", "7"]], [])
    for price in prices:
        assert book.apply_decoded(delta_of([(price, "7")], []))
    assert book.quantity_at(Side.BUY, "3") == 7 * UNIT
    for best in reversed(prices):
        assert book.best_bid == (D(best), 7 * UNIT)
        assert book.apply_decoded(delta_of([(best, "0")], []))
    assert book.bids(9) == [(D("0.5"), 7 * UNIT)]


def test_a_side_keeps_no_more_levels_than_its_depth():
    book = OrderBook(CONTRACTS, depth=3)
    book.apply_snapshot([], [["7", "1"]])
    book.apply_decoded(delta_of([], [(price, "1") for price in "51423"]))
    assert [price for price, _ in book.asks(9)] == [1, 2, 3]
    assert [price for price, _ in book.asks(2)] == [1, 2]
    assert book.asks(0) == []


def test_a_decoded_delta_passes_for_any_other():
    decoded = delta_of([("104027.1", "0")], [("0.00001", "2.909"), ("7", "1")])
    other = BookDelta(instrument=CONTRACTS, bids=[["104027.1", "0"]], asks=[["0.00001", "2.909"], ["7", "1"]])
    assert isinstance(decoded, BookDelta)
    assert decoded == other
    assert other == decoded
    assert decoded != evolve(other, bids=[["104027.2", "0"]])
    assert repr(decoded) == repr(other)


def test_a_price_in_another_spelling_is_the_same_level():
    for first, second, third in (("10", "10.0", "10.00"), ("10.0", "10", "10.00")):
        for far in ([], [(str(20 + number), "1") for number in range(2 * NEAR)]):
            book = OrderBook(CONTRACTS)
            book.apply_snapshot([[first, "1"], *far], [["1000", "1"]])
            assert book.apply_decoded(delta_of([(second, "2")], []))
            assert book.quantity_at(Side.BUY, "10") == 2 * UNIT
            assert len(book.bids(999)) == len(far) + 1
            assert book.apply_decoded(delta_of([(third, "0"), (first, "0")], []))
            assert book.quantity_at(Side.BUY, "10") == 0


def test_a_level_that_is_deleted_and_comes_back_is_the_best_again():
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["10", "1"], ["9", "1"]], [["11", "1"]])
    for bids in ([("9", "0")], [("10", "0"), ("8", "4")], [("9", "3")], [("8", "0"), ("9", "0")], [("9.5", "7")]):
        assert book.apply_decoded(delta_of(bids, []))
    assert book.bids(9) == [(D("9.5"), 7 * UNIT)]
    assert not book.apply_decoded(delta_of([("11", "7")], []))


def test_other_deltas_follow_decoded_ones_and_the_other_way_round():
    book = OrderBook(CONTRACTS)
    book.apply_snapshot([["10", "1"]], [["11", "1"]])
    assert book.apply_decoded(delta_of([("9.5", "2")], []))
    assert book.apply_delta([["9", "3"]], [["11.00", "0"]])
    assert book.apply_decoded(delta_of([("8", "4")], [("12", "1")]))
    assert [price for price, _ in book.bids(9)] == [10, D("9.5"), 9, 8]
    assert book.best_ask == (12, UNIT)
    with pytest.raises(TypeError, match="found the float"):
        book.apply_delta([[10.5, "1"]], [])


@pytest.mark.parametrize("depth", [None, 150])
@pytest.mark.parametrize("seed", range(3))
def test_a_deep_book_whose_price_wanders_equals_a_slow_one(seed, depth):
    """Levels come, go and come back on both sides of what is kept in order, and are read now and then."""
    chance = random.Random(seed)
    book, slow = OrderBook(CONTRACTS, depth=depth), Slow()
    book.apply_snapshot([["1", "1"]], [["9999", "1"]])
    slow.apply([["1", "1"]], [["9999", "1"]])
    mid = 5000
    for number in range(600):
        mid += chance.randint(-12, 12)
        frame = ([], [])
        for _ in range(chance.randint(0, 25)):
            away = int(chance.expovariate(1 / 150)) + 1
            price = mid + away if (is_ask := chance.random() < 0.5) else mid - away
            frame[is_ask].append(
                (f"{price / 10:.1f}".removesuffix(".0"), chance.choice(["0", "0", "0.0", "0e1", "7", "0.85"]))
            )
        # What stands on the wrong side of the mid goes, as it does on a venue.
        frame[0].extend((f"{price.normalize():f}", "0") for price, _ in slow.bids() if price * 10 >= mid)
        frame[1].extend((f"{price.normalize():f}", "0") for price, _ in slow.asks() if price * 10 <= mid)
        slow.apply(*frame)
        if depth is not None:
            slow.cut(depth)
        assert book.apply_decoded(delta_of(*frame))
        assert (book.best_bid, book.best_ask) == (slow.bids()[0], slow.asks()[0])
        if number % 7 == 0:
            count = chance.choice([1, 10, 63, 64, 65, 100, 999])
            assert (book.bids(count), book.asks(count)) == (slow.bids()[:count], slow.asks()[:count])
        if number % 50 == 0:
            some = chance.choice(slow.bids())
            assert book.quantity_at(Side.BUY, some[0]) == some[1]
            assert book.cumulative(Side.BUY, some[0]) == sum(size for price, size in slow.bids() if price >= some[0])
