"""The life of an order as a table, and the functions that carry it out.

Three rules keep it sound:

- Evidence that the order lives (a fill, an amend, a report) settles the create, whatever its reply says later.
- An order that has ended stays ended, except that fills may still arrive: the last of them can turn CANCELED or
  EXPIRED into FILLED; and that a look-up may bring back what was thought REJECTED.
- What cannot be true raises Contradiction instead of being guessed at.

`TRANSITIONS` says which states may follow; a pair that is not in it is a contradiction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from anyvenue.model import order_events as ev
from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import Contradiction

if TYPE_CHECKING:
    from anyvenue.model.order import Order

__all__ = ["TRANSITIONS", "transition"]

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
    (PARTIAL, ev.OrderCanceled): _to(CANCELED, FILLED),
    (PARTIAL, ev.OrderExpired): _to(EXPIRED, FILLED),
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


def transition(order: Order, event: ev.OrderEvent) -> Order:
    """Return `order` after `event`. Raises Contradiction where the table has no such step."""
    allowed = TRANSITIONS.get((order.state, type(event)))
    if allowed is None:
        raise _contradiction(order, event)
    if isinstance(event, ev.OrderReported) and _is_stale(order, event):
        return order
    changes = _HANDLERS[type(event)](order, event)
    state = changes.get("state", order.state)
    if state not in allowed:
        raise _contradiction(order, event)
    changes |= _ids(order, event)
    changes["ts_event"] = max(order.ts_event, event.ts_event)
    changes["ts_recv"] = max(order.ts_recv, event.ts_recv)
    if state.is_terminal:
        changes |= _settled(order, state)
    return evolve(order, **changes)


def _contradiction(order: Order, event: ev.OrderEvent, why: str = "") -> Contradiction:
    return Contradiction(
        f"order {order.client_order_id} is {order.state.value} "
        f"({order.filled_quantity:f} of {order.quantity:f} filled); {type(event).__name__} cannot follow"
        f"{': ' + why if why else ''}. Look the order up at the venue",
        venue=order.instrument.venue,
    )


def _ids(order: Order, event: ev.OrderEvent) -> dict[str, Any]:
    """Keep the venue's id; only an amend or a trigger may replace one that is known."""
    new = event.venue_order_id
    if new is None or new == order.venue_order_id or new in order.former_ids:
        return {}
    if order.venue_order_id is None:
        return {"venue_order_id": new}
    if isinstance(event, ev.OrderAmended | ev.OrderTriggered) and not order.state.is_terminal:
        return {"venue_order_id": new, "former_ids": (*order.former_ids, order.venue_order_id)}
    return {"former_ids": (*order.former_ids, new)}


def _settled(order: Order, state: OrderState) -> dict[str, Any]:
    """An order that has ended leaves no fate open."""
    changes: dict[str, Any] = {"amend": None}
    changes["create"] = Fate.REFUSED if state is REJECTED else Fate.DONE
    if order.cancel in (Fate.IN_FLIGHT, Fate.UNKNOWN):
        changes["cancel"] = Fate.DONE if state is CANCELED else Fate.REFUSED
    return changes


def _full_at(order: Order) -> Decimal:
    """How much must trade for the order to be full, while an amend that may raise it is open."""
    if order.amend is not None and order.amend.quantity is not None:
        return max(order.quantity, order.amend.quantity)
    return order.quantity


def _living(filled: Decimal, full_at: Decimal) -> OrderState:
    if filled >= full_at:
        return FILLED
    return PARTIAL if filled else OPEN


def _sent(order: Order, event: ev.OrderSent) -> dict[str, Any]:
    return {"state": SENT, "create": Fate.IN_FLIGHT}


def _accepted(order: Order, event: ev.OrderAccepted) -> dict[str, Any]:
    return {"create": Fate.DONE} | ({"state": OPEN} if order.state is SENT else {})


def _rejected(order: Order, event: ev.OrderRejected) -> dict[str, Any]:
    return {"state": REJECTED, "reason": event.reason, "text": event.text}


def _unknown(order: Order, event: ev.OrderUnknown) -> dict[str, Any]:
    return {"create": Fate.UNKNOWN, "text": event.text} if order.state is SENT else {}


def _filled(order: Order, event: ev.OrderFilled) -> dict[str, Any]:
    fill = event.fill
    if fill.trade_id in order.trade_ids:
        # Said again. A first reply that comes after it must still find the order accepted, so the state stands.
        return {}
    booked = order.booked_quantity + fill.quantity
    proof = _proven_amend(order, booked)
    if proof is None:
        raise _contradiction(order, event, f"{booked:f} would be filled")
    changes: dict[str, Any] = proof | {
        "create": Fate.DONE,
        "booked_quantity": booked,
        "booked_value": order.booked_value + fill.quantity * fill.price,
        "fees": order.fees + fill.fee,
        "trade_ids": order.trade_ids | {fill.trade_id},
    }
    filled = max(booked, order.reported_quantity)
    if order.state.is_terminal:
        return changes | ({"state": FILLED} if filled >= order.quantity else {})
    return changes | {"state": _living(filled, proof.get("quantity", _full_at(order)))}


def _proven_amend(order: Order, filled: Decimal) -> dict[str, Any] | None:
    """Return what an open amend changed where more has traded than without it; None where nothing explains that."""
    if filled <= order.quantity:
        return {}
    amend = order.amend
    if amend is None or amend.quantity is None or filled > amend.quantity:
        return None
    return {"amend": None, "quantity": amend.quantity, "price": amend.price or order.price}


def _triggered(order: Order, event: ev.OrderTriggered) -> dict[str, Any]:
    return {"triggered": True, "create": Fate.DONE} | ({"state": OPEN} if order.state is SENT else {})


def _ended(state: OrderState) -> Callable[[Order, Any], dict[str, Any]]:
    def handler(order: Order, event: ev.OrderCanceled | ev.OrderExpired) -> dict[str, Any]:
        if order.state.is_terminal:
            return {}
        if order.filled_quantity >= order.quantity:
            return {"state": FILLED}
        reason = event.reason if isinstance(event, ev.OrderCanceled) else None
        return {"state": state, "reason": reason, "text": event.text}

    return handler


def _amend_sent(order: Order, event: ev.AmendSent) -> dict[str, Any]:
    from anyvenue.model.order import Amendment

    return {"amend": Amendment(price=event.price, quantity=event.quantity)}


def _amended(order: Order, event: ev.OrderAmended) -> dict[str, Any]:
    if order.state.is_terminal:
        return {}
    asked = order.amend
    price = event.price or (asked and asked.price) or order.price
    quantity = event.quantity or (asked and asked.quantity) or order.quantity
    if order.filled_quantity > quantity:
        # The venue took the total that was asked for as "no more than this": what is filled is all there will be.
        # A total that nobody is asking for now is an earlier amend's, told again.
        quantity = order.filled_quantity if asked and asked.quantity == quantity else order.quantity
    state = _living(order.filled_quantity, quantity)
    return {"state": state, "create": Fate.DONE, "amend": None, "price": price, "quantity": quantity}


def _amend_rejected(order: Order, event: ev.AmendRejected) -> dict[str, Any]:
    if order.state.is_terminal or order.state is SENT:
        return {"amend": None}
    return {"amend": None, "state": _living(order.filled_quantity, order.quantity)}


def _amend_unknown(order: Order, event: ev.AmendUnknown) -> dict[str, Any]:
    return {} if order.amend is None else {"amend": evolve(order.amend, fate=Fate.UNKNOWN)}


def _cancel_sent(order: Order, event: ev.CancelSent) -> dict[str, Any]:
    return {"cancel": Fate.IN_FLIGHT}


def _cancel_rejected(order: Order, event: ev.CancelRejected) -> dict[str, Any]:
    return {} if order.state.is_terminal else {"cancel": Fate.REFUSED}


def _cancel_unknown(order: Order, event: ev.CancelUnknown) -> dict[str, Any]:
    return {} if order.state.is_terminal else {"cancel": Fate.UNKNOWN}


def _is_stale(order: Order, event: ev.OrderReported) -> bool:
    return event.sequence is not None and order.sequence is not None and event.sequence < order.sequence


def _reported(order: Order, event: ev.OrderReported) -> dict[str, Any]:
    filled = max(order.filled_quantity, event.filled_quantity)
    changes: dict[str, Any] = {
        "reported_quantity": max(order.reported_quantity, event.filled_quantity),
        "sequence": order.sequence if event.sequence is None else event.sequence,
    }
    if event.filled_quantity >= order.reported_quantity:
        changes["reported_average"] = event.average_price or order.reported_average
    changes |= _reported_terms(order, event, filled)
    quantity, amend = changes["quantity"], changes["amend"]
    if order.state in (FILLED, CANCELED, EXPIRED):
        if order.state is FILLED and filled < quantity:
            raise _contradiction(order, event, f"only {filled:f} of {quantity:f} is filled")
        return changes | {"state": FILLED if filled >= quantity else order.state}
    if event.state is REJECTED and filled:
        raise _contradiction(order, event, "it has traded")
    if event.state is FILLED and filled < quantity:
        raise _contradiction(order, event, f"only {filled:f} of {quantity:f} is filled")
    if event.state.is_terminal:
        ended = FILLED if filled >= quantity else event.state
        return changes | {"state": ended, "reason": event.reason, "text": event.text}
    full_at = quantity if amend is None or amend.quantity is None else max(quantity, amend.quantity)
    return changes | {"state": _living(filled, full_at), "create": Fate.DONE, "reason": None, "text": ""}


def _reported_terms(order: Order, event: ev.OrderReported, filled: Decimal) -> dict[str, Any]:
    """Return price, quantity and the amend still open, as a report leaves them."""
    price, quantity, amend = order.price, order.quantity, order.amend
    is_over = order.state in (FILLED, CANCELED, EXPIRED)
    # A total below what has traded is older than those trades; an order that is over keeps its terms, unless more
    # has traded than they allow.
    if event.quantity is not None and event.quantity >= filled and (filled > quantity or not is_over):
        quantity = event.quantity
    if not is_over:
        price = event.price or price
    if filled > quantity:
        proof = _proven_amend(order, filled)
        if proof is None:
            raise _contradiction(order, event, f"{filled:f} of {quantity:f} would be filled")
        return {"price": event.price or proof["price"], "quantity": proof["quantity"], "amend": None}
    if amend is not None:
        if event.state is FILLED and filled == amend.quantity:
            quantity = filled
        if _fulfils(amend.price, price) and _fulfils(amend.quantity, quantity):
            amend = None
    return {"price": price, "quantity": quantity, "amend": amend}


def _fulfils(asked: Decimal | None, found: Decimal | None) -> bool:
    return asked is None or asked == found


_HANDLERS: Final[Mapping[type[ev.OrderEvent], Callable[[Order, Any], dict[str, Any]]]] = {
    ev.OrderSent: _sent,
    ev.OrderAccepted: _accepted,
    ev.OrderRejected: _rejected,
    ev.OrderUnknown: _unknown,
    ev.OrderFilled: _filled,
    ev.OrderTriggered: _triggered,
    ev.OrderCanceled: _ended(CANCELED),
    ev.OrderExpired: _ended(EXPIRED),
    ev.AmendSent: _amend_sent,
    ev.OrderAmended: _amended,
    ev.AmendRejected: _amend_rejected,
    ev.AmendUnknown: _amend_unknown,
    ev.CancelSent: _cancel_sent,
    ev.CancelRejected: _cancel_rejected,
    ev.CancelUnknown: _cancel_unknown,
    ev.OrderReported: _reported,
}
