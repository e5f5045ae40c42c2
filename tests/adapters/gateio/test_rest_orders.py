"""Orders over REST: the exact requests (sheet 7.1 to 7.7), and every end an order can come to (7.4)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from listed import linear

from anyvenue.model.enums import (
    ContractKind,
    OrderState,
    OrderType,
    PositionMode,
    PositionSide,
    PriceSource,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerKind,
)
from anyvenue.model.errors import InvalidOrder, NotSupported, RejectReason, VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderReported, OrderSent
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.pricing import Tick
from anyvenue.wire.exact_json import decode
from anyvenue.wire.request import Charge, Effect, Request
from anyvenue_gateio.rest import orders

BTC = linear(
    venue="gateio",
    price_rule=Tick(Decimal("0.1")),
    quantity_step=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    contract_size=Decimal("0.0001"),
)
USD = evolve(
    BTC,
    symbol="BTC-USD-PERP",
    venue_symbol="BTC_USD",
    quote="USD",
    settle="BTC",
    kind=ContractKind.INVERSE,
    quantity_step=Decimal(1),
    min_quantity=Decimal(1),
    contract_size=Decimal(1),
)


def spec(**changes: Any) -> OrderSpec:
    usual: dict[str, Any] = {
        "client_order_id": "a1",
        "instrument": BTC,
        "side": Side.BUY,
        "quantity": Decimal("0.01"),
        "price": Decimal("60000.5"),
    }
    return OrderSpec(**usual | changes)


def market(**changes: Any) -> OrderSpec:
    return spec(price=None, order_type=OrderType.MARKET, **changes)


def resting(venue_order_id: str | None = "36028827892199865", **changes: Any) -> Order:
    return evolve(Order(spec=spec(**changes)), state=OrderState.OPEN, venue_order_id=venue_order_id)


def test_a_limit_order_is_created_with_exact_text() -> None:
    assert orders.place(spec(), expires_ms=1_700_000_000_123) == Request(
        method="POST",
        path="/futures/usdt/orders",
        body=b'{"contract":"BTC_USDT","size":"100","price":"60000.5","tif":"gtc","text":"t-a1"}',
        headers={"x-gate-exptime": "1700000000123"},
        signed=True,
        effect=Effect.COMMAND,
        charges=(Charge("place"),),
        client_order_id="a1",
    )


@pytest.mark.parametrize(
    ("order", "fields"),
    [
        (market(side=Side.SELL), {"size": "-100", "price": "0", "tif": "ioc"}),
        (market(time_in_force=TimeInForce.FOK), {"price": "0", "tif": "fok"}),
        (spec(time_in_force=TimeInForce.IOC), {"tif": "ioc"}),
        (spec(time_in_force=TimeInForce.FOK), {"tif": "fok"}),
        (spec(post_only=True), {"tif": "poc"}),
        (spec(quantity=Decimal("0.00007")), {"size": "0.7"}),
        (spec(price=Decimal("6E+4")), {"price": "60000"}),
        (spec(reduce_only=True), {"size": "100", "reduce_only": True}),
        (spec(display_quantity=Decimal("0.002")), {"iceberg": "20"}),
        (spec(self_trade_prevention=SelfTradePrevention.CANCEL_NEWEST), {"stp_act": "cn"}),
        (spec(self_trade_prevention=SelfTradePrevention.CANCEL_OLDEST), {"stp_act": "co"}),
        (spec(self_trade_prevention=SelfTradePrevention.CANCEL_BOTH), {"stp_act": "cb"}),
        (
            spec(protection=Protection(take_profit=70000, stop_loss="59000.0")),
            {"tpsl_tp_trigger_price": "70000", "tpsl_sl_trigger_price": "59000"},
        ),
        (spec(protection=Protection(stop_loss=59000)), {"tpsl_sl_trigger_price": "59000"}),
        # dual mode: the sign and reduce_only together choose the position
        (spec(position_side=PositionSide.LONG), {"size": "100"}),
        (spec(position_side=PositionSide.LONG, side=Side.SELL), {"size": "-100", "reduce_only": True}),
        (spec(position_side=PositionSide.SHORT, side=Side.SELL), {"size": "-100"}),
        (spec(position_side=PositionSide.SHORT, reduce_only=True), {"size": "100", "reduce_only": True}),
    ],
)
def test_what_an_order_asks_for_is_in_its_body_and_nothing_else(order: OrderSpec, fields: dict[str, Any]) -> None:
    usual = {"contract": "BTC_USDT", "size": "100", "price": "60000.5", "tif": "gtc", "text": "t-a1"}

    assert orders.order_body(order) == usual | fields


def test_an_inverse_order_is_sized_in_contracts_of_one_dollar_on_the_btc_side() -> None:
    request = orders.place(spec(instrument=USD, quantity=Decimal(250)))

    assert request.path == "/futures/btc/orders"
    assert json.loads(request.body)["size"] == "250"


def test_orders_that_gate_cannot_take_are_refused() -> None:
    with pytest.raises(InvalidOrder, match="allowed is the sell side"):
        orders.order_body(spec(position_side=PositionSide.LONG, reduce_only=True))
    with pytest.raises(NotSupported, match="index"):
        orders.order_body(spec(protection=Protection(stop_loss=1, source=PriceSource.INDEX)))
    with pytest.raises(ValueError, match="trigger"):
        orders.order_body(spec(trigger=Trigger(kind=TriggerKind.STOP, price=70000)))
    with pytest.raises(InvalidOrder, match="28 characters"):
        orders.order_body(spec(client_order_id="x" * 29))


@given(
    units=st.integers(1, 10**12),
    ticks=st.integers(1, 10**9),
    side=st.sampled_from(Side),
    instrument=st.sampled_from([BTC, USD]),
    is_market=st.booleans(),
    reduce_only=st.booleans(),
)
def test_signed_size_times_contract_size_is_the_quantity_and_the_price_comes_back(
    units: int, ticks: int, side: Side, instrument: Instrument, is_market: bool, reduce_only: bool
) -> None:
    quantity, price = units * instrument.quantity_step, ticks * Decimal("0.1")
    order = OrderSpec(
        client_order_id="a1",
        instrument=instrument,
        side=side,
        quantity=quantity,
        price=None if is_market else price,
        order_type=OrderType.MARKET if is_market else OrderType.LIMIT,
        reduce_only=reduce_only,
    )

    body = json.loads(orders.place(order).body)

    assert Decimal(body["size"]) * instrument.contract_size == quantity * side.sign
    assert Decimal(body["price"]) == (0 if is_market else price)
    assert "E" not in body["size"] + body["price"]
    assert body.get("reduce_only", False) is reduce_only


def test_only_orders_that_reduce_may_use_the_reserve() -> None:
    assert not orders.place(spec()).urgent
    assert orders.place(spec(reduce_only=True)).urgent
    assert orders.place(spec(side=Side.SELL, position_side=PositionSide.LONG)).urgent
    assert not orders.place_batch([spec(), spec(reduce_only=True)]).urgent
    assert orders.amend(resting(reduce_only=True), price=Decimal(1)).urgent
    assert not orders.amend(resting(), price=Decimal(1)).urgent


def test_a_batch_is_a_list_of_bodies_and_each_row_is_charged() -> None:
    request = orders.place_batch([spec(), spec(client_order_id="a2", side=Side.SELL)])

    assert (request.method, request.path) == ("POST", "/futures/usdt/batch_orders")
    assert request.body == (
        b'[{"contract":"BTC_USDT","size":"100","price":"60000.5","tif":"gtc","text":"t-a1"},'
        b'{"contract":"BTC_USDT","size":"-100","price":"60000.5","tif":"gtc","text":"t-a2"}]'
    )
    assert request.charges == (Charge("place", weight=2),)
    with pytest.raises(ValueError, match="found 11 rows; allowed are 1 to 10"):
        orders.place_batch([spec()] * 11)


def test_an_amend_sends_the_signed_total_and_only_what_changes() -> None:
    order = resting(side=Side.SELL)
    both = orders.amend(order, price=Decimal("60000.10"), quantity=Decimal("0.02"), expires_ms=5)

    assert (both.method, both.path) == ("PUT", "/futures/usdt/orders/36028827892199865")
    assert both.body == b'{"size":"-200","price":"60000.1"}'
    assert both.headers == {"x-gate-exptime": "5"}
    assert both.charges == (Charge("place"),)
    assert orders.amend_body(order, price=Decimal(7), quantity=Decimal("0.02")) == {"size": "-200", "price": "7"}
    assert (orders.locator(order), orders.locator(resting(None))) == ("36028827892199865", "t-a1")
    assert orders.amend(order, price=Decimal(7)).body == b'{"price":"7"}'
    assert orders.amend(order, quantity=Decimal("0.02")).body == b'{"size":"-200"}'


def test_cancels_go_by_id_or_text_and_are_urgent() -> None:
    usual: dict[str, Any] = {"signed": True, "effect": Effect.COMMAND, "urgent": True}
    one = (Charge("cancel"),)

    assert orders.cancel(resting()) == Request(
        method="DELETE", path="/futures/usdt/orders/36028827892199865", charges=one, client_order_id="a1", **usual
    )
    assert orders.cancel(resting(None)).path == "/futures/usdt/orders/t-a1"
    assert orders.cancel_all(BTC) == Request(
        method="DELETE", path="/futures/usdt/orders", query=(("contract", "BTC_USDT"),), charges=one, **usual
    )
    assert orders.cancel_all(BTC, Side.BUY).plain_query == "contract=BTC_USDT&side=bid"
    assert orders.cancel_all(BTC, Side.SELL).plain_query == "contract=BTC_USDT&side=ask"


@pytest.mark.parametrize(
    ("side", "how"),
    [
        (PositionSide.NET, b'"close":true}'),
        (PositionSide.LONG, b'"auto_size":"close_long","reduce_only":true}'),
        (PositionSide.SHORT, b'"auto_size":"close_short","reduce_only":true}'),
    ],
)
def test_a_position_is_closed_whole_at_market(side: PositionSide, how: bytes) -> None:
    request = orders.close_position(BTC, side, "c1")

    assert request.body == b'{"contract":"BTC_USDT","size":"0","price":"0","tif":"ioc","text":"t-c1",' + how
    assert (request.method, request.path, request.urgent) == ("POST", "/futures/usdt/orders", True)


def test_look_ups_are_signed_reads_that_page() -> None:
    assert orders.look_up(resting()).path == "/futures/usdt/orders/36028827892199865"
    assert orders.look_up(resting(None)).path == "/futures/usdt/orders/t-a1"
    listed = orders.open_orders("USDT", offset=100)
    assert (listed.path, listed.plain_query) == ("/futures/usdt/orders", "status=open&limit=100&offset=100")
    assert orders.open_orders("usdt", BTC).plain_query == "contract=BTC_USDT&status=open&limit=100&offset=0"
    ended = orders.finished_orders(BTC, offset=200)
    assert ended.plain_query == "contract=BTC_USDT&status=finished&limit=100&offset=200"
    assert {listed.effect, ended.effect, orders.look_up(resting()).effect} == {Effect.READ}
    assert listed.signed
    assert listed.charges[0].bucket == "private"


# Readers

PUSH = """{"id":36028827892199865,"id_string":"36028827892199865","text":"t-a1","contract":"BTC_USDT","size":"-100",
"left":"-60","price":60000.1,"fill_price":60000.25,"tif":"gtc","iceberg":"0","status":"open","finish_as":"_new",
"create_time":1700000000,"create_time_ms":1700000000123,"update_time":1700000001456,"update_id":7,"finish_time":0,
"tkfr":0.0005,"mkfr":-0.0001,"is_close":false,"is_reduce_only":false,"user":1}"""
REST = """{"id":36028827892199865,"text":"t-a1","contract":"BTC_USDT","size":"-100","left":"-60","price":"60000.1",
"fill_price":"60000.25","tif":"gtc","iceberg":"0","status":"open","create_time":1700000000.123,
"update_time":1700000001.456,"tkfr":"0.0005","mkfr":"-0.0001","is_close":false,"is_reduce_only":false,"user":1}"""


def row(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = decode(REST)
    return data | changes


def test_a_push_and_a_rest_answer_tell_the_same_exactly() -> None:
    told = OrderReported(
        client_order_id="a1",
        venue_order_id="36028827892199865",
        state=OrderState.PARTIALLY_FILLED,
        filled_quantity=Decimal("0.004"),
        average_price=Decimal("60000.25"),
        price=Decimal("60000.1"),
        quantity=Decimal("0.01"),
        ts_event=1_700_000_001_456_000_000,
        ts_recv=9,
    )

    assert orders.order_report(decode(REST), BTC, 9) == told
    assert orders.order_report(decode(PUSH), BTC, 9) == evolve(told, sequence=7)


@pytest.mark.parametrize("finish_as", ["open", "_new", "_update", "", None])
def test_an_open_order_is_open_whatever_finish_as_says(finish_as: str | None) -> None:
    report = orders.order_report(row(left="-100", fill_price="0", finish_as=finish_as), BTC, 9)

    assert (report.state, report.filled_quantity) == (OrderState.OPEN, Decimal(0))
    assert report.average_price is None
    assert (report.reason, report.text) == (None, "")


C, E, R = OrderState.CANCELED, OrderState.EXPIRED, RejectReason


@pytest.mark.parametrize(
    ("finish_as", "state", "reason"),
    [
        ("cancelled", C, None),
        ("ioc", E, None),
        ("fok", E, R.NO_LIQUIDITY),
        ("poc", OrderState.REJECTED, R.WOULD_TAKE_LIQUIDITY),
        ("liquidated", C, R.LIQUIDATION),
        ("liquidate_cancelled", C, R.LIQUIDATION),
        ("auto_deleveraged", C, R.LIQUIDATION),
        ("reduce_only", C, R.REDUCE_ONLY),
        ("position_closed", C, R.REDUCE_ONLY),
        ("reduce_out", C, R.REDUCE_ONLY),
        ("stp", C, R.SELF_TRADE),
        ("small", C, R.BELOW_MINIMUM),
        ("depth_not_enough", C, R.NO_LIQUIDITY),
        ("trader_not_enough", C, R.NO_LIQUIDITY),
        ("filled", C, R.OTHER),  # which cannot be, with something left: the rest is gone and the text says why
        ("brand_new_word", C, R.OTHER),
    ],
)
def test_every_end_of_an_order_with_a_rest(finish_as: str, state: OrderState, reason: RejectReason | None) -> None:
    ended = {"status": "finished", "finish_as": finish_as, "finish_time": Decimal("1700000002.5")}
    unfilled = orders.order_report(row(left="-100", fill_price="0", **ended), BTC, 9)
    partial = orders.order_report(row(**ended), BTC, 9)
    whole = orders.order_report(row(left="0", **ended), BTC, 9)

    assert (unfilled.state, unfilled.reason, unfilled.ts_event) == (state, reason, 1_700_000_002_500_000_000)
    assert (finish_as in unfilled.text) is (finish_as != "cancelled")
    assert (partial.state, partial.filled_quantity) == (C if finish_as == "poc" else state, Decimal("0.004"))
    assert (whole.state, whole.reason, whole.filled_quantity) == (OrderState.FILLED, None, Decimal("0.01"))
    order = Order(spec=spec(side=Side.SELL, price=Decimal("60000.1"))).apply(OrderSent(client_order_id="a1"))
    assert order.apply(unfilled).state is state
    assert order.apply(partial).filled_quantity == Decimal("0.004")
    assert order.apply(whole).state is OrderState.FILLED


def test_a_forced_order_says_so() -> None:
    report = orders.order_report(row(text="liq-7", left="0", status="finished", finish_as="filled"), BTC, 9)

    assert (report.client_order_id, report.reason, report.state) == (None, R.LIQUIDATION, OrderState.FILLED)


@pytest.mark.parametrize("name", ["left", "size", "status", "id", "price"])
def test_an_order_that_lacks_what_matters_is_not_guessed_at(name: str) -> None:
    data = row()
    del data[name]

    with pytest.raises(KeyError):
        orders.order_report(data, BTC, 9)


@pytest.mark.parametrize(
    ("name", "value"),
    [("status", "junk"), ("status", None), ("left", "-101"), ("update_id", 2**63), ("id", None), ("id", "abc")],
)
def test_what_cannot_be_is_not_taken_for_an_order_s_state(name: str, value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        orders.order_report(row(**{name: value}), BTC, 9)


def test_a_look_up_shows_side_type_and_whether_it_reduces() -> None:
    plain = orders.venue_order(row(), BTC, 9)
    assert (plain.side, plain.order_type, plain.reduce_only) == (Side.SELL, OrderType.LIMIT, False)
    assert plain.position_side is PositionSide.NET
    assert orders.venue_order(row(is_reduce_only=True), BTC, 9).reduce_only
    closing = orders.venue_order(row(size="0", left="0", price="0", is_close=True, auto_size="close_short"), BTC, 9)
    assert (closing.side, closing.order_type, closing.reduce_only) == (Side.BUY, OrderType.MARKET, True)
    assert (closing.report.quantity, closing.report.state) == (None, OrderState.OPEN)


@pytest.mark.parametrize(
    ("size", "reduces", "side"),
    [("5", False, "long"), ("-5", True, "long"), ("-5", False, "short"), ("5", True, "short")],
)
def test_in_dual_mode_sign_and_reduce_only_tell_the_position(size: str, reduces: bool, side: str) -> None:
    found = orders.venue_order(row(size=size, left=size, is_reduce_only=reduces), BTC, 9, PositionMode.HEDGE)

    assert found.position_side is PositionSide(side)


def test_each_row_of_a_batch_is_read_by_its_own_succeeded() -> None:
    refusal = {"succeeded": False, "label": "INSUFFICIENT_AVAILABLE", "detail": "no"}
    answers = orders.batch_answers(
        [row(succeeded=True), refusal], [spec(), spec(client_order_id="a2")], 9, lambda data: KeyError(data["label"])
    )

    assert answers[0] == [orders.order_report(row(), BTC, 9)]
    assert repr(answers[1]) == "KeyError('INSUFFICIENT_AVAILABLE')"
    with pytest.raises(VenueProtocolError, match="found 1 answers to 2 orders"):
        orders.batch_answers([refusal], [spec(), spec()], 9, lambda data: KeyError(data["label"]))
