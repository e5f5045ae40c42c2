"""The rooms of the simulated Gate without the network around them, in front of a market that stands still."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from anyvenue.model.enums import Side
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue_gateio.simulator.account_book import AccountBooks
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.auth_check import Doorman
from anyvenue_gateio.simulator.contracts import Contracts, instruments
from anyvenue_gateio.simulator.depth import DepthBooks
from anyvenue_gateio.simulator.news import News
from anyvenue_gateio.simulator.orders import OrderDesk
from anyvenue_gateio.simulator.quirks import Quirks
from anyvenue_gateio.simulator.sockets import GateSocket, Sockets
from anyvenue_gateio.simulator.trade_rate import TradeRate
from anyvenue_gateio.simulator.trailing import TrailDesk
from anyvenue_gateio.simulator.triggers import TriggerDesk

BTC = "BTC-USDT-PERP"


class Wire:
    """A client's end of a socket: frames as they arrived, and frames to send."""

    def __init__(self, backstage: Backstage, *, settle: str = "usdt", decimal: bool = True) -> None:
        self.frames: list[dict[str, Any]] = []
        self._backstage = backstage
        headers = {"x-gate-size-decimal": "1"} if decimal else {}
        request = HttpRequest(method="GET", path=f"/v4/ws/{settle}", headers=headers)
        self.handler = GateSocket(backstage, settle, request, self)

    def send(self, data: str | bytes) -> None:  # the server's word
        self.frames.append(msgspec.json.decode(data))

    def close(self, code: int = 1000, reason: str = "") -> None:
        raise AssertionError("the server closed the connection")

    def say(self, frame: dict[str, Any] | str) -> list[dict[str, Any]]:
        """Send a frame, as JSON or as a text; return what came back at once."""
        before = len(self.frames)
        text = frame if isinstance(frame, str) else msgspec.json.encode(frame).decode()
        self._backstage.stage.market.do(lambda: self.handler.on_message(text.encode()))
        return self.frames[before:]

    def subscribe(self, channel: str, payload: list[str], event: str = "subscribe") -> list[dict[str, Any]]:
        return self.say({"time": self._backstage.now_s, "channel": channel, "event": event, "payload": payload})

    def results(self, channel: str) -> list[Any]:
        """What was pushed on a channel."""
        return [
            f["result"]
            for f in self.frames
            if f.get("channel") == channel and f.get("event", "update") in ("update", "all")
        ]


class Backstage:
    """The simulator's rooms. The market's book holds what the test puts there; with `moving` traders move it."""

    def __init__(self, quirks: Quirks | None = None, *, moving: bool = False, seed: int = 1) -> None:
        symbols = (BTC,) if moving else (BTC, "ETH-USDT-PERP", "BTC-USD-PERP")
        settings = SimulationSettings(market="synthetic", symbols=symbols, seed=seed)
        self.clock = DrivenClock(1_704_067_200_000_000_000)
        self.stage = Stage(self.clock, settings, instruments({}, settings))
        self.key = self.stage.open_account("alice")
        self.other = self.stage.open_account("bob")
        self.clock.run_until(self.clock.time_ns())
        if not moving:
            self.stage.market.finish()
            for symbol in symbols:
                for number in (1, 2, 3):
                    self.do(lambda s=symbol, n=number: self.stage.exchange.cancel_all(f"maker {n} of {s}"))
        self.quirks = quirks or Quirks()
        self.contracts = Contracts(self.stage)
        self.accounts = Accounts(self.stage)
        self.news = News(self.stage)
        self.books = AccountBooks(self.stage, self.contracts)
        self.news.keep(self.books.on_event)
        self.desk = OrderDesk(self.stage, self.contracts, self.accounts, self.news)
        self.triggers = TriggerDesk(self.stage, self.contracts, self.desk, self.accounts, self.news, self.quirks)
        self.desk.attach = self.triggers.attach
        self.trails = TrailDesk(self.stage, self.contracts, self.desk, self.accounts)
        self.doorman = Doorman(self.stage)
        self.depth = DepthBooks(self.stage, self.quirks)
        self.sockets = Sockets()
        self.trade_rate = TradeRate(self.clock.time_ns)
        for account in self.stage.accounts:
            self.books.open(account)
            self.news.attend(account)

    @property
    def now_s(self) -> int:
        return self.clock.time_ns() // 1_000_000_000

    def do(self, job: Callable[[], Any]) -> None:
        self.stage.market.do(job)

    def wait(self, seconds: str) -> None:
        self.clock.run_until(self.clock.time_ns() + int(Decimal(seconds) * 1_000_000_000))

    def wire(self, **options: Any) -> Wire:
        return Wire(self, **options)

    def depth_is(self, bids: list[tuple[str, str]], asks: list[tuple[str, str]], *, snapshot: bool = True) -> None:
        """Let the outside world show this BTC_USDT depth, in contracts."""
        listing = self.stage.market.listing(BTC)

        def tell() -> None:
            now = self.clock.time_ns()
            self.stage.exchange.apply_depth(BTC, bids, asks, snapshot=snapshot, ts_event=now)
            if snapshot:
                listing.tell_snapshot(now)
            else:
                listing.tell_delta(*listing.overlaid(bids, asks), now)

        self.do(tell)

    def trade(self, price: str, quantity: str = "0.01", side: Side = Side.BUY) -> None:
        """Let the outside world trade BTC_USDT at a price."""

        def tell() -> None:
            now = self.clock.time_ns()
            self.stage.exchange.apply_trade(BTC, side, price, quantity, ts_event=now)
            self.stage.market.listing(BTC).tell_trade("77", side, Decimal(price), Decimal(quantity), now)

        self.do(tell)

    def mark(self, mark: str, index: str | None = None) -> None:
        """Let the mark (and index) price of BTC_USDT be this, and tell its ticker."""
        self.do(lambda: self.stage.steering(BTC).hold(Decimal(mark), Decimal(index or mark)))

    def signed(
        self,
        channel: str,
        payload: list[str],
        *,
        event: str = "subscribe",
        signed_event: str | None = None,
        time: int | None = None,
        key: ApiKey | None = None,
    ) -> dict[str, Any]:
        """Return a private frame as a client makes it: HMAC-SHA512 over channel, event and time."""
        key, time = key or self.key, self.now_s if time is None else time
        text = f"channel={channel}&event={signed_event or event}&time={time}"
        sign = hmac.new(key.secret.reveal().encode(), text.encode(), hashlib.sha512).hexdigest()
        auth = {"method": "api_key", "KEY": key.key, "SIGN": sign}
        return {"time": time, "channel": channel, "event": event, "payload": payload, "auth": auth}

    @property
    def user(self) -> str:
        """Alice's user id, as payloads have it."""
        return str(self.accounts.user_id("alice"))

    def order(self, **body: Any) -> int:
        """Place an order of alice's, BTC_USDT."""
        numbers: list[int] = []
        whole = {"contract": "BTC_USDT", "tif": "gtc", **body}
        self.do(lambda: numbers.append(self.desk.create("alice", "usdt", whole)))
        return numbers[0]


@pytest.fixture
def backstage() -> Callable[..., Backstage]:
    """Make the rooms: `backstage(quirks, moving=False, seed=1)`."""
    return Backstage
