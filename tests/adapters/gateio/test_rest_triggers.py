"""Trigger orders, protection of positions and trailing orders (sheet chapter 8)."""

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
from anyvenue.model.errors import NotSent, NotSupported, RejectReason
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderAccepted, OrderReported, OrderTriggered
from anyvenue.model.order_spec import OrderSpec, Protection, Trigger
from anyvenue.model.pricing import Tick
from anyvenue.wire.exact_json import decode
from anyvenue.wire.request import Effect
from anyvenue_gateio.rest import triggers
from anyvenue_gateio.rest.triggers import OrderKind

BTC = linear(
    venue="gateio",
    price_rule=Tick(Decimal("0.1")),
    quantity_step=Decimal("0.00001"),
    min_quantity=Decimal("0.00001"),
    contract_size=Decimal("0.0001"),
)
STOP = Trigger(kind=TriggerKind.STOP, price=59000)
TRAILING = Trigger(kind=TriggerKind.TRAILING, trail_ratio="0.001")


def spec(trigger: Trigger | None = STOP, **changes: Any) -> OrderSpec:
    usual: dict[str, Any] = {
        "client_order_id": "a1",
        "instrument": BTC,
        "side": Side.SELL,
        "quantity": Decimal("0.01"),
        "order_type": OrderType.MARKET,
        "trigger": trigger,
    }
    return OrderSpec(**usual | changes)


def waiting(venue_order_id: str | None, order: OrderSpec) -> Order:
    return evolve(Order(spec=order), state=OrderState.OPEN, venue_order_id=venue_order_id)


def test_a_reduce_only_stop_is_a_plan_close_order() -> None:
    request = triggers.create(spec(reduce_only=True))

    assert (request.method, request.path) == ("POST", "/futures/usdt/price_orders")
    assert (request.signed, request.effect, request.urgent) == (True, Effect.COMMAND, True)
    assert json.loads(request.body) == {
        "initial": {
            "contract": "BTC_USDT",
            "amount": "-100",
            "price": "0",
            "tif": "ioc",
            "reduce_only": True,
            "text": "t-a1",
        },
        "trigger": {"strategy_type": 0, "price_type": 0, "price": "59000", "rule": 2},
        "order_type": "plan-close-long-position",
    }


def test_an_entry_has_no_order_type_and_may_have_a_limit_price() -> None:
    stop = Trigger(kind=TriggerKind.STOP, price="61000.50", source=PriceSource.MARK)
    limit = {"order_type": OrderType.LIMIT, "price": Decimal("61000.10"), "quantity": Decimal("0.00007")}
    request = triggers.create(spec(stop, side=Side.BUY, **limit))

    assert not request.urgent
    assert json.loads(request.body) == {
        "initial": {
            "contract": "BTC_USDT",
            "amount": "0.7",
            "price": "61000.1",
            "tif": "gtc",
            "reduce_only": False,
            "text": "t-a1",
        },
        "trigger": {"strategy_type": 0, "price_type": 1, "price": "61000.5", "rule": 1},
    }


@pytest.mark.parametrize(
    ("side", "kind", "rule"),
    [
        (Side.SELL, TriggerKind.TAKE_PROFIT, 1),  # long TP
        (Side.SELL, TriggerKind.STOP, 2),  # long SL
        (Side.BUY, TriggerKind.TAKE_PROFIT, 2),  # short TP
        (Side.BUY, TriggerKind.STOP, 1),  # short SL
    ],
)
def test_the_rule_says_from_which_side_the_price_must_come(side: Side, kind: TriggerKind, rule: int) -> None:
    body = json.loads(triggers.create(spec(Trigger(kind=kind, price=1), side=side, reduce_only=True)).body)

    assert body["trigger"]["rule"] == rule
    assert body["order_type"] == f"plan-close-{'long' if side is Side.SELL else 'short'}-position"


@pytest.mark.parametrize(
    ("source", "trigger_code", "trail_code"),
    [(PriceSource.LAST, 0, 1), (PriceSource.MARK, 1, 3), (PriceSource.INDEX, 2, 2)],
)
def test_the_two_lists_code_the_price_source_differently(
    source: PriceSource, trigger_code: int, trail_code: int
) -> None:
    stop, trail = (json.loads(triggers.create(spec(evolve(t, source=source))).body) for t in (STOP, TRAILING))

    assert stop["trigger"]["price_type"] == trigger_code
    assert trail["price_type"] == trail_code


def test_in_dual_mode_the_side_of_the_position_makes_it_reduce() -> None:
    body = json.loads(triggers.create(spec(position_side=PositionSide.LONG)).body)

    assert (body["initial"]["amount"], body["initial"]["reduce_only"]) == ("-100", True)
    assert body["order_type"] == "plan-close-long-position"


@pytest.mark.parametrize(
    ("order", "what"),
    [
        (spec(time_in_force=TimeInForce.FOK), "fill-or-kill"),
        (spec(order_type=OrderType.LIMIT, price=59000, post_only=True), "post-only"),
        (spec(display_quantity="0.001"), "a display quantity"),
        (spec(protection=Protection(stop_loss=70000)), "attached protection"),
        (spec(self_trade_prevention=SelfTradePrevention.CANCEL_BOTH), "self-trade prevention"),
        (spec(TRAILING, order_type=OrderType.LIMIT, price=59000), "a limit price"),
    ],
)
def test_what_cannot_wait_at_gate_is_refused(order: OrderSpec, what: str) -> None:
    with pytest.raises(NotSupported, match=what):
        triggers.create(order)


def test_an_order_without_a_trigger_is_no_trigger_order() -> None:
    with pytest.raises(ValueError, match="without a trigger"):
        triggers.create(spec(None))


def test_a_long_in_one_way_mode_is_protected_whole() -> None:
    both = triggers.protect(BTC, Protection(take_profit=70000, stop_loss="59000.5"), Side.BUY)
    initial = {"contract": "BTC_USDT", "size": 0, "price": "0", "tif": "ioc", "reduce_only": True, "close": True}

    assert [json.loads(request.body) for request in both] == [
        {
            "initial": initial,
            "trigger": {"strategy_type": 0, "price_type": 1, "price": "70000", "rule": 1},
            "order_type": "close-long-position",
        },
        {
            "initial": initial,
            "trigger": {"strategy_type": 0, "price_type": 1, "price": "59000.5", "rule": 2},
            "order_type": "close-long-position",
        },
    ]
    assert all(request.urgent and request.path == "/futures/usdt/price_orders" for request in both)


def test_a_short_in_dual_mode_is_protected_by_auto_size() -> None:
    (request,) = triggers.protect(
        BTC, Protection(stop_loss=61000, source=PriceSource.LAST), Side.SELL, PositionSide.SHORT
    )
    assert json.loads(request.body) == {
        "initial": {
            "contract": "BTC_USDT",
            "size": 0,
            "price": "0",
            "tif": "ioc",
            "reduce_only": True,
            "auto_size": "close_short",
        },
        "trigger": {"strategy_type": 0, "price_type": 0, "price": "61000", "rule": 1},
        "order_type": "close-short-position",
    }


def test_a_trailing_order_is_created_in_its_own_list() -> None:
    request = triggers.create(spec(evolve(TRAILING, price=Decimal("61000.0")), reduce_only=True))

    assert (request.method, request.path, request.urgent) == (
        "POST",
        "/futures/usdt/autoorder/v1/trail/create",
        True,
    )
    assert json.loads(request.body) == {
        "contract": "BTC_USDT",
        "amount": "-100",
        "activation_price": "61000",
        "is_gte": True,
        "price_type": 1,
        "price_offset": "0.1%",
        "reduce_only": True,
        "text": "t-a1",
    }


def test_a_trail_in_money_from_the_start() -> None:
    trail = Trigger(kind=TriggerKind.TRAILING, trail="12.50")
    body = json.loads(triggers.create(spec(trail, side=Side.BUY)).body)

    assert (body["price_offset"], body["activation_price"], body["is_gte"]) == ("12.5", "0", False)


@given(st.decimals("0.00001", "0.99", places=5))
def test_a_trail_ratio_is_sent_as_its_exact_percentage(ratio: Decimal) -> None:
    trail = Trigger(kind=TriggerKind.TRAILING, trail_ratio=ratio)
    sent = json.loads(triggers.create(spec(trail)).body)["price_offset"]

    assert sent.endswith("%")
    assert Decimal(sent[:-1]) == ratio * 100


def test_ids_say_which_list_they_are_of() -> None:
    assert triggers.order_kind("trigger:12") is OrderKind.TRIGGER
    assert triggers.order_kind("trail:12") is OrderKind.TRAIL
    assert triggers.order_kind("12") is OrderKind.ORDER


def test_what_reduces_can_be_amended_with_size_and_price_always_sent() -> None:
    order = waiting("trigger:7", spec(reduce_only=True))
    request = triggers.amend(order, quantity=Decimal("0.02"))

    assert (request.method, request.path) == ("PUT", "/futures/usdt/price_orders/amend")
    assert request.body == b'{"order_id":7,"amount":"-200","price":"0"}'
    limit = waiting("trigger:7", spec(order_type=OrderType.LIMIT, price=59000, reduce_only=True))
    assert triggers.amend(limit, price=Decimal("58999.90")).body == b'{"order_id":7,"amount":"-100","price":"58999.9"}'
    for other in (waiting("trigger:7", spec()), waiting("trail:7", spec(TRAILING, reduce_only=True))):
        with pytest.raises(NotSupported, match="only stop and take-profit orders that reduce"):
            triggers.amend(other, quantity=Decimal("0.02"))


def test_cancels_and_look_ups_go_to_the_right_list() -> None:
    stop, trail = waiting("trigger:7", spec()), waiting("trail:8", spec(TRAILING))
    one, two, three = triggers.cancel(stop), triggers.cancel(trail), triggers.cancel(waiting(None, spec(TRAILING)))

    assert (one.method, one.path, one.body) == ("DELETE", "/futures/usdt/price_orders/7", b"")
    assert (two.method, two.path, two.body) == ("POST", "/futures/usdt/autoorder/v1/trail/stop", b'{"id":8}')
    assert (three.path, three.body) == (two.path, b'{"text":"t-a1"}')
    assert all(request.urgent and request.effect is Effect.COMMAND for request in (one, two, three))
    assert triggers.look_up(stop).target == "/futures/usdt/price_orders/7"
    assert triggers.look_up(trail).target == "/futures/usdt/autoorder/v1/trail/detail?id=8"
    for call in (triggers.cancel, triggers.look_up):
        with pytest.raises(NotSent, match="look for it in the list"):
            call(waiting(None, spec()))


def test_lists_name_the_contract() -> None:
    assert triggers.listed("usdt", BTC).plain_query == "status=open&contract=BTC_USDT&limit=100&offset=0"
    ended = triggers.listed("usdt", BTC, is_open=False, offset=100)
    assert (ended.path, ended.plain_query) == (
        "/futures/usdt/price_orders",
        "status=finished&contract=BTC_USDT&limit=100&offset=100",
    )
    assert triggers.listed("BTC").target == "/futures/btc/price_orders?status=open&limit=100&offset=0"
    trails = triggers.listed_trails("USDT", BTC, number=2)
    assert (trails.path, trails.plain_query) == (
        "/futures/usdt/autoorder/v1/trail/list",
        "contract=BTC_USDT&is_finished=false&page_num=2&page_size=20",
    )


# Readers

PRICE_ORDER = """{"id":1432329,"id_string":"1432329","user":1,"status":"open","finish_as":"","reason":"","trade_id":0,
"order_type":"plan-close-long-position","create_time":1700000000.25,"finish_time":0,"me_order_id":0,
"initial":{"contract":"BTC_USDT","size":-100,"amount":"-100.5","price":"58000.5","tif":"gtc","text":"t-a1",
"is_reduce_only":true,"is_close":false},
"trigger":{"strategy_type":0,"price_type":1,"price":"59000","rule":2,"expiration":0}}"""
TRAIL = """{"id":77,"contract":"BTC_USDT","settle":"usdt","amount":"-100","is_gte":true,"activation_price":"0",
"price_type":1,"price_offset":"0.1%","text":"t-a1","reduce_only":true,"status":"open","created_at":1700000000,
"updated_at":1700000003,"finished_at":0,"suborder_id":0,"reason":"","error_label":""}"""


def row(text: str = PRICE_ORDER, **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = decode(text)
    return data | changes


def test_the_answer_to_a_create_gives_the_id_of_its_list() -> None:
    accepted = triggers.created({"id": 1432329, "id_string": "1432329"}, spec(), 9)
    assert accepted == OrderAccepted(client_order_id="a1", venue_order_id="trigger:1432329", ts_recv=9)
    trail = triggers.created({"code": 0, "message": "", "data": {"id": "77"}}, spec(TRAILING), 9)
    assert trail == OrderAccepted(client_order_id="a1", venue_order_id="trail:77", ts_recv=9)


def test_a_waiting_order_is_reported_open() -> None:
    (event,) = triggers.read_trigger(row(), BTC, 9)
    assert event == OrderReported(
        client_order_id="a1",
        venue_order_id="trigger:1432329",
        state=OrderState.OPEN,
        filled_quantity=Decimal(0),
        price=Decimal("58000.5"),
        quantity=Decimal("0.01005"),
        ts_event=1_700_000_000_250_000_000,
        ts_recv=9,
    )
    (trail,) = triggers.read_trigger(row(TRAIL), BTC, 9)
    assert isinstance(trail, OrderReported)
    assert (trail.venue_order_id, trail.state, trail.quantity) == ("trail:77", OrderState.OPEN, Decimal("0.01"))
    assert trail.ts_event == 1_700_000_003_000_000_000


@pytest.mark.parametrize("text", ["t-a1", "api"])
def test_a_fired_order_is_told_with_the_id_of_what_it_became_and_our_id(text: str) -> None:
    fired: dict[str, Any] = {
        "status": "finished",
        "finish_as": "succeeded",
        "trade_id": 36028827892199865,
        "finish_time": 1700000001,
    }
    data = row(**fired)
    data["initial"]["text"] = text

    (event,) = triggers.read_trigger(data, BTC, 9, None if text == "t-a1" else "a1")
    assert event == OrderTriggered(
        client_order_id="a1",
        venue_order_id="36028827892199865",
        ts_event=1_700_000_001_000_000_000,
        ts_recv=9,
    )
    assert triggers.child_id(data) == "36028827892199865"
    assert triggers.child_id(row()) is None
    (trail,) = triggers.read_trigger(row(TRAIL, suborder_id=12), BTC, 9)
    assert isinstance(trail, OrderTriggered)
    assert trail.venue_order_id == "12"


def test_an_order_that_fired_without_telling_its_child_has_not_ended() -> None:
    (event,) = triggers.read_trigger(row(status="finished", finish_as="succeeded"), BTC, 9)

    assert isinstance(event, OrderTriggered)
    assert event.venue_order_id is None


@pytest.mark.parametrize(
    ("changes", "state", "reason"),
    [
        ({"status": "finished", "finish_as": "cancelled"}, OrderState.CANCELED, None),
        ({"status": "finished", "finish_as": "expired"}, OrderState.EXPIRED, None),
        ({"status": "finished", "finish_as": "failed"}, OrderState.CANCELED, RejectReason.OTHER),
        ({"status": "finished", "finish_as": "new_word"}, OrderState.CANCELED, RejectReason.OTHER),
        ({"status": "invalid"}, OrderState.CANCELED, RejectReason.OTHER),
        ({"status": "inactive"}, OrderState.OPEN, None),
    ],
)
def test_every_end_of_a_trigger_order(changes: dict[str, Any], state: OrderState, reason: RejectReason | None) -> None:
    (event,) = triggers.read_trigger(row(**changes, reason="margin is short"), BTC, 9)

    assert isinstance(event, OrderReported)
    assert (event.state, event.reason) == (state, reason)
    assert ("may be UNPROTECTED" in event.text) is (reason is not None)
    assert ("margin is short" in event.text) is (reason is not None)


def test_a_trailing_order_that_ended_without_an_order_is_loud() -> None:
    (event,) = triggers.read_trigger(row(TRAIL, status="finished", error_label="POSITION_EMPTY"), BTC, 9)

    assert isinstance(event, OrderReported)
    assert event.state is OrderState.CANCELED
    assert "POSITION_EMPTY" in event.text
    assert "UNPROTECTED" in event.text


def test_a_look_up_shows_side_type_and_position() -> None:
    part = triggers.trigger_order(row(), BTC, 9, PositionMode.HEDGE)
    assert (part.side, part.order_type, part.reduce_only) == (Side.SELL, OrderType.LIMIT, True)
    assert part.position_side is PositionSide.LONG
    whole = row(order_type="close-short-position")
    whole["initial"] = {"contract": "BTC_USDT", "size": 0, "price": "0", "is_close": True, "text": "api"}
    found = triggers.trigger_order(whole, BTC, 9)
    assert (found.side, found.order_type, found.reduce_only) == (Side.BUY, OrderType.MARKET, True)
    assert (found.report.quantity, found.report.client_order_id) == (None, None)
    assert triggers.trigger_order(whole, BTC, 9, client_id="a1").report.client_order_id == "a1"


def test_trailing_orders_are_found_in_every_kind_of_answer() -> None:
    one = row(TRAIL)

    assert triggers.trails_in({"code": 0, "data": {"order": one}}) == [one]
    assert triggers.trails_in({"code": 0, "data": {"orders": [one, one]}}) == [one, one]
    assert triggers.trails_in({"orders": []}) == []


def test_rows_of_both_lists_tell_their_contract_and_can_be_canceled() -> None:
    assert triggers.contract_of(row()) == triggers.contract_of(row(TRAIL)) == "BTC_USDT"
    stop, trail = triggers.cancel_row(BTC, row()), triggers.cancel_row(BTC, row(TRAIL))
    assert (stop.method, stop.path) == ("DELETE", "/futures/usdt/price_orders/1432329")
    assert (trail.path, trail.body) == ("/futures/usdt/autoorder/v1/trail/stop", b'{"id":77}')


@pytest.mark.parametrize(
    ("order_type", "of_long", "of_short"),
    [
        ("close-long-position", True, False),
        ("close-short-position", False, True),
        ("plan-close-long-position", False, False),
        ("close-long-order", False, False),
        ("", False, False),
    ],
)
def test_only_what_closes_a_whole_position_protects_it(order_type: str, of_long: bool, of_short: bool) -> None:
    data = row(order_type=order_type)

    assert triggers.protects(data, Side.BUY) is of_long
    assert triggers.protects(data, Side.SELL) is of_short
    assert not triggers.protects(row(TRAIL), Side.BUY)
