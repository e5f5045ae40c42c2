"""Hyperliquid's own Python SDK, with another base URL and nothing else changed, against the simulator over loopback."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from eth_account import Account
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.types import Cloid

from anyvenue.simulation.server.hosting import Hosted, host
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel
from anyvenue_hyperliquid.simulator.dialect import HyperliquidDialect

ADDRESS = HyperliquidDialect.address_of("sdk")
DEXES = ["", "xyz"]


def run(session: Callable[[str, Exchange, Info], None]) -> None:
    """Run a blocking session, whose agent signs, against a server of its own."""

    async def main() -> None:
        context = VenueContext(
            connection="sdk",
            environment=Environment.SIMULATOR,
            session="test",
            clock=WallClock(),
            simulation=SimulationSettings(market="synthetic", symbols=("BTC-USDC-PERP", "xyz:XYZ100-USDC-PERP")),
        )
        hosted = await host(context, HyperliquidDialect.with_quirks())
        try:
            await _books(hosted)
            await asyncio.to_thread(_with_client, hosted, session)
        finally:
            await hosted.release()

    asyncio.run(main())


async def _books(hosted: Hosted) -> None:
    """Wait until the market has told its first books; the clock is the wall's here."""
    for instrument in hosted.stage.instruments:
        ready = asyncio.Event()
        stop = hosted.stage.listen(instrument, Channel.BOOK, lambda _, ready=ready: ready.set())
        await asyncio.wait_for(ready.wait(), 10)
        stop()


def _with_client(hosted: Hosted, session: Callable[[str, Exchange, Info], None]) -> None:
    url, agent = hosted.urls["rest"], Account.from_key(f"0x{hosted.key.secret.reveal()}")
    exchange = Exchange(agent, url, account_address=ADDRESS, perp_dexs=DEXES)
    try:
        session(url, exchange, exchange.info)
    finally:
        exchange.session.close()
        exchange.info.session.close()


def _away(info: Info, fraction: str) -> int:
    """Return a whole price that lies off the middle."""
    return int(Decimal(info.all_mids()["BTC"]) * Decimal(fraction))


def _entry(answer: Any) -> Any:
    assert answer["status"] == "ok", answer
    (entry,) = answer["response"]["data"]["statuses"]
    return entry


def test_an_order_is_placed_modified_found_and_canceled() -> None:
    def session(url: str, exchange: Exchange, info: Info) -> None:
        cloid = Cloid.from_int(7)
        price = _away(info, "0.9")
        placed = _entry(exchange.order("BTC", True, 0.01, price, {"limit": {"tif": "Gtc"}}, cloid=cloid))["resting"]
        assert placed["cloid"] == cloid.to_raw()
        changed = _entry(
            exchange.modify_order(cloid, "BTC", True, 0.02, price - 10, {"limit": {"tif": "Gtc"}}, cloid=cloid)
        )["resting"]
        assert changed["oid"] != placed["oid"]
        (told,) = info.open_orders(ADDRESS)
        assert (told["oid"], told["limitPx"], told["sz"]) == (changed["oid"], f"{price - 10}.0", "0.02")
        assert info.query_order_by_oid(ADDRESS, placed["oid"])["order"]["status"] == "canceled"
        assert info.query_order_by_cloid(ADDRESS, cloid)["order"]["status"] == "open"
        assert _entry(exchange.cancel_by_cloid("BTC", cloid)) == "success"
        second = _entry(exchange.order("BTC", True, 0.01, price, {"limit": {"tif": "Alo"}}))["resting"]
        assert _entry(exchange.cancel("BTC", second["oid"])) == "success"
        assert info.open_orders(ADDRESS) == []

    run(session)


def test_a_position_is_opened_and_closed_at_market() -> None:
    def session(url: str, exchange: Exchange, info: Info) -> None:
        assert exchange.update_leverage(7, "BTC")["status"] == "ok"
        assert _entry(exchange.market_open("BTC", True, 0.01))["filled"]["totalSz"] == "0.01"
        (held,) = info.user_state(ADDRESS)["assetPositions"]
        assert (held["position"]["szi"], held["position"]["leverage"]) == ("0.01", {"type": "cross", "value": 7})
        stop = {"trigger": {"triggerPx": _away(info, "0.9"), "isMarket": True, "tpsl": "sl"}}
        assert (
            "oid" in _entry(exchange.order("BTC", False, 0.01, _away(info, "0.8"), stop, reduce_only=True))["resting"]
        )
        assert _entry(exchange.market_close("BTC"))["filled"]["totalSz"] == "0.01"
        assert info.user_state(ADDRESS)["assetPositions"] == []
        assert info.frontend_open_orders(ADDRESS) == []
        assert [fill["dir"] for fill in info.user_fills(ADDRESS)][-1] == "Open Long"

    run(session)


def test_a_builder_market_is_traded_with_isolated_margin() -> None:
    def session(url: str, exchange: Exchange, info: Info) -> None:
        assert _entry(exchange.market_open("xyz:XYZ100", False, 0.5))["filled"]["totalSz"] == "0.5"
        assert info.user_state(ADDRESS)["assetPositions"] == []
        (held,) = info.user_state(ADDRESS, "xyz")["assetPositions"]
        assert (held["position"]["szi"], held["position"]["leverage"]["type"]) == ("-0.5", "isolated")
        assert exchange.update_isolated_margin(10, "xyz:XYZ100")["status"] == "ok"
        assert _entry(exchange.market_close("xyz:XYZ100"))["filled"]["totalSz"] == "0.5"

    run(session)


def test_the_master_approves_an_agent_and_the_simulator_lets_nobody_withdraw() -> None:
    def session(url: str, exchange: Exchange, info: Info) -> None:
        master = Exchange(Account.from_key(HyperliquidDialect.wallet_key_of("sdk")), url)
        answer, key = master.approve_agent("second")
        assert answer == {"status": "ok", "response": {"type": "default"}}
        agent = Account.from_key(key)
        assert info.user_role(agent.address) == {"role": "agent", "data": {"user": ADDRESS}}
        assert {found["name"] for found in info.extra_agents(ADDRESS)} == {"sdk", "second"}
        second = Exchange(agent, url, account_address=ADDRESS)
        assert "resting" in _entry(second.order("BTC", True, 0.01, _away(info, "0.9"), {"limit": {"tif": "Gtc"}}))
        refused, _ = second.approve_agent("third")
        assert refused == {
            "status": "err",
            "response": f"Must deposit before performing actions. User: {agent.address.lower()}",
        }
        assert master.withdraw_from_bridge(5, ADDRESS)["status"] == "err"
        assert master.usd_transfer(5, "0x" + "1" * 40)["status"] == "err"
        for client in (master, second):
            client.session.close()
            client.info.session.close()

    run(session)


def test_subscriptions_tell_of_the_market_and_of_the_account() -> None:
    def session(url: str, exchange: Exchange, info: Info) -> None:
        listening = Info(url)
        told: dict[str, queue.Queue[Any]] = {}
        wishes: list[Any] = [
            {"type": "l2Book", "coin": "BTC"},
            {"type": "bbo", "coin": "BTC"},
            {"type": "allMids"},
            {"type": "activeAssetCtx", "coin": "BTC"},
            {"type": "orderUpdates", "user": ADDRESS},
            {"type": "userFills", "user": ADDRESS},
            {"type": "userEvents", "user": ADDRESS},
        ]
        for wish in wishes:
            queued = told.setdefault(wish["type"], queue.Queue())
            listening.subscribe(wish, queued.put)
        try:
            book = told["l2Book"].get(timeout=10)["data"]
            assert Decimal(book["levels"][0][0]["px"]) < Decimal(book["levels"][1][0]["px"])
            assert len(told["bbo"].get(timeout=10)["data"]["bbo"]) == 2
            assert "BTC" in told["allMids"].get(timeout=10)["data"]["mids"]
            assert told["activeAssetCtx"].get(timeout=10)["data"]["coin"] == "BTC"
            assert told["userFills"].get(timeout=10)["data"]["isSnapshot"] is True
            oid = _entry(exchange.market_open("BTC", True, 0.01))["filled"]["oid"]
            rows = told["orderUpdates"].get(timeout=10)["data"]
            assert (rows[-1]["order"]["oid"], rows[-1]["status"]) == (oid, "filled")
            assert told["userFills"].get(timeout=10)["data"]["fills"][0]["oid"] == oid
            assert told["userEvents"].get(timeout=10)["data"]["fills"][0]["oid"] == oid
        finally:
            listening.disconnect_websocket()
            listening.session.close()

    run(session)
