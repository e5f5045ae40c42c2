"""The account and its positions over REST (fact sheet, chapter 6)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest


def test_an_account_says_what_it_has(gate: Any) -> None:
    account = gate.get("/accounts")
    assert (account["currency"], account["total"], account["available"]) == ("USDT", "100000", "100000")
    assert (account["in_dual_mode"], account["position_mode"], account["margin_mode"]) == (False, "single", 0)
    assert isinstance(account["user"], int)
    gate.placed("10", "55000")
    # 0.001 BTC at 55000 with leverage 10
    assert gate.get("/accounts")["order_margin"] == "5.5"
    assert gate.get("/accounts")["available"] == "99994.5"


def test_an_account_without_futures_money_is_not_found(make_gate: Callable[..., Any]) -> None:
    gate = make_gate(1, balances={"USDT": Decimal(1000)})
    for path in ("accounts", "positions", "account_book"):
        assert gate.call("GET", f"/futures/btc/{path}").label == "USER_NOT_FOUND"
    body = {"contract": "BTC_USD", "size": "1", "price": "0", "tif": "ioc"}
    assert gate.call("POST", "/futures/btc/orders", None, body).label == "USER_NOT_FOUND"


def test_a_position_says_what_it_is(gate: Any) -> None:
    gate.placed("100")
    position = gate.get("/positions/BTC_USDT")
    wanted = {
        "size": "100",
        "entry_price": "60000.1",
        "mark_price": "60000",
        "leverage": "0",
        "cross_leverage_limit": "10",
        "lever": "10",
        "pos_margin_mode": "cross",
        "mode": "single",
        "value": "600",
        "initial_margin": "60",
        "maintenance_margin": "3",
        "unrealised_pnl": "-0.001",
        "pnl_fee": "-0.3000005",
        "realised_pnl": "-0.3000005",
        "adl_ranking": 5,
        "pending_orders": 0,
        "close_order": None,
        "open_time": 1704067200,
    }
    assert {name: position[name] for name in wanted} == wanted
    before = position["update_id"]
    gate.placed("1")
    assert gate.get("/positions/BTC_USDT")["update_id"] > before


def test_flat_positions_are_left_out_where_only_holdings_are_asked_for(gate: Any) -> None:
    assert gate.get("/positions", holding="true") == []
    assert {row["size"] for row in gate.get("/positions")} == {"0"}
    gate.placed("-5")
    assert [(row["contract"], row["size"]) for row in gate.get("/positions", holding="true")] == [("BTC_USDT", "-5")]


def test_a_closed_position_and_its_money_are_written_down(gate: Any) -> None:
    gate.placed("100")
    gate.depth("BTC-USDT-PERP", [("61000", "1000")], [("61000.1", "1000")])
    gate.placed("0", close=True)
    (closed,) = gate.get("/position_close")
    # 0.01 BTC from 60000.1 to 61000; fees of 0.05 % on 600.001 and on 610
    assert closed["pnl_pnl"] == "9.999"
    assert closed["pnl_fee"] == "-0.6050005"
    assert closed["pnl"] == "9.3939995"
    assert (closed["side"], closed["max_size"], closed["long_price"], closed["short_price"]) == (
        "long",
        "100",
        "60000.1",
        "61000",
    )
    rows = gate.get("/account_book")
    assert [(row["type"], row["change"]) for row in rows] == [
        ("fee", "-0.305"),
        ("pnl", "9.999"),
        ("fee", "-0.3000005"),
    ]
    assert rows[0]["balance"] == gate.get("/accounts")["total"] == "100009.3939995"
    assert gate.get("/account_book", type="pnl")[0]["contract"] == "BTC_USDT"
    position = gate.get("/positions/BTC_USDT")
    assert (position["size"], position["last_close_pnl"], position["realised_pnl"]) == ("0", "9.3939995", "0")
    assert gate.get("/accounts")["history"]["fee"] == "-0.6050005"


def test_a_trade_says_how_much_of_it_closed(gate: Any) -> None:
    for size in ("10", "-4", "-10"):
        gate.placed(size)
    trades = gate.get("/my_trades")[::-1]
    assert [(trade["size"], trade["close_size"]) for trade in trades] == [("10", "0"), ("-4", "-4"), ("-10", "-6")]


def test_funding_is_booked(gate: Any) -> None:
    gate.placed("100")
    gate.do(lambda: gate.stage.exchange.settle_funding("BTC-USDT-PERP", "0.0001"))
    (row,) = gate.get("/account_book", type="fund")
    assert row["change"] == "-0.06"
    assert gate.get("/positions/BTC_USDT")["pnl_fund"] == "-0.06"


def test_funding_is_booked_on_the_leg_that_it_is_for(gate: Any) -> None:
    gate.post("/set_position_mode", {"position_mode": "dual"})
    gate.placed("100")
    gate.placed("-50")
    gate.do(lambda: gate.stage.exchange.settle_funding("BTC-USDT-PERP", "0.0001"))
    # 0.01 BTC and 0.005 BTC at 60000, of which 0.01 %
    long, short = gate.get("/dual_comp/positions/BTC_USDT")
    assert (long["pnl_fund"], short["pnl_fund"]) == ("-0.06", "0.03")
    assert gate.get("/accounts")["history"]["fund"] == "-0.03"


def test_the_book_of_an_account_that_was_only_traded_against_is_whole(gate: Any) -> None:
    gate.do(lambda: gate.dialect.desk.create("bob", "usdt", {"contract": "BTC_USDT", "size": "10", "price": "60000"}))
    gate.placed("-10", "60000", "ioc")
    rows = gate.call("GET", "/futures/usdt/account_book", key=gate.other).json
    # bob made 0.001 BTC at 60000 for 0.02 %
    assert [(row["change"], row["balance"]) for row in rows] == [("-0.012", "99999.988")]
    (trade,) = gate.call("GET", "/futures/usdt/my_trades", key=gate.other).json
    assert (trade["role"], trade["size"]) == ("maker", "10")


def test_leverage_is_set_by_the_query_and_doubles_as_the_margin_mode(gate: Any) -> None:
    path = "/positions/BTC_USDT/leverage"
    isolated = gate.post(path, {"leverage": 20}).json
    assert (isolated["leverage"], isolated["pos_margin_mode"], isolated["lever"]) == ("20", "isolated", "20")
    cross = gate.post(path, {"leverage": 0, "cross_leverage_limit": 15}).json
    assert (cross["leverage"], cross["cross_leverage_limit"]) == ("0", "15")
    newer = gate.post("/positions/BTC_USDT/set_leverage", {"leverage": 3, "margin_mode": "isolated"}).json
    assert newer["leverage"] == "3"
    assert gate.post(path, None, {"leverage": 20}).label == "MISSING_REQUIRED_PARAM"
    assert gate.post(path, {"leverage": 101}).label == "LEVERAGE_TOO_HIGH"
    assert gate.call("GET", "/futures/usdt/get_leverage/BTC_USDT").json == {"Lever": "3"}


def test_the_margin_mode_is_switched_by_a_body(gate: Any) -> None:
    body = {"mode": "ISOLATED", "contract": "BTC_USDT"}
    assert gate.post("/positions/cross_mode", None, body).json["leverage"] == "10"
    gate.placed("1")
    assert gate.post("/positions/cross_mode", None, {**body, "mode": "CROSS"}).label == "POSITION_HOLDING"


def test_isolated_margin_is_added_and_taken(gate: Any) -> None:
    path = "/positions/BTC_USDT/margin"
    assert gate.post(path, {"change": "10"}).label == "POSITION_EMPTY"
    gate.placed("1", contract="ETH_USDT")
    assert gate.post("/positions/ETH_USDT/margin", {"change": "10"}).label == "POSITION_CROSS_MARGIN"
    gate.post("/positions/BTC_USDT/leverage", {"leverage": 10})
    gate.placed("100")
    before = Decimal(gate.get("/positions/BTC_USDT")["margin"])
    assert Decimal(gate.post(path, {"change": "10"}).json["margin"]) == before + 10
    assert gate.post(path, {"change": "-1000"}).label == "REMOVE_TOO_MUCH"
    assert gate.post(path, {"change": "1000000"}).label == "INSUFFICIENT_AVAILABLE"


def test_dual_mode_holds_a_long_and_a_short(gate: Any) -> None:
    account = gate.post("/set_position_mode", {"position_mode": "dual"}).json
    assert (account["in_dual_mode"], account["position_mode"]) == (True, "dual")
    assert gate.post("/dual_mode", {"dual_mode": "true"}).label == "NO_CHANGE"
    gate.placed("10")
    gate.placed("-4")
    rows = gate.get("/dual_comp/positions/BTC_USDT")
    assert [(row["mode"], row["size"]) for row in rows] == [("dual_long", "10"), ("dual_short", "-4")]
    assert [row["size"] for row in gate.get("/positions", holding="true")] == ["10", "-4"]
    assert gate.order("-11", reduce_only=True).label == "REDUCE_EXCEEDED"
    gate.placed("-3", reduce_only=True)
    gate.placed("0", auto_size="close_short", reduce_only=True)
    rows = gate.get("/dual_comp/positions/BTC_USDT")
    assert [row["size"] for row in rows] == ["7", "0"]
    assert gate.order("0", close=True).label == "INVALID_PARAM_VALUE"
    assert gate.order("0", auto_size="close_short", reduce_only=True).label == "POSITION_EMPTY"
    assert gate.post("/dual_mode", {"dual_mode": "false"}).label == "POSITION_HOLDING"
    gate.placed("0", auto_size="close_long", reduce_only=True)
    gate.placed("1", "55000")
    assert gate.post("/dual_mode", {"dual_mode": "false"}).label == "ORDER_PENDING"
    assert gate.post("/positions/ETH_USDT/leverage", {"leverage": 5}).json[1]["mode"] == "dual_short"


def test_the_one_way_look_up_in_dual_mode_answers_otherwise(make_gate: Callable[..., Any]) -> None:
    found = set()
    for seed in range(1, 10):
        gate = make_gate(seed)
        gate.post("/set_position_mode", {"position_mode": "dual"})
        answer = gate.call("GET", "/futures/usdt/positions/BTC_USDT")
        found.add(answer.label if answer.status >= 400 else len(answer.json))
    assert found == {"POSITION_DUAL_MODE", 2}


@pytest.mark.parametrize("path", ["/set_position_mode", "/dual_mode"])
def test_a_mode_is_told_in_the_query(gate: Any, path: str) -> None:
    assert gate.post(path, None, {"position_mode": "dual", "dual_mode": True}).label == "MISSING_REQUIRED_PARAM"


def test_fees_are_the_accounts_own(gate: Any) -> None:
    assert gate.get("/fee", contract="BTC_USDT") == {"BTC_USDT": {"taker_fee": "0.0005", "maker_fee": "0.0002"}}


def test_a_liquidated_position_leaves_its_order(gate: Any) -> None:
    gate.post("/positions/BTC_USDT/leverage", {"leverage": 100})
    gate.placed("100")
    gate.mark("BTC-USDT-PERP", "59000")
    assert gate.get("/positions/BTC_USDT")["size"] == "0"
    liquidation = gate.get("/orders", status="finished")[0]
    assert (liquidation["finish_as"], liquidation["is_liq"]) == ("liquidated", True)
    assert liquidation["text"].startswith("liq-")


def test_take_profit_and_stop_loss_may_come_with_an_order(gate: Any) -> None:
    gate.placed("10", tpsl_tp_trigger_price="66000", tpsl_sl_trigger_price="55000")
    waiting = gate.get("/price_orders", status="open")
    assert {order["trigger"]["price"] for order in waiting} == {"66000", "55000"}
    assert gate.order("10", tpsl_tp_trigger_price="50000").label == "INVALID_PARAM_VALUE"


def test_price_orders_are_routed(gate: Any) -> None:
    body = {
        "initial": {"contract": "BTC_USDT", "amount": "10", "price": "0", "tif": "ioc"},
        "trigger": {"strategy_type": 0, "price_type": 1, "price": "61000", "rule": 1},
    }
    answer = gate.post("/price_orders", None, body)
    assert answer.status == 201
    number = answer.json["id_string"]
    assert gate.get(f"/price_orders/{number}")["status"] == "open"
    assert gate.call("DELETE", f"/futures/usdt/price_orders/{number}").json["finish_as"] == "cancelled"
    assert gate.call("DELETE", "/futures/usdt/price_orders", {"contract": "BTC_USDT"}).json == []
