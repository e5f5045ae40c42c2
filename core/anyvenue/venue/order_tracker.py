"""A session's own orders, each kept current from replies and from the stream."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from anyvenue.model.errors import Contradiction
from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderEvent, OrderFilled

__all__ = ["OrderTracker"]

_log = logging.getLogger("anyvenue.session")

ENDED_KEPT: Final = 10_000
"""How many ended orders are remembered, so that late events find them."""
TRADES_KEPT: Final = 50_000
"""How many trade ids are remembered, so that a fill told twice is passed on once."""


class OrderTracker:
    """Orders by client id and venue id. `changed` gets an order after each change, `filled` each new fill."""

    def __init__(self, changed: Callable[[Order], None], filled: Callable[[Fill], None]) -> None:
        self._changed = changed
        self._filled = filled
        self._orders: dict[str, Order] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._client_ids: dict[str, str] = {}
        self._trades: OrderedDict[tuple[str, str], None] = OrderedDict()

    def add(self, order: Order) -> None:
        """Take on a new order."""
        self._orders[order.client_order_id] = order

    def get(self, client_order_id: str) -> Order | None:
        """Return an order of ours by its client id."""
        return self._orders.get(client_order_id)

    def current(self, order: Order) -> Order:
        """Return an order of ours as it is now; one that is not ours comes back as given."""
        return self._orders.get(order.client_order_id, order)

    def open_orders(self) -> list[Order]:
        """Return our orders that may still trade, oldest first."""
        return [order for order in self._orders.values() if order.is_open]

    def apply_all(self, events: Iterable[object]) -> None:
        """Apply those of the events that are about orders."""
        for event in events:
            if isinstance(event, OrderEvent):
                self.apply(event)

    def apply(self, event: OrderEvent) -> None:
        """Apply an event to the order it means. One that cannot be true is logged, and changes nothing."""
        if isinstance(event, OrderFilled):
            self._note_fill(event.fill)
        before = self.find(event)
        if before is None:
            return
        try:
            after = before.apply(event)
        except Contradiction as error:
            _log.error("%s", error)
            return
        if after != before:
            self._store(after)
            self._changed(after)

    def find(self, event: OrderEvent) -> Order | None:
        """Return the order of ours that an event means."""
        client_order_id = event.client_order_id
        if client_order_id is None and event.venue_order_id is not None:
            client_order_id = self._client_ids.get(event.venue_order_id)
        return None if client_order_id is None else self._orders.get(client_order_id)

    def _store(self, order: Order) -> None:
        name = order.client_order_id
        self._orders[name] = order
        if order.venue_order_id is not None:
            self._client_ids[order.venue_order_id] = name
        if order.is_terminal:
            self._ended[name] = None
        else:
            self._ended.pop(name, None)
        while len(self._ended) > ENDED_KEPT:
            self._forget(self._orders.pop(self._ended.popitem(last=False)[0]))

    def _forget(self, order: Order) -> None:
        for venue_order_id in (order.venue_order_id, *order.former_ids):
            self._client_ids.pop(venue_order_id or "", None)

    def _note_fill(self, fill: Fill) -> None:
        key = (fill.instrument.key, fill.trade_id)
        if key in self._trades:
            return
        self._trades[key] = None
        if len(self._trades) > TRADES_KEPT:
            self._trades.popitem(last=False)
        self._filled(fill)
