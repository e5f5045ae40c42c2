"""Fills over REST and by push (sheet 7.8, 12.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from listed import linear

from anyvenue.model.enums import Liquidity, PositionSide, Side
from anyvenue.model.fill import Fill
from anyvenue.model.pricing import Tick
from anyvenue.wire.exact_json import decode
from anyvenue.wire.request import Charge, Request
from anyvenue_gateio.rest import history

BTC = linear(
    venue="gateio",
    price_rule=Tick(Decimal("0.1")),
    quantity_step=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    contract_size=Decimal("0.0001"),
)

REST = """{"id":121234231,"create_time":1700000001.456,"contract":"BTC_USDT","order_id":"36028827892199865",
"size":"-40.5","close_size":"0","price":"60000.1","role":"maker","text":"t-a1","fee":"-0.0024300405",
"point_fee":"0","trade_value":"243.000405"}"""
PUSH = """{"id":"121234231","create_time":1700000001,"create_time_ms":1700000001456,"contract":"BTC_USDT",
"order_id":"36028827892199865","size":"-40.5","price":"60000.1","role":"maker","text":"t-a1","fee":-0.0024300405,
"point_fee":0}"""
BY_TIME = REST.replace('"id":121234231', '"trade_id":"121234231"')


def row(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = decode(REST)
    return data | changes


@pytest.mark.parametrize("text", [REST, PUSH, BY_TIME])
def test_both_lists_and_the_push_tell_the_same_fill(text: str) -> None:
    assert history.read_fill(decode(text), BTC, 9) == Fill(
        instrument=BTC,
        trade_id="121234231",
        client_order_id="a1",
        venue_order_id="36028827892199865",
        side=Side.SELL,
        price=Decimal("60000.1"),
        quantity=Decimal("0.00405"),
        fee=Decimal("-0.0024300405"),  # below 0: a rebate
        liquidity=Liquidity.MAKER,
        ts_event=1_700_000_001_456_000_000,
        ts_recv=9,
    )


def test_a_taker_pays_and_strangers_and_unknown_roles_are_told_as_such() -> None:
    taken = history.read_fill(row(size="3", role="taker", fee="0.01", text="web"), BTC, 9)

    assert (taken.side, taken.liquidity, taken.fee, taken.client_order_id) == (
        Side.BUY,
        Liquidity.TAKER,
        Decimal("0.01"),
        None,
    )
    assert history.read_fill(row(role=""), BTC, 9).liquidity is Liquidity.UNKNOWN


@pytest.mark.parametrize(
    ("size", "close_size", "side"),
    [
        ("5", "0", PositionSide.LONG),  # a buy that opens
        ("-5", "0", PositionSide.SHORT),
        ("-5", "-5", PositionSide.LONG),  # a sell that closes
        ("5", "9", PositionSide.SHORT),
    ],
)
def test_in_dual_mode_close_size_tells_the_position(size: str, close_size: str, side: PositionSide) -> None:
    assert history.read_fill(row(size=size, close_size=close_size), BTC, 9, None).position_side is side


def test_in_dual_mode_a_push_does_not_tell_the_position_so_it_is_given() -> None:
    assert history.read_fill(decode(PUSH), BTC, 9, PositionSide.LONG).position_side is PositionSide.LONG
    with pytest.raises(KeyError):
        history.read_fill(decode(PUSH), BTC, 9, None)


def test_fills_are_asked_for_by_whole_seconds_around_the_span() -> None:
    request = history.fills(BTC, start_ns=1_700_000_000_999_999_999, end_ns=1_700_000_005_000_000_001, offset=100)

    assert request == Request(
        method="GET",
        path="/futures/usdt/my_trades_timerange",
        query=(
            ("contract", "BTC_USDT"),
            ("from", "1700000000"),
            ("to", "1700000006"),
            ("limit", "100"),
            ("offset", "100"),
        ),
        signed=True,
        charges=(Charge("private", "futures/usdt/my_trades_timerange"),),
    )


def test_gate_forgets_as_its_documents_say() -> None:
    assert (history.ORDER_TEXT_LOOKUP_S, history.UNFILLED_LOOKUP_S) == (60, 10 * 60)
    assert 178 * 86_400 <= history.HISTORY_S <= 184 * 86_400
