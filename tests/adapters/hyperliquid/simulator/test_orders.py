"""Orders: what is taken, what is refused in which words, and what is done to those that stand (chapters 6 and 8)."""

from __future__ import annotations

from typing import Any

import pytest

from anyvenue.model.enums import Side

CLOID = "0x00000000000000000000000000000001"
MISSING = {"error": "Order was never placed, already canceled, or filled."}


def item(**changes: Any) -> dict[str, Any]:
    """Buy 0.1 BTC at 59000, Gtc, unless told otherwise; `tif` makes another kind."""
    kind = {"limit": {"tif": changes.pop("tif", "Gtc")}}
    cloid = {"c": changes.pop("c")} if "c" in changes else {}
    return {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, "t": kind, **changes, **cloid}


def stop(price: str = "55000", **changes: Any) -> dict[str, Any]:
    kind = {"trigger": {"isMarket": True, "triggerPx": price, "tpsl": "sl"}}
    return item(**{"b": False, "p": "50000", "r": True, "t": kind, **changes})


def test_a_limit_order_rests_and_is_found_by_oid_and_cloid(venue: Any) -> None:
    here = venue()
    (status,) = here.place(item(c=CLOID))
    oid = status["resting"]["oid"]
    assert status == {"resting": {"oid": oid, "cloid": CLOID}}
    found = here.mine("orderStatus", oid=CLOID)
    assert found == here.mine("orderStatus", oid=oid)
    told = found["order"]["order"]
    assert found["status"] == "order"
    assert found["order"]["status"] == "open"
    assert {name: told[name] for name in ("coin", "side", "limitPx", "sz", "origSz", "tif", "orderType", "cloid")} == {
        "coin": "BTC",
        "side": "B",
        "limitPx": "59000.0",
        "sz": "0.1",
        "origSz": "0.1",
        "tif": "Gtc",
        "orderType": "Limit",
        "cloid": CLOID,
    }
    assert here.mine("orderStatus", oid=1) == {"status": "unknownOid"}
    (plain,) = here.mine("openOrders")
    assert (plain["oid"], plain["cloid"]) == (oid, CLOID)
    assert here.mine("openOrders", dex="xyz") == []


def test_an_order_that_crosses_is_filled_and_what_is_left_rests_under_its_id(venue: Any) -> None:
    here = venue()
    (status,) = here.place(item(p="60010", s="1.5"))
    filled = status["filled"]
    assert (filled["totalSz"], filled["avgPx"]) == ("1.0", "60010.0")
    (left,) = here.open()
    assert (left["oid"], left["sz"], left["origSz"]) == (filled["oid"], "0.5", "1.5")


def test_an_average_price_is_that_of_the_levels_taken(venue: Any) -> None:
    (status,) = venue().place(item(p="60020", s="1.5", tif="Ioc"))
    # 1 at 60010 and 0.5 at 60020: 90020 / 1.5
    assert status["filled"]["avgPx"] == "60013.33333333"


def test_an_immediate_order_drops_what_finds_nobody_without_a_word(venue: Any) -> None:
    here = venue()
    (status,) = here.place(item(p="60010", s="1.5", tif="Ioc"))
    assert status["filled"]["totalSz"] == "1.0"
    assert here.open() == []
    assert here.status(status["filled"]["oid"]) == "canceled"


REFUSED = {
    "tick of the figures": (item(p="59000.5"), "Price must be divisible by tick size."),
    "tick of the decimals": (item(a=1, p="3400.55"), "Price must be divisible by tick size."),
    "size decimals": (item(s="0.123456"), "Order has invalid size."),
    "zero size": (item(s="0"), "Order has zero size."),
    "zero price": (item(p="0", tif="Ioc"), ""),
    "minimum": (item(s="0.0001"), "Order must have minimum value of $10."),
    "post-only": (
        item(p="60010", tif="Alo"),
        "Post only order would have immediately matched, bbo was 60000@60010.",
    ),
    "immediate": (item(tif="Ioc"), "Order could not immediately match against any resting orders."),
    "margin": (item(s="40"), "Insufficient margin to place order."),
    "reduce-only": (item(r=True), "Reduce only order would increase position."),
    "delisted": (item(a=2), "Asset 2 does not trade."),
}


@pytest.mark.parametrize("name", [name for name in REFUSED if name != "zero price"])
def test_one_order_is_refused_in_its_own_words_and_the_other_stands(venue: Any, name: str) -> None:
    order, text = REFUSED[name]
    here = venue()
    refused, placed = here.place(order, item())
    assert refused == {"error": text}
    assert "resting" in placed
    assert [row["oid"] for row in here.open()] == [placed["resting"]["oid"]]


def test_an_error_may_name_the_asset(venue: Any) -> None:
    assert venue(asset_suffix=True).place(item(s="0.0001")) == [
        {"error": "Order must have minimum value of $10. asset=0"}
    ]


def test_whole_prices_of_any_length_and_five_figures_are_allowed(venue: Any) -> None:
    here = venue()
    for order in (item(p="59001"), item(p="100001", b=False), item(a=1, p="3400.1"), item(a=1, p="3600.1", b=False)):
        assert "resting" in here.place(order)[0]


def test_refused_orders_that_were_looked_at_are_on_record(venue: Any) -> None:
    here = venue()
    here.place(item(p="60010", tif="Alo"), item(tif="Ioc"), item(s="40"), item(s="0.0001"), item(r=True))
    assert [row["status"] for row in here.mine("historicalOrders")] == [
        "reduceOnlyRejected",
        "minTradeNtlRejected",
        "perpMarginRejected",
        "iocCancelRejected",
        "badAloPxRejected",
    ]


def test_what_depends_on_the_payload_alone_fails_the_whole_batch(venue: Any) -> None:
    far = "Order price cannot be more than 80% away from the reference price"
    assert venue().place(item(), item(p="10000")) == far
    assert venue(whole_batch=False).place(item(), item(p="10000")) == [{"error": far}]
    assert venue().place(item(), stop(r=False)) == "Non-reduce-only TP/SL orders are not allowed."
    assert venue().place() == "Order batch is empty."
    here = venue()
    assert here.place(item(), item(p="10000")) == far
    assert here.open() == []


def test_an_action_of_more_than_200_items_is_refused_whole(venue: Any) -> None:
    here = venue()
    assert here.place(*[item()] * 201) == "Signed action over weight limit of 200."
    assert here.open() == []


def test_a_builder_that_was_not_approved_is_refused(venue: Any) -> None:
    action = {"type": "order", "orders": [item()], "grouping": "na", "builder": {"b": "0x" + "1" * 40, "f": 1}}
    assert venue().act(action) == "Builder fee has not been approved."


def test_a_small_rest_may_be_closed_with_and_without_reduce_only(venue: Any) -> None:
    for reduce_only in (False, True):
        here = venue()
        here.long("0.0002")
        (status,) = here.place(item(b=False, p="60000", s="0.0001", tif="Ioc", r=reduce_only))
        assert status["filled"]["totalSz"] == "0.0001"


def test_a_reduce_only_order_is_shrunk_to_the_position_and_goes_with_it(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    (status,) = here.place(item(b=False, p="61000", s="0.5", r=True))
    oid = status["resting"]["oid"]
    (told,) = here.open()
    assert (told["sz"], told["origSz"]) == ("0.1", "0.5")
    here.place(item(b=False, p="60000", s="0.06", tif="Ioc"))
    assert here.open()[0]["sz"] == "0.04"
    here.place(item(b=False, p="60000", s="0.04", tif="Ioc"))
    assert here.status(oid) == "reduceOnlyCanceled"
    assert here.mine("clearinghouseState")["assetPositions"] == []


def test_a_taker_takes_its_own_resting_order_away_without_a_trade(venue: Any) -> None:
    here = venue()
    oid = here.resting(b=False, p="60005")
    (status,) = here.place(item(p="60010", s="0.2", tif="Ioc"))
    assert status["filled"]["avgPx"] == "60010.0"
    assert here.status(oid) == "selfTradeCanceled"


def test_an_order_is_canceled_once(venue: Any) -> None:
    here = venue()
    oid = here.resting()
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": oid}, {"a": 0, "o": oid}, {"a": 0, "o": 1}]}
    assert here.act(cancel) == ["success", MISSING, MISSING]
    assert here.status(oid) == "canceled"
    assert here.act({"type": "cancel", "cancels": [{"a": 1, "o": here.resting()}]}) == [MISSING]


def test_an_order_is_canceled_by_its_cloid(venue: Any) -> None:
    here = venue()
    here.place(item(c=CLOID))
    cancel = {"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": CLOID}]}
    assert here.act(cancel) == ["success"]
    assert here.act(cancel) == [MISSING]
    assert here.open() == []


def test_a_fast_cancel_leaves_triggers_alone(venue: Any) -> None:
    here = venue()
    here.long()
    (status,) = here.place(stop())
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": status["resting"]["oid"]}]}
    assert here.act({**cancel, "f": True}) == [MISSING]
    assert here.act(cancel) == ["success"]


def modify(here: Any, oid: int | str, order: dict[str, Any], **more: Any) -> Any:
    return here.act({"type": "batchModify", "modifies": [{"oid": oid, "order": order}], **more})


def test_a_modified_order_is_another_one_and_post_only(venue: Any) -> None:
    here = venue()
    first = here.resting(c=CLOID)
    (status,) = modify(here, CLOID, item(p="58000", s="0.2", c=CLOID))
    second = status["resting"]["oid"]
    assert second != first
    assert (here.status(first), here.status(CLOID)) == ("canceled", "open")
    (told,) = here.open()
    assert (told["oid"], told["sz"], told["tif"]) == (second, "0.2", "Alo")
    assert here.act({"type": "modify", "oid": second, "order": item(p="57000")}) == "default"
    assert here.open()[0]["limitPx"] == "57000.0"


def test_a_modification_that_fails_leaves_nothing_or_the_old_order(venue: Any) -> None:
    here = venue()
    oid = here.resting()
    assert modify(here, oid, item(p="59000.5")) == [{"error": "Price must be divisible by tick size."}]
    assert modify(here, oid, item(tif="Ioc")) == [{"error": "Cannot modify to an order of this type"}]
    assert here.status(oid) == "open"
    (status,) = modify(here, oid, item(p="60010"))
    assert status["error"].startswith("Error placing new order during modify: Post only order would have")
    assert (here.status(oid), here.open()) == ("canceled", [])
    assert modify(here, oid, item()) == [{"error": "Cannot modify canceled or filled order"}]
    assert here.act({"type": "modify", "oid": oid, "order": item()}) == "Cannot modify canceled or filled order"


def test_always_placing_puts_an_order_in_the_place_of_one_that_is_gone(venue: Any) -> None:
    here = venue()
    oid = here.resting()
    here.trade(Side.SELL, "58999", "5")
    assert here.status(oid) == "filled"
    (status,) = modify(here, oid, item(p="60010", tif="Ioc"), a=True)
    assert status["filled"]["totalSz"] == "0.1"
    assert here.mine("clearinghouseState")["assetPositions"][0]["position"]["szi"] == "0.2"


def test_a_resting_order_is_filled_by_the_market_as_maker(venue: Any) -> None:
    here = venue()
    oid = here.resting()
    here.trade(Side.SELL, "58999", "5")
    (fill,) = here.mine("userFills")
    assert (fill["oid"], fill["crossed"], fill["px"], fill["sz"], fill["dir"]) == (
        oid,
        False,
        "59000.0",
        "0.1",
        "Open Long",
    )
    assert fill["fee"] == "0.885"  # 0.015 % of 5900
    assert here.mine("orderStatus", oid=oid)["order"]["order"]["sz"] == "0.0"


def test_the_dead_man_s_switch_is_for_those_who_have_traded_a_million(venue: Any) -> None:
    here = venue()
    oid = here.resting()
    assert here.act({"type": "scheduleCancel", "time": here.now_ms + 60_000}) == (
        "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: $0."
    )
    here.dialect.steer({"volume": {"alice": "1000000"}})
    assert here.act({"type": "scheduleCancel", "time": here.now_ms + 3000}) != "default"
    assert here.act({"type": "scheduleCancel", "time": here.now_ms + 60_000}) == "default"
    assert here.act({"type": "scheduleCancel", "time": here.now_ms + 120_000}) == "default"
    here.wait("100")
    assert here.status(oid) == "open"
    here.wait("20")
    assert here.status(oid) == "scheduledCancel"
    again = here.resting()
    here.act({"type": "scheduleCancel", "time": here.now_ms + 60_000})
    assert here.act({"type": "scheduleCancel"}) == "default"
    here.wait("90")
    assert here.status(again) == "open"


def test_the_switch_fires_ten_times_a_day(venue: Any) -> None:
    here = venue()
    here.dialect.steer({"volume": {"alice": "1000000"}})
    for _ in range(10):
        assert here.act({"type": "scheduleCancel", "time": here.now_ms + 6100}) == "default"
        here.wait("6")
    assert here.act({"type": "scheduleCancel", "time": here.now_ms + 6100}) != "default"


def test_beyond_a_thousand_open_orders_nothing_protects(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    for _ in range(25):
        here.place(*[item(s="0.001")] * 40)
        here.wait("5")
    assert here.place(stop()) == [{"error": "Too many open orders."}]
    assert here.place(item(s="0.001")) == [{"error": "Too many open orders."}]
    here.dialect.steer({"volume": {"alice": "5000000"}})
    assert "resting" in here.place(item(s="0.001"))[0]


def test_a_deeper_look_at_history_is_newest_first(venue: Any) -> None:
    here = venue()
    oids = [here.resting(p=str(59000 - number)) for number in range(3)]
    assert [row["order"]["oid"] for row in here.mine("historicalOrders")] == oids[::-1]
    assert [row["oid"] for row in here.open()] == oids[::-1]
