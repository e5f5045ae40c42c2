"""What is listed: ids, terms and dexes (chapter 2), and what a client gets that asks for what there is none of."""

from __future__ import annotations

from typing import Any

from anyvenue_hyperliquid.simulator.dialect import HyperliquidDialect
from anyvenue_hyperliquid.simulator.markets import LISTED, TERMS


def test_ids_are_positions_in_the_recorded_universe_and_builders_have_their_own(venue: Any) -> None:
    here = venue()
    main = here.info("meta")
    assert [row["name"] for row in main["universe"]] == ["BTC", "ETH", "ATOM", "MATIC", "DYDX", "SOL"]
    assert [row["szDecimals"] for row in main["universe"]] == [5, 4, 2, 1, 1, 2]
    assert [row["maxLeverage"] for row in main["universe"] if "isDelisted" not in row] == [40, 25, 20]
    assert [TERMS[row["name"]].asset for row in main["universe"]] == list(range(6))
    (built,) = here.info("meta", dex="xyz")["universe"]
    assert built == {
        "szDecimals": 3,
        "name": "xyz:XYZ100",
        "maxLeverage": 20,
        "marginTableId": 20,
        "onlyIsolated": True,
        "marginMode": "strictIsolated",
    }
    assert TERMS["xyz:XYZ100"].asset == 110_000
    assert [dex and dex["name"] for dex in here.info("perpDexs")] == [None, "xyz"]
    assert here.info("allPerpMetas") == [main, here.info("meta", dex="xyz")]
    assert here.info("meta", dex="nope") is None


def test_contexts_are_joined_by_position(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    meta, contexts = here.info("metaAndAssetCtxs")
    assert len(meta["universe"]) == len(contexts)
    assert (contexts[0]["markPx"], contexts[0]["openInterest"], contexts[0]["funding"]) == (
        "60005.0",
        "0.1",
        "0.0000125",
    )
    assert (contexts[0]["dayNtlVlm"], contexts[0]["dayBaseVlm"]) == ("6001.0", "0.1")
    assert contexts[2]["midPx"] is None


def test_recorded_markets_move_those_of_the_same_base() -> None:
    named = {terms.name: HyperliquidDialect.tape_of(terms.instrument()) for terms in LISTED}
    assert named == {
        "BTC": "BTC-USDT-PERP",
        "ETH": "ETH-USDT-PERP",
        "SOL": "SOL-USDT-PERP",
        "xyz:XYZ100": "xyz:XYZ100-USDT-PERP",
    }


def test_a_coin_that_does_not_trade_is_answered_with_null(venue: Any) -> None:
    here = venue()
    candles = {"interval": "1m", "startTime": 0, "endTime": here.now_ms}
    for coin in ("NOPE", "btc"):
        assert here.info("l2Book", coin=coin) is None
        assert here.info("recentTrades", coin=coin) is None
        assert here.info("candleSnapshot", req={"coin": coin, **candles}) is None
        assert here.info("fundingHistory", coin=coin, startTime=0) is None
        assert here.mine("activeAssetData", coin=coin) is None


def test_middles_fall_back_to_the_last_trade(venue: Any) -> None:
    here = venue()
    here.long("0.1")
    here.depth("BTC", [], [])
    assert here.info("allMids")["BTC"] == "60010.0"
    assert here.info("l2Book", coin="BTC")["levels"] == [[], []]


def test_predictions_are_this_venue_s_own(venue: Any) -> None:
    here = venue()
    coin, rows = here.info("predictedFundings")[0]
    assert (coin, rows[0], rows[2]) == ("BTC", ["BinPerp", None], ["BybitPerp", None])
    assert rows[1][1]["fundingRate"] == "0.0000125"
    assert rows[1][1]["nextFundingTime"] % 3_600_000 == 0
    assert here.info("marginTable", id=40)["marginTiers"] == [{"lowerBound": "0.0", "maxLeverage": 40}]
