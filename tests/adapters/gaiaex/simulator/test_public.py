"""Symbols, time, health, rate limits, and paths that there are none of (fact sheet, chapters 4, 6 and 7)."""

from __future__ import annotations

from typing import Any

import pytest

from anyvenue_gaiaex.simulator.revision import Revision

A, B = Revision.A, Revision.B


def test_revision_a_lists_leverage_and_hours_and_no_prices(venue: Any) -> None:
    status, body = venue(A).get("/v1/trade/symbols/list")
    rows = {row["symbol"]: row for row in body["symbols"]}
    assert (status, body["count"], body["timestamp"]) == (200, 5, 1743508800000)
    assert rows["BTC"] == {
        "symbol": "BTC",
        "assetClass": "crypto",
        "maxLeverage": 100,
        "marginMode": "cross",
        "tradingHours": "24/7",
    }
    assert rows["xyz:AAPL"] == {
        "symbol": "xyz:AAPL",
        "displayName": "Apple Inc.",
        "assetClass": "equity",
        "maxLeverage": 20,
        "marginMode": "isolated",
        "tradingHours": "US market hours",
        "deployer": "xyz",
    }
    assert (rows["vntl:OPENAI"]["assetClass"], rows["vntl:OPENAI"]["maxLeverage"]) == ("venture", 5)


def test_revision_b_lists_prices_and_leverage_of_deployers_only(venue: Any) -> None:
    _, body = venue(B).get("/v1/trade/symbols/list")
    rows = {row["symbol"]: row for row in body["symbols"]}
    assert rows["BTC"] == {"symbol": "BTC", "assetClass": "crypto", "priceDecimals": 1, "currentPrice": "60005.0"}
    assert rows["xyz:AAPL"] == {
        "symbol": "xyz:AAPL",
        "displayName": "Apple Inc.",
        "assetClass": "equity",
        "maxLeverage": 10,
        "marginMode": "cross",
        "tradingHours": "US market hours",
        "deployer": "xyz",
        "priceDecimals": 2,
        "currentPrice": "200.00",
    }
    assert (rows["vntl:OPENAI"]["assetClass"], rows["vntl:OPENAI"]["maxLeverage"]) == ("preipo", 3)


@pytest.mark.parametrize("path", ["/v1/trade/time", "/fapi/v1/time"])
def test_the_time_is_told_at_both_paths(venue: Any, path: str) -> None:
    assert venue().get(path) == (200, {"serverTime": 1743508800000})


@pytest.mark.parametrize("path", ["/v1/trade/health", "/health"])
def test_the_health_is_told_at_both_paths(venue: Any, path: str) -> None:
    assert venue().get(path) == (
        200,
        {
            "status": "healthy",
            "services": {"trading": "ok", "database": "ok", "market_data": "ok", "candle_data": "ok"},
            "fee_rate": "0.00035",
            "serverTime": 1743508800000,
        },
    )


@pytest.mark.parametrize(
    "path", ["/", "/v1/trade", "/v1/trade/positions", "/v1/trade/openOrders", "/symbols/list", "/v1/trade/api-keys"]
)
def test_nothing_else_exists(venue: Any, path: str) -> None:
    assert venue().get(path)[0] == 404


def test_another_method_is_not_allowed(venue: Any) -> None:
    assert venue().get("/v1/trade/order")[0] == 405


def test_an_address_may_read_twenty_times_a_second(venue: Any) -> None:
    simulator = venue()
    statuses = [simulator.get("/v1/trade/time")[0] for _ in range(20)]
    response = simulator.send("GET", "/v1/trade/time")
    assert (set(statuses), response.status, response.headers["Retry-After"]) == ({200}, 429, "1")
    assert response.body == b'{"error":"Rate limit exceeded"}'
    assert simulator.send("GET", "/v1/trade/time", remote="10.0.0.1").status == 200
    simulator.wait("1")
    assert simulator.get("/v1/trade/time")[0] == 200


def test_retry_after_may_be_a_date(venue: Any) -> None:
    simulator = venue(retry_date=True)
    for _ in range(20):
        simulator.get("/v1/trade/time")
    assert simulator.send("GET", "/v1/trade/time").headers["Retry-After"] == "Tue, 01 Apr 2025 12:00:01 GMT"


def test_writes_have_a_limit_of_their_own(venue: Any) -> None:
    simulator = venue(write_limit=5)
    body = b'{"user_address":"0x000000000000000000000000000000000000dEaD"}'
    headers = simulator.headers("POST", "/order/cancel-all", body)
    statuses = [simulator.send("POST", "/v1/trade/order/cancel-all", body, headers).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    assert simulator.balance()["available"] == "100000.00"


def test_a_server_may_mix_both_revisions_and_stays_with_its_mix(venue: Any) -> None:
    simulator = venue(Revision.MIXED)
    shapes = {tuple(sorted(simulator.get("/v1/trade/symbols/list")[1]["symbols"][0])) for _ in range(5)}
    assert len(shapes) == 1
