"""The short way of an order book push: what goes it, what does not, and that both ways tell the same."""

from __future__ import annotations

from decimal import Decimal, localcontext

import orjson
import pytest
from listed import linear

from anyvenue.model import Action, BookDelta, BookKeeper, BookSnapshot
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue_gateio.streams import Reader
from anyvenue_gateio.topics import depth_rule

BTC = linear(venue="gateio", quantity_step="0.0001", min_quantity="0.0001", contract_size="0.0001", depth_unit="0.0001")
AT_MS = 1_747_054_612_695
RECV = 5


def reader():
    return Reader({"BTC_USDT": BTC}.get, {}.get)


def frame(*, channel="futures.obu", more=None, **changes):
    result = {
        "t": AT_MS,
        "s": "ob.BTC_USDT.50",
        "U": 11,
        "u": 12,
        "b": [["104024.5", "10343"]],
        "a": [["104027.2", "0"]],
    }
    result = {name: value for name, value in (result | changes).items() if value is not None}
    return orjson.dumps({"channel": channel, "result": result, "time_ms": AT_MS} | (more or {}))


def by_read_any(raw):
    return list(reader().read_any(raw, RECV))


@pytest.mark.parametrize(
    "raw",
    [
        frame(),
        frame(a=None),
        frame(a=None, b=None),
        frame(full=False),
        frame(b=[["104024.50", "7.25"], ["0.00001", "0.0"]]),
        frame(more={"event": "update"}),
        orjson.dumps({"time_ms": AT_MS, "event": "update"} | orjson.loads(frame())),
    ],
)
def test_the_short_way_tells_what_the_common_one_does(raw):
    delta = reader().read_push(raw, RECV)
    assert isinstance(delta, DecodedDelta)
    assert list(reader().read(raw, RECV)) == [delta]
    (common,) = by_read_any(raw)
    assert type(common) is BookDelta
    assert (delta.instrument, delta.first_id, delta.last_id) == (BTC, 11, 12)
    assert (delta.ts_event, delta.ts_recv) == (common.ts_event, common.ts_recv) == (AT_MS * 1_000_000, RECV)
    for mine, its in ((delta.bids, common.bids), (delta.asks, common.asks)):
        assert [tuple(map(float, level)) for level in mine] == [tuple(map(float, level)) for level in its]


@pytest.mark.parametrize(
    "raw",
    [
        frame(full=True),
        frame(U="11"),
        frame(u=12.5),
        frame(t="soon"),
        frame(s="ob.NEW_USDT.50"),
        frame(s="BTC_USDT"),
        frame(t=-1),
        frame(t=2**60),
        frame(b=[[1, "1"]]),
        frame(b=[["1", 1]]),
        frame(b=[["1", "1", "1"]]),
        frame(b=[["1"]]),
        frame(more={"event": "subscribe"}),
        frame(more={"error": {"code": 2}}),
        frame(more={"header": {}}),
        frame(channel="futures.order_book_update"),
        b"",
        b'{"channel":"futures.obu"',
        b'{"channel":"futures.obu","result":\xff}',
    ],
)
def test_anything_unusual_is_left_to_the_common_way(raw):
    assert reader().read_push(raw, RECV) is None


def kept(**changes):
    """A book of one bid and one ask, and what became of a frame that it was given."""
    keeper = BookKeeper(BTC, depth_rule(BTC, updates=False))
    for raw in (frame(full=True, U=None, u=10), frame(**changes)):
        for event in reader().read(raw, RECV):
            action = keeper.on_snapshot(event) if isinstance(event, BookSnapshot) else keeper.on_decoded(event)
    return action, keeper.book


@pytest.mark.parametrize("size", ["12345678901234567", "0.0000000000000000001", "9999999999999999999.5", "1e-9", "7.0"])
@pytest.mark.parametrize("price", ["104024.5", "104025.00000000000000001"])
def test_long_numbers_are_exact(price, size):
    action, book = kept(b=[[price, size]], a=None)
    assert action is Action.APPLY
    with localcontext(prec=60):
        assert book.best_bid == (Decimal(price), Decimal(size) * Decimal("0.0001"))


@pytest.mark.parametrize("size", ["nan", "inf", "-1", "-inf", "", "1_0", "0x1", "1e-400", "1.2.3", "\u0661"])
def test_a_size_that_is_none_makes_the_book_stale(size):
    action, book = kept(b=[["104024.6", size]])
    assert action is Action.RESYNC
    assert (book.is_synced, book.best_bid) == (False, None)


@pytest.mark.parametrize("price", ["nan", "inf", "-1", "0", "0.0", "", "1_0", "1e5e", "\u0661", "104024.5.1"])
def test_a_price_that_is_none_makes_the_book_stale(price):
    action, book = kept(b=[[price, "1"]])
    assert action is Action.RESYNC
    assert not book.is_synced
