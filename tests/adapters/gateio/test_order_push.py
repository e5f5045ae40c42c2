"""Pushes of orders, read without detour: the same as the common way tells, and what is unusual left to it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from json_rows import NEVER, rows_of

from anyvenue.model.enums import OrderState
from anyvenue.model.errors import RejectReason, VenueProtocolError
from anyvenue.model.order_events import OrderReported
from anyvenue_gateio.streams import Reader

AT_MS = 1_747_054_612_673
RECV = 1_747_054_612_700_000_000
ROW = {
    "id": "36028827892199865",
    "id_string": '"36028827892199865"',
    "text": '"t-a1"',
    "contract": '"BTC_USDT"',
    "size": '"-100"',
    "left": '"-60"',
    "price": "60000.1",
    "fill_price": "60000.25",
    "status": '"open"',
    "finish_as": '"_update"',
    "create_time": "1747054600",
    "create_time_ms": "1747054600123",
    "update_time": str(AT_MS),
    "update_id": "7",
    "finish_time": "0",
    "finish_time_ms": "0",
    "tkfr": "0.0005",
}
"""A row of 12.2, each value as JSON text, lest a float of Python's stand between."""


def frame(*rows, envelope='"event":"update"', **changes):
    result = rows_of(ROW | changes, *rows)
    return f'{{"time":1,"time_ms":{AT_MS},"channel":"futures.orders",{envelope},"result":[{result}]}}'.encode()


def test_an_order_is_read_in_one_go(new_reader):
    pushed = new_reader().read_push(frame(), RECV)
    assert pushed == (
        OrderReported(
            client_order_id="a1",
            venue_order_id="36028827892199865",
            state=OrderState.PARTIALLY_FILLED,
            filled_quantity=Decimal("0.0040"),  # 40 contracts of 0.0001
            average_price=Decimal("60000.25"),
            price=Decimal("60000.1"),
            quantity=Decimal("0.0100"),
            sequence=7,
            ts_event=AT_MS * 1_000_000,
            ts_recv=RECV,
        ),
    )
    assert evolve(pushed[0], sequence=8) != pushed[0]
    assert hash(evolve(pushed[0])) == hash(pushed[0])


ENDED = {"status": '"finished"', "finish_time": "1747054613", "finish_time_ms": str(AT_MS + 5)}


@pytest.mark.parametrize(
    "raw",
    [
        frame(left='"-100"', fill_price="0"),
        frame(left="-100", size="-100", fill_price='"0"'),
        frame(left='"0"', finish_as='"filled"', **ENDED),
        frame(left="0", **ENDED),
        *(frame(finish_as=f'"{word}"', **ENDED) for word in ("cancelled", "ioc", "poc", "liquidated", "new word")),
        frame(left='"-100"', finish_as='"poc"', **ENDED),
        frame(left='"40.5"', size='"100"'),
        frame(left='"1e1"', size='"1E+2"'),
        frame(size='"0"', left='"0"', price="0"),
        frame(size='"0"', left='"0"', finish_as='"filled"', **ENDED),
        frame(price='"60000.1000000000000000000000000001"', fill_price="60000.1234567890123456789012345678901"),
        frame(price="6e4", fill_price="6.00E+4"),
        frame(fill_price=NEVER, finish_as=NEVER, update_id=NEVER, id_string=NEVER),
        frame(create_time=NEVER, create_time_ms=NEVER, finish_time=NEVER, finish_time_ms=NEVER),
        frame(update_id="null", finish_as="null", id_string="null"),
        frame(update_id="0"),
        frame(ROW | {"text": '"t-a2"', "left": '"-1"'}, ROW | {"contract": '"NEW_USDT"'}),
        frame(envelope='"error":null'),
        frame(finish_time="1747054700"),
        frame(text='"t-\\u00e9"', id="0", id_string=NEVER),
    ],
)
def test_it_is_what_the_common_way_tells(new_reader, raw):
    pushed = new_reader().read_push(raw, RECV)
    assert pushed
    assert list(pushed) == list(new_reader().read_any(raw, RECV)) == list(new_reader().read(raw, RECV))


@pytest.mark.parametrize(
    "raw",
    [
        *(frame(text=text) for text in (NEVER, "null", '"t-"', '"web"', '"liq-7"', '""', "7")),
        *(frame(status=status) for status in (NEVER, "null", '"junk"')),
        *(frame(left=left) for left in (NEVER, "null", '"-101"', "1.5", "true", '""', '"nan"', '"1e2000"', '"1_0"')),
        *(frame(size=size) for size in (NEVER, "null", "1.5", '"inf"', '"1e-1001"', '"sNaN"', "1e999999999")),
        *(frame(price=price) for price in (NEVER, "null", '"nan"', '"1_0"', "1e1001", "1e999999999", "true", "[1]")),
        *(frame(fill_price=price) for price in ("null", '""', '"inf"', "1e-999999999", "{}")),
        *(frame(id=number, id_string=NEVER) for number in (NEVER, "null", '"7"', "-1", str(2**63), "7.0")),
        *(frame(id_string=text) for text in ('"7"', '"abc"', '""', "36028827892199865")),
        *(frame(update_id=number) for number in (str(2**63), "-1", "1.5", '"7"')),
        *(frame(update_time=time) for time in (NEVER, "null", "0", "1747054612", f"{AT_MS}000", f"{AT_MS}.5", "-1")),
        frame(create_time_ms=str(AT_MS + 1)),
        frame(create_time=f"{AT_MS // 1000 + 1}"),
        frame(create_time="1747054600.5"),
        frame(finish_time_ms="1747054613"),
        frame(finish_time=str(AT_MS)),
        frame(envelope='"event":"subscribe"'),
        frame(envelope='"event":"update","error":{"code":2}'),
        frame(envelope='"event":"update","header":{}'),
        frame().replace(b"[", b"").replace(b"]", b""),
        frame()[:-3],
    ],
)
def test_anything_unusual_is_left_to_the_common_way(new_reader, raw):
    assert new_reader().read_push(raw, RECV) is None


NUMBERS = ["0", "1", '"0"', '"-3"', "-3", "0.5", '"0.5"', '"1e5"', "1E-7", '"nan"', '"-inf"', '"1_0"', "1e1001", '"٣"']
OTHERS = ["null", "[]", '"open"', '"filled"', "true", str(2**63), str(AT_MS), "1747054612", '"t-b"', '" 1 "', NEVER]
ODD = st.sampled_from(NUMBERS + OTHERS)


PLAUSIBLE = {
    "size": ['"100"', '"-100"', "100", '"0"', '"12.5"', '"1e2"', "0"],
    "left": ['"100"', '"-100"', "-100", '"0"', "0", '"12.5"', '"0.00"', '"-1E+1"'],
    "price": ["0", '"0"', "60000.10", "6e4", '"60000.1"'],
    "fill_price": ["0", '"0"', "60000.123456789012345678901234567890", "6E+4"],
    "status": ['"open"', '"finished"'],
    "finish_as": ['"filled"', '"cancelled"', '"ioc"', '"poc"', '"_new"', "null"],
    "update_id": ["0", "1", "null"],
    "update_time": [str(AT_MS), str(AT_MS + 9)],
    "finish_time": ["0", "1747054612", "1747054613"],
    "finish_time_ms": ["0", str(AT_MS - 1), str(AT_MS + 1)],
}


@given(
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in PLAUSIBLE.items()}),
    st.dictionaries(
        st.sampled_from(sorted(ROW.keys() - {"tkfr"})), ODD, max_size=1
    ),  # what has no use is not looked at
)
def test_whatever_it_reads_the_common_way_tells_the_same(new_reader, plausible, odd):
    changes = plausible | odd
    raw = frame(**changes)
    pushed = new_reader().read_push(raw, RECV)
    if pushed is None:
        return
    assert list(pushed) == list(new_reader().read_any(raw, RECV))


def test_a_frame_of_which_a_row_cannot_be_read_tells_of_those_before_it_once(new_reader):
    told = new_reader().read(frame(ROW | {"price": '"none"'}), RECV)
    assert next(told).client_order_id == "a1"
    with pytest.raises(VenueProtocolError, match="price"):
        next(told)


def test_an_order_that_the_venue_made_says_why(new_reader):
    (event,) = new_reader().read(frame(text='"liq-7"', left='"0"', finish_as='"filled"', **ENDED), RECV)
    assert (event.client_order_id, event.reason) == (None, RejectReason.LIQUIDATION)


def test_a_contract_that_is_listed_anew_has_its_new_size(btc):
    known = {"BTC_USDT": btc}
    by = Reader(known.get, {}.get)
    (before,) = by.read(frame(), RECV)
    known["BTC_USDT"] = evolve(btc, contract_size=Decimal("0.01"), quantity_step="0.01", min_quantity="0.01")
    (after,) = by.read(frame(), RECV)
    assert (before.quantity, after.quantity) == (Decimal("0.01"), Decimal(1))
    assert (before.filled_quantity, after.filled_quantity) == (Decimal("0.004"), Decimal("0.4"))


def test_numbers_beyond_those_remembered_are_read_too(new_reader, monkeypatch):
    monkeypatch.setattr("anyvenue_gateio.order_push._KEPT", 2)
    by = new_reader()
    for number in range(101, 109):
        (event,) = by.read(frame(size=f'"{number}"', left='"100"', price=f"{number}.5"), RECV)
        assert (event.filled_quantity, event.price) == ((number - 100) * Decimal("0.0001"), Decimal(f"{number}.5"))
