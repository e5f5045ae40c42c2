"""The simulated GaiaEx without a network around it, in front of a market that stands still."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from anyvenue.model.enums import Side
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.gateway import Gateway
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.secrets import Secret
from anyvenue_gaiaex.simulator.dialect import GaiaExDialect
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.revision import Revision

START_MS = 1_743_508_800_000
"""Tuesday, 2025-04-01 12:00 UTC: the time of the fact sheet's samples."""
SECRET = "demo_secret_not_real"
ADDRESS = "0x000000000000000000000000000000000000dEaD"
KEY = ApiKey(key="0123456789abcdef0123456789abcdef", secret=Secret(SECRET), account="alice")


class Client:
    """A client's end of a WebSocket."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.refusal: HttpResponse | None = None
        self.code = 0

    def opened(self) -> None:
        """It stands."""

    def refused(self, response: HttpResponse | None) -> None:
        self.refusal = response

    def deliver(self, data: str | bytes) -> None:
        self.messages.append(json.loads(data))

    def closed(self, code: int, reason: str) -> None:
        self.code = code

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]


class Venue:
    """The simulator, and a client that signs by hand. The books hold what the test puts there."""

    def __init__(
        self,
        revision: Revision = Revision.A,
        book: Revision | None = None,
        *,
        balance: str = "100000",
        **quirks: Any,
    ) -> None:
        self.clock = DrivenClock(START_MS * 1_000_000)
        dialect = GaiaExDialect.following(revision, book, Quirks(**quirks))
        settings = SimulationSettings(market="synthetic", latency_in_us=0, latency_out_us=0, balance=balance)
        self.stage = Stage(self.clock, settings, dialect.instruments({}, settings))
        self.gateway = Gateway(dialect, self.stage)
        assert isinstance(self.gateway.dialect, GaiaExDialect)
        self.dialect = self.gateway.dialect
        self.stage.open_account("alice")
        self.stage.keys.add(KEY)
        self.dialect.wallets.bind("alice", ADDRESS)
        self.clock.run_until(self.clock.time_ns())
        self.stage.market.finish()
        for instrument in self.stage.instruments:
            for number in (1, 2, 3):
                maker = f"maker {number} of {instrument.symbol}"
                self.stage.market.do(lambda m=maker: self.stage.exchange.cancel_all(m))
        self.depth("BTC", [("60000", "1"), ("59990", "2")], [("60010", "1"), ("60020", "2")])
        self.depth("ETH", [("3499.9", "10")], [("3500.1", "10")])
        self.depth("xyz:AAPL", [("199.99", "100")], [("200.01", "100")])

    # The market

    def depth(self, name: str, bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
        """Let the outside world show this book, and its middle be the mark price."""
        symbol = f"{name}-USDC-PERP"
        listing = self.stage.market.listing(symbol)

        def tell() -> None:
            now = self.clock.time_ns()
            self.stage.exchange.apply_depth(symbol, bids, asks, snapshot=True, ts_event=now)
            listing.tell_snapshot(now)
            mark = (Decimal(bids[0][0]) + Decimal(asks[0][0])) / 2
            self.stage.exchange.set_mark(symbol, mark, mark)

        self.stage.market.do(tell)

    def trade(self, name: str, side: Side, price: str, quantity: str) -> None:
        """Let the outside world trade."""
        now = self.clock.time_ns()
        self.stage.market.do(
            lambda: self.stage.exchange.apply_trade(f"{name}-USDC-PERP", side, price, quantity, ts_event=now)
        )

    def wait(self, seconds: str) -> None:
        self.clock.run_until(self.clock.time_ns() + int(Decimal(seconds) * 1_000_000_000))

    @property
    def now_ms(self) -> int:
        return self.clock.time_ns() // 1_000_000

    # Requests

    def send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        remote: str = "127.0.0.1",
    ) -> HttpResponse:
        """Send a request as it is; return the response."""
        responses: list[HttpResponse | None] = []
        path, _, query = path.partition("?")
        request = HttpRequest(
            method=method, path=path, raw_query=query, headers=headers or {}, body=body, remote=remote
        )
        self.gateway.request(request, responses.append)
        self.clock.run_until(self.clock.time_ns())
        assert responses[0] is not None
        return responses[0]

    def headers(self, method: str, signed_path: str, body: bytes = b"", **other: Any) -> dict[str, str]:
        """Return the headers of a signature: `secret`, `key` and `time_ms` may be others than they should be."""
        timestamp = str(other.get("time_ms", self.now_ms))
        message = timestamp.encode() + method.encode() + signed_path.encode() + body
        return {
            "x-gaiaex-apikey": other.get("key", KEY.key),
            "x-gaiaex-timestamp": timestamp,
            "x-gaiaex-signature": hmac.new(other.get("secret", SECRET).encode(), message, hashlib.sha256).hexdigest(),
        }

    def post(self, path: str, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Send a signed POST; `user_address` is ours unless given. Return status and body."""
        self.wait("1")  # never mind the rate limit
        body = json.dumps({"user_address": ADDRESS, **fields}).encode()
        response = self.send("POST", f"/v1/trade{path}", body, self.headers("POST", path, body))
        return response.status, json.loads(response.body)

    def done(self, path: str, **fields: Any) -> dict[str, Any]:
        """Send a signed POST that succeeds; return the body."""
        status, body = self.post(path, **fields)
        assert (status, body.get("success")) == (200, True), body
        return body

    def limit(self, **fields: Any) -> dict[str, Any]:
        """Place a limit order: buy 0.1 ETH at 3400, but for what is given."""
        usual = {"symbol": "ETH", "is_buy": True, "size": "0.1", "price": "3400.0", "order_type": "limit"}
        return self.done("/order", **{**usual, **fields})

    def balance(self) -> dict[str, Any]:
        path = f"/user/{ADDRESS}/balance"
        response = self.send("GET", f"/v1/trade{path}", headers=self.headers("GET", path))
        assert response.status == 200, response.body
        found: dict[str, Any] = json.loads(response.body)
        return found

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        response = self.send("GET", path)
        return response.status, json.loads(response.body)

    def open_orders(self) -> list[Any]:
        """What the exchange behind holds of ours."""
        return self.stage.exchange.open_orders("alice")

    # Sockets

    def connect(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[Client, Any]:
        """Open a WebSocket; return the client's end and the line to speak on."""
        client = Client()
        line = self.gateway.connect(HttpRequest(method="GET", path=path, headers=headers or {}), client)
        self.clock.run_until(self.clock.time_ns())
        return client, line

    def user(self) -> Client:
        """Open the user stream with a signature."""
        path = f"/ws/user/{ADDRESS}"
        return self.connect(path, self.headers("GET", path))[0]


@pytest.fixture
def venue() -> Callable[..., Venue]:
    """Make a simulated GaiaEx: `venue(revision, book, **quirks)`."""
    return Venue
