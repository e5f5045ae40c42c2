"""TP/SL: alone, as children of a parent, and of the whole position (chapter 7)."""

from __future__ import annotations

from typing import Any

from anyvenue.model.enums import Side

TP, SL = "0x00000000000000000000000000000011", "0x00000000000000000000000000000022"


def limit(**changes: Any) -> dict[str, Any]:
    usual = {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, "t": {"limit": {"tif": "Gtc"}}}
    return {**usual, **changes}


def close(tpsl: str, price: str, bound: str, *, market: bool = True, **changes: Any) -> dict[str, Any]:
    """Sell 0.1 BTC when the mark price gets to a price, at the bound or better."""
    kind = {"trigger": {"isMarket": market, "triggerPx": price, "tpsl": tpsl}}
    return {**limit(b=False, p=bound, r=True), "t": kind, **changes}


def position(here: Any) -> str:
    held = here.mine("clearinghouseState")["assetPositions"]
    return str(held[0]["position"]["szi"]) if held else "0"


def test_a_stop_waits_for_the_mark_price_and_closes_within_its_bound(venue: Any) -> None:
    here = venue()
    here.long()
    client, _ = here.connect({"type": "orderUpdates", "user": here.address})
    (status,) = here.place(close("sl", "58000", "50000", c=SL))
    oid = status["resting"]["oid"]
    (told,) = here.open()
    assert {name: told[name] for name in ("orderType", "triggerPx", "triggerCondition", "isTrigger", "tif")} == {
        "orderType": "Stop Market",
        "triggerPx": "58000.0",
        "triggerCondition": "Price below 58000",
        "isTrigger": True,
        "tif": None,
    }
    here.trade(Side.SELL, "57000", "0.1")  # the last price triggers nothing
    here.mark("58000.5")
    assert here.status(oid) == "open"
    here.mark("58000")
    assert (here.status(oid), position(here)) == ("filled", "0")
    rows = [row for rows in client.of("orderUpdates") for row in rows if row["order"]["oid"] == oid]
    assert [row["status"] for row in rows] == ["open", "triggered", "filled"]
    assert here.mine("userFills")[0]["oid"] == oid


def test_a_take_profit_waits_for_a_higher_mark(venue: Any) -> None:
    here = venue()
    here.long()
    (status,) = here.place(close("tp", "61000", "59000", market=False))
    assert here.open()[0]["orderType"] == "Take Profit Limit"
    assert here.open()[0]["triggerCondition"] == "Price above 61000"
    here.mark("61000")
    assert here.status(status["resting"]["oid"]) == "filled"


def test_a_stop_whose_bound_nobody_meets_leaves_the_position_bare(venue: Any) -> None:
    here = venue()
    here.long()
    (status,) = here.place(close("sl", "60003", "60002"))
    here.mark("60003")
    assert here.status(status["resting"]["oid"]) == "marketOrderNoLiquidityRejected"
    assert (position(here), here.open()) == ("0.1", [])


def test_a_limit_stop_rests_when_it_has_fired(venue: Any) -> None:
    here = venue()
    here.long()
    (status,) = here.place(close("sl", "60003", "60002", market=False))
    here.mark("60003")
    assert here.status(status["resting"]["oid"]) == "triggered"
    assert here.open()[0]["sz"] == "0.1"


def test_a_trigger_on_the_wrong_side_of_the_mark_is_refused(venue: Any) -> None:
    here = venue()
    here.long()
    assert (
        here.place(close("sl", "61000", "50000"), close("tp", "59000", "50000"))
        == [{"error": "Invalid TP/SL price."}] * 2
    )
    assert here.mine("historicalOrders")[0]["status"] == "badTriggerPxRejected"


def test_a_trigger_needs_something_to_reduce_and_goes_with_it(venue: Any) -> None:
    here = venue()
    assert here.place(close("sl", "58000", "50000")) == [{"error": "Reduce only order would increase position."}]
    here.long()
    (status,) = here.place(close("sl", "58000", "50000"))
    here.place(limit(b=False, p="60000", t={"limit": {"tif": "Ioc"}}))
    assert here.status(status["resting"]["oid"]) == "reduceOnlyCanceled"


def bracket(here: Any, parent: dict[str, Any]) -> list[Any]:
    found: list[Any] = here.place(
        parent, close("tp", "62000", "60000", c=TP), close("sl", "58000", "50000", c=SL), grouping="normalTpsl"
    )
    return found


def test_children_wait_for_their_parent_and_one_that_fills_takes_the_other_away(venue: Any) -> None:
    here = venue()
    placed, *children = bracket(here, limit())
    parent = placed["resting"]["oid"]
    assert children == ["waitingForFill", "waitingForFill"]
    told = {row["oid"]: row for row in here.open()}
    assert [child["cloid"] for child in told[parent]["children"]] == [TP, SL]
    assert len(told) == 3
    here.trade(Side.SELL, "58999", "5")
    assert here.status(parent) == "filled"
    assert {row["cloid"] for row in here.open()} == {TP, SL}
    here.mark("62000")
    assert (here.status(TP), here.status(SL)) == ("filled", "siblingFilledCanceled")
    assert (position(here), here.open()) == ("0", [])


def test_children_of_a_parent_that_fills_at_once_wait_for_their_prices(venue: Any) -> None:
    here = venue()
    placed, *children = bracket(here, limit(p="60010"))
    assert placed["filled"]["totalSz"] == "0.1"
    assert children == ["waitingForFill", "waitingForFill"]
    assert {row["cloid"] for row in here.open()} == {TP, SL}
    here.mark("58000")
    assert (here.status(TP), here.status(SL), position(here)) == ("siblingFilledCanceled", "filled", "0")


def test_children_die_with_a_parent_that_is_canceled_half_filled(venue: Any) -> None:
    here = venue()
    placed, *_ = bracket(here, limit(p="59000", s="1"))
    here.depth("BTC", [("58000", "1")], [("59000", "0.4"), ("60010", "1")])
    assert position(here) == "0.4"
    parent = placed["resting"]["oid"]
    assert here.act({"type": "cancel", "cancels": [{"a": 0, "o": parent}]}) == ["success"]
    assert (here.status(TP), here.status(SL)) == ("canceled", "canceled")
    assert (position(here), here.open()) == ("0.4", [])


def test_a_waiting_child_is_canceled_by_its_cloid(venue: Any) -> None:
    here = venue()
    bracket(here, limit())
    assert here.act({"type": "cancelByCloid", "cancels": [{"asset": 0, "cloid": TP}]}) == ["success"]
    assert {row["cloid"] for row in here.open()} == {None, SL}


def test_groups_that_make_no_sense_are_refused(venue: Any) -> None:
    here = venue()
    stop = close("sl", "58000", "50000")
    assert here.place(stop, stop, grouping="normalTpsl") == "Main order cannot be trigger order."
    assert here.place(limit(), grouping="normalTpsl") == "Unexpected number of trigger orders"
    assert here.place(limit(), limit(), grouping="normalTpsl") == "Unexpected number of trigger orders"
    refused = here.place(limit(s="0.0001"), stop, grouping="normalTpsl")
    assert refused == [{"error": "Order must have minimum value of $10."}] * 2
    assert here.open() == []


def test_a_trigger_of_the_position_follows_its_size(venue: Any) -> None:
    here = venue()
    refused = here.place(close("sl", "58000", "50000", s="0"), grouping="positionTpsl")
    assert refused == [{"error": "Reduce only order would increase position."}]
    here.long("0.1")
    placed = here.place(
        close("tp", "62000", "60000", c=TP, s="0"), close("sl", "58000", "50000", c=SL, s="0"), grouping="positionTpsl"
    )
    assert placed == ["waitingForTrigger", "waitingForTrigger"]
    here.long("0.3")
    assert {(row["cloid"], row["sz"], row["isPositionTpsl"]) for row in here.open()} == {
        (TP, "0.4", True),
        (SL, "0.4", True),
    }
    here.mark("58000")
    assert (here.status(SL), here.status(TP), position(here)) == ("filled", "siblingFilledCanceled", "0")
