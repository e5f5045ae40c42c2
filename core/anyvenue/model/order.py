"""An order: what was asked for, and all that is known of what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import field, fields, frozen

from anyvenue.model.enums import Fate, OrderState, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, readable
from anyvenue.model.order_events import OrderEvent
from anyvenue.model.order_machine import transition
from anyvenue.model.order_spec import OrderSpec

__all__ = ["Amendment", "Order"]


@frozen(kw_only=True)
class Amendment:
    """An amend whose fate is open: in flight, or unknown. None leaves that value as it is."""

    price: Decimal | None
    quantity: Decimal | None
    fate: Fate = Fate.IN_FLIGHT


@frozen(kw_only=True, slots=False)
class Order:
    """An order as it is now. A change makes a new value: `order = order.apply(event)`.

    Attributes:
        spec: what was asked for, never changed.
        price, quantity: what is in force now, after amends; quantity includes the filled part.
        state: where it is in its life.
        create, amend, cancel: the three commands' fates. `Fate.UNKNOWN` means sent and not known: it is reconciled,
            never retried and never forgotten. None means there was no such command (or, for amend, none is open).
        lost_amend: an amend that was of open fate when another was sent or the order ended; it may yet prove done.
        venue_order_id: the venue's id now; `former_ids` are the ones it had before.
        booked_quantity, booked_value: sums over the fills seen (value = price x quantity), fees in settle currency.
        reported_quantity, reported_average: what the venue said in whole, which may run ahead of the fills.
        reason, text: why it was refused or ended; while it lives, why the last command for it was refused.
        sequence: of the last report, where the venue numbers them.
        ts_terms: the venue's time of the price and quantity in force; older news of them changes nothing.
    """

    spec: OrderSpec
    price: Decimal | None = field()
    quantity: Decimal = field()
    state: OrderState = OrderState.NEW
    create: Fate | None = None
    amend: Amendment | None = None
    cancel: Fate | None = None
    lost_amend: Amendment | None = None
    venue_order_id: str | None = None
    former_ids: tuple[str, ...] = ()
    triggered: bool = False
    booked_quantity: Decimal = ZERO
    booked_value: Decimal = ZERO
    fees: Decimal = ZERO
    trade_ids: frozenset[str] = frozenset()
    reported_quantity: Decimal = ZERO
    reported_average: Decimal | None = None
    reason: RejectReason | None = None
    text: str = ""
    sequence: int | None = None
    ts_terms: int = 0
    ts_event: int = 0
    ts_recv: int = 0

    @price.default
    def _price_as_asked(self) -> Decimal | None:
        return self.spec.price

    @quantity.default
    def _quantity_as_asked(self) -> Decimal:
        return self.spec.quantity

    @classmethod
    def sent(cls, spec: OrderSpec, ts_recv: int) -> Order:
        """Return an order that leaves now: a new one, and `OrderSent` applied."""
        asked = {"spec": spec, "price": spec.price, "quantity": spec.quantity, "ts_recv": ts_recv}
        return cls.of(_AS_SENT | asked)

    def apply(self, event: OrderEvent) -> Order:
        """Return the order after `event`.

        Repeated and late events change nothing they have no business with. Raises Contradiction where the event
        cannot be true together with what is known; the order must then be looked up at the venue.
        """
        return transition(self, event)

    def changed(self, changes: Mapping[str, Any]) -> Order:
        """Return the order with some attributes changed: what `attrs.evolve` does, in a fifth of the time.

        That is why an order has no slots: they could only be filled one by one.
        """
        attributes = dict(self.__dict__)
        attributes.update(changes)
        return self.of(attributes)

    @staticmethod
    def of(attributes: dict[str, Any]) -> Order:
        """Return the order that has all these attributes, and keep the dict: `dict(order.__dict__)`, with changes.

        A dict of its own is read in half the time of one that shares its keys with other objects.
        """
        order = object.__new__(Order)
        object.__setattr__(order, "__dict__", attributes)
        return order

    def __str__(self) -> str:
        """Tell it in a line, such as `buy 2 simulated:BTC-USDT-PERP at 61000: open, 0.5 traded at 60999 (av7-1)`."""
        price = "at market" if self.price is None else f"at {readable(self.price)}"
        average = self.average_price
        traded = "" if average is None else f", {readable(self.filled_quantity)} traded at {readable(average)}"
        doubt = ", what became of a command is unknown" if self.has_unknown_fate else ""
        why = f", {self.reason.value}" if self.reason is not None and self.is_terminal else ""
        return (
            f"{self.side.value} {readable(self.quantity)} {self.instrument} {price}: "
            f"{self.state.value}{traded}{why}{doubt} ({self.client_order_id})"
        )

    @property
    def client_order_id(self) -> str:
        """Our own id for it."""
        return self.spec.client_order_id

    @property
    def instrument(self) -> Instrument:
        """What it trades."""
        return self.spec.instrument

    @property
    def side(self) -> Side:
        """Buy or sell."""
        return self.spec.side

    @property
    def filled_quantity(self) -> Decimal:
        """How much has traded, by the fills seen or by the venue's own count, whichever knows more."""
        booked, reported = self.booked_quantity, self.reported_quantity
        return reported if reported > booked else booked

    @property
    def missing_fills(self) -> Decimal:
        """How much the venue says has traded without a fill having been seen for it yet."""
        booked, reported = self.booked_quantity, self.reported_quantity
        return reported - booked if reported > booked else ZERO

    @property
    def leaves_quantity(self) -> Decimal:
        """How much may still trade; 0 once the order has ended."""
        return ZERO if self.state.is_terminal else max(ZERO, self.quantity - self.filled_quantity)

    @property
    def average_price(self) -> Decimal | None:
        """Average price of what has traded; None before the first trade."""
        if self.booked_quantity and not self.missing_fills:
            return self.booked_value / self.booked_quantity
        return self.reported_average or (self.booked_value / self.booked_quantity if self.booked_quantity else None)

    @property
    def is_open(self) -> bool:
        """Whether it may still trade, as far as is known: sent or resting, and not ended."""
        return not self.state.is_terminal and self.state is not OrderState.NEW

    @property
    def is_resting(self) -> bool:
        """Whether the venue is known to hold it."""
        return self.state in (OrderState.OPEN, OrderState.PARTIALLY_FILLED)

    @property
    def is_terminal(self) -> bool:
        """Whether it has ended."""
        return self.state.is_terminal

    @property
    def has_unknown_fate(self) -> bool:
        """Whether any of its commands was sent with an outcome that is not known."""
        return (
            self.create is Fate.UNKNOWN
            or self.cancel is Fate.UNKNOWN
            or (self.amend is not None and self.amend.fate is Fate.UNKNOWN)
            or (self.lost_amend is not None and not self.state.is_terminal)
        )


_AS_SENT: Final = {one.name: one.default for one in fields(Order)} | {
    "state": OrderState.SENT,
    "create": Fate.IN_FLIGHT,
}
"""All attributes of an order that leaves; what is asked for is put in their place."""
