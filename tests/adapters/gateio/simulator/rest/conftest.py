"""A simulated Gate whose market stands still, and a client of it that signs by the words of Gate's documents."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from attrs import frozen

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue_gateio.simulator.dialect import GateDialect

START_S = 1_704_067_200
SECOND_NS = 1_000_000_000
LIQUIDITY = {
    "BTC-USDT-PERP": ("60000", [("59999.9", "1000"), ("59999.8", "5000")], [("60000.1", "1000"), ("60000.2", "5000")]),
    "ETH-USDT-PERP": ("3000", [("2999.99", "1000")], [("3000.01", "1000")]),
    "SOL-USDT-PERP": ("100", [("99.99", "1000")], []),
    "OLDCOIN-USDT-PERP": ("1", [("0.9999", "1000")], [("1.0001", "1000")]),
    "币安人生-USDT-PERP": ("0.2", [("0.19999", "1000")], [("0.20001", "1000")]),
    "BTC-USD-PERP": ("60000", [("59999.9", "100000")], [("60000.1", "100000")]),
}
"""Mark price, bids and asks in contracts, for each contract that is listed."""


@frozen
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    json: Any

    @property
    def label(self) -> str:
        assert self.status >= 400, self.json
        label: str = self.json["label"]
        return label


class Gate:
    """The simulator and a client. `call` signs with `key` unless told otherwise."""

    def __init__(self, seed: int = 1, balances: Mapping[str, Decimal] | None = None) -> None:
        settings = SimulationSettings(market="synthetic", seed=seed)
        self.clock = DrivenClock(START_S * SECOND_NS)
        self.stage = Stage(self.clock, settings, GateDialect.instruments({}, settings))
        self.dialect = GateDialect(self.stage)
        self.key = self.stage.open_account("alice", balances=balances)
        self.other = self.stage.open_account("bob")
        self.clock.run_until(self.clock.time_ns())
        self.stage.market.finish()
        for symbol, (mark, bids, asks) in LIQUIDITY.items():
            for number in (1, 2, 3):
                self.do(lambda s=symbol, n=number: self.stage.exchange.cancel_all(f"maker {n} of {s}"))
            self.depth(symbol, bids, asks)
            self.mark(symbol, mark)

    def do(self, job: Callable[[], Any]) -> Any:
        kept: list[Any] = []
        self.stage.market.do(lambda: kept.append(job()))
        return kept[0]

    def depth(self, symbol: str, bids: Sequence[tuple[str, str]], asks: Sequence[tuple[str, str]]) -> None:
        """Let the outside world show this depth, in contracts."""

        def tell() -> None:
            now = self.clock.time_ns()
            self.stage.exchange.apply_depth(symbol, bids, asks, snapshot=True, ts_event=now)
            self.stage.market.listing(symbol).tell_snapshot(now)

        self.do(tell)

    def mark(self, symbol: str, price: str) -> None:
        self.do(lambda: self.stage.exchange.set_mark(symbol, price, price))

    def wait(self, seconds: int) -> None:
        self.clock.run_until(self.clock.time_ns() + seconds * SECOND_NS)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        key: ApiKey | None = None,
        signed: bool = True,
        decimal: bool = True,
        time_s: int | None = None,
        headers: Mapping[str, str] | None = None,
        remote: str = "127.0.0.1",
    ) -> HttpRequest:
        """Return a request, signed as chapter 2 of the fact sheet says."""
        path = f"/api/v4{path}"
        raw_query = urlencode(query or {}, quote_via=quote)
        plain_query = "&".join(f"{name}={value}" for name, value in (query or {}).items())
        data = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
        sent = {"content-type": "application/json", **({"x-gate-size-decimal": "1"} if decimal else {})}
        if signed:
            who = key or self.key
            timestamp = str(self.clock.time_ns() // SECOND_NS if time_s is None else time_s)
            text = "\n".join((method, path, plain_query, hashlib.sha512(data).hexdigest(), timestamp))
            sign = hmac.new(who.secret.reveal().encode(), text.encode(), hashlib.sha512).hexdigest()
            sent |= {"key": who.key, "sign": sign, "timestamp": timestamp}
        return HttpRequest(
            method=method,
            path=path,
            raw_path=quote(path),
            raw_query=raw_query,
            headers={**sent, **(headers or {})},
            body=data,
            remote=remote,
        )

    def send(self, request: HttpRequest) -> Answer:
        response: HttpResponse = self.do(lambda: self.dialect.handle(request))
        is_json = response.headers.get("content-type") == "application/json"
        return Answer(response.status, response.headers, json.loads(response.body) if is_json else response.body)

    def call(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None, **how: Any
    ) -> Answer:
        return self.send(self.request(method, path, query, body, **how))

    def get(self, path: str, **query: Any) -> Any:
        """Return what a signed GET under /futures/usdt answers."""
        answer = self.call("GET", f"/futures/usdt{path}", query)
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, query: Mapping[str, Any] | None = None, body: Any = None, **how: Any) -> Answer:
        return self.call("POST", f"/futures/usdt{path}", query, body, **how)

    def order(
        self, size: Any, price: Any = "0", tif: str | None = None, *, key: ApiKey | None = None, **more: Any
    ) -> Answer:
        """Place an order, of BTC_USDT unless told."""
        body = {"contract": "BTC_USDT", "size": size, "price": price, "tif": tif or ("ioc" if price == "0" else "gtc")}
        return self.post("/orders", None, {**body, **more}, key=key)

    def placed(self, size: Any, price: Any = "0", tif: str | None = None, **more: Any) -> dict[str, Any]:
        """Place an order that is taken, and return it."""
        answer = self.order(size, price, tif, **more)
        assert answer.status == 201, answer
        shape: dict[str, Any] = answer.json
        return shape


@pytest.fixture
def gate() -> Gate:
    """The simulator with seed 1."""
    return Gate()


@pytest.fixture
def make_gate() -> Callable[..., Gate]:
    """Make one: `make_gate(seed, balances=...)`."""
    return Gate
