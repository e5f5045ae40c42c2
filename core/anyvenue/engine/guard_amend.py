"""An amend made of a cancel and a new order, for venues that have none.

The order is canceled; only once the venue has proven its end does a new one leave, for the rest that has not traded,
with a client id of its own. The old id stands for the new order from then on. Between the two nothing rests, the place
in the queue is lost, and the new order may be refused where the old one rested.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import InvalidOrder, RejectReason
from anyvenue.model.order import Amendment, Order
from anyvenue.model.order_events import AmendRejected

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine
    from anyvenue.engine.journal import Journal

__all__ = ["AmendGuard"]

NAME: Final = "guard.amends"
SUCCESSORS_KEPT: Final = 10_000


@frozen
class _Change:
    price: Decimal | None
    quantity: Decimal


class AmendGuard:
    """Replaces orders: one change for each, the last wish wins."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine = engine
        self._journal = journal
        self._changes: dict[str, _Change] = {}
        self._successors: OrderedDict[str, str] = OrderedDict()

    def restore(self) -> None:
        """Say what an earlier run was about to replace: the cancel stands, and no new order leaves.

        The strategy knows nothing of these orders; those that still rest end with all that the earlier run left.
        """
        for client_order_id, (price, quantity) in (self._journal.recall(NAME) or {}).items():
            order = self._engine.orders.get(client_order_id)
            known = "it has ended" if order is None or order.is_terminal else f"it is {order.state.value}"
            wanted = f"to {quantity} at {price or 'its price'}"
            self._engine.guards.decide(
                "amend", f"{client_order_id} was being amended {wanted} when the last run ended; {known}, not sent anew"
            )
        self._remember()

    def latest(self, client_order_id: str) -> str:
        """Return the id of the order that an id stands for now."""
        while (successor := self._successors.get(client_order_id)) is not None:
            client_order_id = successor
        return client_order_id

    def has(self, order: Order) -> bool:
        """Tell whether an order is being replaced."""
        return order.client_order_id in self._changes

    def amend(self, order: Order, price: Decimal | None, quantity: Decimal) -> Order:
        """Begin to replace an order, or change what it is replaced by."""
        self._changes[order.client_order_id] = _Change(price, quantity)
        self._remember()
        return self.shown(self._engine.orders.cancel(order))

    def shown(self, order: Order) -> Order:
        """Return an order as its strategy is to see it: with the amend that it asked for, not the cancel behind it."""
        change = self._changes.get(order.client_order_id)
        if change is None or order.is_terminal:
            return order
        amend = Amendment(
            price=None if change.price == order.price else change.price,
            quantity=None if change.quantity == order.quantity else change.quantity,
            fate=Fate.UNKNOWN if order.cancel is Fate.UNKNOWN else Fate.IN_FLIGHT,
        )
        return evolve(order, amend=amend, cancel=None)

    def drop(self, client_order_id: str) -> None:
        """Let the cancel stand alone."""
        if self._changes.pop(client_order_id, None) is not None:
            self._remember()

    def on_order(self, before: Order, order: Order) -> Order:
        """Take note of an order's change; return the order to tell the strategy of, the new one where it has left."""
        change = self._changes.get(order.client_order_id) if self._changes else None
        if change is None:
            if self._successors:
                self._shrink_successor(before, order)
            return order
        if order.is_terminal:
            self.drop(order.client_order_id)
            by_us = order.state is OrderState.CANCELED and order.reason is None
            return (self._replace(order, change) if by_us else None) or order
        if order.cancel is Fate.REFUSED:
            self.drop(order.client_order_id)
            refused = AmendRejected(
                client_order_id=order.client_order_id,
                reason=order.reason or RejectReason.OTHER,
                text=f"the cancel that was to make way for the amended order was refused: {order.text}",
                ts_recv=self._engine.now,
            )
            self._engine.later(refused)
        return self.shown(order)

    def _replace(self, order: Order, change: _Change) -> Order | None:
        rest = change.quantity - order.filled_quantity
        if rest < order.instrument.min_quantity or self._engine.is_stopping:
            return None
        try:
            new = self._engine.desk.replace(order, change.price, rest)
        except InvalidOrder as error:
            self._engine.say(f"{order.client_order_id}: the amended order cannot be made: {error}")
            return None
        self._successors[order.client_order_id] = new.client_order_id
        if len(self._successors) > SUCCESSORS_KEPT:
            self._successors.popitem(last=False)
        return new

    def _shrink_successor(self, before: Order, order: Order) -> None:
        """What traded before the cancel and is told only now has traded twice, unless the new order gives it back."""
        late = order.filled_quantity - before.filled_quantity
        if not order.is_terminal or not before.is_terminal or not late or order.client_order_id not in self._successors:
            return
        new = self._engine.orders.get(self.latest(order.client_order_id))
        if new is None or new.is_terminal:
            self._engine.say(f"{order.client_order_id}: {late} more had traded than its replacement knew of")
        elif new.quantity - late < max(new.filled_quantity, order.instrument.min_quantity):
            self._engine.desk.cancel(new)
        else:
            self._engine.desk.amend(new, None, new.quantity - late)

    def _remember(self) -> None:
        rows = {
            client_order_id: [None if change.price is None else str(change.price), str(change.quantity)]
            for client_order_id, change in self._changes.items()
        }
        self._journal.remember(NAME, rows or None)
