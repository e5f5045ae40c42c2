"""Hyperliquid's servers: `/info`, `/exchange` and `/ws` on one address (chapter 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from attrs import asdict, evolve

from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.instrument import Instrument
from anyvenue.model.symbols import format_symbol
from anyvenue.simulation.server.dialect import Dialect, ServerSocket, SocketHandler
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse, json_response
from anyvenue.simulation.server.stage import Stage
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.secrets import Secret
from anyvenue.wire.exact_json import decode
from anyvenue_hyperliquid.simulator.account_shapes import AccountShapes
from anyvenue_hyperliquid.simulator.actions import Malformed
from anyvenue_hyperliquid.simulator.exchange_api import ExchangeApi, batch_weight
from anyvenue_hyperliquid.simulator.groups import OrderGroups
from anyvenue_hyperliquid.simulator.info import Info
from anyvenue_hyperliquid.simulator.leverage import LeverageDesk
from anyvenue_hyperliquid.simulator.limits import Limits, info_weight, items_weight
from anyvenue_hyperliquid.simulator.market_info import MarketInfo
from anyvenue_hyperliquid.simulator.markets import LISTED, Markets
from anyvenue_hyperliquid.simulator.order_changes import DeadManSwitch, OrderChanges
from anyvenue_hyperliquid.simulator.order_file import OrderFile
from anyvenue_hyperliquid.simulator.order_rules import OrderRules
from anyvenue_hyperliquid.simulator.orders import OrderDesk
from anyvenue_hyperliquid.simulator.public_feeds import PublicFeeds
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.sockets import Hub, Session
from anyvenue_hyperliquid.simulator.steering import Conditions, Steering
from anyvenue_hyperliquid.simulator.user_feeds import UserFeeds
from anyvenue_hyperliquid.simulator.wallets import Wallets, master_key

__all__ = ["HyperliquidDialect"]

_TAPES: Final = "USDT"
"""The quote currency of the recorded markets that move those here."""
_UNREADABLE: Final = "Failed to deserialize the JSON body into the target type"


class HyperliquidDialect(Dialect):
    """The simulated Hyperliquid.

    Attributes:
        chosen: how it behaves where the documents are silent; None for what the seed draws.
    """

    paths: Mapping[str, str] = {"rest": "", "ws": "/ws"}
    chosen: ClassVar[Quirks | None] = None

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        drawn = Quirks.drawn(stage.chance)
        self.quirks = quirks = drawn if self.chosen is None else evolve(self.chosen)
        self.conditions = conditions = Conditions(mainnet=False, upgrade=False, capped=[], abstraction={})
        self.markets = markets = Markets(stage.instruments)
        self.wallets = wallets = Wallets(stage)
        self._file = file = OrderFile(stage)
        self.records = records = Records(stage, markets, wallets, file, quirks)
        self.limits = limits = Limits(stage, records)
        rules = OrderRules(stage, markets, file, records, quirks, conditions)
        desk = OrderDesk(stage, markets, file, rules, records, quirks)
        groups = OrderGroups(stage, file, desk, records)
        changes = OrderChanges(file, rules, desk, groups)
        switch = DeadManSwitch(stage, file, groups, records, limits)
        leverage = LeverageDesk(stage, markets, records)
        accounts = AccountShapes(stage, markets, records)
        market_info = MarketInfo(stage, markets)
        self._info = Info(markets, market_info, wallets, file, records, accounts, limits, quirks, conditions)
        self._exchange = ExchangeApi(
            stage, wallets, records, limits, quirks, conditions, desk, changes, switch, leverage
        )
        public = PublicFeeds(stage, markets, market_info, quirks)
        users = UserFeeds(stage, markets, file, records, accounts, quirks)
        self._hub = Hub(stage.clock, markets, wallets, limits, public, users, quirks, self._posted)

    @classmethod
    def with_quirks(cls, **quirks: Any) -> type[HyperliquidDialect]:
        """Return the dialect of a server that behaves as told, and as Quirks' defaults in all else."""
        return type("HyperliquidDialectAsChosen", (cls,), {"chosen": Quirks(**quirks)})

    @classmethod
    def instruments(cls, tapes: Mapping[str, TapeHeader], settings: SimulationSettings) -> list[Instrument]:
        """Return the markets that trade; the stage lists what the settings ask for, with their fees."""
        return [terms.instrument() for terms in LISTED]

    @classmethod
    def tape_of(cls, instrument: Instrument) -> str:
        """Return the recorded market that moves a market: that of the same base, whatever it is quoted in."""
        return format_symbol(instrument.base, _TAPES)

    @classmethod
    def credentials_of(cls, key: ApiKey) -> Mapping[str, Secret]:
        """Return the address of an account, and the private key of its agent."""
        return {"address": Secret(cls.address_of(key.account)), "private_key": Secret(f"0x{key.secret.reveal()}")}

    @staticmethod
    def address_of(account: str) -> str:
        """Return the address of an account of the stage."""
        return Wallets.address(account)

    @staticmethod
    def wallet_key_of(account: str) -> str:
        """Return the private key of an account's own wallet, which signs what its agents may not."""
        return master_key(account)

    def steer(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set what `Steering` names: conditions, quirks, and what befalls single accounts.

        Returns how all is set, and of each account its `address` and its agent's. Raises ValueError, with nothing
        changed.
        """
        wish = Steering.read(given, accounts=self.stage.accounts, coins=[terms.name for terms in self.markets.open()])
        for name in ("mainnet", "upgrade", "capped"):
            value = getattr(wish, name)
            if value is not None:
                setattr(self.conditions, name, value)
        self.conditions.abstraction.update(wish.abstraction)
        for account, volume in wish.volume.items():
            self.records.of(account).extra_volume = volume
        self.limits.used.update(wish.requests)
        for address in wish.deregister:
            self.wallets.drop(address)
        for name, value in wish.quirks.items():
            setattr(self.quirks, name, value)
        return {
            **asdict(self.conditions),
            "quirks": asdict(self.quirks),
            "accounts": {name: self._described(name) for name in self.stage.accounts},
        }

    @classmethod
    def only_reads(cls, request: HttpRequest) -> bool:
        """Tell whether it is a question."""
        return request.path == "/info"

    def client_id_of(self, account: str, client_order_id: str) -> str:
        """Return the cloid of an order."""
        kept = self._file.by_name(client_order_id)
        return (kept.cloid or "") if kept is not None else ""

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a REST request."""
        if request.path not in ("/info", "/exchange"):
            return _plain(404, "")
        if request.method.upper() != "POST":
            return _plain(405, "")
        try:
            body = decode(request.body)
        except VenueProtocolError:
            return _plain(400 if not request.body else 422, _UNREADABLE)
        status, answer = self._answer(request.path, body, request.remote)
        return _plain(status, answer) if status != 200 else json_response(answer)

    def accept(self, request: HttpRequest, socket: ServerSocket) -> SocketHandler | HttpResponse:
        """Take a WebSocket connection."""
        if request.path != "/ws":
            return _plain(404, "")
        if not self._hub.accepts(request.remote):
            return _plain(429, "")
        return Session(self._hub, socket, request.remote)

    def _answer(self, path: str, body: Any, remote: str) -> tuple[int, Any]:
        """Return the HTTP status and what is answered, a text where it is not 200."""
        kind = str(body.get("type")) if isinstance(body, Mapping) else ""
        weight = info_weight(kind) if path == "/info" else batch_weight(body)
        if not self.limits.take("weight", remote, weight):
            return 429, "Too many requests"
        try:
            if path == "/exchange":
                return 200, self._exchange.answer(body)
            answer = self._info.answer(body)
        except Malformed:
            return 422, _UNREADABLE
        self.limits.add(remote, items_weight(kind, answer))
        return 200, answer

    def _posted(self, kind: str, payload: Any, remote: str) -> dict[str, Any]:
        """Answer a request that came over a WebSocket."""
        path = {"info": "/info", "action": "/exchange"}.get(kind)
        if path is None:
            return {"type": "error", "payload": f"422: {_UNREADABLE}"}
        status, answer = self._answer(path, payload, remote)
        if status != 200:
            return {"type": "error", "payload": f"{status}: {answer}"}
        if path == "/exchange":
            return {"type": "action", "payload": answer}
        return {"type": "info", "payload": {"type": payload["type"], "data": answer}}

    def _described(self, account: str) -> dict[str, Any]:
        key = next(key for key in self.stage.keys if key.account == account)
        return {
            "address": self.address_of(account),
            "agent": self.wallets.agent_address(key.secret.reveal()),
            "requests": self.limits.used.get(account, 0),
            "volume": str(self.limits.volume(account)),
        }


def _plain(status: int, text: str) -> HttpResponse:
    return HttpResponse(status=status, headers={"content-type": "text/plain"}, body=text.encode())
