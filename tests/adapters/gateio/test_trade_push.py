"""Pushes of trades, read without detour: the same as the common way tells, and what is unusual left to it."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.enums import Side
from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.market import Trade
from anyvenue_gateio.rest.market import read_trades
from anyvenue_gateio.streams import Reader

AT_MS = 1_747_054_612_673
RECV = 1_747_054_612_700_000_000
ROW = {
    "contract": "BTC_USDT",
    "create_time": 1_747_054_612,
    "create_time_ms": AT_MS,
    "id": 27753479,
    "price": "60000.1",
    "size": -108,
}


def frame(*rows, more=None, **changes):
    result = [ROW | changes, *rows]
    return orjson.dumps({"channel": "futures.trades", "event": "update", "result": result} | (more or {}))


def test_a_trade_is_read_in_one_go(new_reader, btc):
    assert new_reader().read_push(frame(), RECV) == [
        Trade(
            instrument=btc,
            trade_id="27753479",
            side=Side.SELL,
            price=Decimal("60000.1"),
            quantity=Decimal("0.0108"),  # 108 contracts of 0.0001
            ts_event=AT_MS * 1_000_000,
            ts_recv=RECV,
        )
    ]


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "id": st.integers(0, 2**63 - 1),
                "size": st.one_of(st.integers(-(10**12), 10**12), st.decimals(-(10**9), 10**9, places=2).map(str)),
                "price": st.decimals("0.00000001", 10**9, places=8).map(str),
                "create_time_ms": st.integers(10**11, 10**14 - 1),
            }
        ),
        unique_by=lambda row: row["id"],
    )
)
def test_they_are_what_the_common_way_tells(new_reader, btc, rows):
    rows = [ROW | row for row in rows]
    raw = orjson.dumps({"channel": "futures.trades", "event": "update", "result": rows})
    pushed = new_reader().read_push(raw, RECV)
    assert pushed == list(new_reader().read_any(raw, RECV)) == read_trades(rows, btc, RECV)


@pytest.mark.parametrize(
    "raw",
    [
        frame(size=1.5),
        frame(price=60000.1),
        frame(price="nan"),
        frame(price="1_0"),
        frame(price="1e2000"),
        frame(size="-"),
        frame(size="inf"),
        frame(size=None),
        frame(id="27753479"),
        frame(id=-1),
        frame(id=2**63),
        frame(create_time_ms=1_747_054_612),
        frame(create_time_ms=1_747_054_612_673.5),
        frame(create_time_ms="1747054612673"),
        frame(more={"event": "subscribe"}),
        frame(more={"error": {"code": 2}}),
        frame(more={"header": {}}),
        frame(more={"result": ROW}),
        frame()[:-3],
    ],
)
def test_anything_unusual_is_left_to_the_common_way(new_reader, raw):
    assert new_reader().read_push(raw, RECV) is None


def test_a_frame_with_a_row_that_cannot_be_read_is_an_error_and_its_other_trades_are_not_lost(new_reader):
    by = new_reader()
    with pytest.raises(VenueProtocolError, match="price"):
        list(by.read(frame(ROW | {"id": 2, "price": "none"}, id=1), RECV))
    assert [trade.trade_id for trade in by.read(frame(id=2), RECV)] == ["2"]


def test_a_contract_that_is_not_known_is_left_out(new_reader):
    (trade,) = new_reader().read(frame(ROW | {"contract": "NEW_USDT"}, id=1), RECV)
    assert trade.trade_id == "1"


def test_a_contract_that_is_listed_anew_has_its_new_size(btc):
    known = {"BTC_USDT": btc}
    by = Reader(known.get, {}.get)
    (before,) = by.read(frame(id=1, size="2"), RECV)
    known["BTC_USDT"] = evolve(btc, contract_size=Decimal("0.01"))
    (after,) = by.read(frame(id=2, size="2"), RECV)
    assert (before.quantity, after.quantity) == (Decimal("0.0002"), Decimal("0.02"))


def test_texts_beyond_those_remembered_are_read_too(new_reader, monkeypatch):
    monkeypatch.setattr("anyvenue_gateio.trade_push._TEXTS_KEPT", 2)
    by = new_reader()
    for number in range(1, 8):
        (trade,) = by.read(frame(id=number, size=number, price=f"{number}.5"), RECV)
        assert (trade.quantity, trade.price) == (number * Decimal("0.0001"), Decimal(f"{number}.5"))
