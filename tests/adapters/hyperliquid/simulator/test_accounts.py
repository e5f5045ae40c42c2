"""An account's state, its fills and funding, leverage and liquidation (chapters 2.4, 3.2 to 3.4 and 12)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any


def order(**changes: Any) -> dict[str, Any]:
    usual = {"a": 0, "b": True, "p": "60010", "s": "0.1", "r": False, "t": {"limit": {"tif": "Ioc"}}}
    return {**usual, **changes}


def leverage(here: Any, value: int, *, cross: bool = True, asset: int = 0) -> Any:
    return here.act({"type": "updateLeverage", "asset": asset, "isCross": cross, "leverage": value})


def test_a_position_is_told_with_its_margins(venue: Any) -> None:
    here = venue()
    assert leverage(here, 20) == "default"
    here.long("0.1")
    here.mark("61010")
    state = here.mine("clearinghouseState")
    # 0.1 bought at 60010 for a fee of 0.045 % of 6001, now worth 6101.
    assert state["marginSummary"] == {
        "accountValue": "100097.29955",
        "totalNtlPos": "6101.0",
        "totalRawUsd": "93996.29955",
        "totalMarginUsed": "305.05",
    }
    assert state["crossMarginSummary"] == state["marginSummary"]
    assert state["crossMaintenanceMarginUsed"] == "76.2625"  # an 80th of the value
    assert state["time"] == here.now_ms
    (held,) = state["assetPositions"]
    assert held["type"] == "oneWay"
    told = held["position"]
    assert {name: told[name] for name in ("coin", "szi", "entryPx", "positionValue", "unrealizedPnl", "leverage")} == {
        "coin": "BTC",
        "szi": "0.1",
        "entryPx": "60010.0",
        "positionValue": "6101.0",
        "unrealizedPnl": "100.0",
        "leverage": {"type": "cross", "value": 20},
    }
    assert told["returnOnEquity"] == "0.33327779"  # 100 of 6001 / 20
    assert told["maxLeverage"] == 40


def test_fills_tell_where_they_began_and_what_they_earned(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    here.place(order(b=False, p="60000", s="0.3"))
    fills = here.mine("userFillsByTime", startTime=0)
    assert [(fill["startPosition"], fill["dir"], fill["closedPnl"], fill["side"]) for fill in fills] == [
        ("0.0", "Open Long", "0.0", "B"),
        ("0.1", "Long > Short", "-1.0", "A"),
    ]
    assert [fill["fee"] for fill in fills] == ["2.70045", "8.1"]
    assert [fill["startPosition"] for fill in here.mine("userFills")] == ["0.1", "0.0"]
    assert here.mine("userFillsByTime", startTime=fills[1]["time"]) == fills[1:]
    assert here.mine("userFillsByTime", startTime=0, endTime=fills[0]["time"]) == fills[:1]
    assert here.mine("userFillsByTime", startTime=0, reversed=True) == fills[::-1]
    assert len({fill["tid"] for fill in fills}) == 2
    assert all(fill["tid"] < 2**50 for fill in fills)


def test_an_agent_s_address_has_nothing(venue: Any) -> None:
    here = venue()
    here.long()
    agent = here.dialect.steer({})["accounts"]["alice"]["agent"]
    assert here.info("clearinghouseState", user=agent)["assetPositions"] == []
    assert here.info("userFills", user=agent) == []
    assert here.info("orderStatus", user=agent, oid=1) == {"status": "unknownOid"}


def test_leverage_keeps_its_limits_and_its_mode_while_there_is_a_position(venue: Any) -> None:
    here = venue()
    assert leverage(here, 41) == "Invalid leverage value."
    assert leverage(here, 0) == "Invalid leverage value."
    assert leverage(here, 5, asset=110000) == "Cross margin is not allowed for this asset."
    here.long()
    assert leverage(here, 5, cross=False) == "Cannot switch leverage type with open position."
    assert leverage(here, 5) == "default"
    assert here.mine("activeAssetData", coin="BTC")["leverage"] == {"type": "cross", "value": 5}


def test_the_margin_of_an_isolated_position_is_its_own(venue: Any) -> None:
    here = venue()
    change = {"type": "updateIsolatedMargin", "asset": 0, "isBuy": True, "ntli": 100_000_000}
    here.long("0.01")
    assert here.act(change) == "Position does not use isolated margin."
    here.place(order(b=False, p="60000", s="0.01"))
    assert leverage(here, 10, cross=False) == "default"
    here.long("0.1")
    (held,) = here.mine("clearinghouseState")["assetPositions"]
    assert held["position"]["leverage"]["type"] == "isolated"
    before = Decimal(held["position"]["marginUsed"])
    assert before == Decimal("600.1") + Decimal("-0.5")  # a tenth of 6001, less what the spread has cost
    assert here.act(change) == "default"
    (held,) = here.mine("clearinghouseState")["assetPositions"]
    assert Decimal(held["position"]["marginUsed"]) == before + 100
    # What it stands on is the value less what is owed: 700.1 - 6001
    assert held["position"]["leverage"]["rawUsd"] == "-5300.9"


def test_a_builder_dex_has_what_its_positions_hold_and_nothing_is_counted_twice(venue: Any) -> None:
    here = venue()
    start = Decimal(here.mine("clearinghouseState")["marginSummary"]["accountValue"])
    (status,) = here.place(order(a=110000, p="25001", s="0.4"))
    assert status["filled"]["totalSz"] == "0.4"
    main, built = (here.mine("clearinghouseState", dex=dex) for dex in ("", "xyz"))
    assert main["assetPositions"] == []
    assert built["assetPositions"][0]["position"]["coin"] == "xyz:XYZ100"
    values = [Decimal(state["marginSummary"]["accountValue"]) for state in (main, built)]
    # 10000.4 at 10x; the fee is twice the usual; the spread has cost 0.4.
    assert values[1] == Decimal("1000.04") - Decimal("0.4")
    assert sum(values) == start - Decimal("10000.4") * Decimal("0.0009") - Decimal("0.4")
    take = {"type": "updateIsolatedMargin", "asset": 110000, "isBuy": True, "ntli": -1_000_000}
    assert here.act(take) == "Margin cannot be removed from this position."
    assert here.mine("userFills")[0]["coin"] == "xyz:XYZ100"


def test_funding_is_paid_each_hour_on_the_hour(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    here.stage.market.do(here.stage.steering("BTC-USDC-PERP").settle_now)
    here.settle()
    (row,) = here.mine("userFunding", startTime=0)
    # 0.1 x 60005 x 0.00125 %
    assert row["delta"] == {
        "type": "funding",
        "coin": "BTC",
        "usdc": "-0.07500625",
        "szi": "0.1",
        "fundingRate": "0.0000125",
        "nSamples": None,
    }
    (held,) = here.mine("clearinghouseState")["assetPositions"]
    assert held["position"]["cumFunding"]["sinceOpen"] == "0.075006"
    (rate,) = here.info("fundingHistory", coin="BTC", startTime=0)
    assert (rate["coin"], rate["fundingRate"]) == ("BTC", "0.0000125")


def test_a_liquidation_is_told_with_its_fills(venue: Any) -> None:
    here = venue(balance="1000")
    assert leverage(here, 40) == "default"
    here.long("0.5")
    oid = here.resting(p="50000", s="0.001")
    client, _ = here.connect({"type": "userEvents", "user": here.address})
    here.mark("58000")
    assert here.mine("clearinghouseState")["assetPositions"] == []
    fill = here.mine("userFills")[0]
    assert fill["liquidation"] == {"liquidatedUser": here.address, "markPx": "58000.0", "method": "backstop"}
    assert here.status(oid) == "liquidatedCanceled"
    (liquidation, fills, canceled) = client.of("user")
    assert liquidation["liquidation"]["liquidated_user"] == here.address
    assert fills == {"fills": [fill]}
    assert canceled == {"nonUserCancel": [{"coin": "BTC", "oid": oid}]}


def test_the_rest_of_the_account_s_questions_are_answered(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    assert here.mine("userFees")["userCrossRate"] == "0.00045"
    assert here.mine("userFees")["userAddRate"] == "0.00015"
    assert here.mine("userAbstraction") == "disabled"
    assert here.mine("spotClearinghouseState") == {"balances": []}
    limit = here.mine("userRateLimit")
    assert (limit["cumVlm"], limit["nRequestsUsed"], limit["nRequestsCap"]) == ("6001.0", 1, 16001)
    assert here.mine("userNonFundingLedgerUpdates", startTime=0) == []
    assert [period for period, _ in here.mine("portfolio")] == ["day", "week", "month", "allTime"]
    data = here.mine("activeAssetData", coin="BTC")
    assert (data["coin"], data["user"], data["markPx"]) == ("BTC", here.address, "60005.0")
