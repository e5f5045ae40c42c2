"""Requests as they leave, and answers to them: shapes by the venue's documents, refusals by its list of texts."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
import respx

from anyvenue.model.enums import OrderState, OrderType, PriceSource, Side, TimeInForce, TriggerKind
from anyvenue.model.errors import (
    AuthenticationFailed,
    InsufficientFunds,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    RejectReason,
    UnknownOrder,
    WouldTakeLiquidity,
)
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderReported, OrderSent
from anyvenue.model.order_spec import OrderSpec, Trigger
from anyvenue.venue.clock import WallClock
from anyvenue.wire.client_ids import to_hex
from anyvenue.wire.http import HttpClient
from anyvenue.wire.request import Request, Response
from anyvenue_hyperliquid import actions, errors, instruments, rest

BTC = instruments.read_instrument({"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "asset": 0, "tiers": []}, "main")


def spec(**changes: Any) -> OrderSpec:
    terms = {"client_order_id": "avx-1", "side": Side.BUY, "quantity": "0.010", "price": "60000"} | changes
    return OrderSpec(instrument=BTC, **terms)


def body(request: Request) -> Any:
    return json.loads(request.body)


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, {"limit": {"tif": "Gtc"}}),
        ({"post_only": True}, {"limit": {"tif": "Alo"}}),
        ({"time_in_force": TimeInForce.IOC}, {"limit": {"tif": "Ioc"}}),
        ({"order_type": OrderType.MARKET, "price": None}, {"limit": {"tif": "Ioc"}}),
        (
            {"trigger": Trigger(kind=TriggerKind.STOP, price="59000", source=PriceSource.MARK), "reduce_only": True},
            {"trigger": {"isMarket": False, "triggerPx": "59000", "tpsl": "sl"}},
        ),
    ],
)
def test_an_order_is_what_the_venue_takes(changes: dict[str, Any], kind: Any) -> None:
    item = actions.order_item(spec(**changes), 0, Decimal("60000.0"))
    assert list(item) == ["a", "b", "p", "s", "r", "t", "c"]  # the order of the keys is signed
    assert item == {
        "a": 0, "b": True, "p": "60000", "s": "0.01", "r": changes.get("reduce_only", False), "t": kind,
        "c": to_hex("avx-1"),
    }  # fmt: skip


def test_requests_have_their_keys_in_the_venues_order() -> None:
    item = actions.order_item(spec(), 0, Decimal(60000))
    assert list(body(actions.place([item]))) == ["type", "orders", "grouping"]
    assert body(actions.modify(7, item)) == {"type": "batchModify", "modifies": [{"oid": 7, "order": item}]}
    assert body(actions.cancel(0, 7)) == {"type": "cancel", "cancels": [{"a": 0, "o": 7}]}
    assert body(actions.cancel(0, "0x1"))["cancels"] == [{"asset": 0, "cloid": "0x1"}]
    assert {charge.weight for charge in actions.place([item] * 80).charges} == {3}  # 1, and 1 more for each 40


def test_an_order_is_named_by_its_number_unless_that_may_have_changed() -> None:
    order = Order(spec=spec()).apply(OrderSent(client_order_id="avx-1"))
    assert rest.name_of(order, by_client_id=False) == to_hex("avx-1")
    known = order.apply(
        OrderReported(client_order_id="avx-1", venue_order_id="7", state=OrderState.OPEN, filled_quantity=Decimal(0))
    )
    assert rest.name_of(known, by_client_id=False) == 7
    assert rest.name_of(known, by_client_id=True) == to_hex("avx-1")


def test_a_strangers_cloid_stays_what_it_is() -> None:
    assert rest.client_id_of("0xe8d5fd7ebbb4c3cff4d1803472a11463") == "0xe8d5fd7ebbb4c3cff4d1803472a11463"
    assert rest.cloid_of("0xe8d5fd7ebbb4c3cff4d1803472a11463") == "0xe8d5fd7ebbb4c3cff4d1803472a11463"
    assert rest.client_id_of(to_hex("zzz-1")) == to_hex("zzz-1")  # letters, and none of ours
    assert rest.client_id_of(to_hex("avx-1")) == "avx-1"
    assert rest.client_id_of(None) is None


@pytest.mark.parametrize(
    ("entry", "changes", "state", "filled"),
    [
        ({"resting": {"oid": 7}}, {}, OrderState.OPEN, "0"),
        ({"filled": {"totalSz": "0.01", "avgPx": "59990", "oid": 7}}, {}, OrderState.FILLED, "0.01"),
        ({"filled": {"totalSz": "0.004", "avgPx": "59990", "oid": 7}}, {}, OrderState.PARTIALLY_FILLED, "0.004"),
        # What is left of an immediate order is dropped without a word.
        (
            {"filled": {"totalSz": "0.004", "avgPx": "59990", "oid": 7}},
            {"time_in_force": TimeInForce.IOC},
            OrderState.CANCELED,
            "0.004",
        ),
    ],
)
def test_an_entry_proves_what_it_says(entry: Any, changes: dict[str, Any], state: OrderState, filled: str) -> None:
    report = actions.read_entry(entry, spec(**changes), 5)
    assert (report.state, report.filled_quantity, report.venue_order_id) == (state, Decimal(filled), "7")


@pytest.mark.parametrize("entry", [{"waiting": {"oid": 7}}, {"resting": {}}, "waitingForFill", {}])
def test_an_entry_that_is_not_known_passes_for_nothing(entry: Any) -> None:
    with pytest.raises((KeyError, ValueError, AttributeError)):
        actions.read_entry(entry, spec(), 5)


def refusal(text: str, status: int = 200) -> Any:
    content = json.dumps({"status": "err", "response": text}).encode() if status == 200 else text.encode()
    return errors.refusal_of(rest.action("noop"), Response(status=status, body=content))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Price must be divisible by tick size. asset=0", RejectReason.INVALID_PRICE),
        ("Order must have minimum value of $10.", RejectReason.BELOW_MINIMUM),
        ("Order has zero size.", RejectReason.INVALID_QUANTITY),
        ("Insufficient margin to place order.", RejectReason.INSUFFICIENT_FUNDS),
        ("Reduce only order would increase position.", RejectReason.REDUCE_ONLY),
        ("Post only order would have immediately matched, bbo was 1@2.", RejectReason.WOULD_TAKE_LIQUIDITY),
        ("Order could not immediately match against any resting orders.", RejectReason.NO_LIQUIDITY),
        ("Invalid TP/SL price.", RejectReason.INVALID_TRIGGER),
        ("No liquidity available for market order.", RejectReason.NO_LIQUIDITY),
        ("Order would increase open interest while open interest is capped", RejectReason.RISK_LIMIT),
        ("Order rejected due to price more aggressive than oracle while at open interest cap", RejectReason.RISK_LIMIT),
        ("Order would increase open interest too quickly", RejectReason.RISK_LIMIT),
        ("Order price too far from oracle", RejectReason.PRICE_OUT_OF_BAND),
        ("Order price cannot be more than 80% away from the reference price", RejectReason.PRICE_OUT_OF_BAND),
        ("Order would cause position to exceed margin tier limit at current leverage", RejectReason.RISK_LIMIT),
        ("Main order cannot be trigger order.", RejectReason.INVALID_TRIGGER),
        ("Only post-only orders allowed immediately after a network upgrade", RejectReason.MARKET_CLOSED),
        ("Order was never placed, already canceled, or filled.", RejectReason.UNKNOWN_ORDER),
        ("Cannot modify canceled or filled order", RejectReason.ORDER_CLOSED),
        ("Error placing new order during modify: Order has zero size.", RejectReason.OTHER),
        ("Cannot switch leverage type with open position.", RejectReason.LEVERAGE),
        ("Signed action over weight limit of 200.", RejectReason.INVALID_QUANTITY),
        ("Action already expired", RejectReason.EXPIRED),
        ("Invalid nonce: nonce too low 1 < 2", RejectReason.EXPIRED),
        (
            "Cannot set scheduled cancel time until enough volume traded. Required: $1.",
            RejectReason.NOT_SUPPORTED,
        ),
        ("Something that nobody has heard of", RejectReason.OTHER),
    ],
)
def test_a_refusal_has_its_reason(text: str, reason: RejectReason) -> None:
    error = refusal(text).error
    assert isinstance(error, Rejected)
    assert (error.reason, error.detail) == (reason, text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("User or API Wallet 0x12 does not exist.", AuthenticationFailed),
        ("L1 error: User or API Wallet 0x12 does not exist.", AuthenticationFailed),
        ("Must deposit before performing actions. User: 0x12", AuthenticationFailed),
        ("Unable to recover signer.", AuthenticationFailed),
        ("Vault not registered: 0x12", PermissionDenied),
        ("Action disabled when unified account is active", PermissionDenied),
        ("Invalid nonce: duplicate nonce 5", OutcomeUnknown),
        ("Post only order would have immediately matched, bbo was 1@2.", WouldTakeLiquidity),
        ("Insufficient margin to place order.", InsufficientFunds),
        ("Order was never placed, already canceled, or filled. asset=3", UnknownOrder),
    ],
)
def test_a_refusal_says_what_can_be_done(text: str, kind: type[Exception]) -> None:
    assert type(refusal(text).error) is kind


def test_used_up_requests_hold_no_others_back() -> None:
    text = "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0."
    assert refusal(text) is None  # the client would hold all requests back, look-ups and cancels too
    error = errors.error_of(text, "order")
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 10


@pytest.mark.parametrize(("status", "kind"), [(429, RateLimited), (422, Rejected), (502, OutcomeUnknown)])
def test_http_statuses_mean_what_they_mean_everywhere(status: int, kind: type[Exception]) -> None:
    assert isinstance(refusal("<html>", status).error, kind)


@respx.mock
def test_what_leaves_is_json_to_the_two_paths() -> None:
    url = "https://api.hyperliquid.xyz"
    info = respx.post(f"{url}/info").mock(return_value=httpx.Response(200, json={"time": 5}))
    exchange = respx.post(f"{url}/exchange").mock(
        return_value=httpx.Response(200, json={"status": "err", "response": "Order has zero size."})
    )

    async def main() -> None:
        client = HttpClient(
            url,
            venue="hyperliquid",
            clock=WallClock(),
            judge=errors.refusal_of,
            sign=lambda request, path, time_ns: request,
            transport=httpx.AsyncHTTPTransport(),
        )
        try:
            assert (await client.send(rest.TIME)).json() == {"time": 5}
            with pytest.raises(Rejected, match="Order has zero size"):
                await client.send(rest.action("noop"))
        finally:
            await client.close()

    asyncio.run(main())
    assert json.loads(info.calls.last.request.content) == {"type": "exchangeStatus"}
    assert json.loads(exchange.calls.last.request.content) == {"type": "noop"}
    assert exchange.call_count == 1
    assert info.calls.last.request.headers["content-type"] == "application/json"
