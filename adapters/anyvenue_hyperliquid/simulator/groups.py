"""What orders bring about for each other: children of a parent, siblings, triggers of a position (chapter 7)."""

from __future__ import annotations

from decimal import Decimal

from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.model.order_events import OrderCanceled, OrderExpired, OrderFilled
from anyvenue.model.position import Position
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import AccountEvent
from anyvenue_hyperliquid.simulator.order_file import Kept, OrderFile
from anyvenue_hyperliquid.simulator.orders import OrderDesk
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.refusal import Refused

__all__ = ["OrderGroups"]

CANCELED, SIBLING_FILLED, REDUCE_ONLY = "canceled", "siblingFilledCanceled", "reduceOnlyCanceled"


class OrderGroups:
    """Watches the accounts, and ends orders."""

    def __init__(self, stage: Stage, file: OrderFile, desk: OrderDesk, records: Records) -> None:
        self._stage = stage
        self._file = file
        self._desk = desk
        self._records = records
        records.react = self._react

    def end(self, kept: Kept, status: str) -> None:
        """End an open order, and the children that wait for it. To be called within a job."""
        if kept.waits:
            kept.waits = False
            kept.ended = status
        else:
            kept.ended = status
            self._stage.exchange.cancel(kept.account, client_order_id=kept.name)
        self._records.note(kept)
        self._end_children(kept)

    def _react(self, account: str, event: AccountEvent) -> None:
        if isinstance(event, Position):
            symbol = event.instrument.symbol
            self._stage.market.do(lambda: self._on_position(account, symbol))
            return
        kept = self._file.by_name(getattr(event, "client_order_id", None))
        if kept is None or not isinstance(event, OrderFilled | OrderCanceled | OrderExpired):
            return
        if kept.children or kept.siblings:
            margin = isinstance(event, OrderCanceled) and event.reason is RejectReason.INSUFFICIENT_FUNDS
            self._stage.market.do(lambda: self._on_change(kept, for_margin=margin))

    def _on_change(self, kept: Kept, *, for_margin: bool) -> None:
        standing = self._file.standing(kept)
        if standing.is_open:
            return
        order = self._file.behind(kept)
        if standing.status == "filled" or (for_margin and order is not None and order.filled_quantity):
            for sibling in kept.siblings:
                if self._file.standing(sibling).is_open:
                    self.end(sibling, SIBLING_FILLED)
            for child in kept.children:
                if child.waits:
                    self._wake(child)
        else:
            self._end_children(kept)

    def _wake(self, child: Kept) -> None:
        """Let a child, whose parent has filled, wait for its trigger."""
        child.waits = False
        try:
            self._desk.send(child)
        except Refused as refused:
            child.ended = refused.status or "rejected"
            self._records.taken_away(child)

    def _end_children(self, kept: Kept) -> None:
        for child in kept.children:
            if child.waits:
                self.end(child, CANCELED)

    def _on_position(self, account: str, symbol: str) -> None:
        """Take away triggers that have nothing left to reduce; let those of the whole position follow it."""
        held = self._stage.exchange.position(account, symbol).quantity
        for kept in self._file.open(account):
            if kept.terms.symbol != symbol or not self._file.is_waiting(kept):
                continue
            if held * kept.side.sign >= 0:
                self.end(kept, REDUCE_ONLY)
            elif kept.is_position_tpsl and kept.size != abs(held):
                self._resize(kept, abs(held))

    def _resize(self, kept: Kept, size: Decimal) -> None:
        try:
            self._stage.exchange.amend(kept.account, client_order_id=kept.name, quantity=size)
        except Rejected:
            return
        kept.size = size
        self._records.note(kept)
