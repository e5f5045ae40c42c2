"""Where Gate's orders are filed: by id, by the client's text, open and ended, and for how long each is found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from attrs import define, field

from anyvenue.model.order_events import (
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
)
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_gateio.simulator.contracts import Contracts
from anyvenue_gateio.simulator.order_record import OrderRecord, gate_id

__all__ = ["OrderFile"]

_KEPT: Final = 10_000
_TEXT_FOUND_NS: Final = 60 * 1_000_000_000
_UNFILLED_FOUND_NS: Final = 600 * 1_000_000_000
_ORDER_EVENTS: Final = OrderAccepted | OrderAmended | OrderCanceled | OrderExpired | OrderFilled


@define
class _Drawer:
    """One account's orders."""

    by_id: dict[int, OrderRecord] = field(factory=dict)
    by_text: dict[str, OrderRecord] = field(factory=dict)
    by_client: dict[str, OrderRecord] = field(factory=dict)
    open: dict[int, OrderRecord] = field(factory=dict)
    ended: deque[OrderRecord] = field(factory=deque)


class OrderFile:
    """All orders, as far back as there is room. It keeps itself in step with the exchange by its news."""

    def __init__(self, stage: Stage, contracts: Contracts) -> None:
        self._stage = stage
        self._contracts = contracts
        self._drawers: dict[str, _Drawer] = {}
        self._spare = gate_id("0")

    def spare_id(self) -> int:
        """Return an id that no order of the exchange will ever have."""
        self._spare -= 1
        return self._spare

    # Filing

    def expect(self, record: OrderRecord) -> None:
        """File an order that is about to be sent to the exchange."""
        self._drawer(record.account).by_client[record.client_id] = record

    def drop(self, record: OrderRecord) -> None:
        """Forget an order that the exchange has refused."""
        self._drawer(record.account).by_client.pop(record.client_id, None)

    def enter(self, record: OrderRecord, number: int) -> None:
        """File an order under its id; its text now means this one."""
        drawer = self._drawer(record.account)
        record.number = number
        drawer.by_id[number] = drawer.open[number] = record
        if record.text.startswith("t-"):
            drawer.by_text[record.text] = record
        self._put_away(drawer, record)

    def refresh(self, record: OrderRecord) -> None:
        """Take in what the exchange says of an order now."""
        exchange, drawer = self._stage.exchange, self._drawer(record.account)
        order = exchange.order(record.account, client_order_id=record.client_id) if record.client_id else None
        if order is not None and record.is_open:
            held = exchange.position(record.account, record.contract.symbol, record.position_side)
            record.refresh(order, self._stage.clock.time_ns(), flat=not held.quantity)
        if record.number:
            self._put_away(drawer, record)

    def on_event(self, account: str, event: AccountEvent) -> None:
        """Keep in step with what happened to an order."""
        if not isinstance(event, _ORDER_EVENTS):
            return
        if event.client_order_id is None:
            if isinstance(event, OrderFilled):
                self._file_liquidation(account, event)
            return
        record = self._drawer(account).by_client.get(event.client_order_id)
        if record is not None:
            self.refresh(record)

    # Looking up

    def by_id(self, account: str, number: int) -> OrderRecord | None:
        """Return an order by Gate's id."""
        return self._drawer(account).by_id.get(number)

    def by_client(self, account: str, client_order_id: str) -> OrderRecord | None:
        """Return an order by the exchange's client id, as the news tell of it."""
        return self._drawer(account).by_client.get(client_order_id)

    def find(self, account: str, settle: str, id_or_text: str) -> OrderRecord | None:
        """Return an order of a settle currency by Gate's id or the latest one with this text."""
        drawer = self._drawer(account)
        by_id = id_or_text.isdigit()
        found = drawer.by_id.get(int(id_or_text)) if by_id else drawer.by_text.get(id_or_text)
        return found if found is not None and found.contract.settle == settle else None

    def is_forgotten(self, record: OrderRecord, *, by_text: bool) -> bool:
        """Tell whether Gate tells of an order no more: one that ended unfilled, 60 s (by text) or 10 min ago."""
        if record.is_open or record.filled:
            return False
        age = self._stage.clock.time_ns() - record.finish_ns
        return age > (_TEXT_FOUND_NS if by_text else _UNFILLED_FOUND_NS)

    def open(self, account: str, settle: str, contract: str | None = None) -> list[OrderRecord]:
        """Return the open orders, oldest first."""
        return _chosen(self._drawer(account).open.values(), settle, contract)

    def ended(self, account: str, settle: str, contract: str | None = None) -> list[OrderRecord]:
        """Return the ended orders, in the order in which they ended."""
        return _chosen(self._drawer(account).ended, settle, contract)

    # What these are made of

    def _drawer(self, account: str) -> _Drawer:
        return self._drawers.setdefault(account, _Drawer())

    def _put_away(self, drawer: _Drawer, record: OrderRecord) -> None:
        """Move an order that has ended to the ended ones, and forget the oldest of those where there are too many."""
        if record.is_open or drawer.open.pop(record.number, None) is None:
            return
        drawer.ended.append(record)
        if len(drawer.ended) > _KEPT:
            oldest = drawer.ended.popleft()
            del drawer.by_id[oldest.number]
            drawer.by_client.pop(oldest.client_id, None)
            if drawer.by_text.get(oldest.text) is oldest:
                del drawer.by_text[oldest.text]

    def _file_liquidation(self, account: str, event: OrderFilled) -> None:
        """File the order by which a position was taken over."""
        fill = event.fill
        contract = self._contracts.by_symbol(fill.instrument.symbol)
        number = gate_id(fill.venue_order_id or "0")
        size = contract.size_of(fill.quantity) * fill.side.sign
        record = OrderRecord(
            number=number,
            account=account,
            contract=contract,
            client_id="",
            text=f"liq-{number}",
            size=size,
            price=Decimal(0),
            tif="ioc",
            position_side=fill.position_side,
            is_reduce_only=True,
            is_close=True,
            is_liq=True,
            create_ns=fill.ts_event,
            filled=abs(size),
            average=fill.price,
        )
        record.finish("liquidated", fill.ts_event)
        self.enter(record, number)


def _chosen(records: Iterable[OrderRecord], settle: str, contract: str | None) -> list[OrderRecord]:
    return [
        record
        for record in records
        if record.contract.settle == settle and (contract is None or record.contract.name == contract)
    ]
