"""Which states an order may be in after an event. What is not here is a contradiction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from anyvenue.model import order_events as ev
from anyvenue.model.enums import OrderState

__all__ = ["TRANSITIONS"]

NEW, SENT, OPEN = OrderState.NEW, OrderState.SENT, OrderState.OPEN
PARTIAL, FILLED = OrderState.PARTIALLY_FILLED, OrderState.FILLED
CANCELED, REJECTED, EXPIRED = OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED

_States = frozenset[OrderState]


def _to(*states: OrderState) -> _States:
    return frozenset(states)


TRANSITIONS: Final[Mapping[tuple[OrderState, type[ev.OrderEvent]], _States]] = {
    (NEW, ev.OrderSent): _to(SENT),
    (NEW, ev.OrderRejected): _to(REJECTED),
    # The create is on its way. Anything may overtake its reply.
    (SENT, ev.OrderAccepted): _to(OPEN),
    (SENT, ev.OrderRejected): _to(REJECTED),
    (SENT, ev.OrderUnknown): _to(SENT),
    (SENT, ev.OrderFilled): _to(PARTIAL, FILLED),
    (SENT, ev.OrderTriggered): _to(OPEN),
    (SENT, ev.OrderCanceled): _to(CANCELED),
    (SENT, ev.OrderExpired): _to(EXPIRED),
    (SENT, ev.AmendSent): _to(SENT),
    (SENT, ev.OrderAmended): _to(OPEN),
    (SENT, ev.AmendRejected): _to(SENT),
    (SENT, ev.AmendUnknown): _to(SENT),
    (SENT, ev.CancelSent): _to(SENT),
    (SENT, ev.CancelRejected): _to(SENT),
    (SENT, ev.CancelUnknown): _to(SENT),
    (SENT, ev.OrderReported): _to(OPEN, PARTIAL, FILLED, CANCELED, REJECTED, EXPIRED),
    # It rests.
    (OPEN, ev.OrderAccepted): _to(OPEN),
    (OPEN, ev.OrderUnknown): _to(OPEN),
    (OPEN, ev.OrderFilled): _to(PARTIAL, FILLED),
    (OPEN, ev.OrderTriggered): _to(OPEN),
    (OPEN, ev.OrderCanceled): _to(CANCELED),
    (OPEN, ev.OrderExpired): _to(EXPIRED),
    (OPEN, ev.AmendSent): _to(OPEN),
    (OPEN, ev.OrderAmended): _to(OPEN),
    (OPEN, ev.AmendRejected): _to(OPEN),
    (OPEN, ev.AmendUnknown): _to(OPEN),
    (OPEN, ev.CancelSent): _to(OPEN),
    (OPEN, ev.CancelRejected): _to(OPEN),
    (OPEN, ev.CancelUnknown): _to(OPEN),
    (OPEN, ev.OrderReported): _to(OPEN, PARTIAL, FILLED, CANCELED, EXPIRED),
    # It rests with a part filled.
    (PARTIAL, ev.OrderAccepted): _to(PARTIAL),
    (PARTIAL, ev.OrderUnknown): _to(PARTIAL),
    (PARTIAL, ev.OrderFilled): _to(PARTIAL, FILLED),
    (PARTIAL, ev.OrderTriggered): _to(PARTIAL),
    (PARTIAL, ev.OrderCanceled): _to(CANCELED),
    (PARTIAL, ev.OrderExpired): _to(EXPIRED),
    (PARTIAL, ev.AmendSent): _to(PARTIAL),
    (PARTIAL, ev.OrderAmended): _to(PARTIAL, FILLED),
    (PARTIAL, ev.AmendRejected): _to(PARTIAL, FILLED),
    (PARTIAL, ev.AmendUnknown): _to(PARTIAL),
    (PARTIAL, ev.CancelSent): _to(PARTIAL),
    (PARTIAL, ev.CancelRejected): _to(PARTIAL),
    (PARTIAL, ev.CancelUnknown): _to(PARTIAL),
    (PARTIAL, ev.OrderReported): _to(PARTIAL, FILLED, CANCELED, EXPIRED),
    # A look-up is the venue's truth: it may bring back an order thought refused.
    **{
        (REJECTED, event): _to(REJECTED)
        for event in (
            ev.OrderRejected,
            ev.OrderUnknown,
            ev.OrderCanceled,
            ev.OrderExpired,
            # Replies to commands that were sent before the refusal was known.
            ev.AmendRejected,
            ev.AmendUnknown,
            ev.CancelRejected,
            ev.CancelUnknown,
        )
    },
    (REJECTED, ev.OrderReported): _to(OPEN, PARTIAL, FILLED, CANCELED, REJECTED, EXPIRED),
    # Ended. Replies that lost a race change nothing; late fills still count.
    **{
        (state, event): _to(state)
        for state in (FILLED, CANCELED, EXPIRED)
        for event in (
            ev.OrderAccepted,
            ev.OrderUnknown,
            ev.OrderTriggered,
            ev.OrderCanceled,
            ev.OrderExpired,
            ev.OrderAmended,
            ev.AmendRejected,
            ev.AmendUnknown,
            ev.CancelRejected,
            ev.CancelUnknown,
        )
    },
    (FILLED, ev.OrderFilled): _to(FILLED),
    (CANCELED, ev.OrderFilled): _to(CANCELED, FILLED),
    (EXPIRED, ev.OrderFilled): _to(EXPIRED, FILLED),
    (FILLED, ev.OrderReported): _to(FILLED),
    (CANCELED, ev.OrderReported): _to(CANCELED, FILLED),
    (EXPIRED, ev.OrderReported): _to(EXPIRED, FILLED),
}
