"""GaiaEx's servers: the REST endpoints there are, and the WebSockets beside them (chapters 6 and 11)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar, Final

from anyvenue.model.instrument import Instrument
from anyvenue.model.symbols import format_symbol
from anyvenue.simulation.server.dialect import Dialect, ServerSocket, SocketHandler
from anyvenue.simulation.server.keyring import ApiKey
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.stage import Stage
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.secrets import Secret
from anyvenue_gaiaex.simulator.account_shapes import AccountShapes
from anyvenue_gaiaex.simulator.auth_check import READ, TRADE, Doorman
from anyvenue_gaiaex.simulator.body import Body
from anyvenue_gaiaex.simulator.book_feed import BookFeed
from anyvenue_gaiaex.simulator.book_messages import BookMessages
from anyvenue_gaiaex.simulator.call import Call, Handler
from anyvenue_gaiaex.simulator.leverage import LeverageDesk
from anyvenue_gaiaex.simulator.limits import Limits
from anyvenue_gaiaex.simulator.market_socket import MarketSocket, NoMarketSocket
from anyvenue_gaiaex.simulator.markets import TERMS, Markets
from anyvenue_gaiaex.simulator.order_changes import OrderChanges
from anyvenue_gaiaex.simulator.order_file import OrderFile
from anyvenue_gaiaex.simulator.order_rules import OrderRules
from anyvenue_gaiaex.simulator.orders import OrderDesk
from anyvenue_gaiaex.simulator.positions import PositionCloser
from anyvenue_gaiaex.simulator.public_rest import PublicRest
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import Refused
from anyvenue_gaiaex.simulator.replies import Replies
from anyvenue_gaiaex.simulator.revision import Revision, Shapes
from anyvenue_gaiaex.simulator.steering import Steering, plain_quirks
from anyvenue_gaiaex.simulator.triggers import TriggerDesk
from anyvenue_gaiaex.simulator.updates import Updates
from anyvenue_gaiaex.simulator.user_socket import UserSocket
from anyvenue_gaiaex.simulator.wallets import Wallets, made_up_address, made_up_token

__all__ = ["GaiaExDialect"]

_BASE: Final = "/v1/trade"
_SOCKETS: Final = "/ws"
_BALANCE: Final = re.compile(rf"{_BASE}/user/([^/]+)/balance")
_SOCKET: Final = re.compile(r"(?:/ws)?/(market|user)/([^/]+)/?")
_TAPES: Final = "USDT"
"""The quote currency of the recorded markets that move native perps here."""


class GaiaExDialect(Dialect):
    """The simulated GaiaEx.

    Attributes:
        revision: which of the documents' two revisions it follows.
        book: which one the perp book stream follows; [A] does not tell bids from asks.
        chosen: how it behaves where the documents are silent; None for what the seed draws.
    """

    # "ws_short" stands for the other host, whose paths have no prefix.
    paths: Mapping[str, str] = {"rest": _BASE, "ws": _SOCKETS, "ws_short": ""}
    revision: ClassVar[Revision] = Revision.A
    book: ClassVar[Revision] = Revision.B
    chosen: ClassVar[Quirks | None] = None

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        drawn = Quirks.drawn(stage.chance)
        self.quirks = quirks = drawn if self.chosen is None else self.chosen
        self.shapes = shapes = Shapes(self.revision, self.book, stage.settings.seed)
        self.markets = markets = Markets(stage.instruments, self.revision)
        self.wallets = Wallets(stage, exact=quirks.exact_address)
        self.doorman = Doorman(stage, self.wallets, quirks)
        self._limits = Limits(stage, quirks)
        self._replies = Replies(quirks, shapes)
        self._updates = Updates(stage, markets)
        self._file = file = OrderFile(stage, quirks.order_id_base)
        rules = OrderRules(stage, markets, quirks)
        leverage = LeverageDesk(stage, markets, self._updates, quirks)
        desk = OrderDesk(stage, markets, file, rules, leverage, self._updates, quirks, shapes)
        changes = OrderChanges(stage, markets, file, rules, desk, self._updates, quirks)
        triggers = TriggerDesk(stage, markets, file, rules, desk, self._updates, quirks)
        self._accounts = AccountShapes(stage, self.wallets, file, leverage, quirks, shapes)
        self._public: Mapping[str, Callable[[], dict[str, Any]]] = PublicRest(stage, markets, shapes, _BASE).paths
        self._signed: Mapping[str, Handler] = {
            f"{_BASE}/order": desk.place,
            f"{_BASE}/order/cancel": changes.cancel,
            f"{_BASE}/order/cancel-all": changes.cancel_all,
            f"{_BASE}/order/modify": changes.modify,
            f"{_BASE}/order/tpsl": triggers.protect,
            f"{_BASE}/position/close": PositionCloser(stage, markets, file, rules, desk).close,
            f"{_BASE}/leverage": leverage.answer,
        }
        self._messages = BookMessages(shapes)
        self.feeds = {
            terms.name: BookFeed(stage, markets, terms, self._messages, self._replies, quirks)
            for terms in markets.all()
        }

    @classmethod
    def following(
        cls, revision: Revision, book: Revision | None = None, quirks: Quirks | None = None
    ) -> type[GaiaExDialect]:
        """Return the dialect that follows a revision, the same one for the same arguments.

        Without `book` the perp book stream follows it too.
        """
        return _following(revision, book or revision, quirks)

    @classmethod
    def instruments(cls, tapes: Mapping[str, TapeHeader], settings: SimulationSettings) -> list[Instrument]:
        """Return GaiaEx's markets; the stage lists what the settings ask for, with their fees."""
        return [terms.instrument(cls.revision) for terms in TERMS.values()]

    @classmethod
    def tape_of(cls, instrument: Instrument) -> str:
        """Return the recorded market that moves a market: that of the same base, whatever it is quoted in."""
        return format_symbol(instrument.base, _TAPES)

    @classmethod
    def credentials_of(cls, key: ApiKey) -> Mapping[str, Secret]:
        """Return all that opens an account: a key with its secret, and a session token."""
        address, token = made_up_address(key.account), made_up_token(key.account)
        return {"key": Secret(key.key), "secret": key.secret, "address": Secret(address), "token": Secret(token)}

    @staticmethod
    def address_of(account: str) -> str:
        """Return the wallet address of an account of the stage."""
        return made_up_address(account)

    @staticmethod
    def token_of(account: str) -> str:
        """Return the session token of an account of the stage."""
        return made_up_token(account)

    def steer(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set `revision` and `book` (a, b or mixed) and `stale` (names of markets whose feed is down).

        Returns how they are, what the seed has drawn, each account's `address` and session `token`, and how near to the
        rate limits anybody came. Raises ValueError, with nothing changed.
        """
        wish = Steering.read(given, markets=self.feeds)
        if wish.revision is not None:
            self.shapes.revision = wish.revision
        if wish.book is not None:
            self.shapes.book = wish.book
        if wish.stale is not None:
            for name, feed in self.feeds.items():
                if name in wish.stale:
                    feed.go_stale()
                else:
                    feed.recover()
        return {
            "revision": self.shapes.revision.value,
            "book": self.shapes.book.value,
            "stale": [name for name, feed in self.feeds.items() if feed.is_stale],
            "drawn": plain_quirks(self.quirks),
            "limits": self._limits.used(),
            "accounts": {
                account: {"address": self.wallets.address(account), "token": made_up_token(account)}
                for account in self.stage.accounts
            },
        }

    def client_id_of(self, account: str, client_order_id: str) -> str:
        """Return the `client_id` of an order."""
        return self._file.client_id_of(client_order_id)

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a REST request."""
        try:
            return self._replies.good(self._answer(request))
        except Refused as refused:
            return self._replies.bad(refused)

    def accept(self, request: HttpRequest, socket: ServerSocket) -> SocketHandler | HttpResponse:
        """Take a WebSocket connection, with or without `/ws` in front of its path."""
        found = _SOCKET.fullmatch(request.path)
        if found is None:
            return self._replies.bad(Refused(404, "Not Found"))
        kind, name = found.groups()
        if kind == "market":
            return self._accept_market(name, socket)
        try:
            account = self._check_user(request, name)
        except Refused as refused:
            return self._replies.bad(refused)
        return UserSocket(self.stage, account, socket, self._accounts, self._updates, self._replies, self.quirks)

    def _answer(self, request: HttpRequest) -> dict[str, Any]:
        method, path = request.method.upper(), request.path
        public, signed, balance = self._public.get(path), self._signed.get(path), _BALANCE.fullmatch(path)
        if public is None and signed is None and balance is None:
            raise Refused(404, "Not Found")
        if method != ("GET" if signed is None else "POST"):
            raise Refused(405, "Method Not Allowed")
        if signed is not None:
            return self._write(request, signed)
        self._limits.read(request.remote)
        if public is not None:
            return public()
        account = self.doorman.check(request, self._signed_paths(request), READ)
        self._updates.attend(account)
        self.doorman.check_address(account, balance.group(1) if balance else "")
        return {**self._accounts.balance(account), "timestamp": self.doorman.time_ms()}

    def _write(self, request: HttpRequest, handler: Handler) -> dict[str, Any]:
        account = self.doorman.check(request, self._signed_paths(request), TRADE)
        self._limits.write(request.remote, account)
        self._updates.attend(account)
        body = Body(request.body, self.quirks)
        self.doorman.check_address(account, body.text("user_address"))
        return handler(Call(account=account, body=body, time_ms=self.doorman.time_ms()))

    def _signed_paths(self, request: HttpRequest) -> tuple[str, ...]:
        """Return the paths that a signature may be over: behind the base, as sent or decoded."""
        query = f"?{request.raw_query}" if request.raw_query and self.quirks.signs_query else ""
        return tuple(f"{path.removeprefix(_BASE)}{query}" for path in (request.path, request.raw_path))

    def _accept_market(self, name: str, socket: ServerSocket) -> SocketHandler:
        feed = self.feeds.get(name)
        if feed is not None:
            return MarketSocket(self.stage.clock, feed, socket, self._replies, self.quirks)
        socket.send(self._replies.text(self._messages.not_supported(name)))
        socket.close(reason="symbol not supported")
        return NoMarketSocket()

    def _check_user(self, request: HttpRequest, address: str) -> str:
        """Return the account of a user stream. Raises Refused. In [B] only a session opens one."""
        if self.shapes.is_b("user stream") and "x-gaiaex-apikey" in request.headers:
            raise Refused(401, "Session expired", "Invalid or expired session token")
        whole = request.path if request.path.startswith(f"{_SOCKETS}/") else f"{_SOCKETS}{request.path}"
        account = self.doorman.check(request, (whole, request.path), READ)
        self._updates.attend(account)
        self.doorman.check_address(account, address)
        return account


@cache
def _following(revision: Revision, book: Revision, quirks: Quirks | None) -> type[GaiaExDialect]:
    if (revision, book, quirks) == (GaiaExDialect.revision, GaiaExDialect.book, GaiaExDialect.chosen):
        return GaiaExDialect
    name = f"GaiaExDialect_{revision.value}_{book.value}"
    return type(name, (GaiaExDialect,), {"revision": revision, "book": book, "chosen": quirks})
