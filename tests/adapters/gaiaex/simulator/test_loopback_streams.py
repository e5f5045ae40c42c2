"""The streams over a real network connection, with a WebSocket client that knows nothing of this project."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedOK

from anyvenue.simulation.server.hosting import Server
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue_gaiaex.simulator.dialect import GaiaExDialect


def test_books_and_the_account_are_pushed_over_loopback() -> None:
    async def scenario() -> None:
        settings = SimulationSettings(market="synthetic", symbols=("BTC-USDC-PERP",))
        server = Server(GaiaExDialect, settings)
        await server.start()
        try:
            server.stage.open_account("alice")
            await _listen(server.urls)
        finally:
            await server.stop()

    asyncio.run(scenario())


async def _listen(urls: dict[str, str]) -> None:
    for base in (urls["ws"], urls["ws_short"]):
        async with connect(f"{base}/market/BTC") as socket:
            books = [json.loads(await socket.recv()) for _ in range(3)]
        assert {book["type"] for book in books} == {"orderbook"}
        assert all(float(book["bids"][0][0]) < float(book["asks"][0][0]) for book in books)
    async with connect(f"{urls['ws']}/market/NOPE") as socket:
        error: dict[str, Any] = json.loads(await socket.recv())
        assert error["code"] == "SYMBOL_NOT_SUPPORTED"
        with pytest.raises(ConnectionClosedOK):
            await socket.recv()
    headers = {"Authorization": f"Bearer {GaiaExDialect.token_of('alice')}"}
    async with connect(f"{urls['ws']}/user/{GaiaExDialect.address_of('alice')}", additional_headers=headers) as socket:
        update: dict[str, Any] = json.loads(await socket.recv())
    assert (update["type"], float(update["balance"]["available"])) == ("update", 100_000)
