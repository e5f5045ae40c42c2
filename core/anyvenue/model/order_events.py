"""What can happen to an order. Each event is a fact or a message; `Order.apply` says what it makes of the order.

Events name the order by our client id, by the venue's id, or by both. Times are nanoseconds since the epoch, UTC:
`ts_event` the venue's clock (0 where it does not say), `ts_recv` ours.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

from attrs import frozen

from anyvenue.model.enums import OrderState
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill

__all__ = [
    "AmendRejected",
    "AmendSent",
    "AmendUnknown",
    "CancelRejected",
    "CancelSent",
    "CancelUnknown",
    "OrderAccepted",
    "OrderAmended",
    "OrderCanceled",
    "OrderEvent",
    "OrderExpired",
    "OrderFilled",
    "OrderRejected",
    "OrderReported",
    "OrderSent",
    "OrderTriggered",
    "OrderUnknown",
]


@frozen(kw_only=True, slots=False)
class _Event:
    client_order_id: str | None = None
    venue_order_id: str | None = None
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True, slots=False)
class OrderSent(_Event):
    """The create command left this machine."""


@frozen(kw_only=True, slots=False)
class OrderAccepted(_Event):
    """The venue has taken the order: it rests, or waits for its trigger."""


@frozen(kw_only=True, slots=False)
class OrderRejected(_Event):
    """The order was refused, by the venue or before it was sent. It never traded."""

    reason: RejectReason
    text: str = ""


@frozen(kw_only=True, slots=False)
class OrderUnknown(_Event):
    """The create command was sent and no outcome is known."""

    text: str = ""


@frozen(kw_only=True, slots=False)
class OrderFilled(_Event):
    """The order traded. A repeated `fill.trade_id` changes nothing."""

    fill: Fill


@frozen(kw_only=True, slots=False)
class OrderTriggered(_Event):
    """A waiting order's trigger fired; a new `venue_order_id` is that of the order it became."""


@frozen(kw_only=True, slots=False)
class OrderCanceled(_Event):
    """The unfilled rest is gone: by our cancel, or (`reason`) for one of the venue's own reasons."""

    reason: RejectReason | None = None
    text: str = ""


@frozen(kw_only=True, slots=False)
class OrderExpired(_Event):
    """The unfilled rest is gone because its time in force or its trigger's time ended."""

    text: str = ""


@frozen(kw_only=True, slots=False)
class AmendSent(_Event):
    """An amend command left this machine. None leaves that value as it is; quantity includes the filled part."""

    price: Decimal | None = None
    quantity: Decimal | None = None


@frozen(kw_only=True, slots=False)
class OrderAmended(_Event):
    """The venue changed the order. None means as asked; a new `venue_order_id` replaces the old one."""

    price: Decimal | None = None
    quantity: Decimal | None = None


@frozen(kw_only=True, slots=False)
class AmendRejected(_Event):
    """The amend was refused; the order is as it was."""

    reason: RejectReason
    text: str = ""


@frozen(kw_only=True, slots=False)
class AmendUnknown(_Event):
    """The amend was sent and no outcome is known."""

    text: str = ""


@frozen(kw_only=True, slots=False)
class CancelSent(_Event):
    """A cancel command left this machine."""


@frozen(kw_only=True, slots=False)
class CancelRejected(_Event):
    """The cancel was refused. What the order is now must come from elsewhere."""

    reason: RejectReason
    text: str = ""


@frozen(kw_only=True, slots=False)
class CancelUnknown(_Event):
    """The cancel was sent and no outcome is known."""

    text: str = ""


@frozen(kw_only=True, slots=False)
class OrderReported(_Event):
    """The venue's whole view of the order, from a push or a look-up.

    `state` is OPEN or later. `filled_quantity` is cumulative. `sequence`, where the venue numbers its updates, lets a
    newer report win over an older one that arrives late.
    """

    state: OrderState
    filled_quantity: Decimal
    average_price: Decimal | None = None
    price: Decimal | None = None
    quantity: Decimal | None = None
    sequence: int | None = None
    reason: RejectReason | None = None
    text: str = ""

    def __attrs_post_init__(self) -> None:
        if self.state in (OrderState.NEW, OrderState.SENT):
            raise ValueError(f"OrderReported: state: found {self.state.name}; a venue reports OPEN or later")
        if self.filled_quantity < 0:
            raise ValueError(f"OrderReported: filled_quantity: found {self.filled_quantity}; allowed is from 0")

    @staticmethod
    def of(fields: dict[str, Any]) -> OrderReported:
        """Return the report that has all these attributes, which the caller knows to be sound, and keep the dict.

        It takes a third of the time, which is why a report has no slots: they could only be filled one by one.
        """
        report = object.__new__(OrderReported)
        object.__setattr__(report, "__dict__", fields)
        return report


OrderEvent: TypeAlias = (
    OrderSent
    | OrderAccepted
    | OrderRejected
    | OrderUnknown
    | OrderFilled
    | OrderTriggered
    | OrderCanceled
    | OrderExpired
    | AmendSent
    | OrderAmended
    | AmendRejected
    | AmendUnknown
    | CancelSent
    | CancelRejected
    | CancelUnknown
    | OrderReported
)
"""Anything that can happen to an order."""
