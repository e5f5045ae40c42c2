"""Every request's method, path and body, and every answer's reader (chapters 8 and 9)."""

from decimal import Decimal

import orjson
import pytest

from anyvenue.model.enums import MarginMode, OrderType, Side, TimeInForce
from anyvenue.model.order_spec import Protection
from anyvenue.wire.request import Effect
from anyvenue_gaiaex import rest

ADDRESS = "0x000000000000000000000000000000000000dEaD"


def sent(request, path):
    """Return the body of a signed command to a path."""
    assert (request.method, request.path, request.signed, request.effect) == ("POST", path, True, Effect.COMMAND)
    assert request.headers == {"Content-Type": "application/json"}
    assert [charge.bucket for charge in request.charges] == ["writes"]
    return orjson.loads(request.body)


def test_a_limit_order_names_its_type_and_writes_decimals_as_texts(order_of):
    request = rest.place(order_of(), ADDRESS, with_time_in_force=True)
    assert sent(request, "/order") == {
        "user_address": ADDRESS,
        "symbol": "ETH",
        "is_buy": True,
        "size": "0.1",
        "price": "3500",
        "order_type": "limit",
        "time_in_force": "GTC",
        "reduce_only": False,
        "client_id": rest.client_id("avx-1"),
    }
    assert not request.urgent


def test_a_market_order_has_no_price_and_no_time_in_force(order_of):
    body = sent(rest.place(order_of(order_type=OrderType.MARKET), ADDRESS, with_time_in_force=True), "/order")
    assert body["order_type"] == "market"
    assert not {"price", "time_in_force"} & set(body)


@pytest.mark.parametrize(
    ("terms", "word"), [({"post_only": True}, "ALO"), ({"time_in_force": TimeInForce.IOC}, "IOC"), ({}, "GTC")]
)
def test_time_in_force_is_told_only_where_it_is_switched_on(order_of, terms, word):
    spec = order_of(**terms)
    assert sent(rest.place(spec, ADDRESS, with_time_in_force=True), "/order")["time_in_force"] == word
    assert "time_in_force" not in sent(rest.place(spec, ADDRESS, with_time_in_force=False), "/order")


def test_attached_triggers_and_reduce_only(order_of):
    protected = order_of(protection=Protection(take_profit="3600", stop_loss="3400"))
    body = sent(rest.place(protected, ADDRESS, with_time_in_force=False), "/order")
    assert (body["tp_price"], body["sl_price"]) == ("3600", "3400")
    reducing = rest.place(order_of(side=Side.SELL, reduce_only=True), ADDRESS, with_time_in_force=False)
    assert sent(reducing, "/order")["reduce_only"] is True
    assert reducing.urgent


def test_no_number_is_written_with_an_exponent(order_of):
    body = rest.place(order_of(quantity=Decimal("1E+2"), price="0.05"), ADDRESS, with_time_in_force=False).body
    assert b'"size":"100"' in body
    assert b'"price":"0.05"' in body


def test_client_ids_are_128_bit_hex_and_differ():
    ids = {rest.client_id(f"avx-{number}") for number in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 34 and one.startswith("0x") and int(one, 16) for one in ids)
    assert rest.client_id("avx-1") == rest.client_id("avx-1")


def test_a_cancel_has_a_numeric_id(eth):
    request = rest.cancel(eth, "9007199254740993", ADDRESS)
    expected = {"user_address": ADDRESS, "symbol": "ETH", "order_id": 9007199254740993}
    assert sent(request, "/order/cancel") == expected
    assert request.urgent


def test_cancel_all_always_names_the_symbol(eth):
    assert sent(rest.cancel_all(eth, ADDRESS), "/order/cancel-all") == {"user_address": ADDRESS, "symbol": "ETH"}


def test_a_modification_tells_everything_again(order_of):
    spec = order_of(side=Side.SELL, reduce_only=True)
    request = rest.modify(spec, "77", ADDRESS, price=Decimal("3510.5"), size=Decimal("0.05"))
    assert sent(request, "/order/modify") == {
        "user_address": ADDRESS,
        "symbol": "ETH",
        "is_buy": False,
        "size": "0.05",
        "price": "3510.5",
        "order_id": 77,
        "order_type": "limit",
        "reduce_only": True,
    }


def test_triggers_of_a_position_are_told_with_the_closing_side_and_at_market(eth):
    request = rest.protect(eth, Protection(stop_loss="3400"), ADDRESS, closing=Side.SELL, size=Decimal("0.1"))
    assert sent(request, "/order/tpsl") == {
        "user_address": ADDRESS,
        "symbol": "ETH",
        "is_buy": False,
        "size": "0.1",
        "sl_price": "3400",
        "tp_is_market": True,
        "sl_is_market": True,
    }


def test_a_position_is_closed_whole_or_in_part(eth):
    whole = rest.close_position(eth, ADDRESS, size=None, slippage=Decimal("0.01"))
    part = rest.close_position(eth, ADDRESS, size=Decimal("0.05"), slippage=Decimal("0.005"))
    assert sent(whole, "/position/close") == {"user_address": ADDRESS, "symbol": "ETH", "slippage": "0.01"}
    expected = {"user_address": ADDRESS, "symbol": "ETH", "slippage": "0.005", "size": "0.05"}
    assert sent(part, "/position/close") == expected
    assert whole.urgent


def test_leverage_is_a_whole_number_and_cross_a_boolean(eth):
    body = sent(rest.leverage(eth, 5, MarginMode.ISOLATED, ADDRESS), "/leverage")
    assert body == {"user_address": ADDRESS, "symbol": "ETH", "leverage": 5, "is_cross": False}


def test_reads():
    balance = rest.balance(ADDRESS)
    assert (balance.method, balance.path, balance.signed) == ("GET", f"/user/{ADDRESS}/balance", True)
    assert (rest.SYMBOLS.path, rest.SYMBOLS.signed, rest.SYMBOLS.effect) == ("/symbols/list", False, Effect.READ)
    assert rest.TIME_PATHS == ("/time", "/fapi/v1/time")
    assert rest.HEALTH_PATHS == ("/health", "/health")
    assert rest.probe("/time").charges == ()


@pytest.mark.parametrize(("status", "word"), [("open", "open"), ("CANCELLED", "canceled"), (None, "")])
def test_an_answer_tells_id_and_status(status, word):
    ack = rest.read_ack({"success": True, "orderId": 987654321, "status": status, "timestamp": 1743508800000}, 0)
    assert (ack.order_id, ack.status, ack.ts_event) == ("987654321", word, 1743508800000 * 10**6)


def test_an_answer_without_an_id_has_none():
    assert rest.read_ack({"success": True}, 0).order_id is None


@pytest.mark.parametrize("text", [str, Decimal])
def test_the_balance_leaves_unrealised_profit_out(text):
    data = {"usdc_balance": text("1000.00"), "available": text("850.00"), "unrealized_pnl": "12.50"} | {
        "timestamp": 1743508800000
    }
    balance = rest.read_balance(data, 9)
    assert (balance.currency, balance.total, balance.available) == ("USDC", Decimal(1000), Decimal(850))
    assert (balance.ts_event, balance.ts_recv) == (1_743_508_800_000_000_000, 9)


@pytest.mark.parametrize(
    ("word", "mode"),
    [("CROSSED", MarginMode.CROSS), ("ISOLATED", MarginMode.ISOLATED), ("isolated", MarginMode.ISOLATED)],
)
def test_the_margin_mode_is_what_the_venue_answers(word, mode):
    assert rest.read_margin_mode({"leverage": 5, "marginType": word}, 0) == (5, mode)


def test_a_margin_mode_that_nobody_knows_is_not_guessed_at():
    with pytest.raises(ValueError, match="marginType"):
        rest.read_margin_mode({"leverage": 5, "marginType": "PORTFOLIO"}, 0)


def test_writes_keep_their_pace_over_two_seconds():
    writes, reads, _ = rest.buckets(2, 5)
    assert (writes.limit / writes.per_s, reads.limit / reads.per_s) == (2, 5)
    assert all(bucket.limit > bucket.reserve for bucket in rest.buckets(1, 1))
