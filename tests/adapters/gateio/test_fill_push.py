"""Pushes of fills, read without detour: the same as the common way tells, and what is unusual left to it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_rows import NEVER, rows_of

from anyvenue.model.enums import Liquidity, Side
from anyvenue.model.fill import Fill
from anyvenue.model.order_events import OrderFilled
from anyvenue_gateio.streams import Notice

AT_MS = 1_747_054_612_673
RECV = 1_747_054_612_700_000_000
ROW = {
    "id": '"3335259"',
    "order_id": '"36028827892199865"',
    "contract": '"BTC_USDT"',
    "size": '"-1.5"',
    "price": '"60000.4"',
    "role": '"maker"',
    "text": '"t-a1"',
    "fee": "-0.0001350000000000000001",
    "point_fee": "0",
    "create_time": "1747054612",
    "create_time_ms": str(AT_MS),
}
"""A row of 12.2, each value as JSON text, lest a float of Python's stand between."""


def frame(*rows, envelope='"event":"update"', **changes):
    result = rows_of(ROW | changes, *rows)
    return f'{{"time":1,"channel":"futures.usertrades",{envelope},"result":[{result}]}}'.encode()


def test_a_fill_is_read_in_one_go(new_reader, btc):
    fill = Fill(
        instrument=btc,
        trade_id="3335259",
        client_order_id="a1",
        venue_order_id="36028827892199865",
        side=Side.SELL,
        price=Decimal("60000.4"),
        quantity=Decimal("0.00015"),  # 1.5 contracts of 0.0001
        fee=Decimal("-0.0001350000000000000001"),
        liquidity=Liquidity.MAKER,
        ts_event=AT_MS * 1_000_000,
        ts_recv=RECV,
    )
    assert new_reader().read_push(frame(), RECV) == (
        OrderFilled(
            client_order_id="a1",
            venue_order_id="36028827892199865",
            fill=fill,
            ts_event=AT_MS * 1_000_000,
            ts_recv=RECV,
        ),
    )


PLAUSIBLE = {
    "id": ["3335259", '"3335259"', '"0"'],
    "order_id": ["0", '"36028827892199865"'],
    "size": ['"100"', '"-100"', "100", "-1", '"12.5"', '"1e2"'],
    "price": ["60000.10", "6e4", '"60000.1"'],
    "role": ['"maker"', '"taker"', '"other"', NEVER],
    "fee": ["0", '"0"', '""', "null", "-0.0000000013", '"0.25"', NEVER],
    "create_time": ["0", "1747054612", NEVER],
}
NUMBERS = ["0", "1", '"0"', '"-3"', "-3", "0.5", '"0.5"', '"1e5"', "1E-7", '"nan"', '"-inf"', '"1_0"', "1e1001", '"٣"']
OTHERS = ["null", "[]", "true", str(2**63), '"1" ', str(AT_MS), "1747054613", '"t-b"', '"t-"', '"web"', '" 1 "', NEVER]


@given(
    st.fixed_dictionaries({name: st.sampled_from(values) for name, values in PLAUSIBLE.items()}),
    st.dictionaries(
        st.sampled_from([*sorted(ROW.keys() - {"point_fee"}), "trade_id", "id_string"]),
        st.sampled_from(NUMBERS + OTHERS),
        max_size=1,
    ),
)
def test_whatever_it_reads_the_common_way_tells_the_same(new_reader, plausible, odd):
    raw = frame(**(plausible | odd))
    pushed = new_reader().read_push(raw, RECV)
    assert pushed or odd
    if pushed is None:
        return
    assert list(pushed) == list(new_reader().read_any(raw, RECV)) == list(new_reader().read(raw, RECV))


@pytest.mark.parametrize(
    "raw",
    [
        *(frame(text=text) for text in (NEVER, "null", '"t-"', '"web"', "7")),
        *(frame(size=size) for size in (NEVER, "null", "0", '"0.0"', "1.5", '"nan"', '"1_0"', '"1e2000"')),
        *(frame(price=price) for price in (NEVER, "null", "0", '"-1"', '"inf"', '"1_0"', "1e1001", "1e999999999")),
        *(frame(fee=fee) for fee in ("1e1001", '"nan"', "true", "[1]", "1e-999999999")),
        *(frame(id=number) for number in (NEVER, "null", '"x"', '"-7"', "-7", "7.5", '""', '"1234567890123456789012"')),
        *(frame(order_id=number) for number in (NEVER, "null", '"x"', "1e3")),
        *(frame(create_time_ms=time) for time in (NEVER, "0", "1747054612", f"{AT_MS}.5", f'"{AT_MS}"')),
        frame(create_time="1747054613"),
        frame(trade_id='"7"'),
        frame(id_string='"7"'),
        frame(envelope='"event":"subscribe"'),
        frame(envelope='"event":"update","error":{"code":2}'),
        frame()[:-3],
    ],
)
def test_anything_unusual_is_left_to_the_common_way(new_reader, raw):
    assert new_reader().read_push(raw, RECV) is None


def test_in_hedge_mode_that_comes_later_it_only_says_that_there_are_fills(new_reader):
    by = new_reader()
    assert by.read_push(frame(), RECV)
    by.is_hedged = True
    assert by.read_push(frame(), RECV) is None
    assert list(by.read(frame(), RECV)) == [Notice("fills", "BTC_USDT")]


def test_a_contract_that_is_not_known_is_left_out(new_reader):
    (event,) = new_reader().read_push(frame(ROW | {"contract": '"NEW_USDT"'}), RECV)
    assert event.fill.trade_id == "3335259"
