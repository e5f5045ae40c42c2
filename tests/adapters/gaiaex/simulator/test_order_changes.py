"""Cancel, cancel all and modify (fact sheet, 8.2 to 8.4)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from anyvenue.model.enums import Side

GONE = "Order was never placed, already canceled, or filled."


def test_a_cancel_ends_the_order(venue: Any) -> None:
    simulator = venue()
    order_id = simulator.limit()["orderId"]
    answer = simulator.done("/order/cancel", symbol="ETH", order_id=order_id)
    assert answer == {
        "success": True,
        "orderId": order_id,
        "symbol": "ETH",
        "status": "CANCELED",
        "timestamp": simulator.now_ms,
    }
    assert simulator.open_orders() == []


def test_a_cancel_of_what_is_not_open_is_refused(venue: Any) -> None:
    simulator = venue()
    order_id = simulator.limit()["orderId"]
    assert simulator.post("/order/cancel", symbol="BTC", order_id=order_id)[1]["error"] == GONE
    assert simulator.post("/order/cancel", symbol="ETH", order_id=1)[1]["error"] == GONE
    simulator.done("/order/cancel", symbol="ETH", order_id=order_id)
    assert simulator.post("/order/cancel", symbol="ETH", order_id=order_id)[1]["error"] == GONE


def test_an_order_id_is_a_number(venue: Any) -> None:
    simulator = venue()
    order_id = simulator.limit()["orderId"]
    assert simulator.post("/order/cancel", symbol="ETH", order_id=str(order_id))[0] == 400
    assert len(simulator.open_orders()) == 1


def test_cancel_all_takes_one_market_or_all(venue: Any) -> None:
    simulator = venue()
    ids = [simulator.limit()["orderId"], simulator.limit(price="3300.0")["orderId"]]
    other = simulator.limit(symbol="BTC", size="0.001", price="50000")["orderId"]
    answer = simulator.done("/order/cancel-all", symbol="ETH")
    assert answer == {
        "success": True,
        "cancelled_count": 2,
        "failed_count": 0,
        "errors": None,
        "cancelled_oids": ids,
        "symbol": "ETH",
        "timestamp": simulator.now_ms,
    }
    assert simulator.done("/order/cancel-all")["cancelled_oids"] == [other]


@pytest.mark.parametrize("keeps", [False, True])
def test_a_modified_order_keeps_its_id_or_not(venue: Any, keeps: bool) -> None:
    simulator = venue(keeps_id=keeps)
    old = simulator.limit()["orderId"]
    answer = simulator.done("/order/modify", order_id=old, symbol="ETH", is_buy=True, size="0.2", price="3300.0")
    assert (answer["oldOrderId"], answer["status"], answer["symbol"]) == (old, "MODIFIED", "ETH")
    assert (answer["orderId"] == old) is keeps
    (order,) = simulator.open_orders()
    assert (order.price, order.quantity) == (Decimal(3300), Decimal("0.2"))
    simulator.done("/order/cancel", symbol="ETH", order_id=answer["orderId"])


@pytest.mark.parametrize(("works", "status"), [(True, 200), (False, 400)])
def test_the_old_id_works_on_some_servers(venue: Any, works: bool, status: int) -> None:
    simulator = venue(old_id_works=works)
    old = simulator.limit()["orderId"]
    simulator.done("/order/modify", order_id=old, symbol="ETH", is_buy=True, size="0.2", price="3300.0")
    assert simulator.post("/order/cancel", symbol="ETH", order_id=old)[0] == status


@pytest.mark.parametrize(("total", "left"), [(True, "5"), (False, "8")])
def test_the_size_of_a_modify_has_the_filled_part_in_it_or_not(venue: Any, total: bool, left: str) -> None:
    simulator = venue(modify_total=total)
    order_id = simulator.limit(size="13", price="3500.1")["orderId"]  # 10 trade at once, 3 rest
    assert simulator.open_orders()[0].leaves_quantity == 3
    size = "15" if total else "8"
    simulator.done("/order/modify", order_id=order_id, symbol="ETH", is_buy=True, size=size, price="3400.0")
    assert simulator.open_orders()[0].leaves_quantity == Decimal(left)


def test_a_modify_without_reduce_only_clears_it(venue: Any) -> None:
    simulator = venue()
    simulator.done("/order", symbol="ETH", is_buy=True, size="1")
    change = {"symbol": "ETH", "is_buy": False, "size": "1", "price": "3700.0"}
    order_id = simulator.limit(**{**change, "price": "3600.0"}, reduce_only=True)["orderId"]
    kept = simulator.done("/order/modify", order_id=order_id, **change, reduce_only=True)["orderId"]
    assert simulator.open_orders()[0].spec.reduce_only
    simulator.done("/order/modify", order_id=kept, **change)
    (order,) = simulator.open_orders()
    assert (order.spec.reduce_only, order.price) == (False, Decimal(3700))


def test_an_order_survives_a_modify_that_is_refused(venue: Any) -> None:
    simulator = venue()
    order_id = simulator.limit(time_in_force="ALO")["orderId"]
    # To the other side, where it would trade at once.
    change = {"symbol": "ETH", "is_buy": False, "size": "0.1", "price": "3400.0"}
    assert simulator.post("/order/modify", order_id=order_id, **change)[0] == 400
    (order,) = simulator.open_orders()
    assert (order.side, order.price) == (Side.BUY, Decimal(3400))
    simulator.done("/order/cancel", symbol="ETH", order_id=order_id)
    assert simulator.open_orders() == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"price": "3400.05"}, "Price must be divisible by 0.1"),
        ({"size": "0.00001"}, "Order has invalid size"),
        ({"size": "0.001"}, "Order must have minimum value of $10"),
        ({"order_id": 1}, GONE),
    ],
)
def test_a_modify_keeps_the_rules_of_new_orders(venue: Any, change: dict[str, Any], text: str) -> None:
    simulator = venue()
    usual = {"order_id": simulator.limit()["orderId"], "symbol": "ETH", "is_buy": True, "size": "1", "price": "3300.0"}
    status, body = simulator.post("/order/modify", **{**usual, **change})
    assert (status, body["error"]) == (400, text)
