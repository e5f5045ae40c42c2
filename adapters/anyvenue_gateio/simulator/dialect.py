"""Gate's futures servers: every REST endpoint behind one door, and the WebSockets beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from anyvenue.model.instrument import Instrument
from anyvenue.simulation.server.dialect import Dialect, ServerSocket, SocketHandler
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.stage import Stage
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue_gateio.simulator.account_book import AccountBooks
from anyvenue_gateio.simulator.account_rest import AccountRest
from anyvenue_gateio.simulator.accounts import Accounts
from anyvenue_gateio.simulator.auth_check import Doorman
from anyvenue_gateio.simulator.call import Call, Route
from anyvenue_gateio.simulator.contracts import Contracts, instruments
from anyvenue_gateio.simulator.dead_men import DeadMen
from anyvenue_gateio.simulator.depth import DepthBooks
from anyvenue_gateio.simulator.elsewhere_rest import ElsewhereRest
from anyvenue_gateio.simulator.limits import Limits, too_many
from anyvenue_gateio.simulator.market_rest import MarketRest
from anyvenue_gateio.simulator.news import News
from anyvenue_gateio.simulator.order_rest import OrderRest
from anyvenue_gateio.simulator.orders import OrderDesk
from anyvenue_gateio.simulator.position_rest import PositionRest
from anyvenue_gateio.simulator.position_shapes import PositionShapes
from anyvenue_gateio.simulator.quirks import Quirks
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.router import NoSuchPath, Router
from anyvenue_gateio.simulator.sockets import GateSocket, Sockets
from anyvenue_gateio.simulator.trade_rate import TradeRate
from anyvenue_gateio.simulator.trailing import TrailDesk
from anyvenue_gateio.simulator.trigger_rest import TriggerRest
from anyvenue_gateio.simulator.triggers import TriggerDesk

__all__ = ["GateDialect"]

_PREFIX: Final = "/api/v4"
_SOCKETS: Final = {"/v4/ws/usdt": "usdt", "/v4/ws/btc": "btc", "/v4/ws/futures/usdt": "usdt"}
_MS_NS: Final = 1_000_000


class GateDialect(Dialect):
    """The simulated Gate."""

    paths: Mapping[str, str] = {
        "rest": _PREFIX,
        "ws_usdt": "/v4/ws/usdt",
        "ws_btc": "/v4/ws/btc",
        "ws_usdt_as_on_testnet": "/v4/ws/futures/usdt",
    }

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.quirks = Quirks.drawn(stage.chance)
        self.contracts = Contracts(stage)
        self.accounts = Accounts(stage)
        self.news = News(stage)
        self.books = AccountBooks(stage, self.contracts)
        self.news.keep(self.books.on_event, self.books.open)
        self.desk = OrderDesk(stage, self.contracts, self.accounts, self.news)
        self.triggers = TriggerDesk(stage, self.contracts, self.desk, self.accounts, self.news, self.quirks)
        self.desk.attach = self.triggers.attach
        self.trails = TrailDesk(stage, self.contracts, self.desk, self.accounts)
        self.doorman = Doorman(stage)
        self.depth = DepthBooks(stage, self.quirks)
        self.sockets = Sockets()
        self.trade_rate = TradeRate(stage.clock.time_ns)
        self.account_rest = AccountRest(stage, self.contracts, self.accounts, self.books)
        routes = self._routes()
        self._router = Router(routes)
        self.limits = Limits(stage, [route.rule for route in routes if not route.bucket])
        self._traces = 0

    @classmethod
    def instruments(cls, tapes: Mapping[str, TapeHeader], settings: SimulationSettings) -> list[Instrument]:
        """Return Gate's contracts."""
        return instruments(tapes, settings)

    def steer(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Tell all clients that the server goes away soon: `{"upgrade": "a text"}`, as `futures.system` does.

        Returns how near to each rate limit anybody came, and how many requests were refused for it.
        """
        text = given.get("upgrade")
        if given and (set(given) != {"upgrade"} or not isinstance(text, str)):
            raise ValueError(f'found {dict(given)}; allowed is {{"upgrade": "a text"}}')
        if isinstance(text, str):
            self.sockets.announce_upgrade(text)
        return {"limits": {**self.limits.used(), "WebSocket orders": self.trade_rate.used()}}

    def client_id_of(self, account: str, client_order_id: str) -> str:
        """Return the `text` of an order."""
        record = self.desk.file.by_client(account, client_order_id)
        return "" if record is None else record.text

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a REST request."""
        arrived = self.doorman.time_ns()
        self._traces += 1
        headers = {
            "content-type": "application/json",
            "X-In-Time": str(arrived // 1000),
            "X-Gate-Trace-ID": f"{self._traces:032x}",
        }
        try:
            status, content = self._answer(request, headers)
        except Refused as refused:
            status, content = refused.status, {"label": refused.label, "message": refused.message}
        except NoSuchPath:
            return HttpResponse(status=404, headers={"content-type": "text/html"}, body=b"<h1>404 Not Found</h1>\n")
        headers["X-Out-Time"] = str(self.doorman.time_ns() // 1000)
        return HttpResponse(status=status, headers=headers, body=orjson.dumps(content))

    def accept(self, request: HttpRequest, socket: ServerSocket) -> SocketHandler | HttpResponse:
        """Take a WebSocket connection at one of the two paths there are."""
        settle = _SOCKETS.get(request.path.rstrip("/"))
        if settle is None:
            return HttpResponse(status=404)
        return GateSocket(self, settle, request, socket)

    def _answer(self, request: HttpRequest, headers: dict[str, str]) -> tuple[int, Any]:
        if not request.path.startswith(f"{_PREFIX}/"):
            raise NoSuchPath
        route, names = self._router.find(request.method.upper(), request.path.removeprefix(_PREFIX))
        call = Call(request=request, names=names)
        if route.signed:
            call.account = self.doorman.check_rest(request).account
            self.news.attend(call.account)
        self._count(route, call, headers)
        if route.expires:
            self._check_expiry(request)
        content = route.handler(call)
        headers.update(call.headers)
        return route.status, content

    def _count(self, route: Route, call: Call, headers: dict[str, str]) -> None:
        """Count a request, the rows of a batch one by one; say how the client stands. Raises Refused."""
        rows = 1
        if route.by_rows:
            body = call.body()
            rows = len(body) if isinstance(body, list) and body else 1
        standing = self.limits.take(route.rule, call.account or call.request.remote, rows)
        headers.update(self.limits.headers(standing))
        if not standing.allowed:
            raise too_many()

    def _check_expiry(self, request: HttpRequest) -> None:
        told = request.headers.get("x-gate-exptime")
        if told is None:
            return
        if not told.isdigit():
            raise Refused("INVALID_PARAM_VALUE", "x-gate-exptime: Unix milliseconds are needed")
        if self.doorman.time_ns() > int(told) * _MS_NS:
            raise Refused(self.quirks.expired_label, "the request has expired by x-gate-exptime")

    def _routes(self) -> list[Route]:
        stage, contracts, accounts = self.stage, self.contracts, self.accounts
        shapes = PositionShapes(stage, accounts, self.desk, self.books)
        dead_men = DeadMen(stage, contracts, self.desk)
        return [
            *MarketRest(stage, contracts, self.depth).routes(),
            *self.account_rest.routes(),
            *PositionRest(stage, contracts, accounts, self.books, shapes).routes(),
            *OrderRest(stage, contracts, accounts, self.desk, self.books, dead_men).routes(),
            *TriggerRest(self.triggers, self.trails).routes(),
            *ElsewhereRest(stage, accounts, self.doorman).routes(),
        ]
