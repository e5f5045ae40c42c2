"""Recovery: from a journal's records to what was open, held and remembered when the last session ended."""

from __future__ import annotations

import logging
import sqlite3
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, Final

import orjson

from anyvenue.engine import journal_store as store
from anyvenue.engine.codec import Codec
from anyvenue.engine.codec_plain import unplain
from anyvenue.engine.commands import Place
from anyvenue.engine.guard_kept import kept_orders
from anyvenue.engine.recovered import Recovered
from anyvenue.model.enums import Fate, PositionSide
from anyvenue.model.errors import Contradiction
from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendUnknown, CancelUnknown, OrderEvent, OrderFilled, OrderUnknown
from anyvenue.model.position import Position

__all__ = ["recover", "state_of"]

_log = logging.getLogger("anyvenue.journal")

_ENDED: Final = "the process ended before the answer came"


def recover(database: sqlite3.Connection, codec: Codec) -> Recovered:
    """Return what a journal holds. `codec` has its instruments already. Raises JournalUnreadable."""
    tally = _Tally(codec)
    state = store.last_state(database)
    tally.trades = {(instrument, trade_id) for id_, instrument, trade_id in store.trades(database) if id_ < state}
    for record in store.records(database, state):
        tally.take(record)
    sessions = store.sessions(database)
    orders = tally.remaining_orders()
    return Recovered(
        orders=tuple(orders),
        positions=tuple(position for position in tally.positions.values() if position.quantity),
        trade_ids=frozenset(tally.trades),
        values=tally.values,
        clean=not sessions or tally.ends.get(sessions[-1].id, False),
        sessions=tuple(session.name for session in sessions),
        left_by=_left_by(orders, [session.ts for session in sessions]),
    )


def state_of(orders: Any, positions: Any, values: Any, codec: Codec) -> bytes:
    """Return the record of how everything stands: what `recover` may begin with. Values are plain already."""
    return orjson.dumps(
        {
            "orders": [codec.pack(order) for order in orders],
            "positions": [codec.pack(position) for position in positions],
            "values": values,
        }
    )


class _Tally:
    """Goes through the records, oldest first."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._orders: dict[str, Order] = {}
        self._names: dict[tuple[str, str], str] = {}
        self.positions: dict[tuple[str, PositionSide], Position] = {}
        self.trades: set[tuple[str, str]] = set()
        self.values: dict[str, Any] = {}
        self.ends: dict[int, bool] = {}

    def take(self, record: store.Record) -> None:
        match record.kind:
            case "intent" | "event":
                self._take_value(self._codec.decode(record.data), record.connection)
            case "state":
                self._take_state(orjson.loads(record.data))
            case "value":
                self._take_named(**orjson.loads(record.data))
            case "end":
                self.ends[record.session] = orjson.loads(record.data)["clean"]

    def remaining_orders(self) -> list[Order]:
        """Return the orders that have not ended, or miss fills, or that a guard still has to do with.

        What was in flight has an unknown fate now.
        """
        kept = kept_orders(self.values.get)
        return [
            order if order.is_terminal else _given_up(order)
            for order in self._orders.values()
            if not order.is_terminal or order.missing_fills or order.client_order_id in kept
        ]

    def _take_state(self, state: dict[str, Any]) -> None:
        # Orders that have ended stay: late news of them must not be taken for that of strangers.
        for order in map(self._codec.unpack, state["orders"]):
            self._keep(order)
        positions = map(self._codec.unpack, state["positions"])
        self.positions = {(position.instrument.key, position.side): position for position in positions}
        self.values = {name: unplain(value) for name, value in state["values"].items()}

    def _take_named(self, name: str, value: Any) -> None:
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = unplain(value)

    def _take_value(self, value: Any, connection: str) -> None:
        match value:
            case Place(order):
                self._keep(order)
            case OrderFilled(fill=fill):
                self._book(fill)
                self._apply(value, connection)
            case FundingPayment():
                legs = [self._position(value.instrument, side) for side in PositionSide]
                self._hold(next((leg for leg in legs if leg.quantity), legs[0]).pay_funding(value))
            case _ if isinstance(value, OrderEvent):
                self._apply(value, connection)

    def _book(self, fill: Fill) -> None:
        trade = fill.instrument.key, fill.trade_id
        if trade not in self.trades:
            self.trades.add(trade)
            self._hold(self._position(fill.instrument, fill.position_side).apply(fill))

    def _position(self, instrument: Instrument, side: PositionSide) -> Position:
        return self.positions.get((instrument.key, side)) or Position(instrument=instrument, side=side)

    def _hold(self, position: Position) -> None:
        self.positions[position.instrument.key, position.side] = position

    def _apply(self, event: OrderEvent, connection: str) -> None:
        name = event.client_order_id
        if name is None and event.venue_order_id is not None:
            name = self._names.get((connection, event.venue_order_id))
        order = self._orders.get(name or "")
        if order is None:
            return
        try:
            self._keep(order.apply(event))
        except Contradiction as error:
            _log.debug("%s", error)  # it was said when it came

    def _keep(self, order: Order) -> None:
        self._orders[order.client_order_id] = order
        if order.venue_order_id is not None:
            self._names[order.instrument.connection, order.venue_order_id] = order.client_order_id


def _left_by(orders: Iterable[Order], starts: Iterable[int]) -> dict[str, int]:
    """Return when the first session began that came after the last news of an order."""
    ordered = sorted(starts)
    after = {order.client_order_id: bisect_right(ordered, order.ts_recv) for order in orders}
    return {name: ordered[number] for name, number in after.items() if number < len(ordered)}


def _given_up(order: Order) -> Order:
    name, ts = order.client_order_id, order.ts_recv
    if order.create is Fate.IN_FLIGHT:
        order = order.apply(OrderUnknown(client_order_id=name, text=_ENDED, ts_recv=ts))
    if order.amend is not None and order.amend.fate is Fate.IN_FLIGHT:
        order = order.apply(AmendUnknown(client_order_id=name, text=_ENDED, ts_recv=ts))
    if order.cancel is Fate.IN_FLIGHT:
        order = order.apply(CancelUnknown(client_order_id=name, text=_ENDED, ts_recv=ts))
    return order
