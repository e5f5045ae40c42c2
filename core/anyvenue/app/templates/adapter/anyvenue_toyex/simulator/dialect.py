"""ToyEx's servers: the REST calls there are, and the WebSocket beside them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson
from anyvenue.model.enums import OrderType, Side, TimeInForce
from anyvenue.model.errors import InvalidOrder, Rejected
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot
from anyvenue.model.numbers import exact, shortest_text
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.pricing import Tick
from anyvenue.simulation.server.buckets import BucketRule, Buckets
from anyvenue.simulation.server.dialect import Dialect, ServerSocket, SocketHandler
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse, json_response
from anyvenue.simulation.server.stage import Stage
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings

from anyvenue_toyex.simulator import rows
from anyvenue_toyex.simulator.auth_check import check_request
from anyvenue_toyex.simulator.refusal import CODES, Refused
from anyvenue_toyex.simulator.sockets import ClientSocket, News

MARKETS = {"BTC": ("0.1", "0.001"), "ETH": ("0.01", "0.01")}
"""Tick and size step by base currency."""


class ToyExDialect(Dialect):
    """The simulated ToyEx."""

    paths = {"rest": "/v1", "ws": "/ws"}  # noqa: RUF012 - as its base class has it

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._markets = {instrument.venue_symbol: instrument for instrument in stage.instruments}
        self._news = News(stage)
        self._buckets = Buckets([BucketRule("requests", 50, 1.0)])

    @classmethod
    def instruments(cls, tapes: Mapping[str, TapeHeader], settings: SimulationSettings) -> list[Instrument]:
        """Return what ToyEx lists."""
        return [
            Instrument(
                symbol=f"{base}-USDT-PERP",
                venue="toyex",
                venue_symbol=f"{base}USDT",
                base=base,
                quote="USDT",
                settle="USDT",
                price_rule=Tick(Decimal(tick)),
                quantity_step=step,
                min_quantity=step,
                max_leverage=50,
                initial_margin_rate="0.02",
                maintenance_margin_rate="0.01",
                maker_fee="0.0002",
                taker_fee="0.0005",
                funding_interval_s=8 * 3600,
            )
            for base, (tick, step) in MARKETS.items()
        ]

    def handle(self, request: HttpRequest) -> HttpResponse:
        """Answer a REST request."""
        try:
            return json_response(self._answer(request))
        except Refused as refused:
            headers = {"retry-after": "1"} if refused.status == 429 else None
            return json_response({"code": refused.code, "text": refused.text}, refused.status, headers)

    def accept(self, request: HttpRequest, socket: ServerSocket) -> SocketHandler | HttpResponse:
        """Take a WebSocket connection."""
        if request.path != self.paths["ws"]:
            return HttpResponse(status=404)
        return ClientSocket(self.stage, self._news, self._markets, socket)

    def _answer(self, request: HttpRequest) -> Any:
        now, query = self.stage.time_ns(), request.query
        call = request.method, request.path.removeprefix(self.paths["rest"]).split("/")[1:]
        if call == ("GET", ["time"]):
            return {"time": now // rows.MS_NS}
        if not self._buckets.take("requests", request.remote, now_ns=self.stage.clock.time_ns()).allowed:
            raise Refused("too_many", "50 requests a second", status=429)
        match call:
            case "GET", ["markets"]:
                return [rows.market_row(instrument) for instrument in self._markets.values()]
            case "GET", ["book"]:
                return self._book(self._market(query.get("market")), int(query.get("depth", "50")), now)
        account = check_request(self.stage, request).account
        exchange = self.stage.exchange
        match call:
            case "POST", ["orders"]:
                return self._place(account, request.body)
            case "GET", ["orders"]:
                return [rows.order_row(order) for order in exchange.open_orders(account)]
            case "GET", ["orders", name]:
                return rows.order_row(self._order(account, name))
            case "DELETE", ["orders", name]:
                return self._cancel(account, name)
            case "GET", ["fills"]:
                symbol, since_ns = self._market(query.get("market")).symbol, int(query["since"]) * rows.MS_NS
                return [rows.fill_row(fill) for fill in exchange.fills(account, symbol, since_ns)]
            case "GET", ["positions"]:
                return [rows.position_row(position, now) for position in exchange.positions(account)]
            case "GET", ["balances"]:
                return [rows.balance_row(balance, now) for balance in exchange.balances(account)]
            case _:
                raise Refused("no_such_call", status=404)

    def _market(self, name: str | None) -> Instrument:
        if name not in self._markets:
            raise Refused("unknown_market", f"there is no market {name}")
        return self._markets[name]

    def _book(self, instrument: Instrument, depth: int, now: int) -> dict[str, Any]:
        bids, asks = (
            [(shortest_text(price), shortest_text(size)) for price, size in side]
            for side in self.stage.exchange.book(instrument.symbol).levels(depth)
        )
        return rows.book_row(BookSnapshot(instrument=instrument, bids=bids, asks=asks, ts_event=now))

    def _order(self, account: str, name: str) -> Order:
        key = "client_order_id" if name.startswith("client:") else "venue_order_id"
        order = self.stage.exchange.order(account, **{key: name.removeprefix("client:")})
        if order is None:
            raise Refused("unknown_order", f"there is no order {name}", status=404)
        return order

    def _place(self, account: str, body: bytes) -> dict[str, Any]:
        try:
            told = orjson.loads(body)
            price, rule = told["price"], told["rule"]
            spec = OrderSpec(
                client_order_id=told["client_id"],
                instrument=self._market(told["market"]),
                side=Side(told["side"]),
                quantity=exact(told["size"]),
                price=price,
                order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
                time_in_force=TimeInForce.IOC if rule == "ioc" and price is not None else TimeInForce.GTC,
                post_only=rule == "post_only",
                reduce_only=told["reduce_only"],
            )
            self.stage.exchange.place(account, spec)
        except Rejected as error:
            raise Refused(CODES.get(error.reason, "bad_request"), error.text) from error
        except (InvalidOrder, KeyError, TypeError, ValueError) as error:
            raise Refused("bad_request", str(error)) from error
        self._news.order(account, spec.client_order_id)
        return rows.order_row(self._order(account, f"client:{spec.client_order_id}"))

    def _cancel(self, account: str, name: str) -> dict[str, Any]:
        order = self._order(account, name)
        try:
            self.stage.exchange.cancel(account, venue_order_id=order.venue_order_id)
        except Rejected as error:
            raise Refused(CODES.get(error.reason, "bad_request"), error.text) from error
        self._news.order(account, order.client_order_id)
        return rows.order_row(self._order(account, name))
