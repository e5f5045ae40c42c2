"""The order manager: every order of ours from its intent to its end.

It gives ids, finds the order an event means, and holds back what cannot be sent yet: a cancel or amend that is asked
for while the create (or another amend) is still in flight waits for that fate. Of several amends that wait, the last
wins; a cancel beats them all. Nothing asked for is lost, and no order has two writes in flight that could overtake
each other.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from decimal import Decimal

from attrs import frozen

from anyvenue.engine.commands import Amend, Cancel, Command, Place
from anyvenue.model.enums import Fate, OrderState, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendSent, CancelSent, OrderEvent
from anyvenue.model.order_machine import transition
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.evidence import is_in_doubt

__all__ = ["OUR_PREFIX", "OrderManager", "order_line"]

_log = logging.getLogger("anyvenue.orders")

OUR_PREFIX = "av"
"""What the client ids of all our orders begin with, whatever run they are of: no others are ours to cancel."""

ENDED_ORDERS_KEPT = 10_000
"""How many ended orders are remembered, so that late events find them."""


@frozen
class _Wish:
    """What waits until an order's open command has its fate: a cancel, or else an amend."""

    cancel: bool = False
    price: Decimal | None = None
    quantity: Decimal = ZERO


class OrderManager:
    """Our orders, by client id and by the venue's ids.

    `on_doubt` is told of an order whenever it changes and the venue has to be asked about it. `len()` is how many of
    the open orders are ours.
    """

    def __init__(self, session: str, send: Callable[[Command], None], now: Callable[[], int]) -> None:
        self._prefix = f"{OUR_PREFIX}{session}-"
        self.on_doubt: Callable[[Order], None] = lambda order: None
        self._send = send
        self._now = now
        self._count = 0
        self._open: dict[str, Order] = {}
        self._ended: OrderedDict[str, Order] = OrderedDict()
        self._doubtful: dict[str, Order] = {}
        """The ended ones in doubt: to look for them among all that are remembered would take milliseconds."""
        self._refused: dict[str, Order] = {}
        self._by_venue_id: dict[tuple[str, str], str] = {}
        self._wishes: dict[str, _Wish] = {}
        self._strangers: set[str] = set()

    # Finding

    def __len__(self) -> int:
        return len(self._open) - len(self._strangers)

    def is_ours(self, order: Order) -> bool:
        """Tell whether an order bears the prefix of our client ids; the others are never canceled by us unasked."""
        return order.client_order_id.startswith(OUR_PREFIX)

    def is_of_this_run(self, order: Order) -> bool:
        """Tell whether this run made an order, and did not take it on."""
        return order.spec.client_order_id.startswith(self._prefix)

    def is_left_over(self, order: Order) -> bool:
        """Tell whether an order is ours, and of an earlier run."""
        return self.is_ours(order) and not self.is_of_this_run(order)

    def in_doubt(self) -> list[Order]:
        """Return the orders that the venue has to be asked about, open or ended."""
        return [*filter(is_in_doubt, self._open.values()), *self._doubtful.values()]

    def unsettled(self, kept: Collection[str] = ()) -> list[Order]:
        """Return the orders that are open, and those that have ended and miss fills or are `kept`, by client id."""
        missing = [order for order in self._doubtful.values() if order.missing_fills]
        named = [order for name in sorted(kept) if (order := self._ended.get(name)) and not order.missing_fills]
        return [*self._open.values(), *missing, *named]

    def get(self, client_order_id: str) -> Order | None:
        """Return an order of ours as it is now, open or lately ended."""
        return self._open.get(client_order_id) or self._ended.get(client_order_id) or self._refused.get(client_order_id)

    def open_orders(self, instrument: Instrument | None = None) -> list[Order]:
        """Return the open orders, oldest first."""
        if instrument is None:
            return list(self._open.values())
        key = instrument.key
        return [order for order in self._open.values() if order.instrument.key == key]

    def find(self, connection: str, event: OrderEvent) -> Order | None:
        """Return the order an event means, None where it is not ours or long forgotten."""
        client_order_id = event.client_order_id
        if client_order_id is None and event.venue_order_id is not None:
            client_order_id = self._by_venue_id.get((connection, event.venue_order_id))
        return None if client_order_id is None else self.get(client_order_id)

    def open_quantity(self, instrument: Instrument, side: Side) -> Decimal:
        """Return how much the open orders of one side may still trade; reduce-only ones add nothing."""
        total = ZERO
        for order in self._open.values():
            spec = order.spec
            if spec.side is side and spec.instrument.key == instrument.key and not spec.reduce_only:
                total += max_leaves(order)
        return total

    # Commands

    def next_id(self) -> str:
        """Return a fresh client order id: our prefix, this session, a counter; [0-9a-z-], at most 26 characters."""
        self._count += 1
        return f"{self._prefix}{self._count}"

    def place(self, spec: OrderSpec) -> Order:
        """Send a new order."""
        order = self._keep(Order.sent(spec, self._now()))
        self._log("order sent", order)
        self._send(Place(order))
        return order

    def adopt(self, orders: Iterable[Order]) -> None:
        """Take on orders that an earlier run made or that were found at the venue. Those known here stay as they are.

        One of which all that is known is that its create was about to leave must be of unknown fate already.
        """
        for order in orders:
            if self.get(order.client_order_id) is None:
                self._keep(order)
                self._log("order taken on", order)

    def remember_refused(self, order: Order) -> None:
        """Keep an order that was refused here and never sent, until its rejection is told. It is not open."""
        self._refused[order.client_order_id] = order

    def must_wait(self, order: Order, *, to_cancel: bool = False) -> bool:
        """Tell whether a write is in flight that another one could overtake.

        An amend of unknown fate holds back further amends, which would build on what is not known, but no cancel.
        """
        if order.state is OrderState.SENT:
            return True
        return order.amend is not None and (order.amend.fate is Fate.IN_FLIGHT or not to_cancel)

    def wish(self, order: Order, price: Decimal | None, quantity: Decimal) -> Order:
        """Keep an amend until the write in flight has its fate; `release` hands it back. A waiting cancel beats it."""
        waiting = self._wishes.get(order.client_order_id)
        if waiting is None or not waiting.cancel:
            self._wishes[order.client_order_id] = _Wish(price=price, quantity=quantity)
        return order

    def amend(self, order: Order, price: Decimal | None, quantity: Decimal) -> Order:
        """Send a new price and total quantity."""
        if order.cancel is Fate.IN_FLIGHT:
            return order
        new_price = None if price == order.price else price
        new_quantity = None if quantity == order.quantity else quantity
        sent = AmendSent(
            client_order_id=order.client_order_id, price=new_price, quantity=new_quantity, ts_recv=self._now()
        )
        order = self._keep(order.apply(sent))
        self._log("amend sent", order)
        self._send(Amend(order, new_price, new_quantity))
        return order

    def cancel(self, order: Order) -> Order:
        """Ask for the end of an order, now or as soon as its open command has its fate."""
        if order.is_terminal or order.state is OrderState.NEW or order.cancel is Fate.IN_FLIGHT:
            return order
        if self.must_wait(order, to_cancel=True):
            self._wishes[order.client_order_id] = _Wish(cancel=True)
            return order
        return self._send_cancel(order)

    def _send_cancel(self, order: Order) -> Order:
        order = self._keep(order.apply(CancelSent(client_order_id=order.client_order_id, ts_recv=self._now())))
        self._log("cancel sent", order)
        self._send(Cancel(order))
        return order

    def insist(self, order: Order) -> Order:
        """Ask again for the end of an order that rests on though a cancel of it was sent, with no known outcome."""
        is_asked = order.cancel is Fate.UNKNOWN and order.is_resting
        return self._send_cancel(order) if is_asked else order

    # Events

    def apply(self, order: Order, event: OrderEvent) -> Order:
        """Return the order after an event. What waited on its fate is not sent before `release`.

        Raises Contradiction, leaving the order as it was.
        """
        after = transition(order, event)
        client_order_id = order.spec.client_order_id
        is_kept = client_order_id in self._open and after.venue_order_id == order.venue_order_id
        if not is_kept or after.state.is_terminal:
            return self._keep(after)
        self._open[client_order_id] = after
        if is_in_doubt(after):
            self.on_doubt(after)
        return after

    @property
    def has_waiting(self) -> bool:
        """Whether any cancel or amend waits for a fate."""
        return bool(self._wishes)

    def release(self, order: Order) -> tuple[Decimal | None, Decimal] | None:
        """Send the cancel that waited for this order's fate; hand back the amend that waited, for risk to see again."""
        wish = self._wishes.get(order.client_order_id)
        if wish is None or (not order.is_terminal and self.must_wait(order, to_cancel=wish.cancel)):
            return None
        del self._wishes[order.client_order_id]
        if order.is_terminal:
            return None
        if wish.cancel:
            self._send_cancel(order)
            return None
        return wish.price, wish.quantity

    def _keep(self, order: Order) -> Order:
        spec, venue_order_id = order.spec, order.venue_order_id
        client_order_id = spec.client_order_id
        if order.state.is_terminal:
            self._open.pop(client_order_id, None)
            self._refused.pop(client_order_id, None)
            self._ended[client_order_id] = order
            if is_in_doubt(order):
                self._doubtful[client_order_id] = order
            else:
                self._doubtful.pop(client_order_id, None)
            if len(self._ended) > ENDED_ORDERS_KEPT:
                self._forget(self._ended.popitem(last=False)[1])
            self._strangers.discard(client_order_id)
        else:
            self._open[client_order_id] = order
            self._ended.pop(client_order_id, None)
            self._doubtful.pop(client_order_id, None)
            if not client_order_id.startswith(OUR_PREFIX):
                self._strangers.add(client_order_id)
        if venue_order_id is not None:
            self._by_venue_id[spec.instrument.connection, venue_order_id] = client_order_id
        if is_in_doubt(order):
            self.on_doubt(order)
        return order

    def _forget(self, order: Order) -> None:
        self._doubtful.pop(order.client_order_id, None)
        for venue_order_id in self._ids(order):
            self._by_venue_id.pop((order.instrument.connection, venue_order_id), None)

    def _ids(self, order: Order) -> Iterator[str]:
        yield from order.former_ids
        if order.venue_order_id is not None:
            yield order.venue_order_id

    def _log(self, what: str, order: Order) -> None:
        if _log.isEnabledFor(logging.INFO):
            _log.info(what, extra={"event": order_line(order, self._now())})


def max_leaves(order: Order) -> Decimal:
    """Return the most an order may still trade, an amend of unknown or open fate included."""
    leaves = order.leaves_quantity
    for amend in (order.amend, order.lost_amend):
        if amend is not None and amend.quantity is not None:
            leaves = max(leaves, amend.quantity - order.filled_quantity)
    return leaves


def order_line(order: Order, now_ns: int) -> dict[str, str | int]:
    """Return what a log line says about an order at `now_ns`, the engine's time."""
    line: dict[str, str | int] = {
        "ts": now_ns,
        "client_order_id": order.client_order_id,
        "instrument": order.instrument.key,
        "side": order.side.value,
        "state": order.state.value,
        "quantity": f"{order.quantity:f}",
        "filled": f"{order.filled_quantity:f}",
    }
    if order.price is not None:
        line["price"] = f"{order.price:f}"
    if order.reason is not None:
        line["reason"] = order.reason.value
    if order.text:
        line["text"] = order.text
    return line
