"""Take-profit and stop-loss that come with an entry, for venues that attach none: set when the entry's fills arrive.

The entry leaves without them. With each fill of it they are set for the whole position: at the venue where that
protects positions, else watched here. Before that, and while this process is down, nobody protects what it fills.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import define

from anyvenue.model.enums import PositionSide, PriceSource, Side
from anyvenue.model.errors import InvalidOrder, NotSupported, UnknownInstrument
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Protection, check_protection

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine
    from anyvenue.engine.journal import Journal

__all__ = ["AttachedGuard"]

NAME: Final = "guard.attached"


@define
class _Entry:
    """An entry and what it brings. `armed` is how much of it has traded for which that has been set."""

    instrument: Instrument
    side: Side
    position_side: PositionSide
    protection: Protection
    armed: Decimal = ZERO


class AttachedGuard:
    """The entries that bring protection along."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self._entries: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def restore(self, never_left: Collection[str] = ()) -> None:
        """Take up the entries of an earlier run; what they filled meanwhile is protected now.

        `never_left` are the client ids of orders that were about to leave when that run ended, and did not.
        """
        for client_order_id, row in (self._journal.recall(NAME) or {}).items():
            if client_order_id in never_left:
                continue
            try:
                instrument = self._engine.instrument(row["symbol"], row["connection"])
            except (UnknownInstrument, ValueError) as error:
                self._engine.guards.decide("protection", f"{row['symbol']}: nobody protects it any more: {error}")
                continue
            protection = Protection(
                take_profit=row["take_profit"], stop_loss=row["stop_loss"], source=PriceSource(row["source"])
            )
            entry = _Entry(
                instrument, Side(row["side"]), PositionSide(row["position_side"]), protection, Decimal(row["armed"])
            )
            self._entries[client_order_id] = entry
            order = self._engine.orders.get(client_order_id)
            if order is None:  # it has ended since, and what it filled is in the position that is held
                if not entry.armed:
                    self._arm(client_order_id, entry, entry.armed)
                del self._entries[client_order_id]
            else:
                self.on_order(order)
        self._remember()

    def hold(self, spec: OrderSpec, protection: Protection) -> None:
        """Remember, before it leaves, what an entry brings along."""
        self._entries[spec.client_order_id] = _Entry(spec.instrument, spec.side, spec.position_side, protection)
        self._remember()

    def of(self, client_order_id: str) -> Protection | None:
        """Return what an entry brings along."""
        entry = self._entries.get(client_order_id)
        return None if entry is None else entry.protection

    def on_order(self, order: Order) -> None:
        """Set it when more of the entry has traded and the position shows it; forget an entry that has ended.

        One that another order is about to replace is kept for that.
        """
        entry = self._entries.get(order.client_order_id)
        if entry is None:
            return
        if order.booked_quantity > entry.armed:
            self._arm(order.client_order_id, entry, order.booked_quantity)
            self._remember()
        if order.is_terminal and not order.missing_fills and not self._engine.guards.amends.has(order):
            del self._entries[order.client_order_id]
            self._remember()

    def _arm(self, client_order_id: str, entry: _Entry, traded: Decimal) -> None:
        instrument, engine = entry.instrument, self._engine
        entry.armed = traded
        if engine.portfolio.position(instrument, entry.position_side).quantity * entry.side.sign <= 0:
            return  # it reduced the other side, or is closed again
        mark = engine.data.mark(instrument)
        try:
            if mark is not None:
                check_protection(entry.protection, opening=entry.side, price=mark, instrument=instrument)
        except InvalidOrder as error:  # the price has passed a level before it could be set: then it fires now
            engine.guards.decide("protection", f"{client_order_id} has traded, and the position is closed: {error}")
            engine.desk.close(instrument, entry.position_side)
            return
        levels = f"{entry.protection.take_profit or 'no'} take-profit, {entry.protection.stop_loss or 'no'} stop-loss"
        engine.guards.decide("protection", f"{client_order_id} has traded: {instrument.key} is protected: {levels}")
        try:
            engine.desk.protect_held(instrument, entry.protection, entry.position_side)
        except NotSupported as error:
            engine.guards.decide("protection", f"{instrument.key}: nobody protects it: {error}")

    def _remember(self) -> None:
        rows: dict[str, Any] = {
            client_order_id: {
                "connection": entry.instrument.connection,
                "symbol": entry.instrument.symbol,
                "side": entry.side.value,
                "position_side": entry.position_side.value,
                "take_profit": None if entry.protection.take_profit is None else str(entry.protection.take_profit),
                "stop_loss": None if entry.protection.stop_loss is None else str(entry.protection.stop_loss),
                "source": entry.protection.source.value,
                "armed": str(entry.armed),
            }
            for client_order_id, entry in self._entries.items()
        }
        self._journal.remember(NAME, rows or None)
