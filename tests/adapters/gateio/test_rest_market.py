"""Public data: what is asked, character for character, and what is made of the answers."""

import gzip
import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.enums import ContractKind, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Candle, CandleSource, FundingRate, Ticker, Trade
from anyvenue.model.pricing import Tick
from anyvenue.wire.exact_json import decode
from anyvenue.wire.request import Charge, Effect
from anyvenue_gateio.rest import market

NS = 1_000_000_000
NOW = 1_700_000_400 * NS
BOOKS = Path(__file__).parents[2] / "recorded" / "gate_futures_20230524" / "rest_order_books.jsonl.gz"


def instrument(**changes):
    return Instrument(
        **{
            "symbol": "BTC-USDT-PERP",
            "venue": "gateio",
            "venue_symbol": "BTC_USDT",
            "base": "BTC",
            "quote": "USDT",
            "settle": "USDT",
            "contract_size": "0.0001",
            "depth_unit": "0.0001",
            "price_rule": Tick("0.1"),
            "quantity_step": "0.0001",
            "min_quantity": "0.0001",
        }
        | changes
    )


LINEAR = instrument()
INVERSE = instrument(
    symbol="BTC-USD-PERP",
    venue_symbol="BTC_USD",
    quote="USD",
    settle="BTC",
    kind=ContractKind.INVERSE,
    contract_size=1,
    depth_unit=1,
    quantity_step=1,
    min_quantity=1,
)


@pytest.mark.parametrize(
    ("request_", "target"),
    [
        (market.SERVER_TIME, "/spot/time"),
        (
            market.order_book_request(LINEAR, 50),
            "/futures/usdt/order_book?contract=BTC_USDT&interval=0&limit=50&with_id=true",
        ),
        (
            market.order_book_request(INVERSE, 400),
            "/futures/btc/order_book?contract=BTC_USD&interval=0&limit=100&with_id=true",
        ),
        (market.ticker_request(LINEAR), "/futures/usdt/tickers?contract=BTC_USDT"),
        (
            market.trades_request(LINEAR, start_ns=NOW + 1, end_ns=NOW + NS + 1, offset=100),
            "/futures/usdt/trades?contract=BTC_USDT&limit=100&offset=100&from=1700000400&to=1700000402",
        ),
        (
            market.funding_rates_request(LINEAR, start_ns=NOW, end_ns=NOW + NS),
            "/futures/usdt/funding_rate?contract=BTC_USDT&limit=1000&from=1700000400&to=1700000401",
        ),
        (market.risk_tiers_request(INVERSE), "/futures/btc/risk_limit_tiers?contract=BTC_USD"),
    ],
)
def test_what_is_asked(request_, target):
    path = target.partition("?")[0]
    assert (request_.method, request_.target, request_.body) == ("GET", target, b"")
    assert (request_.signed, request_.effect) == (False, Effect.READ)
    assert request_.charges == (Charge("public", path.strip("/")),)


def test_candles_are_asked_for_by_time_alone_two_thousand_at_once():
    start, end = NOW, NOW + 3000 * 60 * NS
    targets = [request.target for request in market.candles_requests(LINEAR, 60, start_ns=start, end_ns=end)]
    assert targets == [
        "/futures/usdt/candlesticks?contract=BTC_USDT&interval=1m&from=1700000400&to=1700120399",  # 2000 minutes
        "/futures/usdt/candlesticks?contract=BTC_USDT&interval=1m&from=1700120400&to=1700180399",  # 1000 minutes
    ]


def test_no_candle_opens_in_an_empty_time():
    assert market.candles_requests(LINEAR, 60, start_ns=NOW, end_ns=NOW) == []


@given(st.integers(0, 10**7), st.integers(1, 10**8), st.sampled_from(sorted(market.INTERVALS)), st.integers(0, NS - 1))
def test_the_requests_for_candles_cover_the_time_once(start_s, length_s, interval_s, odd_ns):
    start, end = start_s * NS + odd_ns, (start_s + length_s) * NS + odd_ns
    requests = market.candles_requests(LINEAR, interval_s, start_ns=start, end_ns=end)
    spans = [(int(query["from"]), int(query["to"])) for query in (dict(request.query) for request in requests)]
    assert spans[0][0] == start_s + (odd_ns > 0)  # the first whole second from the start on
    assert spans[-1][1] == start_s + length_s - (odd_ns == 0)  # the last one before the end
    assert all(after[0] == before[1] + 1 for before, after in pairwise(spans))
    assert all(last - first < 2000 * interval_s for first, last in spans)


def test_an_interval_that_the_venue_does_not_have_is_refused_with_those_it_has():
    with pytest.raises(ValueError, match=r"interval_s: found 7; allowed are 10, 60, 300"):
        market.candles_requests(LINEAR, 7, start_ns=0, end_ns=NOW)


def test_the_names_of_the_intervals_are_their_seconds():
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    assert {name: int(name[:-1]) * units[name[-1]] for name in market.INTERVALS.values()} == {
        name: seconds for seconds, name in market.INTERVALS.items()
    }


def test_a_recorded_book_reads_with_sizes_in_contracts():
    with gzip.open(BOOKS, "rt") as lines:
        raw = json.loads(next(lines))["raw"]
    data = decode(raw)
    book = market.read_order_book(data, LINEAR, NOW)
    assert book.asks[:2] == [("0.2974", "803"), ("0.2975", "500")]
    assert book.bids[:2] == [("0.2969", "5302"), ("0.2968", "9640")]
    assert (len(book.bids), len(book.asks)) == (len(data["bids"]), len(data["asks"]))
    assert (book.last_id, book.ts_event, book.ts_recv) == (203083287, 1_684_930_166_350_000_000, NOW)


def test_sizes_of_a_book_are_kept_whatever_type_they_come_in():
    assert market.read_levels([{"p": "1.5", "s": "0.7"}, {"p": "1", "s": 3}, {"p": "2", "s": Decimal("0.1")}]) == [
        ("1.5", "0.7"),
        ("1", "3"),
        ("2", "0.1"),
    ]


def test_a_ticker_reads_what_it_has():
    row = {
        "contract": "BTC_USDT",
        "last": "60000.1",
        "mark_price": "60000",
        "index_price": "",
        "funding_rate": "-0.0001",
    }
    assert market.read_ticker(row, LINEAR, NOW) == Ticker(
        instrument=LINEAR,
        last_price=Decimal("60000.1"),
        mark_price=Decimal(60000),
        funding_rate=Decimal("-0.0001"),
        ts_recv=NOW,
    )


def test_a_pushed_ticker_says_when_funding_is_next():
    assert market.read_ticker({"funding_next_apply": 1_700_006_400}, LINEAR, NOW).next_funding_ts == 1_700_006_400 * NS


def test_trades_have_the_takers_side_and_a_time_in_seconds_in_spite_of_its_name():
    row = '{"id": 121, "create_time": 1700000000, "create_time_ms": 1700000000.123, "size": %s, "price": "60000"}'
    bought, sold = market.read_trades([decode(row % "100"), decode(row % '"-0.5"')], LINEAR, NOW)
    assert bought == Trade(
        instrument=LINEAR,
        trade_id="121",
        side=Side.BUY,
        price=Decimal(60000),
        quantity=Decimal("0.01"),
        ts_event=1_700_000_000_123_000_000,
        ts_recv=NOW,
    )
    assert (sold.side, sold.quantity) == (Side.SELL, Decimal("0.00005"))


def test_candles_count_their_volume_in_base_and_the_last_is_not_closed():
    rows = [
        {"t": 1_700_000_280, "o": "1", "h": "4", "l": "0.5", "c": "2", "v": 30000, "sum": "5"},
        {"t": 1_700_000_340, "o": "2", "h": "2", "l": "2", "c": "2", "v": "0.5"},
        {"t": 1_700_000_400, "o": "2", "h": "2", "l": "2", "c": "2", "v": 0},
    ]
    first, second, third = market.read_candles(rows, LINEAR, 60, NOW)
    assert first == Candle(
        instrument=LINEAR,
        interval_s=60,
        ts_open=1_700_000_280 * NS,
        open=Decimal(1),
        high=Decimal(4),
        low=Decimal("0.5"),
        close=Decimal(2),
        volume=Decimal(3),
        source=CandleSource.VENUE,
        closed=True,
        ts_recv=NOW,
    )
    assert (second.volume, second.closed) == (Decimal("0.00005"), True)  # it ends this very moment
    assert not third.closed


def test_funding_rates_are_settlements():
    assert market.read_funding_rates([{"t": 1_700_006_400, "r": "0.000157"}], LINEAR, NOW) == [
        FundingRate(
            instrument=LINEAR,
            rate=Decimal("0.000157"),
            ts_settle=1_700_006_400 * NS,
            settled=True,
            ts_event=1_700_006_400 * NS,
            ts_recv=NOW,
        )
    ]


def test_the_servers_time_is_in_milliseconds():
    assert market.read_server_time({"server_time": 1_700_000_400_123}) == 1_700_000_400_123_000_000


@pytest.mark.parametrize(
    "read",
    [
        lambda: market.read_order_book({"bids": [], "asks": []}, LINEAR, NOW),
        lambda: market.read_trades([{"id": 1, "size": 1.5, "price": "1", "create_time_ms": 1}], LINEAR, NOW),
        lambda: market.read_candles({"label": "X"}, LINEAR, 60, NOW),
        lambda: market.read_server_time({"server_time": "soon"}),
    ],
    ids=["no id", "a float", "no list", "no time"],
)
def test_what_cannot_be_read_is_an_error_and_never_a_value(read):
    with pytest.raises((LookupError, TypeError, ValueError)):
        read()
