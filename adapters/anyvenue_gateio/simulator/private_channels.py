"""The private channels of one connection: who may hear what, and which news becomes which push (chapter 12.2)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import takewhile
from typing import Any, Final

from anyvenue.model.market import FundingPayment
from anyvenue.model.order_events import (
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderTriggered,
)
from anyvenue.model.position import Position
from anyvenue.venue.events import AccountEvent
from anyvenue_gateio.simulator import pushes
from anyvenue_gateio.simulator.account_book import BookRow, Closed
from anyvenue_gateio.simulator.channels import BadPayload, Subscriber
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.house import House
from anyvenue_gateio.simulator.order_record import OrderRecord, gate_id
from anyvenue_gateio.simulator.refusal import Refused
from anyvenue_gateio.simulator.trigger_order import TriggerOrder

__all__ = ["PRIVATE_CHANNELS", "PrivateChannels"]

ALL: Final = "!all"
_WITH_USER: Final = (
    "futures.orders",
    "futures.usertrades",
    "futures.liquidates",
    "futures.auto_deleverages",
    "futures.position_closes",
    "futures.reduce_risk_limits",
)
PRIVATE_CHANNELS: Final = (
    *_WITH_USER,
    "futures.positions",
    "futures.balances",
    "futures.autoorders",
    "futures.position_adl_rank",
)
OrderNews = OrderAccepted | OrderAmended | OrderCanceled | OrderExpired | OrderFilled | OrderTriggered
_TOLD_MAX: Final = 2_000


class PrivateChannels:
    """What one connection hears of accounts. A channel is heard for one account and some contracts, or all."""

    def __init__(self, house: House, socket: Subscriber) -> None:
        self._house = house
        self._socket = socket
        self._heard: dict[tuple[str, str], set[str]] = {}
        self._stops: dict[str, Callable[[], None]] = {}
        self._orders_told: dict[int, int] = {}
        self._rows_told: dict[str, int] = {}
        self._closes_told: dict[str, Closed | None] = {}

    def subscribe(self, account: str, channel: str, payload: list[str]) -> None:
        """Hear a channel. Raises BadPayload."""
        wanted = self._wanted(account, channel, payload)
        if account not in self._stops:
            self._house.books.open(account)
            stop_news = self._house.news.listen(account, partial(self._on_news, account))
            stop_triggers = self._house.triggers.on_change(partial(self._on_trigger, account))

            def stop() -> None:
                stop_news()
                stop_triggers()

            self._stops[account] = stop
        heard = self._heard.setdefault((account, channel), set())
        if not heard:
            self._rows_told[account] = next((row.number for row in self._rows(account)), 0)
            self._closes_told[account] = next(iter(self._closes(account)), None)
        heard.add(wanted)

    def unsubscribe(self, account: str, channel: str, payload: list[str]) -> None:
        """Hear it no more; what was not heard does not matter. Raises BadPayload."""
        self._heard.get((account, channel), set()).discard(self._wanted(account, channel, payload))

    def close(self) -> None:
        """Hear nothing any more."""
        for stop in self._stops.values():
            stop()
        self._stops.clear()
        self._heard.clear()

    def _wanted(self, account: str, channel: str, payload: list[str]) -> str:
        """Return the contract that a payload asks for, or ALL. Raises BadPayload."""
        user = str(self._house.accounts.user_id(account))
        if channel == "futures.balances":
            if payload[:1] != [user]:
                raise BadPayload("invalid argument: user id")
            return ALL
        if channel in _WITH_USER:
            if len(payload) != 2 or payload[0] != user:
                raise BadPayload("invalid argument: user id and contract are needed")
        elif not 1 <= len(payload) <= 2:
            raise BadPayload("invalid argument: a contract is needed")
        name = payload[-1]
        if name != ALL:
            try:
                self._house.contracts.find(self._socket.settle, name)
            except Refused:
                raise BadPayload(f"unknown contract {name}") from None
        return name

    def _hears(self, account: str, channel: str, contract: Contract) -> bool:
        heard = self._heard.get((account, channel))
        if not heard or contract.settle != self._socket.settle:
            return False
        return ALL in heard or contract.name in heard

    # News

    def _on_news(self, account: str, event: AccountEvent) -> None:
        if isinstance(event, OrderFilled):
            self._on_fill(account, event)
        if isinstance(event, OrderNews):
            self._on_order(account, event)
        if isinstance(event, OrderFilled | FundingPayment):
            self._on_money(account)
        if isinstance(event, Position):
            self._on_position(account, event)

    def _on_order(self, account: str, event: OrderNews) -> None:
        record = self._record(account, event.client_order_id, event.venue_order_id)
        if record is None:
            return
        if isinstance(event, OrderAccepted) and self._house.quirks.push_before_reply:
            self._push_order(account, record)
        else:  # when the request is done with the order: until then its row is not what it will be
            self._house.stage.market.tell_after(lambda: self._push_order(account, record))

    def _push_order(self, account: str, record: OrderRecord) -> None:
        if not self._hears(account, "futures.orders", record.contract):
            return
        if self._orders_told.get(record.number) == record.update_id:
            return
        self._orders_told[record.number] = record.update_id
        if len(self._orders_told) > _TOLD_MAX:
            del self._orders_told[next(iter(self._orders_told))]
        user, word = self._house.accounts.user_id(account), self._house.quirks.resting_word
        self._socket.push("futures.orders", [pushes.order_row(record, user, self._socket.decimal, word)])

    def _on_fill(self, account: str, event: OrderFilled) -> None:
        fill, decimal = event.fill, self._socket.decimal
        contract = self._house.contracts.by_symbol(fill.instrument.symbol)
        record = self._record(account, event.client_order_id, event.venue_order_id)
        text = "" if record is None else record.text
        if self._hears(account, "futures.usertrades", contract):
            self._socket.push("futures.usertrades", [pushes.usertrade_row(contract, fill, text, decimal)])
        user = self._house.accounts.user_id(account)
        if event.client_order_id is None and self._hears(account, "futures.liquidates", contract):
            self._socket.push("futures.liquidates", [pushes.liquidate_row(contract, fill, user, decimal)])
        if self._heard.get((account, "futures.position_closes")):
            self._push_closes(account, text)

    def _push_closes(self, account: str, text: str) -> None:
        last, user = self._closes_told[account], self._house.accounts.user_id(account)
        new = list(takewhile(lambda closed: closed is not last, self._closes(account)))
        for closed in reversed(new):
            self._closes_told[account] = closed
            if self._hears(account, "futures.position_closes", closed.contract):
                self._socket.push("futures.position_closes", [pushes.close_row(closed, text, user)])

    def _on_money(self, account: str) -> None:
        if not self._heard.get((account, "futures.balances")):
            return
        seen = self._rows_told[account]
        new = list(takewhile(lambda row: row.number > seen, self._rows(account)))[::-1]
        if new:
            self._rows_told[account] = new[-1].number
            user = self._house.accounts.user_id(account)
            self._socket.push("futures.balances", [pushes.balance_row(row, user) for row in new])

    def _on_position(self, account: str, position: Position) -> None:
        contract = self._house.contracts.by_symbol(position.instrument.symbol)
        if self._hears(account, "futures.positions", contract):
            leg = self._house.books.leg(account, contract.symbol, position.side)
            user = self._house.accounts.user_id(account)
            row = pushes.position_row(contract, position, leg, user, self._socket.decimal)
            self._socket.push("futures.positions", [row])

    def _on_trigger(self, account: str, order: TriggerOrder) -> None:
        if order.account == account and self._hears(account, "futures.autoorders", order.contract):
            row: dict[str, Any] = pushes.autoorder_row(order, self._house.accounts.user_id(account))
            self._socket.push("futures.autoorders", [row])

    def _record(self, account: str, client_id: str | None, exchange_id: str | None) -> OrderRecord | None:
        file = self._house.desk.file
        if client_id is not None:
            return file.by_client(account, client_id)
        return None if exchange_id is None else file.by_id(account, gate_id(exchange_id))

    def _rows(self, account: str) -> list[BookRow]:
        return self._house.books.rows(account, self._socket.settle)

    def _closes(self, account: str) -> list[Closed]:
        return self._house.books.closed(account, self._socket.settle)
