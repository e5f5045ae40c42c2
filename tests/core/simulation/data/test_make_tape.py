"""How a tape is cut: where it starts, what it tells at once, what it holds back; on made-up frames."""

import orjson
import pytest

from anyvenue.simulation.data.make_tape import FAR_REFRESH_MS, Cut, Recording, compare, cut, header, packed

SNAPSHOT = {
    "lastUpdateId": 10,
    "bids": [["1000.00", "1.000"], ["999.00", "2.000"], ["900.00", "9.000"]],
    "asks": [["1000.10", "1.000"], ["1002.00", "2.000"], ["1100.00", "9.000"]],
}
MADE = Cut("btcusdt", "BTC", "0.10")


def depth(time_ms, first, last, previous, *, bids=(), asks=()):
    levels = {"b": [list(level) for level in bids], "a": [list(level) for level in asks]}
    return {"e": "depthUpdate", "T": time_ms, "U": first, "u": last, "pu": previous} | levels


def trade(time_ms, trade_id, *, buyer_is_maker=False, kind="MARKET"):
    fate = {"X": kind, "m": buyer_is_maker}
    return {"e": "trade", "T": time_ms, "t": trade_id, "p": "1000.10", "q": "0.500"} | fate


JOIN = depth(100, 9, 11, 8, bids=[("1000.00", "1.500")])


def test_starts_at_the_delta_that_joins_the_snapshot():
    market = [trade(90, 1), depth(95, 7, 8, 6, bids=[("1000.00", "7.000")]), JOIN, trade(101, 2)]
    bids, asks = [["1000.00", "1.500"], ["999.00", "2.000"]], SNAPSHOT["asks"][:2]
    assert cut(Recording(SNAPSHOT, market, {})) == [
        [100_000_000, "s", bids, asks],
        [101_000_000, "t", "buy", "1000.10", "0.500", 2],
    ]


def test_a_maker_buyer_means_that_the_taker_sold():
    _, frame = cut(Recording(SNAPSHOT, [JOIN, trade(101, 2, buyer_is_maker=True)], {}))
    assert frame[2] == "sell"


def test_trades_outside_the_order_book_are_left_out():
    assert len(cut(Recording(SNAPSHOT, [JOIN, trade(101, 2, kind="INSURANCE_FUND")], {}))) == 1


def test_a_change_near_the_touch_is_told_at_once_and_one_that_changes_nothing_never():
    changes = [("999.90", "3.000"), ("999.80", "0.000"), ("1000.00", "1.500")]
    _, frame = cut(Recording(SNAPSHOT, [JOIN, depth(150, 12, 13, 11, bids=changes)], {}))
    assert frame == [150_000_000, "d", [["999.90", "3.000"]], []]


def test_a_far_change_waits_for_the_refresh():
    market = [
        JOIN,
        depth(150, 12, 13, 11, asks=[("1002.00", "5.000")]),
        depth(160, 14, 15, 13, asks=[("1002.00", "6.000"), ("1200.00", "1.000")]),
        depth(100 + FAR_REFRESH_MS, 16, 17, 15, bids=[("999.90", "3.000")]),
    ]
    _, frame = cut(Recording(SNAPSHOT, market, {}))
    assert frame == [(100 + FAR_REFRESH_MS) * 1_000_000, "d", [["999.90", "3.000"]], [["1002.00", "6.000"]]]


def test_a_far_change_is_told_when_the_price_comes_near():
    market = [
        JOIN,
        depth(150, 12, 13, 11, asks=[("1002.00", "5.000")]),
        depth(160, 14, 15, 13, bids=[("1001.80", "1.000")], asks=[("1000.10", "0.000")]),
    ]
    recording = Recording(SNAPSHOT, market, {})
    tape = cut(recording)
    assert tape[1:] == [
        [160_000_000, "d", [["1001.80", "1.000"]], [["1000.10", "0.000"], ["1002.00", "5.000"]]],
    ]
    assert compare(tape, recording) == {"near band equal": 3, "bookTicker equal": 0}


def test_orders_by_the_exchange_clock_ties_as_recorded():
    market = [JOIN, depth(150, 12, 13, 11, bids=[("999.90", "3.000")]), trade(120, 2), trade(150, 3)]
    assert [frame[0::5] for frame in cut(Recording(SNAPSHOT, market, {}))[1:]] == [
        [120_000_000, 2],
        [150_000_000],
        [150_000_000, 3],
    ]


@pytest.mark.parametrize(
    ("market", "words"),
    [
        ([depth(100, 12, 13, 11)], "no delta joins"),
        ([depth(100, 5, 6, 4)], "no delta joins"),
        ([JOIN, depth(150, 13, 14, 12)], "gap in depth"),
    ],
    ids=["late", "early", "gap"],
)
def test_refuses_a_recording_with_a_hole(market, words):
    with pytest.raises(ValueError, match=words):
        cut(Recording(SNAPSHOT, market, {}))


def test_compare_finds_a_touch_that_is_not_the_recorded_one():
    tickers = {11: {"b": "1000.00", "B": "1.500", "a": "1000.10", "A": "0.900"}}
    recording = Recording(SNAPSHOT, [JOIN], tickers)
    with pytest.raises(ValueError, match="not the recorded one"):
        compare(cut(recording), recording)


def test_same_frames_give_the_same_bytes():
    tape = cut(Recording(SNAPSHOT, [JOIN, trade(101, 2)], {}))
    lines = [header(MADE, tape), *tape]
    assert packed(lines) == packed(orjson.loads(orjson.dumps(lines)))
