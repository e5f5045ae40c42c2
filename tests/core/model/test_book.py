"""The order book: what readers get is exact, bad frames are refused, and no frame leaves it silently wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import inverse, linear

from anyvenue.model import InvalidBook, Level, OrderBook, Side

LINEAR = linear()
# Depth frames count contracts of 0.0001 BTC.
CONTRACTS = linear(quantity_step="0.0001", min_quantity="0.0001", contract_size="0.0001", depth_unit="0.0001")
# Depth frames count contracts of 100 USD.
INVERSE = inverse(venue_symbol="BTCUSD", quantity_step="100", min_quantity="100", contract_size="100", depth_unit="100")

D = Decimal


def book_of(bids, asks, instrument=LINEAR, **options):
    book = OrderBook(instrument, **options)
    book.apply_snapshot(bids, asks, 1, 2)
    return book


class TestReading:
    def test_sizes_become_quantities_in_the_instruments_unit(self):
        book = book_of([["60000.1", "25"]], [["60000.2", "3"]], CONTRACTS)
        assert book.best_bid == Level(D("60000.1"), D("0.0025"))
        assert book.best_ask == Level(D("60000.2"), D("0.0003"))

    def test_levels_come_best_first_whatever_order_they_were_sent_in(self):
        book = book_of([["9", "1"], ["10", "2"], ["8", "3"]], [["12", "1"], ["11", "2"], ["13", "3"]])
        assert book.bids(2) == [(D(10), D(2)), (D(9), D(1))]
        assert book.asks(9) == [(D(11), D(2)), (D(12), D(1)), (D(13), D(3))]

    def test_a_level_unpacks_and_is_frozen(self):
        level = book_of([["10", "2"]], []).best_bid
        price, quantity = level
        assert (price, quantity) == (level.price, level.quantity) == (10, 2)
        with pytest.raises(AttributeError):
            level.price = D(1)

    def test_reading_the_best_again_gives_the_same_object(self):
        book = book_of([["10", "2"]], [["11", "2"]])
        best = book.best_bid
        book.apply_delta([["9", "1"]], [])
        assert book.best_bid is best
        book.apply_delta([["10", "3"]], [])
        assert book.best_bid == (10, 3)

    def test_an_empty_side_has_no_best_and_no_mid(self):
        book = book_of([["10", "2"]], [])
        assert book.best_ask is None
        assert book.mid is book.spread is book.microprice is None
        assert book.asks(5) == []
        assert book.imbalance(5) == 1
        assert book_of([], []).imbalance(5) is None

    def test_derived_prices(self):
        book = book_of([["100", "3"], ["99", "5"]], [["102", "1"], ["103", "3"]])
        assert book.mid == 101
        assert book.spread == 2
        # (100 x 1 + 102 x 3) / 4: three times as much is bid, so the price leans towards the ask.
        assert book.microprice == D("101.5")
        assert book.imbalance(1) == D("0.5")  # (3 - 1) / 4
        assert book.imbalance(2) == D(4) / D(12)  # (8 - 4) / 12

    def test_quantity_at_a_price_however_it_is_written(self):
        book = book_of([["100.50", "3"], ["99", "5"]], [["102", "1"]])
        assert book.quantity_at(Side.BUY, "100.5") == 3
        assert book.quantity_at(Side.BUY, D("100.500")) == 3
        assert book.quantity_at(Side.BUY, 100) == 0
        assert book.quantity_at(Side.BUY, 98) == 0
        assert book.quantity_at(Side.SELL, 102) == 1
        assert book.quantity_at(Side.SELL, "100.5") == 0
        with pytest.raises(TypeError, match=r"write Decimal\('100.5'\)"):
            book.quantity_at(Side.BUY, 100.5)

    def test_cumulative_counts_up_to_the_price_and_with_it(self):
        book = book_of([["100", "3"], ["99", "5"], ["97", "7"]], [["102", "1"], ["103", "3"]])
        assert book.cumulative(Side.BUY, 101) == 0
        assert book.cumulative(Side.BUY, 100) == 3
        assert book.cumulative(Side.BUY, 98) == 8
        assert book.cumulative(Side.BUY, 97) == 15
        assert book.cumulative(Side.SELL, "102.99") == 1
        assert book.cumulative(Side.SELL, 1000) == 4

    def test_vwap_of_a_linear_contract(self):
        book = book_of([["100", "3"], ["99", "5"]], [["102", "1"], ["104", "3"]])
        assert book.vwap(Side.SELL, 1) == 102
        assert book.vwap(Side.SELL, 2) == 103  # (102 + 104) / 2
        assert book.vwap(Side.BUY, 8) == D("99.375")  # (300 + 495) / 8
        assert book.vwap(Side.SELL, "4.001") is None
        with pytest.raises(ValueError, match="quantities above 0"):
            book.vwap(Side.SELL, 0)

    def test_vwap_of_an_inverse_contract_is_what_the_coins_cost(self):
        book = book_of([], [["50000", "1"], ["40000", "1"]], INVERSE)
        # 100 USD at 40000 is 0.0025 BTC, 100 USD at 50000 is 0.002 BTC: 200 / 0.0045, not 45000.
        assert book.vwap(Side.SELL, 200) == D(200) / D("0.0045")

    def test_repr_names_instrument_touch_and_state(self):
        assert repr(book_of([["10", "2"]], [])) == "OrderBook(somewhere:BTC-USDT-PERP, 10 / None, synced)"


class TestDeltas:
    def test_sizes_replace_and_zero_deletes(self):
        book = book_of([["100", "3"], ["99", "5"]], [["102", "1"]])
        assert book.apply_delta([["100", "0"], ["99", "4"], ["98", "1"]], [["102", "0.000"], ["101", "2"]], 5, 6)
        assert book.bids(9) == [(99, 4), (98, 1)]
        assert book.asks(9) == [(101, 2)]
        assert (book.ts_event, book.ts_recv) == (5, 6)

    def test_deleting_what_is_not_there_does_nothing(self):
        book = book_of([["100", "3"]], [["102", "1"]])
        assert book.apply_delta([["101", "0"], ["50", "0"]], [["101", "0"], ["300", "0"]])
        assert book.bids(9) == [(100, 3)]
        assert book.asks(9) == [(102, 1)]

    def test_a_deleted_level_can_come_back(self):
        book = book_of([["100", "3"], ["99", "1"]], [])
        book.apply_delta([["99", "0"]], [])
        book.apply_delta([["100", "0"]], [])
        assert book.bids(9) == []
        book.apply_delta([["99", "7"]], [])
        assert book.bids(9) == [(99, 7)]

    def test_the_last_of_two_sizes_in_one_frame_counts(self):
        book = book_of([["100", "3"]], [])
        book.apply_delta([["100", "1"], ["100", "2"], ["99", "4"], ["99", "0"]], [])
        assert book.bids(9) == [(100, 2)]

    def test_either_side_may_be_absent(self):
        book = book_of([["100", "3"]], [["101", "1"]])
        assert book.apply_delta([], [])
        assert book.apply_delta((), [["101", "0"]])
        assert book.best_ask is None


class TestOnePriceInManyWords:
    def test_in_one_snapshot_the_last_counts(self):
        assert book_of([["1.0", "1"], ["1.00", "2"]], []).bids(9) == [(1, 2)]

    @pytest.mark.parametrize(
        ("levels", "size"),
        [
            ([("1.0", "5"), ("1.00", "0")], 0),
            ([("1.0", "0"), ("1.00", "5")], 5),
            ([("1.00", "0"), ("1.0", "5"), ("1.00", "0")], 0),
            ([("1.00", "3"), ("1.0", "0"), ("1.00", "4")], 4),
            ([("1.00", "0"), ("1.0", "0")], 0),
        ],
    )
    def test_in_one_delta_the_last_counts(self, levels, size):
        book = book_of([["0.5", "1"]], [])
        book.apply_delta(levels, [])
        assert book.quantity_at(Side.BUY, 1) == size
        assert dict(book.bids(9)) == {D("0.5"): 1} | ({D(1): size} if size else {})

    @pytest.mark.parametrize("text", ["1.0", "1.00", "1", "01", "+1", "1e0", "10E-1", "1."])
    def test_deleting_by_another_spelling(self, text):
        book = book_of([["1.000", "1"], ["0.5", "2"]], [])
        assert book.apply_delta([[text, "0"]], [])
        assert book.bids(9) == [(D("0.5"), 2)]
        assert book.apply_delta([["1.0", "4"], ["1.00", "5"]], [])
        assert book.bids(9) == [(1, 5), (D("0.5"), 2)]

    @pytest.mark.parametrize("text", ["0", "0.0", ".0", "0.", "00", "-0", "0e5", "0E-3", "+0.00"])
    def test_every_zero_deletes(self, text):
        book = book_of([["1", "1"]], [])
        book.apply_delta([["1", text]], [])
        assert book.best_bid is None

    def test_decimals_ints_and_tuples_are_levels_too(self):
        book = book_of(((D("100.0"), D("1.5")), ("99", D(2)), (98, "3")), [("101", 1)])
        assert book.bids(9) == [(100, D("1.5")), (99, 2), (98, 3)]
        book.apply_delta([(D(100), D(0)), ("99", "7")], [])
        assert book.bids(9) == [(99, 7), (98, 3)]


class TestLongNumbers:
    # The binary float nearest to 0.1 is 0.1000000000000000055511151231257827...
    BELOW, AT, ABOVE, FAR = (
        "0.09999999999999999999",
        "0.1",
        "0.100000000000000001",
        "0.1000000000000000055511151231257827",
    )

    def test_prices_that_share_a_float_are_levels_of_their_own_in_order(self):
        texts = [self.ABOVE, self.AT, self.FAR, self.BELOW]
        book = book_of([[text, str(number)] for number, text in enumerate(texts, 1)], [])
        assert book.bids(9) == [(D(self.FAR), 3), (D(self.ABOVE), 1), (D(self.AT), 2), (D(self.BELOW), 4)]
        book = book_of([], [[text, str(number)] for number, text in enumerate(texts, 1)])
        assert book.asks(9) == [(D(self.BELOW), 4), (D(self.AT), 2), (D(self.ABOVE), 1), (D(self.FAR), 3)]

    def test_a_long_price_among_short_ones_found_again_and_deleted(self):
        book = book_of([["0.1", "1"], ["0.09", "2"]], [["0.2", "1"]])
        book.apply_delta([[self.ABOVE, "3"]], [])
        assert book.best_bid == (D(self.ABOVE), 3)
        assert book.quantity_at(Side.BUY, "0.1") == 1
        assert book.quantity_at(Side.BUY, self.ABOVE) == 3
        assert book.cumulative(Side.BUY, self.AT) == 4
        assert book.cumulative(Side.BUY, self.FAR) == 0
        book.apply_delta([[self.ABOVE + "0", "0"]], [])
        assert book.bids(9) == [(D("0.1"), 1), (D("0.09"), 2)]

    def test_a_long_price_asked_of_a_book_of_short_ones(self):
        book = book_of([["0.1", "1"]], [["0.2", "5"]])
        assert book.quantity_at(Side.BUY, self.ABOVE) == 0
        assert book.cumulative(Side.BUY, self.ABOVE) == 0
        assert book.cumulative(Side.BUY, self.BELOW) == 1
        assert book.cumulative(Side.SELL, "0.19999999999999999999") == 0
        assert book.cumulative(Side.SELL, "0.20000000000000000001") == 5

    def test_a_book_crossed_by_less_than_a_float_can_tell(self):
        with pytest.raises(InvalidBook):
            book_of([[self.ABOVE, "1"]], [[self.AT, "1"]])
        book = book_of([[self.AT, "1"]], [[self.ABOVE, "1"]])
        assert book.is_synced
        assert book.spread == D("1e-18")

    def test_long_sizes_keep_every_digit(self):
        size = "12345678901234567890.123456789012345678901234567891"
        book = book_of([["1", size], ["0.9", "0.0000000000000000000001"]], [["2", "1"]], CONTRACTS)
        assert str(book.best_bid.quantity) == "1234567890123456.7890123456789012345678901234567891"
        # One more at the 26th decimal.
        assert str(book.cumulative(Side.BUY, "0.9")) == "1234567890123456.7890123456789012345678901334567891"

    def test_trailing_zeros_do_not_make_a_number_long(self):
        book = book_of([["60000.10000000000000", "1"]], [["60000.2", "1"]])
        book.apply_delta([["60000.1", "0"]], [])
        assert book.best_bid is None


class TestBadInput:
    @pytest.mark.parametrize(
        ("price", "rule"),
        [
            ("nan", "finite"),
            ("inf", "finite"),
            ("-inf", "finite"),
            ("1_0", "decimal number"),
            ("", "decimal number"),
            (".", "decimal number"),
            ("1.2.3", "decimal number"),
            ("1,5", "decimal number"),
            ("0x10", "decimal number"),
            ("0", "above 0"),
            ("0.00", "above 0"),
            ("-1", "above 0"),
            ("1e-400", "exponents"),
            ("1e400", "exponents"),
            ("٣", "decimal digits"),
        ],
    )
    @pytest.mark.parametrize("is_snapshot", [True, False])
    @pytest.mark.parametrize("size", ["1", "0"])
    def test_prices(self, price, size, rule, is_snapshot):
        book = book_of([["10", "1"]], [["11", "1"]])
        apply = book.apply_snapshot if is_snapshot else book.apply_delta
        with pytest.raises(InvalidBook) as caught:
            apply([["10", "5"], [price, size]], [], 7, 8)
        message = str(caught.value)
        assert "somewhere:BTC-USDT-PERP: bid price" in message
        assert price in message
        assert rule in message
        assert_useless(book, since=8)

    @pytest.mark.parametrize(
        ("size", "rule"),
        [
            ("nan", "finite"),
            ("inf", "finite"),
            ("1_0", "decimal number"),
            ("", "decimal number"),
            (".", "decimal number"),
            ("1.2.3", "decimal number"),
            ("1,2", "decimal number"),
            ("-1", "from 0"),
            ("-0.001", "from 0"),
            ("1e-400", "exponents"),
            ("true", "decimal number"),
            ("٣", "decimal digits"),
        ],
    )
    @pytest.mark.parametrize("others", [[], [["12", "1"]], [["12", ""]], [["12", "1"], ["13", "2"]]])
    def test_sizes(self, size, rule, others):
        book = book_of([["10", "1"]], [["11", "1"]])
        with pytest.raises(InvalidBook) as caught:
            book.apply_delta([["9", "1"]], [["12", size], *others], 7, 8)
        message = str(caught.value)
        assert "somewhere:BTC-USDT-PERP: ask size" in message
        assert size in message
        assert rule in message
        assert_useless(book, since=8)

    @pytest.mark.parametrize("level", [["10"], ["10", "1", "2"], [], None, 5, {"p": "10", "s": "1"}, [["10"], "1"]])
    def test_levels_that_are_no_pairs(self, level):
        book = book_of([["10", "1"]], [["11", "1"]])
        with pytest.raises((InvalidBook, TypeError), match="somewhere:BTC-USDT-PERP: bid"):
            book.apply_delta([level], [])
        assert_useless(book, since=0)

    @pytest.mark.parametrize("junk", [None, True, [], {}, [["1"]]])
    @pytest.mark.parametrize("place", [0, 1])
    def test_json_of_any_other_type_is_an_invalid_book_and_no_fault_of_ours(self, junk, place):
        level = ["10", "1"]
        level[place] = junk
        book = book_of([["10", "1"]], [["11", "1"]])
        with pytest.raises(InvalidBook, match="somewhere:BTC-USDT-PERP: bid"):
            book.apply_snapshot([level], [["11", "1"]])
        assert_useless(book, since=0)

    @pytest.mark.parametrize("level", [[10.5, "1"], ["10", 1.0], (D(10), 0.5), [float("nan"), 1]])
    def test_a_float_is_a_type_error_that_says_what_to_write(self, level):
        book = book_of([["10", "1"]], [["11", "1"]])
        with pytest.raises(
            TypeError, match=r"somewhere:BTC-USDT-PERP: bid (price|size): found the float .* write Decimal"
        ):
            book.apply_delta([level], [])
        assert_useless(book, since=0)

    def test_a_float_is_refused_also_where_its_decimal_was_seen(self):
        book = book_of([["10", "1"], ["10.0", "1"]], [])
        book.apply_delta([(D(10), D(2)), (9, 1)], [])
        for price in (10.0, 9.0):
            with pytest.raises(TypeError, match="found the float"):
                book.apply_delta([(price, D(2))], [])
            book.apply_snapshot([["10", "1"], ["10.0", "1"]], [])
            book.apply_delta([(D(10), D(2)), (9, 1)], [])

    @pytest.mark.parametrize("ask", ["10", "9.9", "10.0"])
    def test_a_crossed_or_locked_snapshot(self, ask):
        book = OrderBook(LINEAR)
        with pytest.raises(InvalidBook, match=f"somewhere:BTC-USDT-PERP: .*bid 10, best ask {ask}.*bids below asks"):
            book.apply_snapshot([["10", "1"]], [[ask, "1"]])
        assert not book.is_synced
        assert book.best_bid is book.best_ask is None

    def test_an_impossible_depth(self):
        with pytest.raises(ValueError, match="somewhere:BTC-USDT-PERP: depth: found 0"):
            OrderBook(LINEAR, depth=0)


def assert_useless(book, *, since):
    assert not book.is_synced
    assert book.stale_since == since
    assert "BTC-USDT-PERP" in book.stale_reason
    assert book.best_bid is book.best_ask is None
    assert book.apply_delta([["10", "1"]], []) is False
    assert book.best_bid is None


class TestStaleness:
    def test_a_new_book_is_stale_and_takes_no_deltas(self):
        book = OrderBook(LINEAR)
        assert not book.is_synced
        assert (book.stale_since, book.stale_reason) == (0, "no snapshot yet")
        assert book.apply_delta([["10", "1"]], []) is False
        assert book.best_bid is None

    def test_a_stale_book_still_shows_its_past_and_a_snapshot_mends_it(self):
        book = book_of([["10", "1"]], [])
        assert (book.is_synced, book.stale_since, book.stale_reason) == (True, None, "")
        book.mark_stale("disconnected", 77)
        book.mark_stale("and silent", 99)
        assert (book.is_synced, book.stale_since, book.stale_reason) == (False, 77, "disconnected")
        assert book.best_bid == (10, 1)
        assert (book.ts_event, book.ts_recv) == (1, 2)
        book.apply_snapshot([["9", "1"]], [], 100, 101)
        assert book.is_synced
        assert book.best_bid == (9, 1)

    @pytest.mark.parametrize("bid", ["11", "11.5"])
    def test_a_delta_that_crosses_the_book_leaves_it_stale(self, bid):
        book = book_of([["10", "1"]], [["11", "1"]])
        assert book.apply_delta([[bid, "1"]], [], 5, 6) is False
        assert (book.stale_since, book.stale_reason) == (6, "crossed by a delta")

    def test_a_frame_may_cross_within_itself(self):
        book = book_of([["10", "1"]], [["11", "1"]])
        assert book.apply_delta([["11", "1"], ["10", "1"]], [["11", "0"], ["12", "1"]])
        assert (book.best_bid, book.best_ask) == ((11, 1), (12, 1))

    def test_clear(self):
        book = book_of([["10", "1"]], [["11", "1"]])
        book.clear("unsubscribed", 5)
        assert (book.is_synced, book.stale_since, book.stale_reason) == (False, 5, "unsubscribed")
        assert book.bids(1) == book.asks(1) == []


class TestBounds:
    def test_levels_that_come_and_go_do_not_pile_up(self):
        book = book_of([["1", "1"]], [])
        for tick in range(2, 50_000):
            book.apply_delta([[f"0.{tick:06d}", "1"], [f"0.{tick - 1:06d}", "0"]], [])
        assert book.bids(9) == [(1, 1), (D("0.049999"), 1)]
        assert len(book._bids._texts) == len(book._bids._keys) == len(book._bids._sizes) < 2000
        assert len(book._bids._seen) < 2000

    def test_spellings_are_not_remembered_without_end(self):
        book = book_of([["1.0", "1"], ["1.00", "1"]], [])
        for tick in range(1, 3000):
            book.apply_delta([[f"0.{tick:05d}0", "1"]], [])
        assert len(book._bids._rewritten_texts) < 2000
        assert len(book.bids(5000)) == 3000

    def test_depth_forgets_what_is_pushed_out_of_the_window(self):
        book = book_of([["10", "1"], ["9", "1"], ["8", "1"]], [["11", "1"], ["12", "1"], ["13", "1"]], depth=2)
        assert book.bids(9) == [(10, 1), (9, 1)]
        book.apply_delta([["10.5", "1"]], [["10.9", "1"]])
        assert book.bids(9) == [(D("10.5"), 1), (10, 1)]
        # 9 was pushed out; that 10.5 is gone does not bring it back.
        book.apply_delta([["10.5", "0"]], [["10.9", "0"]])
        assert book.bids(9) == [(10, 1)]
        assert book.asks(9) == [(11, 1)]


# Numbers are whole multiples of 0.01 in any spelling; bids lie below 5.00, asks above.

PLAIN = st.sampled_from(["{:.2f}", "{:.4f}", "{:f}", "0{:f}"])
ANY = st.one_of(PLAIN, st.just("{:e}"), st.just(None))


def spell(form, hundredths):
    number = D(hundredths).scaleb(-2)
    return number if form is None else form.format(number)


def frames(forms):
    sizes = st.builds(spell, forms, st.one_of(st.just(0), st.integers(0, 2000)))
    bids = st.tuples(st.builds(spell, forms, st.integers(475, 499)), sizes)
    asks = st.tuples(st.builds(spell, forms, st.integers(501, 525)), sizes)
    return st.lists(st.tuples(st.booleans(), st.lists(bids, max_size=12), st.lists(asks, max_size=12)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(st.one_of(frames(st.just("{:.2f}")), frames(PLAIN), frames(ANY)))
def test_the_book_is_the_sum_of_its_frames_however_they_are_spelled(sequence):
    book, truth = book_of([], []), ({}, {})
    for is_snapshot, *raw in sequence:
        (book.apply_snapshot if is_snapshot else book.apply_delta)(*raw)
        for levels, side in zip(truth, raw, strict=True):
            if is_snapshot:
                levels.clear()
            for price, size in side:
                levels[D(price)] = D(size)
                if not levels[D(price)]:
                    del levels[D(price)]
        assert book.is_synced
        assert book.bids(99) == sorted(truth[0].items(), reverse=True)
        assert book.asks(99) == sorted(truth[1].items())
        assert book.best_bid == next(iter(sorted(truth[0].items(), reverse=True)), None)
        assert book.best_ask == next(iter(sorted(truth[1].items())), None)
        for price in (D("4.80"), D("4.95"), D("5.05")):
            assert book.quantity_at(Side.BUY, price) == truth[0].get(price, 0)
            assert book.quantity_at(Side.SELL, price) == truth[1].get(price, 0)
            assert book.cumulative(Side.BUY, price) == sum(size for at, size in truth[0].items() if at >= price)
            assert book.cumulative(Side.SELL, price) == sum(size for at, size in truth[1].items() if at <= price)


LEVELS = st.lists(st.tuples(st.integers(1, 9).map(str), st.integers(0, 3).map(str)), max_size=4)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(LEVELS, LEVELS), max_size=8))
def test_a_book_that_says_it_is_synced_is_never_crossed(sequence):
    book, truth = book_of([], []), ({}, {})
    for bids, asks in sequence:
        for levels, side in zip(truth, (bids, asks), strict=True):
            levels.update(side)
        bid = max((int(price) for price, size in truth[0].items() if size != "0"), default=0)
        ask = min((int(price) for price, size in truth[1].items() if size != "0"), default=10)
        assert book.apply_delta(bids, asks) is book.is_synced is (bid < ask)
        if bid >= ask:
            return


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.text(max_size=6), st.sampled_from(["1", "1.0", "2", "nan", "1e-400", "-1", "0"])),
            st.one_of(st.text(max_size=6), st.sampled_from(["1", "0", "2.5", "inf", "1_0", "1,2", ""])),
        ),
        max_size=5,
    )
)
def test_any_text_is_either_a_level_or_refused_and_the_book_then_useless(levels):
    book = book_of([["0.5", "1"]], [])
    try:
        book.apply_delta(levels, [])
    except InvalidBook:
        assert not book.is_synced
        assert book.best_bid is None
    else:
        expected = {D("0.5"): D(1)} | {D(price): D(size) for price, size in levels}
        assert dict(book.bids(99)) == {price: size for price, size in expected.items() if size}
