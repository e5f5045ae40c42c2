"""The public channels beside depth (chapters 12.1 and 12.3)."""

import pytest

from anyvenue.model.enums import Side
from anyvenue_gateio.simulator.quirks import Quirks


@pytest.fixture
def room(backstage):
    return prepared(backstage(Quirks()))


def prepared(b):
    b.depth_is([("59999.9", "1000")], [("60000.1", "1000")])
    b.trade("60000")
    b.mark("60000", "60001")
    return b


def rows(wire, channel):
    return [row for result in wire.results(channel) for row in result]


def test_a_trade_has_the_takers_sign_and_both_times(room):
    exact, whole = room.wire(), room.wire(decimal=False)
    for wire in (exact, whole):
        wire.subscribe("futures.trades", ["BTC_USDT"])
    room.wait("0.25")
    room.trade("59999.5", "0.01", Side.SELL)
    (row,) = rows(exact, "futures.trades")
    assert row == {
        "id": 77,
        "size": "-100",
        "price": "59999.5",
        "create_time": 1704067200,
        "create_time_ms": 1704067200250,
        "contract": "BTC_USDT",
        "is_internal": False,
    }
    assert rows(whole, "futures.trades")[0]["size"] == -100


def test_a_second_subscription_of_trades_brings_no_second_copy(room):
    wire = room.wire()
    for _ in range(2):
        (ack,) = wire.subscribe("futures.trades", ["BTC_USDT"])
        assert ack["result"] == {"status": "success"}
    room.trade("60000")
    assert len(rows(wire, "futures.trades")) == 1


def test_a_ticker_bears_mark_index_and_funding_as_texts(room):
    wire = room.wire()
    wire.subscribe("futures.tickers", ["BTC_USDT"])
    room.trade("60600", "0.02")
    room.mark("60010", "60011")
    (row,) = rows(wire, "futures.tickers")
    assert (row["last"], row["mark_price"], row["index_price"]) == ("60600", "60010", "60011")
    assert (row["funding_rate"], row["funding_interval"], row["t"]) == ("0.0001", 28800, 1704067200000)
    assert row["funding_next_apply"] == 1704067200 + 28800
    assert (row["highest_bid"], row["lowest_ask"]) == ("59999.9", "60000.1")
    assert (row["highest_size"], row["lowest_size"]) == ("1000", "1000")
    # 0.01 BTC at 60000 and 0.02 at 60600: 300 contracts, 600 and 1212 USDT; 1 % above the first
    assert (row["volume_24h"], row["volume_24h_quote"], row["change_percentage"]) == ("300", "1812", "1.0000")
    assert (row["high_24h"], row["low_24h"]) == ("60600", "60000")


def test_what_was_traded_more_than_a_day_ago_is_in_no_ticker(room):
    wire = room.wire()
    wire.subscribe("futures.tickers", ["BTC_USDT"])
    room.wait(str(24 * 3600 + 60))
    room.trade("70000", "0.01")
    room.mark("60010")
    assert rows(wire, "futures.tickers")[-1]["low_24h"] == "70000"


@pytest.mark.parametrize("flag", [True, False])
def test_a_candle_grows_and_closes(backstage, flag):
    b = prepared(backstage(Quirks(closed_flag=flag)))
    wire = b.wire()
    wire.subscribe("futures.candlesticks", ["1m", "BTC_USDT"])
    b.wait("10")
    b.trade("60100", "0.02")
    b.wait("10")
    b.trade("59900", "0.03")
    b.wait("40")
    b.trade("60050", "0.01")
    *_, grown, closed = rows(wire, "futures.candlesticks")
    expected = {
        "t": 1704067200,
        "o": "60000",
        "h": "60100",
        "l": "59900",
        "c": "59900",
        "v": "600",
        "a": "0.06",
        "n": "1m_BTC_USDT",
    }
    assert closed == ({**expected, "w": True} if flag else expected)
    assert grown == ({**expected, "w": False} if flag else expected)
    b.wait("1")
    assert (rows(wire, "futures.candlesticks")[-1]["t"], rows(wire, "futures.candlesticks")[-1]["o"]) == (
        1704067260,
        "60050",
    )


@pytest.mark.parametrize(("prefix", "price"), [("mark_", "60003"), ("index_", "60004")])
def test_candles_of_mark_and_index_have_no_volume(room, prefix, price):
    wire = room.wire()
    wire.subscribe("futures.candlesticks", ["10s", f"{prefix}BTC_USDT"])
    room.mark("60003", "60004")
    room.wait("1")
    row = rows(wire, "futures.candlesticks")[-1]
    assert (row["n"], row["c"], row["v"]) == (f"10s_{prefix}BTC_USDT", price, "0")


def test_contract_stats_come_as_an_array(room):
    wire = room.wire()
    wire.subscribe("futures.contract_stats", ["BTC_USDT", "1m"])
    room.mark("60010")
    (row,) = rows(wire, "futures.contract_stats")
    assert (row["contract"], row["mark_price"], row["time"]) == ("BTC_USDT", 60010, 1704067200)


def test_an_unsubscribed_channel_is_silent(room):
    wire = room.wire()
    wire.subscribe("futures.trades", ["BTC_USDT"])
    (ack,) = wire.subscribe("futures.trades", ["BTC_USDT"], event="unsubscribe")
    assert (ack["event"], ack["result"]) == ("unsubscribe", {"status": "success"})
    room.trade("60000")
    assert rows(wire, "futures.trades") == []
