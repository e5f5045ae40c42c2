"""New orders: what is taken, what is refused in which words, and what the answer says (fact sheet, 8.1 and 10.1).

BTC stands at 60000 to 60010, ETH at 3499.9 to 3500.1.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from anyvenue_gaiaex.simulator.hours import ALWAYS, US_HOURS, is_open
from anyvenue_gaiaex.simulator.revision import Revision

A, B = Revision.A, Revision.B
BTC = "BTC-USDC-PERP"


def _refused(simulator: Any, **fields: Any) -> str:
    status, body = simulator.post("/order", **{"symbol": "ETH", "is_buy": True, "size": "0.1", **fields})
    assert status == 400, body
    return str(body["error"])


@pytest.mark.parametrize(("revision", "word"), [(A, "open"), (B, "resting")])
def test_each_revision_has_its_word_for_an_order_that_stands(venue: Any, revision: Revision, word: str) -> None:
    assert venue(revision).limit()["status"] == word


def test_an_order_without_a_type_is_a_market_order(venue: Any) -> None:
    simulator = venue()
    answer = simulator.done("/order", symbol="BTC", is_buy=True, size="0.001")
    assert (answer["status"], answer["type"], answer["side"]) == ("filled", "MARKET", "BUY")
    assert simulator.stage.exchange.position("alice", BTC).quantity == Decimal("0.001")


@pytest.mark.parametrize(("quirk", "told"), [("absent", "no price"), ("null", None), ("average", "60010.0")])
def test_the_answer_to_a_market_order_may_tell_a_price(venue: Any, quirk: str, told: str | None) -> None:
    answer = venue(market_price=quirk).done("/order", symbol="BTC", is_buy=True, size="0.001")
    assert answer.get("price", "no price") == told


def test_a_market_order_has_no_price_and_a_limit_order_has_one(venue: Any) -> None:
    simulator = venue()
    assert _refused(simulator, price="3400.0") == "Order has invalid price"
    assert _refused(simulator, order_type="limit") == "Order has invalid price"


@pytest.mark.parametrize(
    ("symbol", "price", "tick"),
    [
        ("ETH", "3400.05", "0.1"),  # five significant figures
        ("ETH", "999.555", "0.01"),  # six decimals less four of the size
        ("xyz:AAPL", "99.9995", "0.001"),
        ("xyz:AAPL", "9.99995", "0.001"),  # six less three
        ("BTC", "59999.5", "1"),  # five significant figures
        ("BTC", "9999.55", "0.1"),  # one decimal
    ],
)
def test_a_price_off_the_grid_is_refused_with_the_tick(venue: Any, symbol: str, price: str, tick: str) -> None:
    simulator = venue()
    simulator.wait("7200")  # 10:00 in New York
    text = _refused(simulator, symbol=symbol, price=price, order_type="limit", size="1")
    assert text == f"Price must be divisible by {tick}"


def test_a_whole_number_is_always_on_the_grid(venue: Any) -> None:
    assert venue().limit(symbol="BTC", is_buy=False, size="0.001", price="123456")["price"] == "123456.0"


@pytest.mark.parametrize("price", ["0", "-1", "dear", "NaN", "", " 1", "1_000", "1e3"])
def test_a_price_that_is_none_is_refused(venue: Any, price: str) -> None:
    assert _refused(venue(), price=price, order_type="limit") == "Order has invalid price"


@pytest.mark.parametrize("size", ["0", "-1", "0.00001", "much"])
def test_a_size_that_does_not_fit_is_refused(venue: Any, size: str) -> None:
    assert _refused(venue(), price="3400.0", order_type="limit", size=size) == "Order has invalid size"


def test_an_order_is_worth_ten_dollars_at_least(venue: Any) -> None:
    simulator = venue()
    assert _refused(simulator, price="1000.0", order_type="limit", size="0.0099") == (
        "Order must have minimum value of $10"
    )
    assert _refused(simulator, size="0.0028") == "Order must have minimum value of $10"  # 9.80 at the mark of 3500
    simulator.limit(price="1000.0", size="0.01")


def test_the_minimum_may_hold_for_reduce_only_orders(venue: Any) -> None:
    small = {"symbol": "BTC", "is_buy": False, "size": "0.0001", "reduce_only": True}
    for holds, status in ((False, 200), (True, 400)):
        simulator = venue(minimum_for_reducing=holds)
        simulator.done("/order", symbol="BTC", is_buy=True, size="0.001")
        assert simulator.post("/order", **small)[0] == status


@pytest.mark.parametrize("symbol", ["XYZ", "eth", "XYZ:AAPL", "ETH-USDC-PERP"])
def test_a_symbol_that_is_not_listed_is_refused(venue: Any, symbol: str) -> None:
    assert _refused(venue(), symbol=symbol) == f"Symbol '{symbol}' is not supported"


def test_a_field_of_another_type_is_refused(venue: Any) -> None:
    simulator = venue(malformed_status=422)
    assert simulator.post("/order", symbol="ETH", is_buy="yes", size="0.1")[0] == 422
    assert simulator.post("/order", symbol="ETH", is_buy=True)[0] == 422


@pytest.mark.parametrize(("strict", "status"), [(False, 200), (True, 400)])
def test_a_size_that_is_a_json_number_is_taken_where_the_server_does_not_mind(
    venue: Any, strict: bool, status: int
) -> None:
    assert venue(strings_only=strict).post("/order", symbol="ETH", is_buy=True, size=0.5)[0] == status


@pytest.mark.parametrize("chain_status", [400, 200])
def test_a_post_only_order_that_would_trade_is_refused_in_one_of_two_ways(venue: Any, chain_status: int) -> None:
    simulator = venue(chain_status=chain_status)
    fields = {"symbol": "ETH", "is_buy": True, "size": "0.1", "price": "3500.1", "order_type": "limit"}
    status, body = simulator.post("/order", **fields, time_in_force="ALO")
    assert (status, body["error"]) == (chain_status, "Post only order would have immediately matched.")
    assert body.get("success") is (False if chain_status == 200 else None)
    assert simulator.open_orders() == []


def test_revision_b_takes_no_notice_of_a_time_in_force(venue: Any) -> None:
    simulator = venue(B)
    assert simulator.limit(price="3500.1", time_in_force="ALO")["status"] == "filled"
    assert simulator.limit(price="3400.0", time_in_force="IOC")["status"] == "resting"


def test_an_ioc_order_does_not_rest(venue: Any) -> None:
    simulator = venue()
    fields = {"symbol": "ETH", "is_buy": True, "size": "12", "order_type": "limit", "time_in_force": "IOC"}
    status, body = simulator.post("/order", **fields, price="3400.0")
    assert (status, body["error"]) == (400, "Order could not immediately match against any resting orders.")
    assert simulator.done("/order", **fields, price="3500.1")["status"] == "filled"
    assert simulator.stage.exchange.position("alice", "ETH-USDC-PERP").quantity == 10
    assert simulator.open_orders() == []


@pytest.mark.parametrize(("quirk", "word"), [(False, "open"), (True, "filled")])
def test_an_order_that_traded_in_part_may_be_told_as_filled(venue: Any, quirk: bool, word: str) -> None:
    simulator = venue(filled_in_part=quirk)
    assert simulator.limit(size="12", price="3500.1")["status"] == word
    assert len(simulator.open_orders()) == 1


def test_some_orders_may_be_pending(venue: Any) -> None:
    simulator = venue(pending_every=2, order_id_base=10)
    assert [simulator.limit()["status"] for _ in range(3)] == ["open", "pending", "open"]


def test_an_order_that_margin_does_not_carry_is_refused(venue: Any) -> None:
    simulator = venue(balance="100")
    assert _refused(simulator, size="2", price="3400.0", order_type="limit") == "Insufficient margin to place order."


def test_an_order_that_only_reduces_needs_something_to_reduce(venue: Any) -> None:
    assert _refused(venue(), reduce_only=True) == "Reduce only order would increase position."


@pytest.mark.parametrize(("quirk", "status", "count"), [("error", 400, 1), ("replay", 200, 1), ("second", 200, 2)])
def test_a_client_id_that_comes_again_is_taken_in_one_of_three_ways(
    venue: Any, quirk: str, status: int, count: int
) -> None:
    simulator = venue(duplicate=quirk)
    first = simulator.limit(client_id="mine")
    again = {"symbol": "ETH", "is_buy": True, "size": "0.1", "price": "3400.0", "order_type": "limit"}
    found, body = simulator.post("/order", **again, client_id="mine")
    assert found == status
    assert (body == first) is (quirk == "replay")
    assert len(simulator.open_orders()) == count


def test_an_order_sets_leverage_first(venue: Any) -> None:
    simulator = venue()
    simulator.limit(leverage=3, leverage_type="Isolated")
    position = simulator.stage.exchange.position("alice", "ETH-USDC-PERP")
    assert (position.leverage, position.margin_mode.value) == (3, "isolated")


def test_attached_triggers_close_the_position(venue: Any) -> None:
    simulator = venue()
    simulator.done("/order", symbol="BTC", is_buy=True, size="0.001", tp_price="61000", sl_price="59000")
    simulator.depth("BTC", [("61000", "1")], [("61010", "1")])
    assert simulator.stage.exchange.position("alice", BTC).quantity == 0


def test_numbers_in_answers_may_be_json_numbers(venue: Any) -> None:
    answer = venue(numbers=True).limit()
    assert (answer["origQty"], answer["price"]) == (0.1, 3400.0)


def test_ids_may_be_beyond_what_a_binary_float_can_tell_apart(venue: Any) -> None:
    simulator = venue(order_id_base=2**53)
    assert [simulator.limit()["orderId"] - 2**53 for _ in range(2)] == [1, 2]


def test_a_market_order_may_have_a_bound(venue: Any) -> None:
    simulator = venue(market_slippage=Decimal("0.05"))
    simulator.depth("ETH", [("3499.9", "10")], [("3500.1", "1"), ("4000", "10")])
    simulator.stage.market.do(lambda: simulator.stage.exchange.set_mark("ETH-USDC-PERP", "3500"))
    answer = simulator.done("/order", symbol="ETH", is_buy=True, size="2")
    assert (answer["type"], answer["origQty"]) == ("MARKET", "2")
    assert simulator.stage.exchange.position("alice", "ETH-USDC-PERP").quantity == 1


@pytest.mark.parametrize(
    ("day", "utc_hour", "is_trading"),
    [
        ("2025-03-07", "14:30", True),  # the last Friday of winter time: 9:30
        ("2025-03-07", "14:29", False),
        ("2025-03-10", "13:30", True),  # the first Monday of summer time: 9:30
        ("2025-03-10", "20:00", False),
        ("2025-10-31", "19:59", True),  # the last Friday of summer time
        ("2025-11-03", "20:59", True),  # the first Monday of winter time
        ("2025-11-03", "21:00", False),
        ("2025-11-01", "15:00", False),  # a Saturday
    ],
)
def test_market_hours_are_those_of_new_york(day: str, utc_hour: str, is_trading: bool) -> None:
    moment = datetime.fromisoformat(f"{day}T{utc_hour}:00+00:00")
    assert is_open(US_HOURS, int(moment.timestamp()) * 1_000_000_000) is is_trading
    assert is_open(ALWAYS, int(moment.timestamp()) * 1_000_000_000)


def test_stocks_trade_in_market_hours_only(venue: Any) -> None:
    simulator = venue()  # 08:00 in New York
    stock = {"symbol": "xyz:AAPL", "size": "1", "price": "190.00"}
    status, _ = simulator.post("/order", **stock, is_buy=True, order_type="limit")
    assert status == 400
    simulator.wait("5400")  # 09:30
    assert simulator.limit(**stock)["status"] == "open"
    simulator.wait("23400")  # 16:00
    assert simulator.post("/order", **stock, is_buy=True, order_type="limit")[0] == 400
