"""An amend made of a cancel and a new order, for venues that have none.

The order is canceled; only once the venue has proven its end does a new one leave, for the rest that has not traded,
with a client id of its own. The old id stands for the new order from then on. Between the two nothing rests, the place
in the queue is lost, and the new order may be refused where the old one rested.

What is to be done is remembered, with the id that the new order will have, before the cancel leaves, and forgotten once
the new order's intent is in the journal. So whenever the process ends, the next one knows whether the new order may
have left: that is so where the journal has an order of that id, and then none leaves again.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from anyvenue.engine.inputs import NoPriceCame
from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import AnyvenueError, NotSupported, RejectReason, UnknownInstrument
from anyvenue.model.order import Amendment, Order
from anyvenue.model.order_events import AmendRejected

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine
    from anyvenue.engine.guard_prices import GuardPrices
    from anyvenue.engine.journal import Journal

__all__ = ["NAME", "AmendGuard"]

NAME: Final = "guard.amends"
SUCCESSORS_KEPT: Final = 10_000
PRICE_PATIENCE_NS: Final = 60_000_000_000
"""A new order waits so long at most for a price; then the limits see it without one."""


@frozen
class _Change:
    """What an order is to become; `successor` is the client id that the new one will have."""

    price: Decimal | None
    quantity: Decimal
    successor: str


class AmendGuard:
    """Replaces orders: one change for each, the last wish wins."""

    def __init__(self, engine: Engine, journal: Journal, prices: GuardPrices) -> None:
        self._engine = engine
        self._journal = journal
        self._prices = prices
        self._changes: dict[str, _Change] = {}
        self._unpriced: dict[str, Order] = {}
        """Those that have ended, and whose new orders wait for a price that the limits may ask for."""
        self._successors: OrderedDict[str, str] = OrderedDict()

    def __len__(self) -> int:
        """Return how many wait for a price."""
        return len(self._unpriced)

    # A restart

    def restore(self) -> frozenset[str]:
        """Take up what an earlier run was about to replace; return the ids of the new orders that never left.

        Where the orders of earlier runs are kept it goes on (`resume`), under new ids. Else the cancel stands, no new
        order leaves, and it is said what was to become of which order.
        """
        never_left = set()
        for name, row in (self._journal.recall(NAME) or {}).items():
            terms = f"{row['quantity']} at {row['price'] or 'its price'}"
            text = f"{name} was being amended to {terms} when the last run ended"
            successor = self._engine.orders.get(row["successor"])
            if successor is not None:
                self._stand_for(name, successor)
                self._tell(f"{text}; {successor.client_order_id} was on its way in its place, and is not sent again")
                continue
            never_left.add(row["successor"])
            if why := self._why_not(self._engine.orders.get(name)):
                self._tell(f"{text}; {why}, not sent anew")
                continue
            price = None if row["price"] is None else Decimal(row["price"])
            self._changes[name] = _Change(price, Decimal(row["quantity"]), self._engine.orders.next_id())
            self._tell(f"{text}; that goes on")
        self._remember()
        return frozenset(never_left)

    def _why_not(self, order: Order | None) -> str:
        """Return why an order of an earlier run is not replaced any more; empty where it is."""
        if order is None:
            return "it has ended"
        if order.is_terminal and not _ended_by_us(order):
            return f"it is {order.state.value}"
        if order.cancel is Fate.REFUSED:
            return "its cancel was refused"
        if not self._engine.keeps_left_over:
            return "it has ended" if order.is_terminal else f"it is {order.state.value}"
        try:
            self._engine.instrument(order.instrument)
        except (UnknownInstrument, ValueError) as error:
            return str(error)
        return ""

    def resume(self) -> None:
        """Go on with what was taken up: a cancel that never left does so now, and what follows a proven end too."""
        for name, change in list(self._changes.items()):
            order = self._engine.orders.get(name)
            if order is not None and order.is_terminal:
                self._follow_up(order, change)
            elif order is not None and order.cancel is None:
                self._engine.orders.cancel(order)

    def on_market(self, event: Any) -> None:
        """Send what has waited for a price."""
        if self._engine.data.mark(event.instrument) is None:
            return
        key = event.instrument.key
        for name, ended in [item for item in self._unpriced.items() if item[1].instrument.key == key]:
            if (change := self._changes.get(name)) is not None:  # a strategy that is told of one may cancel another
                self._follow_up(self._engine.orders.get(name) or ended, change)

    def on_no_price(self, client_order_id: str) -> None:
        """Wait no longer: where a limit needs a price the new order is refused, and the strategy told."""
        ended, change = self._unpriced.get(client_order_id), self._changes.get(client_order_id)
        if ended is not None and change is not None:
            self._tell(
                f"{client_order_id}: no mark or mid price of {ended.instrument.key} came within "
                f"{PRICE_PATIENCE_NS // 1_000_000_000} s; the amended order is sent if no limit needs one"
            )
            self._follow_up(self._engine.orders.get(client_order_id) or ended, change, waits=False)

    def _follow_up(self, order: Order, change: _Change, *, waits: bool = True) -> None:
        """Send the new order of one that has ended before, and tell the strategy."""
        new = self._ended(order, change, waits=waits)
        if self.has(order):
            return  # for a price
        if new is not order and new.state is not OrderState.NEW:
            self._tell(f"{order.client_order_id}: what an earlier run began is done, by {new.client_order_id}")
            self._engine.call(self._engine.strategy.on_order, new)
        self._engine.guards.attached.on_order(order)

    def give_up(self) -> None:
        """Let all cancels stand alone: the run is ending."""
        self._changes.clear()
        self._unpriced.clear()
        self._remember()

    # The way of an amend

    def latest(self, client_order_id: str) -> str:
        """Return the id of the order that an id stands for now."""
        while (successor := self._successors.get(client_order_id)) is not None:
            client_order_id = successor
        return client_order_id

    @property
    def stands_for_nothing(self) -> bool:
        """Whether every order is shown as it is, under its own id."""
        return not self._changes and not self._successors

    def has(self, order: Order) -> bool:
        """Tell whether an order is being replaced."""
        return order.client_order_id in self._changes

    def amend(self, order: Order, price: Decimal | None, quantity: Decimal) -> Order:
        """Begin to replace an order, or change what it is replaced by."""
        before = self._changes.get(order.client_order_id)
        successor = self._engine.orders.next_id() if before is None else before.successor
        self._changes[order.client_order_id] = _Change(price, quantity, successor)
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
        self._unpriced.pop(client_order_id, None)
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
            return self._ended(order, change)
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

    def _ended(self, order: Order, change: _Change, *, waits: bool = True) -> Order:
        """Send the new order where we have ended the old one; return the one to tell of."""
        if waits and _ended_by_us(order) and self._waits_for_a_price(order):
            return order
        new = self._replace(order, change) if _ended_by_us(order) else None
        self.drop(order.client_order_id)  # not before: where the process ends in between, the next one goes on
        return new or order

    def _waits_for_a_price(self, order: Order) -> bool:
        """Have the prices of an order of an earlier run come in, where nobody has yet; tell whether they will."""
        instrument = order.instrument
        if self._engine.orders.is_of_this_run(order) or self._engine.data.mark(instrument) is not None:
            return False
        if self._engine.is_stopping:
            return False
        try:
            self._prices.follow(instrument)
        except NotSupported:
            return False
        engine, name = self._engine, order.client_order_id

        def due() -> None:
            if self._unpriced.get(name) is order:  # or it has had its price, and waits for another now
                engine.receive(NoPriceCame(name))

        if name not in self._unpriced:
            self._unpriced[name] = order
            engine.clock.call_at(engine.now + PRICE_PATIENCE_NS, due)
        return True

    def _replace(self, order: Order, change: _Change) -> Order | None:
        rest = change.quantity - order.filled_quantity
        if rest < order.instrument.min_quantity or self._engine.is_stopping:
            return None
        try:
            new = self._engine.desk.replace(order, change.price, rest, change.successor)
        except (AnyvenueError, ValueError) as error:
            self._tell(f"{order.client_order_id}: the amended order cannot be made: {error}")
            return None
        self._stand_for(order.client_order_id, new)
        return new

    def _stand_for(self, client_order_id: str, new: Order) -> None:
        self._successors[client_order_id] = new.client_order_id
        if len(self._successors) > SUCCESSORS_KEPT:
            self._successors.popitem(last=False)

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

    def _tell(self, text: str) -> None:
        self._engine.guards.decide("amend", text)

    def _remember(self) -> None:
        rows = {
            client_order_id: {
                "price": None if change.price is None else str(change.price),
                "quantity": str(change.quantity),
                "successor": change.successor,
            }
            for client_order_id, change in self._changes.items()
        }
        self._journal.remember(NAME, rows or None)


def _ended_by_us(order: Order) -> bool:
    """Tell whether an order has ended by the cancel that was to make way for the new one."""
    return order.state is OrderState.CANCELED and order.reason is None and order.cancel is Fate.DONE
