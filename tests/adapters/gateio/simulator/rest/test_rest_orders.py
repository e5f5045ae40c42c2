"""Orders over REST: what is taken, refused, amended, canceled and found (fact sheet, chapters 5.3 and 7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FILLED = "60000.1"
FAR = "55000"


def test_a_resting_order_is_told_as_gate_tells_it(gate: Any) -> None:
    order = gate.placed("10", FAR, text="t-abc_1.2-3")
    assert order["id"] > 2**53
    assert order["id_string"] == str(order["id"])
    wanted = {
        "contract": "BTC_USDT",
        "size": "10",
        "left": "10",
        "price": "55000",
        "fill_price": "0",
        "tif": "gtc",
        "text": "t-abc_1.2-3",
        "status": "open",
        "is_close": False,
        "is_reduce_only": False,
        "stp_act": "-",
        "tkfr": "0.0005",
        "mkfr": "0.0002",
        "create_time": 1704067200.0,
    }
    assert {name: order[name] for name in wanted} == wanted
    assert "finish_as" not in order


def test_a_market_order_takes_the_book_level_by_level(gate: Any) -> None:
    order = gate.placed("1500")
    assert (order["status"], order["finish_as"], order["left"]) == ("finished", "filled", "0")
    # 1000 at 60000.1 and 500 at 60000.2: (60000.1 x 2 + 60000.2) / 3
    assert order["fill_price"].startswith("60000.133333")
    trades = gate.get("/my_trades", contract="BTC_USDT")
    assert [(trade["size"], trade["price"]) for trade in trades] == [("500", "60000.2"), ("1000", "60000.1")]
    assert {trade["order_id"] for trade in trades} == {str(order["id"])}
    # 1000 contracts of 0.0001 BTC are 0.1 BTC: 6000.01 USDT, of which 0.05 %
    assert trades[1]["fee"] == "3.000005"
    assert trades[1]["trade_value"] == "6000.01"


def test_an_ioc_order_ends_part_filled(gate: Any) -> None:
    order = gate.placed("1500", FILLED, "ioc")
    assert (order["finish_as"], order["left"]) == ("ioc", "500")


def test_a_market_order_stays_within_its_slippage(gate: Any) -> None:
    gate.depth("BTC-USDT-PERP", [("59999.9", "1000")], [("60000", "100"), ("60100", "100")])
    order = gate.placed("200", market_order_slip_ratio="0.001")  # up to 60060
    assert (order["price"], order["finish_as"], order["left"]) == ("0", "ioc", "100")


REFUSED = [
    ({"text": "abc"}, "INVALID_PARAM_VALUE"),
    ({"text": "t-" + "x" * 29}, "INVALID_PARAM_VALUE"),
    ({"text": "t-ä"}, "INVALID_PARAM_VALUE"),
    ({"size": "0"}, "INVALID_PARAM_VALUE"),
    ({"size": "1.5"}, "INVALID_PARAM_VALUE"),
    ({"size": "x"}, "INVALID_PARAM_VALUE"),
    ({"size": None}, "MISSING_REQUIRED_PARAM"),
    ({"price": "0"}, "INVALID_PARAM_VALUE"),
    ({"price": None}, "INVALID_ARGUMENT"),
    ({"price": "-1"}, "INVALID_PARAM_VALUE"),
    ({"price": "55000.05"}, "INVALID_PARAM_VALUE"),
    ({"price": "47999.9"}, "PRICE_TOO_DEVIATED"),
    ({"price": "72000.1"}, "PRICE_TOO_DEVIATED"),
    ({"tif": "day"}, "INVALID_PARAM_VALUE"),
    ({"size": "1000001"}, "SIZE_TOO_LARGE"),
    ({"size": "500001", "price": "0", "tif": "ioc"}, "SIZE_TOO_LARGE"),
    ({"stp_act": "cn"}, "INVALID_PARAM_VALUE"),
    ({"auto_size": "close_long", "reduce_only": True, "size": "0"}, "INVALID_PARAM_VALUE"),
    ({"close": True}, "INVALID_PARAM_VALUE"),
    ({"close": True, "size": "0"}, "POSITION_EMPTY"),
    ({"reduce_only": True}, "INCREASE_POSITION"),
    ({"price": "60000.1", "tif": "poc"}, "ORDER_POC_IMMEDIATE"),
    ({"price": "60000.1", "tif": "fok", "size": "1001"}, "ORDER_FOK"),
    ({"size": "500000"}, "INSUFFICIENT_AVAILABLE"),
    ({"contract": "DOGE_USDT"}, "CONTRACT_NOT_FOUND"),
    ({"contract": "BTC_USD"}, "CONTRACT_NOT_FOUND"),
    ({"contract": None}, "MISSING_REQUIRED_PARAM"),
    ({"contract": "ETH_USDT", "price": "3000", "size": "0.05"}, "SIZE_TOO_SMALL"),
    ({"contract": "ETH_USDT", "price": "3000", "size": "0.25"}, "INVALID_PARAM_VALUE"),
    ({"contract": "SOL_USDT", "price": "0", "tif": "ioc"}, "CONTRACT_NO_COUNTER"),
    ({"contract": "OLDCOIN_USDT", "price": "1"}, "CONTRACT_IN_DELISTING"),
]


@pytest.mark.parametrize(("change", "label"), REFUSED)
def test_an_order_is_refused_with_gates_label(gate: Any, change: dict[str, Any], label: str) -> None:
    body = {"contract": "BTC_USDT", "size": "10", "price": FAR, "tif": "gtc", **change}
    answer = gate.post("/orders", None, {name: value for name, value in body.items() if value is not None})
    assert answer.label == label
    assert answer.status == (404 if label == "CONTRACT_NOT_FOUND" else 400)
    assert gate.get("/orders", status="open") == []


def test_the_band_is_told_with_its_range(gate: Any) -> None:
    assert "[48000, 72000]" in gate.order("10", "40000").json["message"]
    assert gate.order("10", "48000").status == 201


def test_without_the_decimal_header_a_fraction_is_lost_silently(make_gate: Callable[..., Any]) -> None:
    body = {"contract": "ETH_USDT", "size": 0.35, "price": "0", "tif": "ioc"}
    sizes = set()
    for seed in range(1, 12):
        gate = make_gate(seed)
        answer = gate.post("/orders", None, body, decimal=False)
        assert answer.status == 201
        assert answer.json["size"] == 0
        sizes.add(gate.get("/orders/" + str(answer.json["id"]))["size"])
    assert sizes == {"0.3", "0"}


def test_sizes_are_whole_numbers_without_the_decimal_header(gate: Any) -> None:
    gate.placed("1.7", contract="ETH_USDT")
    held = gate.call("GET", "/futures/usdt/positions/ETH_USDT", decimal=False).json
    assert held["size"] == 1
    assert gate.get("/positions/ETH_USDT")["size"] == "1.7"


def test_an_expired_order_is_not_run(gate: Any) -> None:
    now_ms = gate.clock.time_ns() // 10**6
    body = {"contract": "BTC_USDT", "size": "1", "price": FAR, "tif": "gtc"}
    late = gate.post("/orders", None, body, headers={"x-gate-exptime": str(now_ms - 1)})
    assert 400 <= late.status < 500
    assert gate.get("/orders", status="open") == []
    assert gate.post("/orders", None, body, headers={"x-gate-exptime": str(now_ms + 1000)}).status == 201


def test_a_text_is_not_unique_and_means_the_latest_order(gate: Any) -> None:
    gate.placed("1", FAR, text="t-same")
    second = gate.placed("2", FAR, text="t-same")
    assert gate.get("/orders/t-same")["id"] == second["id"]
    assert len(gate.get("/orders", status="open")) == 2


def test_an_order_canceled_unfilled_is_found_by_text_for_a_minute_and_by_id_for_ten(gate: Any) -> None:
    order = gate.placed("1", FAR, text="t-gone")
    gate.call("DELETE", "/futures/usdt/orders/t-gone")
    gate.wait(60)
    assert gate.get("/orders/t-gone")["finish_as"] == "cancelled"
    gate.wait(1)
    by_text = gate.call("GET", "/futures/usdt/orders/t-gone")
    assert (by_text.status, by_text.label) == (404, "ORDER_NOT_FOUND")
    gate.wait(539)
    assert gate.get(f"/orders/{order['id']}")["status"] == "finished"
    gate.wait(1)
    assert gate.call("GET", f"/futures/usdt/orders/{order['id']}").label == "ORDER_NOT_FOUND"
    assert gate.get("/orders", status="finished") == []


def test_a_filled_order_is_found_for_good(gate: Any) -> None:
    order = gate.placed("1", text="t-filled")
    gate.wait(86_400)
    assert gate.get("/orders/t-filled")["id"] == order["id"]


def test_an_amended_size_counts_the_filled_part_and_keeps_the_id(gate: Any) -> None:
    order = gate.placed("1500", FILLED)
    assert order["left"] == "500"
    path = f"/futures/usdt/orders/{order['id']}"
    amended = gate.call("PUT", path, None, {"size": "1200", "amend_text": "less"}).json
    assert (amended["id"], amended["size"], amended["left"]) == (order["id"], "1200", "200")
    assert amended["amend_text"] == "less"
    assert gate.call("PUT", path, None, {"size": "1200"}).label == "NO_CHANGE"
    assert gate.call("PUT", path, None, {"size": "-1300"}).label == "INVALID_PARAM_VALUE"
    ended = gate.call("PUT", path, None, {"size": "1000"}).json
    assert (ended["status"], ended["finish_as"], ended["left"]) == ("finished", "cancelled", "200")
    assert gate.call("PUT", path, None, {"size": "1100"}).label in ("ORDER_FINISHED", "ORDER_NOT_FOUND")


def test_an_amended_price_trades_where_it_crosses(gate: Any) -> None:
    order = gate.placed("100", FAR)
    amended = gate.call("PUT", f"/futures/usdt/orders/{order['id']}", None, {"price": "60000.2"}).json
    assert (amended["finish_as"], amended["fill_price"]) == ("filled", "60000.1")


def test_orders_of_others_are_not_found(gate: Any) -> None:
    order = gate.placed("1", FAR)
    answer = gate.call("DELETE", f"/futures/usdt/orders/{order['id']}", key=gate.other)
    assert (answer.status, answer.label) == (404, "ORDER_NOT_FOUND")


def test_all_orders_of_a_side_are_canceled(gate: Any) -> None:
    buy, sell = gate.placed("1", FAR), gate.placed("-1", "65000")
    other = gate.placed("0.1", "2900", contract="ETH_USDT")
    canceled = gate.call("DELETE", "/futures/usdt/orders", {"contract": "BTC_USDT", "side": "bid"}).json
    assert [order["id"] for order in canceled] == [buy["id"]]
    assert [order["id"] for order in gate.get("/orders", status="open")] == [other["id"], sell["id"]]
    gate.call("DELETE", "/futures/usdt/orders")
    assert gate.get("/orders", status="open") == []


def test_a_batch_answers_row_by_row_and_a_fault_of_form_refuses_all(gate: Any) -> None:
    good = {"contract": "BTC_USDT", "size": "1", "price": FAR, "tif": "gtc"}
    rows = gate.post("/batch_orders", None, [good, {**good, "price": "1"}, {**good, "tif": "poc"}]).json
    assert [row["succeeded"] for row in rows] == [True, False, True]
    assert rows[1]["label"] == "PRICE_TOO_DEVIATED"
    assert rows[1]["detail"]
    answer = gate.post("/batch_orders", None, [good, {**good, "text": "bad"}])
    assert (answer.status, answer.label) == (400, "INVALID_PARAM_VALUE")
    assert gate.post("/batch_orders", None, [good] * 11).status == 400
    assert len(gate.get("/orders", status="open")) == 2


def test_batches_amend_and_cancel(gate: Any) -> None:
    first, second = gate.placed("1", FAR, text="t-1"), gate.placed("1", FAR)
    rows = gate.post(
        "/batch_amend_orders", None, [{"text": "t-1", "size": "3"}, {"order_id": second["id"], "price": "54000"}]
    ).json
    assert [(row["succeeded"], row["size"], row["price"]) for row in rows] == [(True, "3", FAR), (True, "1", "54000")]
    results = gate.post("/batch_cancel_orders", None, [str(first["id"]), "12345"]).json
    assert [(row["id"], row["succeeded"], row["message"]) for row in results] == [
        (str(first["id"]), True, ""),
        ("12345", False, "ORDER_NOT_FOUND"),
    ]


def test_a_bbo_order_takes_its_price_from_the_book(gate: Any) -> None:
    body = {"contract": "BTC_USDT", "size": 10, "direction": "sell", "level": 2, "tif": "gtc"}
    order = gate.post("/bbo_orders", None, body).json
    assert (order["price"], order["size"]) == ("59999.8", "-10")
    assert gate.post("/bbo_orders", None, {**body, "level": 21}).label == "INVALID_PARAM_VALUE"


def test_open_orders_are_paged(gate: Any) -> None:
    ids = [gate.placed("1", FAR)["id"] for _ in range(5)]
    answer = gate.call("GET", "/futures/usdt/orders", {"status": "open", "limit": 2, "offset": 2})
    assert [order["id"] for order in answer.json] == [ids[2], ids[1]]
    assert answer.headers["X-Pagination-Total"] == "5"
    assert gate.call("GET", "/futures/usdt/orders").label == "MISSING_REQUIRED_PARAM"


def test_the_dead_mans_switch_cancels_unless_it_is_armed_again(gate: Any) -> None:
    gate.placed("1", FAR)
    answer = gate.post("/countdown_cancel_all", None, {"timeout": 10})
    assert answer.json == {"triggerTime": gate.clock.time_ns() // 10**6 + 10_000}
    gate.wait(9)
    gate.post("/countdown_cancel_all", None, {"timeout": 10})
    gate.wait(9)
    assert len(gate.get("/orders", status="open")) == 1
    gate.wait(1)
    assert gate.get("/orders", status="open") == []
    assert gate.post("/countdown_cancel_all", None, {"timeout": 4}).label == "INVALID_PARAM_VALUE"


def test_too_many_open_orders_are_refused(gate: Any) -> None:
    for _ in range(100):
        gate.placed("1", FAR)
    gate.wait(1)
    assert gate.order("1", FAR).label == "TOO_MANY_ORDERS"


def test_a_reduce_only_order_ends_with_its_position(gate: Any) -> None:
    gate.placed("10")
    reduce = gate.placed("-10", "65000", reduce_only=True)
    gate.placed("0", close=True)
    ended = gate.get(f"/orders/{reduce['id']}")
    assert (ended["status"], ended["finish_as"], ended["left"]) == ("finished", "position_closed", "-10")


def test_an_account_in_an_stp_group_may_say_what_gives_way(gate: Any) -> None:
    gate.dialect.accounts.stp_group.add("alice")
    resting = gate.placed("10", "60000")
    taker = gate.placed("-5", "60000", stp_act="co")
    assert taker["stp_act"] == "co"
    assert gate.get(f"/orders/{resting['id']}")["finish_as"] == "stp"


def test_the_inverse_contract_trades_in_dollars_and_settles_in_bitcoin(gate: Any) -> None:
    body = {"contract": "BTC_USD", "size": "6000", "price": "0", "tif": "ioc"}
    assert gate.call("POST", "/futures/btc/orders", None, body).json["finish_as"] == "filled"
    (trade,) = gate.call("GET", "/futures/btc/my_trades").json
    # 6000 USD at 60000.1 are 0.09999983 BTC, of which 0.05 %
    assert trade["fee"].startswith("0.0000499999")
    assert gate.call("GET", "/futures/btc/positions/BTC_USD").json["size"] == "6000"
