"""Closing, TP/SL, leverage and the balance (fact sheet, 8.5 to 8.7 and 9.1).

BTC stands at 60000 to 60010, its mark price is 60005.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

BTC = "BTC-USDC-PERP"


def _long(simulator: Any, size: str = "0.01") -> None:
    simulator.done("/order", symbol="BTC", is_buy=True, size=size)


def _held(simulator: Any) -> Decimal:
    found: Decimal = simulator.stage.exchange.position("alice", BTC).quantity
    return found


def test_a_close_sells_the_whole_position(venue: Any) -> None:
    simulator = venue()
    _long(simulator)
    answer = simulator.done("/position/close", symbol="BTC")
    assert answer == {
        "success": True,
        "orderId": answer["orderId"],
        "symbol": "BTC",
        "side": "SELL",
        "closedQty": "0.01",
        "positionSide": "LONG",
        "status": "filled",
        "reduceOnly": True,
        "timestamp": simulator.now_ms,
    }
    assert _held(simulator) == 0


def test_a_short_is_bought_back_in_part(venue: Any) -> None:
    simulator = venue()
    simulator.done("/order", symbol="BTC", is_buy=False, size="0.01")
    answer = simulator.done("/position/close", symbol="BTC", size="0.004")
    assert (answer["side"], answer["positionSide"], answer["closedQty"]) == ("BUY", "SHORT", "0.004")
    assert _held(simulator) == Decimal("-0.006")


def test_a_close_never_turns_a_position_over(venue: Any) -> None:
    simulator = venue()
    _long(simulator)
    assert simulator.done("/position/close", symbol="BTC", size="0.05")["closedQty"] == "0.01"
    assert _held(simulator) == 0


def test_a_close_without_a_position_is_refused(venue: Any) -> None:
    status, body = venue().post("/position/close", symbol="BTC")
    assert (status, body["error"]) == (400, "No open position for BTC")


def test_a_close_keeps_its_slippage(venue: Any) -> None:
    simulator = venue()
    _long(simulator, "2")
    # Half of it within 1 % of the mark price of 59955, the other half within 10 %.
    simulator.depth("BTC", [("59900", "1"), ("55000", "5")], [("60010", "5")])
    assert simulator.done("/position/close", symbol="BTC")["closedQty"] == "1"
    assert simulator.post("/position/close", symbol="BTC", slippage="0.0001")[0] == 400
    simulator.depth("BTC", [("59900", "1"), ("55000", "5")], [("60010", "5")])
    simulator.depth("BTC", [("55000", "5")], [("64910", "5")])
    assert simulator.done("/position/close", symbol="BTC", slippage="0.1")["closedQty"] == "1"


def test_a_take_profit_closes_a_long_and_takes_the_stop_with_it(venue: Any) -> None:
    simulator = venue()
    _long(simulator)
    answer = simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", tp_price="61000", sl_price="59000")
    assert answer["tpOrderId"] < answer["slOrderId"]
    simulator.depth("BTC", [("61000", "1")], [("61010", "1")])
    assert _held(simulator) == 0
    assert simulator.open_orders() == []


@pytest.mark.parametrize(("linked", "left"), [(True, 0), (False, 1)])
def test_the_triggers_of_a_pair_are_linked_or_not(venue: Any, linked: bool, left: int) -> None:
    simulator = venue(tpsl_linked=linked)
    _long(simulator, "0.02")
    simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", tp_price="61000", sl_price="59000")
    simulator.depth("BTC", [("61000", "1")], [("61010", "1")])
    assert _held(simulator) == Decimal("0.01")
    assert len(simulator.open_orders()) == left


@pytest.mark.parametrize(("replaces", "count"), [(True, 1), (False, 2)])
def test_a_second_call_replaces_the_first_or_adds_to_it(venue: Any, replaces: bool, count: int) -> None:
    simulator = venue(tpsl_replaces=replaces)
    _long(simulator)
    for price in ("59000", "58000"):
        simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", sl_price=price)
    assert len(simulator.open_orders()) == count


def test_triggers_stay_when_those_in_their_place_are_refused(venue: Any) -> None:
    simulator = venue()
    _long(simulator)
    simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", sl_price="59000")
    assert simulator.post("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", sl_price="61000")[0] == 400
    assert len(simulator.open_orders()) == 1


def test_a_trigger_that_is_not_market_becomes_an_order_that_is_shown(venue: Any) -> None:
    simulator = venue()
    _long(simulator)
    simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", tp_price="61000", tp_is_market=False)
    client = simulator.user()
    simulator.depth("BTC", [("60990", "1")], [("61010", "1")])
    simulator.wait("0")
    assert [len(update["orders"]) for update in client.of("update")] == [0, 1]
    assert client.messages[-1]["orders"][0]["price"] == "61000.0"


def test_triggers_go_with_the_position(venue: Any) -> None:
    simulator = venue()
    _long(simulator)
    simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", sl_price="59000")
    simulator.done("/position/close", symbol="BTC")
    assert simulator.open_orders() == []


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"is_buy": True, "sl_price": "59000"}, "Reduce only order would increase position."),
        ({"is_buy": False, "sl_price": "61000"}, "Invalid TP/SL price."),
        ({"is_buy": False, "tp_price": "59000"}, "Invalid TP/SL price."),
        ({"is_buy": False, "tp_price": "61000", "sl_price": "61000"}, "Invalid TP/SL price."),
        ({"is_buy": False}, "At least one of tp_price and sl_price is required"),
    ],
)
def test_triggers_that_protect_nothing_are_refused_and_leave_nothing(
    venue: Any, fields: dict[str, Any], text: str
) -> None:
    simulator = venue()
    _long(simulator)
    status, body = simulator.post("/order/tpsl", symbol="BTC", size="0.01", **fields)
    assert (status, body["error"]) == (400, text)
    assert simulator.open_orders() == []


@pytest.mark.parametrize(("takes", "left"), [(True, 0), (False, 1)])
def test_cancel_all_takes_triggers_or_leaves_them(venue: Any, takes: bool, left: int) -> None:
    simulator = venue(tpsl_canceled=takes)
    _long(simulator)
    simulator.done("/order/tpsl", symbol="BTC", is_buy=False, size="0.01", sl_price="59000")
    simulator.limit()
    assert simulator.done("/order/cancel-all")["cancelled_count"] == 2 - left
    assert len(simulator.open_orders()) == left


def test_leverage_is_set_and_told(venue: Any) -> None:
    simulator = venue()
    answer = simulator.done("/leverage", symbol="BTC", leverage=7)
    assert answer == {
        "success": True,
        "symbol": "BTC",
        "leverage": 7,
        "marginType": "CROSSED",
        "timestamp": simulator.now_ms,
    }
    assert simulator.stage.exchange.position("alice", BTC).leverage == 7


@pytest.mark.parametrize("word", ["ISOLATED", "isolated"])
def test_cross_margin_is_silently_isolated_where_there_is_no_other(venue: Any, word: str) -> None:
    simulator = venue(isolated_word=word)
    answer = simulator.done("/leverage", symbol="xyz:AAPL", leverage=2, is_cross=True)
    assert answer["marginType"] == word


def test_a_new_account_is_isolated_where_there_is_no_other(venue: Any) -> None:
    simulator = venue()
    simulator.balance()
    found = simulator.stage.exchange.position("alice", "vntl:OPENAI-USDC-PERP")
    assert (found.margin_mode.value, found.leverage) == ("isolated", 5)


@pytest.mark.parametrize("leverage", [0, 101])
def test_leverage_out_of_bounds_is_refused(venue: Any, leverage: int) -> None:
    assert venue().post("/leverage", symbol="BTC", leverage=leverage)[0] == 400


def test_the_balance_leaves_unrealised_profit_out_of_what_is_available(venue: Any) -> None:
    simulator = venue()
    simulator.done("/leverage", symbol="BTC", leverage=10)
    _long(simulator, "0.1")
    simulator.depth("BTC", [("60995", "1")], [("61005", "1")])
    found = simulator.balance()
    # The fee is 0.035 % of 6001; the profit is 0.1 x (61000 - 60010); the margin a tenth of 6100.
    assert found["usdc_balance"] == "99997.89"
    assert found["unrealized_pnl"] == "99.00"
    assert found["margin_used"] == "610.00"
    assert found["available"] == "99387.89"


def test_what_orders_tie_up_is_not_available(venue: Any) -> None:
    simulator = venue()
    simulator.done("/leverage", symbol="ETH", leverage=10)
    simulator.limit(size="1", price="3400.0")
    found = simulator.balance()
    assert (found["available"], found["margin_used"]) == ("99660.00", "0.00")
