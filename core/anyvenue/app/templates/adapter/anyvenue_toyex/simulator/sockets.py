"""ToyEx's WebSockets: logins, subscriptions, and who is told what."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from anyvenue.model.balance import Balance
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, MarketEvent, Trade
from anyvenue.model.order_events import OrderEvent, OrderFilled
from anyvenue.model.position import Position
from anyvenue.simulation.server.dialect import ServerSocket
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent, Channel

from anyvenue_toyex.simulator import rows
from anyvenue_toyex.simulator.auth_check import check
from anyvenue_toyex.simulator.refusal import Refused

CHANNELS = {"book": Channel.BOOK, "trades": Channel.TRADES}


class News:
    """Tells the sockets of an account what happens to it."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._sockets: dict[str, list[ClientSocket]] = {}

    def join(self, account: str, socket: ClientSocket) -> None:
        """Tell a socket, too."""
        if account not in self._sockets:
            self._stage.watch(account, partial(self._on_event, account))
        self._sockets.setdefault(account, []).append(socket)

    def leave(self, socket: ClientSocket) -> None:
        """Tell a socket nothing more."""
        for sockets in self._sockets.values():
            if socket in sockets:
                sockets.remove(socket)

    def order(self, account: str, client_id: str) -> None:
        """Tell how an order is now, behind the answer to the request that changed it."""
        self._stage.market.tell_after(lambda: self._tell_order(account, client_id))

    def _on_event(self, account: str, event: AccountEvent) -> None:
        now = self._stage.time_ns()
        match event:
            case Position():
                self._tell(account, "positions", rows.position_row(event, now))
            case Balance():
                self._tell(account, "balances", rows.balance_row(event, now))
            case OrderFilled():
                self._tell(account, "fills", rows.fill_row(event.fill))
        if isinstance(event, OrderEvent) and event.client_order_id is not None:
            self._tell_order(account, event.client_order_id)

    def _tell_order(self, account: str, client_id: str) -> None:
        order = self._stage.exchange.order(account, client_order_id=client_id)
        if order is not None:
            self._tell(account, "orders", rows.order_row(order))

    def _tell(self, account: str, channel: str, row: dict[str, Any]) -> None:
        for socket in self._sockets.get(account, ()):
            socket.push(channel, row)


class ClientSocket:
    """One connection."""

    def __init__(self, stage: Stage, news: News, markets: dict[str, Instrument], socket: ServerSocket) -> None:
        self._stage = stage
        self._news = news
        self._markets = markets
        self._socket = socket
        self._topics: dict[tuple[str, str], Callable[[], None]] = {}

    def on_message(self, data: bytes) -> None:
        """Take a frame; each but a ping has an `id`, which its answer bears."""
        try:
            frame = orjson.loads(data)
            number = frame.get("id")
            self._carry_out(frame, lambda: self._send({"id": number}))
        except Refused as refused:
            self._send({"id": number, "code": refused.code, "text": refused.text})
        except (AttributeError, KeyError, TypeError, ValueError):
            self._send({"id": None, "code": "bad_request", "text": "this cannot be read"})

    def on_close(self) -> None:
        """Tell nothing more."""
        self._news.leave(self)
        for leave in self._topics.values():
            leave()

    def push(self, channel: str, row: dict[str, Any]) -> None:
        """Send news."""
        self._send({"channel": channel, "data": row})

    def _carry_out(self, frame: dict[str, Any], done: Callable[[], None]) -> None:
        match frame["op"]:
            case "ping":
                self._send({"op": "pong"})
            case "login":
                message = f"{frame['time']}login".encode()
                key = check(self._stage, frame["key"], frame["time"], frame["sign"], message)
                done()
                self._news.join(key.account, self)
            case "subscribe" | "unsubscribe" as op:
                topic = frame["channel"], frame["market"]
                if topic[0] not in CHANNELS or topic[1] not in self._markets:
                    raise Refused("unknown_market", f"there is no {topic[0]} of {topic[1]}")
                self._topics.pop(topic, lambda: None)()
                done()
                if op == "subscribe":
                    instrument, channel = self._markets[topic[1]], CHANNELS[topic[0]]
                    self._topics[topic] = self._stage.listen(instrument, channel, self._on_market)
            case op:
                raise Refused("bad_request", f"there is no op {op}")

    def _on_market(self, event: MarketEvent) -> None:
        if isinstance(event, BookSnapshot | BookDelta):
            self.push("book", rows.book_row(event))
        elif isinstance(event, Trade):
            self.push("trades", rows.trade_row(event))

    def _send(self, content: dict[str, Any]) -> None:
        self._socket.send(orjson.dumps(content).decode())
