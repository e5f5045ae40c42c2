"""WebSocket messages of both revisions, and an account's updates in every spelling (chapters 8.8 and 11)."""

from decimal import Decimal

import orjson
import pytest

from anyvenue.model.enums import MarginMode, Side
from anyvenue.model.errors import VenueProtocolError
from anyvenue_gaiaex.streams import BookReader, read_update

B = {
    "type": "orderbook",
    "symbol": "ETH",
    "displayName": "ETH",
    "bids": [["3500.0", "1.5"], ["3499.9", "2"]],
    "asks": [["3500.1", "0.7"]],
    "timestamp": 1743508800000,
    "priceDecimals": 2,
    "stale": False,
    "feed_connected": True,
}
A = {
    "type": "orderbook",
    "coin": "ETH",
    "levels": [{"px": "3500.0", "sz": "1.5", "n": 3}, {"px": "3500.1", "sz": "0.7", "n": 1}],
    "time": 1743508800000,
}


@pytest.fixture
def read(eth):
    reader = BookReader(eth)
    return lambda message: reader.read(orjson.dumps(message), 7)


def test_a_push_is_a_whole_book(read):
    book = read(B).book
    assert [tuple(level) for level in book.bids] == [("3500.0", "1.5"), ("3499.9", "2")]
    assert [tuple(level) for level in book.asks] == [("3500.1", "0.7")]
    assert (book.ts_event, book.ts_recv) == (1743508800000 * 10**6, 7)


def test_numbers_in_levels_keep_their_digits(eth):
    raw = orjson.dumps(B).replace(b'"3500.1"', b"3500.10").replace(b'"0.7"', b"0.7000000000000000001")
    assert [tuple(level) for level in BookReader(eth).read(raw, 0).book.asks] == [("3500.10", "0.7000000000000000001")]


def test_undivided_levels_are_never_divided_by_guess(read):
    told = read(A)
    assert told.book is None
    assert told.is_alarm
    assert "not divided" in told.stale


@pytest.mark.parametrize("change", [{"stale": True}, {"feed_connected": False}])
def test_a_book_that_says_it_is_stale_is_not_used(read, change):
    told = read(B | change)
    assert (told.book, bool(told.stale)) == (None, True)
    assert read(B).book is not None


@pytest.mark.parametrize(
    "stale",
    [
        {"type": "stale", "reason": "upstream disconnected"},
        {"type": "stale", "reason": "upstream_disconnected", "symbol": "ETH", "timestamp": 1},
    ],
)
@pytest.mark.parametrize("recovered", [{"type": "recovered"}, {"type": "recovered", "symbol": "ETH", "timestamp": 2}])
def test_after_stale_it_takes_recovered_and_a_fresh_book(read, stale, recovered):
    assert "upstream" in read(stale).stale
    assert read(B).book is None
    assert read(recovered).book is None
    assert read(B).book is not None


@pytest.mark.parametrize(
    "beat", [{"type": "heartbeat", "timestamp": 1}, {"type": "heartbeat", "symbol": "ETH", "stale": False}]
)
def test_a_heartbeat_is_answered_with_ping(read, beat):
    assert (read(beat).answer, read(beat).stale) == ("ping", "")


def test_a_stale_heartbeat_makes_the_book_stale(read):
    told = read({"type": "heartbeat", "symbol": "ETH", "stale": True})
    assert told.answer == "ping"
    assert told.stale


def test_a_symbol_that_is_not_supported_ends_the_stream(read):
    told = read({"type": "error", "code": "SYMBOL_NOT_SUPPORTED", "message": "Symbol 'X' is not supported"})
    assert told.is_over
    assert "Symbol 'X'" in told.stale
    assert not read({"type": "error", "code": "OTHER", "message": "m"}).is_over


@pytest.mark.parametrize("message", [{"type": "pong"}, {"type": "something new"}, {}])
def test_other_messages_mean_nothing(read, message):
    told = read(message)
    assert (told.book, told.stale, told.answer) == (None, "", "")


@pytest.mark.parametrize(
    "raw", [b"[]", b"nonsense", orjson.dumps(B | {"bids": [["1"]]}), orjson.dumps(B | {"symbol": "X"})]
)
def test_what_cannot_be_read_raises_with_its_bytes(eth, raw):
    with pytest.raises(VenueProtocolError) as caught:
        BookReader(eth).read(raw, 0)
    assert caught.value.raw == raw


def test_a_plain_pong_is_no_message(eth):
    assert BookReader(eth).read(b"pong", 0).book is None


def test_arrays_that_are_not_there_tell_nothing_and_empty_ones_that_there_is_nothing():
    told = read_update({"type": "update"})
    assert (told.orders, told.positions, told.available, told.total) == (None, None, None, None)
    told = read_update({"type": "update", "orders": [], "positions": [], "balance": {"available": "850.00"}})
    assert (told.orders, told.positions, told.available, told.total) == ({}, {}, Decimal(850), None)


@pytest.mark.parametrize(
    ("item", "filled"),
    [
        (
            {"orderId": 7, "symbol": "ETH", "side": "BUY", "origQty": "1", "executedQty": "0.25", "price": "3500"},
            "0.25",
        ),
        ({"order_id": 7, "symbol": "ETH", "is_buy": True, "size": "1", "filled_size": "0.25", "price": "3500"}, "0.25"),
        ({"oid": 7, "coin": "ETH", "side": "B", "origSz": "1", "sz": "0.75", "limitPx": "3500"}, "0.25"),
        ({"id": "7", "symbol": "ETH", "side": "buy", "size": "1", "remaining_size": "0.75", "px": 3500}, "0.25"),
        ({"orderId": 7, "symbol": "ETH", "side": "BUY", "size": "1", "price": "3500"}, None),
    ],
)
def test_open_orders_are_read_in_every_spelling(item, filled):
    row = read_update({"orders": [item]}).orders["7"]
    assert (row.symbol, row.side, row.price) == ("ETH", Side.BUY, Decimal(3500))
    assert row.filled == (None if filled is None else Decimal(filled))
    assert Decimal(1) in row.sizes


@pytest.mark.parametrize("extra", [{"isTrigger": True}, {"triggerPx": "3400"}, {"type": "STOP_MARKET"}, {"type": "tp"}])
def test_waiting_triggers_are_told_apart(extra):
    item = {"orderId": 7, "symbol": "ETH", "side": "SELL", "size": "1"}
    assert read_update({"orders": [item | extra]}).orders["7"].is_trigger
    assert not read_update({"orders": [item | {"type": "LIMIT"}]}).orders["7"].is_trigger


@pytest.mark.parametrize(
    ("item", "quantity"),
    [
        ({"symbol": "ETH", "positionSide": "SHORT", "size": "0.5", "entryPrice": "3500", "leverage": 5}, "-0.5"),
        ({"symbol": "ETH", "side": "LONG", "size": "0.5", "entry_price": 3500, "leverage": "5"}, "0.5"),
        ({"coin": "ETH", "szi": "-0.5", "entryPx": "3500", "leverage": {"type": "cross", "value": 5}}, "-0.5"),
        ({"position": {"coin": "ETH", "szi": "0.5", "entryPx": "3500", "leverage": 5}}, "0.5"),
        ({"symbol": "ETH", "quantity": "-0.5", "avgPrice": "3500", "leverage": 5}, "-0.5"),
    ],
)
def test_positions_are_read_in_every_spelling(item, quantity):
    held = read_update({"positions": [item]}).positions["ETH"]
    assert (held.quantity, held.entry_price, held.leverage) == (Decimal(quantity), Decimal(3500), 5)


@pytest.mark.parametrize(
    ("extra", "mode"),
    [
        ({"marginType": "CROSSED"}, MarginMode.CROSS),
        ({"margin_mode": "isolated"}, MarginMode.ISOLATED),
        ({"marginType": "portfolio"}, None),
        ({}, None),
    ],
)
def test_a_positions_margin_mode_is_read_and_not_guessed(extra, mode):
    item = {"symbol": "ETH", "side": "LONG", "size": "0.5"}
    assert read_update({"positions": [item | extra]}).positions["ETH"].margin_mode is mode


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("orders", {"symbol": "ETH", "size": "1"}),
        ("orders", {"orderId": 7, "size": "1"}),
        ("orders", "an order"),
        ("positions", {"symbol": "ETH"}),
        ("positions", {"symbol": "ETH", "size": "1", "side": "SIDEWAYS"}),
        ("positions", {"symbol": "ETH", "szi": "-1", "side": "LONG"}),
    ],
)
def test_one_item_that_cannot_be_read_makes_the_whole_array_untold(name, item):
    good = {"orderId": 8, "symbol": "BTC", "side": "BUY", "size": "1"}
    told = read_update({name: [good, item]})
    assert getattr(told, name) is None
    assert list(told.unread) == [name]
