"""The plain code of GaiaEx's own trading page, over real HTTP, with nothing changed but the base URL.

It knows nothing of this project: it signs with `hmac` what `json.dumps` has made, and sends that with `requests`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import requests

from anyvenue.simulation.server.hosting import Server
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue_gaiaex.simulator.dialect import GaiaExDialect
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.revision import Revision


class Page:
    """What a reader of the page types in."""

    def __init__(self, base_url: str, api_key: str, api_secret: str, address: str) -> None:
        self.base_url = base_url
        self.api_key = api_key
        self.api_secret = api_secret
        self.address = address

    def sign(self, method: str, path: str, body: str) -> dict[str, str]:
        timestamp = str(int(time.time() * 1000))
        message = timestamp + method + path + body
        signature = hmac.new(self.api_secret.encode(), message.encode(), hashlib.sha256).hexdigest()
        return {
            "X-GAIAEX-APIKEY": self.api_key,
            "X-GAIAEX-TIMESTAMP": timestamp,
            "X-GAIAEX-SIGNATURE": signature,
            "Content-Type": "application/json",
        }

    def post(self, path: str, **fields: Any) -> Any:
        body = json.dumps({"user_address": self.address, **fields})
        response = requests.post(self.base_url + path, data=body, headers=self.sign("POST", path, body), timeout=10)
        assert response.status_code == 200, response.text
        return response.json()

    def balance(self) -> Any:
        path = f"/user/{self.address}/balance"
        response = requests.get(self.base_url + path, headers=self.sign("GET", path, ""), timeout=10)
        assert response.status_code == 200, response.text
        return response.json()


def _walk_through(page: Page) -> None:
    """Do all that the page shows."""
    assert requests.get(f"{page.base_url}/symbols/list", timeout=10).json()["count"] == 2
    assert float(page.balance()["available"]) == 100_000
    usual = {"symbol": "ETH", "is_buy": True, "size": "0.1", "order_type": "limit"}

    order = page.post("/order", **usual, price="1000.0")
    canceled = page.post("/order/cancel", symbol="ETH", order_id=order["orderId"])
    assert (canceled["status"], canceled["orderId"]) == ("CANCELED", order["orderId"])

    order = page.post("/order", **usual, price="1000.0")
    changed = page.post(
        "/order/modify", order_id=order["orderId"], symbol="ETH", is_buy=True, size="0.2", price="1001.0"
    )
    assert (changed["status"], changed["oldOrderId"]) == ("MODIFIED", order["orderId"])
    all_canceled = page.post("/order/cancel-all", symbol="ETH")
    assert (all_canceled["cancelled_oids"], all_canceled["failed_count"]) == ([changed["orderId"]], 0)

    assert page.post("/leverage", symbol="BTC", leverage=5, is_cross=True)["marginType"] == "CROSSED"
    assert page.post("/order", symbol="BTC", is_buy=True, size="0.001")["type"] == "MARKET"
    page.post("/order/tpsl", symbol="BTC", is_buy=False, size="0.001", tp_price="900000", sl_price="1000")
    assert float(page.balance()["margin_used"]) > 0
    closed = page.post("/position/close", symbol="BTC", slippage="0.05")
    assert (closed["side"], closed["positionSide"], float(closed["closedQty"])) == ("SELL", "LONG", 0.001)
    assert float(page.balance()["margin_used"]) == 0


@pytest.mark.parametrize("revision", [Revision.A, Revision.B])
@pytest.mark.parametrize(
    "quirks",
    [
        Quirks(),
        Quirks(numbers=True, strings_only=True, keeps_id=True, exact_address=True, tpsl_ids=False, market_price="null"),
    ],
)
def test_the_pages_own_code_trades_here(revision: Revision, quirks: Quirks) -> None:
    async def scenario() -> None:
        symbols = ("BTC-USDC-PERP", "ETH-USDC-PERP")
        settings = SimulationSettings(market="synthetic", symbols=symbols)
        server = Server(GaiaExDialect.following(revision, quirks=quirks), settings)
        await server.start()
        try:
            key = server.stage.open_account("alice")
            address = GaiaExDialect.address_of("alice")
            page = Page(server.urls["rest"], key.key, key.secret.reveal(), address)
            await asyncio.to_thread(_walk_through, page)
        finally:
            await server.stop()

    asyncio.run(scenario())
