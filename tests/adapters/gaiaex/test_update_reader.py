"""Updates read by a reader that remembers the last: they tell what each tells alone."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue_gaiaex.streams import read_message, read_update
from anyvenue_gaiaex.update_reader import UpdateReader

AT_MS = 1_743_508_800_000
ROW = {"orderId": 7, "symbol": "ETH", "side": "BUY", "price": "3500.10", "origQty": "0.1", "executedQty": "0"}
SNAKE = {"order_id": "8", "symbol": "ETH", "side": "sell", "filled_size": "1", "size": 2, "client_id": "0xAB"}
HELD = {"symbol": "ETH", "positionSide": "LONG", "size": "2.5", "entryPrice": "3400", "leverage": 5}
UPDATE = {"type": "update", "orders": [ROW, SNAKE], "positions": [HELD], "timestamp": AT_MS}
UPDATE |= {"balance": {"available": "850.00", "usdcBalance": "900"}}


def alone(raw):
    return read_update(read_message(raw))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"orders": []},
        {"positions": []},
        {"orders": None, "positions": None, "balance": None},
        {"timestamp": None, "time": AT_MS},
        {"timestamp": 0},
        {"balance": {"available": "1"}},
        {"orders": [ROW, ROW | {"executedQty": "0.05"}]},
        {"orders": [ROW, ROW]},
        {"sequence": 5},
    ],
)
def test_it_tells_what_an_update_tells(change):
    raw = orjson.dumps(UPDATE | change)
    told = UpdateReader().read(raw)
    assert told == alone(raw)
    assert list(told.orders or ()) == list(alone(raw).orders or ())


def test_what_is_not_there_tells_nothing():
    assert UpdateReader().read(b'{"type":"update"}') == alone(b'{"type":"update"}')


@given(st.lists(st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["0", "0.05", "0.1"])), max_size=5), max_size=6))
def test_whatever_came_before_it_tells_what_it_tells_alone(updates):
    reader = UpdateReader()
    for orders in updates:
        rows = [ROW | {"orderId": number, "executedQty": filled} for number, filled in orders]
        raw = orjson.dumps(UPDATE | {"orders": rows})
        assert reader.read(raw) == alone(raw)


def test_an_order_told_by_the_same_bytes_is_not_read_again_and_forgotten_once_it_is_not_told():
    reader = UpdateReader()
    first = reader.read(orjson.dumps(UPDATE)).orders["7"]
    again = reader.read(orjson.dumps(UPDATE | {"orders": [ROW]})).orders
    assert again["7"] is first
    assert reader.read(orjson.dumps(UPDATE | {"orders": []})).orders == {}
    later = reader.read(orjson.dumps(UPDATE)).orders["7"]
    assert later == first
    assert later is not first


@pytest.mark.parametrize(
    "raw",
    [
        orjson.dumps(UPDATE | {"orders": ""}),
        orjson.dumps(UPDATE | {"orders": {}}),
        orjson.dumps(UPDATE | {"orders": [ROW, ROW | {"orderId": "abc"}]}),
        orjson.dumps(UPDATE | {"orders": [ROW | {"price": "none"}]}),
        orjson.dumps(UPDATE | {"orders": [7]}),
        orjson.dumps(UPDATE | {"positions": [{"symbol": "ETH"}]}),
        orjson.dumps(UPDATE | {"positions": [HELD | {"size": 1e60}]}),
        orjson.dumps(UPDATE | {"timestamp": "never"}),
        orjson.dumps(UPDATE | {"balance": {"available": "x"}}),
        orjson.dumps(UPDATE | {"balance": ""}),
        orjson.dumps(UPDATE | {"type": "heartbeat"}),
        orjson.dumps({"orders": [ROW]}),
        orjson.dumps(UPDATE)[:-2],
        b"[]",
        b"pong",
        b"\xff",
    ],
)
def test_what_it_cannot_read_or_is_no_update_is_left_to_be_read_in_full(raw):
    reader = UpdateReader()
    assert reader.read(raw) is None
    assert reader.read(orjson.dumps(UPDATE)) == alone(orjson.dumps(UPDATE))
