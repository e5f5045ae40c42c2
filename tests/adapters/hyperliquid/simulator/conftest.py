"""The simulated Hyperliquid without a network around it, in front of a market that stands still."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak

from anyvenue.model.enums import Side
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.gateway import Gateway
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue_hyperliquid.simulator.dialect import HyperliquidDialect

START_MS = 1_750_000_020_000
"""2025-06-15 15:07:00 UTC."""
AGENT_TYPE = [{"name": "source", "type": "string"}, {"name": "connectionId", "type": "bytes32"}]


def signature(
    key: str, action: Any, nonce: int, vault: str | None = None, expires: int | None = None, source: str = "b"
) -> dict[str, Any]:
    """Sign an action by hand, as the rules of the fact sheet's chapter 4.1 say."""
    data = msgpack.packb(action) + nonce.to_bytes(8, "big")
    data += b"\x00" if vault is None else b"\x01" + bytes.fromhex(vault[2:])
    if expires is not None:
        data += b"\x00" + expires.to_bytes(8, "big")
    domain = {"chainId": 1337, "name": "Exchange", "verifyingContract": "0x" + "0" * 40, "version": "1"}
    message = {"source": source, "connectionId": keccak(data)}
    signed = Account.sign_message(encode_typed_data(domain, {"Agent": AGENT_TYPE}, message), key)
    return {"r": hex(signed.r), "s": hex(signed.s), "v": signed.v}


def order(**changes: Any) -> dict[str, Any]:
    """Return an item of an order: buy 0.1 BTC at 59000, Gtc. `tif` makes another kind, `c` comes last."""
    kind = {"limit": {"tif": changes.pop("tif", "Gtc")}}
    cloid = {"c": changes.pop("c")} if "c" in changes else {}
    return {"a": 0, "b": True, "p": "59000", "s": "0.1", "r": False, **changes, "t": kind, **cloid}


class Client:
    """A client's end of a WebSocket."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.refusal: HttpResponse | None = None
        self.code = 0

    def opened(self) -> None:
        """It stands."""

    def refused(self, response: HttpResponse | None) -> None:
        self.refusal = response

    def deliver(self, data: str | bytes) -> None:
        self.frames.append(str(data))

    def closed(self, code: int, reason: str) -> None:
        self.code = code

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.frames if frame.startswith("{")]

    def of(self, channel: str) -> list[Any]:
        """The data of a channel."""
        return [message.get("data") for message in self.messages if message["channel"] == channel]


class Venue:
    """The simulator, and a client that signs by hand. The books hold what the test puts there."""

    def __init__(self, *, balance: str = "100000", **quirks: Any) -> None:
        self.clock = DrivenClock(START_MS * 1_000_000)
        dialect = HyperliquidDialect.with_quirks(**quirks)
        settings = SimulationSettings(market="synthetic", latency_in_us=0, latency_out_us=0, balance=balance)
        self.stage = Stage(self.clock, settings, dialect.instruments({}, settings))
        self.gateway = Gateway(dialect, self.stage)
        assert isinstance(self.gateway.dialect, HyperliquidDialect)
        self.dialect = self.gateway.dialect
        self.agent_key = f"0x{self.stage.open_account('alice').secret.reveal()}"
        self.address = self.dialect.address_of("alice")
        self.wallet_key = self.dialect.wallet_key_of("alice")
        self.nonce = START_MS
        self.clock.run_until(self.clock.time_ns())
        self.stage.market.finish()
        for instrument in self.stage.instruments:
            for number in (1, 2, 3):
                maker = f"maker {number} of {instrument.symbol}"
                self.stage.market.do(lambda m=maker: self.stage.exchange.cancel_all(m))
        self.depth("BTC", [("60000", "1"), ("59990", "2")], [("60010", "1"), ("60020", "2")])
        self.depth("ETH", [("3499.9", "10")], [("3500.1", "10")])
        self.depth("xyz:XYZ100", [("24999", "100")], [("25001", "100")])

    # The market

    def depth(self, name: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
        """Let the outside world show this book, and its middle be the mark price."""
        symbol = f"{name}-USDC-PERP"
        listing = self.stage.market.listing(symbol)

        def tell() -> None:
            now = self.clock.time_ns()
            self.stage.exchange.apply_depth(symbol, bids, asks, snapshot=True, ts_event=now)
            listing.tell_snapshot(now)
            if bids and asks:
                mark = (Decimal(bids[0][0]) + Decimal(asks[0][0])) / 2
                self.stage.exchange.set_mark(symbol, mark, mark)

        self.stage.market.do(tell)
        self.settle()

    def mark(self, price: str, name: str = "BTC") -> None:
        """Set the mark price."""
        self.stage.market.do(lambda: self.stage.exchange.set_mark(f"{name}-USDC-PERP", Decimal(price)))
        self.settle()

    def trade(self, side: Side, price: str, quantity: str, name: str = "BTC") -> None:
        """Let the outside world trade."""
        now = self.clock.time_ns()
        symbol = f"{name}-USDC-PERP"

        def tell() -> None:
            exchange = self.stage.exchange
            exchange.apply_trade(symbol, side, price, quantity, ts_event=now)
            listing = self.stage.market.listing(symbol)
            listing.tell_trade(exchange.next_trade_id(symbol), side, price, quantity, now)

        self.stage.market.do(tell)
        self.settle()

    def settle(self) -> None:
        self.clock.run_until(self.clock.time_ns())

    def wait(self, seconds: str) -> None:
        self.clock.run_until(self.clock.time_ns() + int(Decimal(seconds) * 1_000_000_000))

    @property
    def now_ms(self) -> int:
        return self.clock.time_ns() // 1_000_000

    # Requests

    def post(self, path: str, body: Any, remote: str = "127.0.0.1", method: str = "POST") -> HttpResponse:
        """Send a request as it is; return the response."""
        responses: list[HttpResponse | None] = []
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.gateway.request(HttpRequest(method=method, path=path, body=raw, remote=remote), responses.append)
        self.settle()
        assert responses[0] is not None
        return responses[0]

    def info(self, kind: str, **fields: Any) -> Any:
        """Ask for something that there is; time goes on, so that limits do not matter."""
        self.wait("10")
        response = self.post("/info", {"type": kind, **fields})
        assert response.status == 200, response.body
        return json.loads(response.body)

    def mine(self, kind: str, **fields: Any) -> Any:
        return self.info(kind, user=self.address, **fields)

    def signed(
        self,
        action: Mapping[str, Any],
        *,
        key: str | None = None,
        nonce: int | None = None,
        vault: str | None = None,
        expires: int | None = None,
        source: str = "b",
    ) -> dict[str, Any]:
        """Return the body of a signed action, by the agent unless told otherwise."""
        if nonce is None:
            self.nonce = nonce = max(self.nonce + 1, self.now_ms)
        signed = signature(key or self.agent_key, action, nonce, vault, expires, source)
        return {
            "action": action,
            "nonce": nonce,
            "signature": signed,
            "vaultAddress": vault,
            "expiresAfter": expires,
        }

    def act(self, action: Mapping[str, Any], **how: Any) -> Any:
        """Send a signed action; return the answer, an error's text alone."""
        self.wait("1")
        response = self.post("/exchange", self.signed(action, **how))
        assert response.status == 200, response.body
        answer = json.loads(response.body)
        if answer["status"] == "err":
            return answer["response"]
        assert answer["status"] == "ok"
        return answer["response"].get("data", {}).get("statuses", answer["response"]["type"])

    def place(self, *orders: dict[str, Any], grouping: Any = "na") -> list[Any]:
        """Place orders; return their statuses."""
        found: list[Any] = self.act({"type": "order", "orders": list(orders), "grouping": grouping})
        return found

    def resting(self, **changes: Any) -> int:
        """Place an order that rests; return its oid."""
        (status,) = self.place(order(**changes))
        oid: int = status["resting"]["oid"]
        return oid

    def long(self, size: str = "0.1") -> None:
        """Buy BTC at the ask."""
        (status,) = self.place(order(p="60010", s=size, tif="Ioc"))
        assert status["filled"]["totalSz"] == size

    def status(self, oid: int | str) -> str:
        found = self.mine("orderStatus", oid=oid)
        return str(found["order"]["status"] if found["status"] == "order" else found["status"])

    def open(self) -> list[Any]:
        found: list[Any] = self.mine("frontendOpenOrders")
        return found

    # Sockets

    def connect(self, *subscriptions: dict[str, Any], remote: str = "127.0.0.1") -> tuple[Client, Any]:
        """Open a WebSocket and subscribe; return the client's end and the line to speak on."""
        client = Client()
        line = self.gateway.connect(HttpRequest(method="GET", path="/ws", remote=remote), client)
        self.settle()
        for subscription in subscriptions:
            self.say(line, {"method": "subscribe", "subscription": subscription})
        return client, line

    def say(self, line: Any, message: Any) -> None:
        line.receive(message if isinstance(message, bytes) else json.dumps(message).encode())
        self.settle()


@pytest.fixture
def venue() -> Callable[..., Venue]:
    """Make a simulated Hyperliquid: `venue(**quirks)`."""
    return Venue
