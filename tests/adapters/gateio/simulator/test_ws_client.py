"""The websocket-client library, used as tutorials use it, against the simulator over real loopback."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import websocket

from anyvenue.simulation.server.hosting import host
from anyvenue.venue.clock import WallClock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_gateio.simulator.dialect import GateDialect

PATIENCE_S = 10


class Client:
    """A tutorial's client: frames as dicts, the signature of Gate's documentation."""

    def __init__(self, url: str, key: str, secret: str) -> None:
        self.key, self.secret = key, secret
        self.socket = websocket.create_connection(url, header=["X-Gate-Size-Decimal: 1"], timeout=PATIENCE_S)

    def send(self, channel: str, event: str, payload: Any, *, auth: bool = False) -> None:
        now = int(time.time())
        frame = {"time": now, "channel": channel, "event": event, "payload": payload}
        if auth:
            sign = self.sign(f"channel={channel}&event={event}&time={now}")
            frame["auth"] = {"method": "api_key", "KEY": self.key, "SIGN": sign}
        self.socket.send(json.dumps(frame))

    def sign(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha512).hexdigest()

    def await_(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first frame that is wanted."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            frame: dict[str, Any] = json.loads(self.socket.recv())
            if wanted(frame):
                return frame
        raise AssertionError("it never came")


def run(session: Callable[[Client], None]) -> None:
    async def main() -> None:
        context = VenueContext(
            connection="tutorial",
            environment=Environment.SIMULATOR,
            session="test",
            clock=WallClock(),
            simulation=SimulationSettings(market="synthetic", symbols=("BTC-USDT-PERP",)),
        )
        hosted = await host(context, GateDialect)
        try:
            await asyncio.to_thread(play, hosted.urls["ws_usdt"], hosted.key.key, hosted.key.secret.reveal())
        finally:
            await hosted.release()

    def play(url: str, key: str, secret: str) -> None:
        client = Client(url, key, secret)
        try:
            session(client)
        finally:
            client.socket.close()

    asyncio.run(main())


def test_a_tutorials_client_follows_a_book_logs_in_trades_and_hears_of_it() -> None:
    def session(client: Client) -> None:
        client.socket.send(json.dumps({"time": int(time.time()), "channel": "futures.ping"}))
        client.await_(lambda frame: frame["channel"] == "futures.pong")
        client.send("futures.obu", "subscribe", ["ob.BTC_USDT.50"])
        full = client.await_(lambda frame: frame["channel"] == "futures.obu" and "full" in frame["result"])["result"]
        delta = client.await_(lambda frame: frame["channel"] == "futures.obu" and "U" in frame["result"])["result"]
        assert delta["U"] == full["u"] + 1
        stamp = str(int(time.time()))
        login = {"api_key": client.key, "timestamp": stamp, "req_id": "1", "req_param": {}}
        login["signature"] = client.sign(f"api\nfutures.login\n{{}}\n{stamp}")
        client.send("futures.login", "api", login)
        uid = client.await_(lambda frame: frame.get("request_id") == "1")["data"]["result"]["uid"]
        client.send("futures.orders", "subscribe", [uid, "!all"], auth=True)
        ack = client.await_(lambda frame: frame.get("channel") == "futures.orders")
        assert ack["result"] == {"status": "success"}
        param = {"contract": "BTC_USDT", "size": "10", "price": "0", "tif": "ioc", "text": "t-tutorial"}
        client.send("futures.order_place", "api", {"req_id": "2", "req_param": param})
        seen: dict[str, Any] = {}

        def is_done(frame: dict[str, Any]) -> bool:
            if frame.get("request_id") == "2" and not frame["ack"]:
                seen["reply"] = frame["data"]["result"]
            if frame.get("channel") == "futures.orders":
                seen["push"] = frame["result"][0]
            return len(seen) == 2

        client.await_(is_done)
        assert seen["reply"]["finish_as"] == "filled"
        assert (seen["push"]["id"], seen["push"]["text"]) == (seen["reply"]["id"], "t-tutorial")

    run(session)
