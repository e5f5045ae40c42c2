"""The functions that carry out the life of an order, whose table is `TRANSITIONS`.

Four rules keep it sound:

- Evidence that the order lives (a fill, an amend, a report) settles the create, whatever its reply says later.
- An order that has ended stays ended, except that fills may still arrive: the last of them can turn CANCELED or
  EXPIRED into FILLED; and that a look-up may bring back what was thought REJECTED.
- An amend of open fate is proven by what could not be without it: more has traded than the old quantity allows, or a
  rest was canceled where by the old quantity there was none. This holds after the end too (`lost_amend`).
- What cannot be true raises Contradiction instead of being guessed at.

Channels are not in step with each other. Where the venue's clock or what has traded shows that a report or an amend
is older than what is known, its price and quantity change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from anyvenue.model import order_events as ev
from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import Contradiction
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_table import TRANSITIONS

if TYPE_CHECKING:
    from anyvenue.model.order import Amendment, Order

__all__ = ["TRANSITIONS", "transition"]

SENT, OPEN, PARTIAL = OrderState.SENT, OrderState.OPEN, OrderState.PARTIALLY_FILLED
FILLED, CANCELED = OrderState.FILLED, OrderState.CANCELED
REJECTED, EXPIRED = OrderState.REJECTED, OrderState.EXPIRED

_DONE: Final = Fate.DONE
_LIVING: Final = (OPEN, PARTIAL)
_SENT_OR_LIVING: Final = (SENT, OPEN, PARTIAL)

_Changes = dict[str, Any]


def transition(order: Order, event: ev.OrderEvent) -> Order:
    """Return `order` after `event`. Raises Contradiction where the table has no such step."""
    if type(event) is ev.OrderReported and (after := _goes_on(order, event)) is not None:
        return after
    allowed = TRANSITIONS.get((order.state, type(event)))
    if allowed is None:
        raise _contradiction(order, event)
    if isinstance(event, ev.OrderReported) and _is_stale(order, event):
        return order
    changes = _HANDLERS[type(event)](order, event)
    state = changes.get("state", order.state)
    if state not in allowed:
        raise _contradiction(order, event)
    if event.venue_order_id != order.venue_order_id:
        changes |= _ids(order, event)
    if event.ts_event > order.ts_event:
        changes["ts_event"] = event.ts_event
    if event.ts_recv > order.ts_recv:
        changes["ts_recv"] = event.ts_recv
    if state.is_terminal:
        changes |= _settled(order, state, changes)
    return order.changed(changes)


def _contradiction(order: Order, event: ev.OrderEvent, why: str = "") -> Contradiction:
    return Contradiction(
        f"order {order.client_order_id} is {order.state.value} "
        f"({order.filled_quantity:f} of {order.quantity:f} filled); {type(event).__name__} cannot follow"
        f"{': ' + why if why else ''}. Look the order up at the venue",
        venue=order.instrument.venue,
    )


def _ids(order: Order, event: ev.OrderEvent) -> _Changes:
    """Keep the venue's id; only an amend or a trigger may replace one that is known."""
    new = event.venue_order_id
    if new is None or new == order.venue_order_id or new in order.former_ids:
        return {}
    if order.venue_order_id is None:
        return {"venue_order_id": new}
    if isinstance(event, ev.OrderAmended | ev.OrderTriggered) and not order.state.is_terminal:
        return {"venue_order_id": new, "former_ids": (*order.former_ids, order.venue_order_id)}
    return {"former_ids": (*order.former_ids, new)}


def _settled(order: Order, state: OrderState, changes: _Changes) -> _Changes:
    """An order that has ended leaves no fate open."""
    settled: _Changes = {"amend": None, "create": Fate.REFUSED if state is REJECTED else Fate.DONE}
    if state in (FILLED, REJECTED):
        settled["lost_amend"] = None
    else:
        left = [changes.get(name, getattr(order, name)) for name in ("amend", "lost_amend")]
        settled["lost_amend"] = max(filter(None, left), key=_raised, default=None)
    if order.cancel in (Fate.IN_FLIGHT, Fate.UNKNOWN):
        settled["cancel"] = Fate.DONE if state is CANCELED else Fate.REFUSED
    return settled


def _open_amends(order: Order) -> list[Amendment]:
    return [amend for amend in (order.amend, order.lost_amend) if amend is not None]


def _full_at(quantity: Decimal, *amends: Amendment | None) -> Decimal:
    """How much must trade for an order to be full for certain, while amends that may raise it are open."""
    for amend in amends:
        if amend is not None and amend.quantity is not None and amend.quantity > quantity:
            quantity = amend.quantity
    return quantity


def _raised(amend: Amendment | None) -> Decimal:
    return ZERO if amend is None or amend.quantity is None else amend.quantity


def _living(filled: Decimal, full_at: Decimal) -> OrderState:
    if filled >= full_at:
        return FILLED
    return PARTIAL if filled else OPEN


def _sent(order: Order, event: ev.OrderSent) -> _Changes:
    return {"state": SENT, "create": Fate.IN_FLIGHT}


def _accepted(order: Order, event: ev.OrderAccepted) -> _Changes:
    return {"create": Fate.DONE} | ({"state": OPEN} if order.state is SENT else {})


def _rejected(order: Order, event: ev.OrderRejected) -> _Changes:
    return {"state": REJECTED, "reason": event.reason, "text": event.text}


def _unknown(order: Order, event: ev.OrderUnknown) -> _Changes:
    return {"create": Fate.UNKNOWN, "text": event.text} if order.state is SENT else {}


def _filled(order: Order, event: ev.OrderFilled) -> _Changes:
    fill = event.fill
    if fill.trade_id in order.trade_ids:
        # Said again. A first reply that comes after it must still find the order accepted, so the state stands.
        return {}
    booked = order.booked_quantity + fill.quantity
    filled = max(booked, order.reported_quantity)
    proof = _proof(order, event, filled, rest_is_gone=order.state in (CANCELED, EXPIRED))
    if proof is None:
        raise _contradiction(order, event, f"{booked:f} would be filled")
    changes: _Changes = proof | {
        "create": Fate.DONE,
        "booked_quantity": booked,
        "booked_value": order.booked_value + fill.quantity * fill.price,
        "fees": order.fees + fill.fee,
        "trade_ids": order.trade_ids | {fill.trade_id},
    }
    if order.state.is_terminal:
        is_full = filled >= proof.get("quantity", order.quantity)
        return changes | {"state": FILLED if is_full else order.state}
    return changes | {
        "state": _living(filled, proof.get("quantity", _full_at(order.quantity, order.amend, order.lost_amend)))
    }


def _proof(order: Order, event: ev.OrderEvent, filled: Decimal, *, rest_is_gone: bool) -> _Changes | None:
    """Return what an amend of open fate must have changed; None where more has traded than anything explains."""
    if filled < order.quantity or (filled == order.quantity and not rest_is_gone):
        return {}
    raises = [amend for amend in _open_amends(order) if _raised(amend) > order.quantity]
    if not raises and filled == order.quantity:
        return {}
    amend = next((amend for amend in raises if _raised(amend) >= filled), None)
    if amend is None:
        return None
    return {
        "amend": None,
        "lost_amend": None,
        "quantity": amend.quantity,
        "price": amend.price or order.price,
        "ts_terms": max(order.ts_terms, event.ts_event),
    }


def _is_older(order: Order, event: ev.OrderAmended | ev.OrderReported) -> bool:
    """Tell whether an event's price and quantity are older than those in force, as far as the venue's clock tells."""
    return 0 < event.ts_event < order.ts_terms


def _triggered(order: Order, event: ev.OrderTriggered) -> _Changes:
    return {"triggered": True, "create": Fate.DONE} | ({"state": OPEN} if order.state is SENT else {})


def _ended(state: OrderState) -> Callable[[Order, Any], _Changes]:
    def handler(order: Order, event: ev.OrderCanceled | ev.OrderExpired) -> _Changes:
        if order.state.is_terminal:
            return {}
        proof = _proof(order, event, order.filled_quantity, rest_is_gone=True) or {}
        reason = event.reason if isinstance(event, ev.OrderCanceled) else None
        return proof | {"state": state, "reason": reason, "text": event.text}

    return handler


def _amend_sent(order: Order, event: ev.AmendSent) -> _Changes:
    from anyvenue.model.order import Amendment

    # An earlier one of unknown fate may still turn out to have been done.
    lost = max(_open_amends(order), key=_raised, default=None)
    amend = Amendment(price=event.price, quantity=event.quantity)
    return {"amend": amend, "lost_amend": lost, "reason": None, "text": ""}


def _amended(order: Order, event: ev.OrderAmended) -> _Changes:
    if order.state.is_terminal:
        return _amended_late(order, event)
    state = OPEN if order.state is SENT else order.state
    if _is_older(order, event):
        # An earlier amend, told again: the one that is open now is not settled by it.
        return {"state": state, "create": Fate.DONE}
    asked = order.amend
    price = event.price or (asked and asked.price) or order.price
    quantity = event.quantity or (asked and asked.quantity) or order.quantity
    if order.filled_quantity > quantity:
        # The venue took the total that was asked for as "no more than this": what is filled is all there will be.
        # A total that nobody is asking for now is an earlier amend's, told again.
        quantity = order.filled_quantity if asked and asked.quantity == quantity else order.quantity
    return {
        "state": _living(order.filled_quantity, _full_at(quantity, order.lost_amend)),
        "create": Fate.DONE,
        "amend": None,
        "price": price,
        "quantity": quantity,
        "ts_terms": max(order.ts_terms, event.ts_event),
    }


def _amended_late(order: Order, event: ev.OrderAmended) -> _Changes:
    """The reply to an amend that was still open when the order ended."""
    lost = order.lost_amend
    if lost is None or _is_older(order, event):
        return {}
    quantity = event.quantity or lost.quantity or order.quantity
    if quantity <= order.filled_quantity:
        return {"lost_amend": None}
    return {"lost_amend": None, "quantity": quantity, "price": event.price or lost.price or order.price}


def _amend_rejected(order: Order, event: ev.AmendRejected) -> _Changes:
    if order.state.is_terminal:
        return {"lost_amend": None}
    refused: _Changes = {"amend": None, "reason": event.reason, "text": event.text}
    if order.state is SENT:
        return refused
    return refused | {"state": _living(order.filled_quantity, _full_at(order.quantity, order.lost_amend))}


def _amend_unknown(order: Order, event: ev.AmendUnknown) -> _Changes:
    return {} if order.amend is None else {"amend": evolve(order.amend, fate=Fate.UNKNOWN)}


def _cancel_sent(order: Order, event: ev.CancelSent) -> _Changes:
    return {"cancel": Fate.IN_FLIGHT, "reason": None, "text": ""}


def _cancel_rejected(order: Order, event: ev.CancelRejected) -> _Changes:
    if order.state.is_terminal:
        return {}
    return {"cancel": Fate.REFUSED, "reason": event.reason, "text": event.text}


def _cancel_unknown(order: Order, event: ev.CancelUnknown) -> _Changes:
    return {} if order.state.is_terminal else {"cancel": Fate.UNKNOWN}


def _is_stale(order: Order, event: ev.OrderReported) -> bool:
    return event.sequence is not None and order.sequence is not None and event.sequence < order.sequence


def _goes_on(order: Order, event: ev.OrderReported) -> Order | None:
    """Return the order after the common report: as it was asked for it lives on. None where there is more to it.

    It is what the long way comes to, in a third of the time.
    """
    quantity, reported, sequence, ts_event = order.quantity, event.filled_quantity, event.sequence, event.ts_event
    if not (
        event.state in _LIVING
        and order.state in _SENT_OR_LIVING
        and order.amend is None
        and order.lost_amend is None
        and event.quantity == quantity
        and event.price == order.price
        and order.reported_quantity <= reported
        and order.booked_quantity <= reported < quantity
        and (sequence is None or order.sequence is None or order.sequence <= sequence)
    ):
        return None
    fields = dict(order.__dict__)
    fields["state"] = PARTIAL if reported else OPEN
    fields["create"] = _DONE
    fields["reported_quantity"] = reported
    fields["reported_average"] = event.average_price or order.reported_average
    fields["reason"] = None
    fields["text"] = ""
    if sequence is not None:
        fields["sequence"] = sequence
    if ts_event > order.ts_terms:
        fields["ts_terms"] = ts_event
    if ts_event > order.ts_event:
        fields["ts_event"] = ts_event
    if event.ts_recv > order.ts_recv:
        fields["ts_recv"] = event.ts_recv
    if event.venue_order_id != order.venue_order_id:
        fields.update(_ids(order, event))
    return order.of(fields)


def _reported(order: Order, event: ev.OrderReported) -> _Changes:
    filled = max(order.filled_quantity, event.filled_quantity)
    changes: _Changes = {
        "reported_quantity": max(order.reported_quantity, event.filled_quantity),
        "sequence": order.sequence if event.sequence is None else event.sequence,
    }
    if event.filled_quantity >= order.reported_quantity:
        changes["reported_average"] = event.average_price or order.reported_average
    changes |= _terms(order, event, filled)
    quantity = changes.get("quantity", order.quantity)
    if order.state in (FILLED, CANCELED, EXPIRED):
        return changes | {"state": FILLED if filled >= quantity else order.state}
    if event.state is REJECTED and filled:
        raise _contradiction(order, event, "it has traded")
    if event.state is FILLED and filled < quantity:
        raise _contradiction(order, event, f"only {filled:f} of {quantity:f} is filled")
    if event.state.is_terminal:
        ended = FILLED if filled >= quantity else event.state
        if ended is REJECTED and order.state is OPEN:
            ended = CANCELED  # it was accepted first: a post-only order that was amended across the market
        return changes | {"state": ended, "reason": event.reason, "text": event.text}
    full_at = _full_at(quantity, *(changes.get(name, getattr(order, name)) for name in ("amend", "lost_amend")))
    return changes | {"state": _living(filled, full_at), "create": Fate.DONE, "reason": None, "text": ""}


def _terms(order: Order, event: ev.OrderReported, filled: Decimal) -> _Changes:
    """Return what a report changes in price, quantity and the amend of open fate."""
    is_over = order.state in (FILLED, CANCELED, EXPIRED)
    terms: _Changes = {}
    # News of an order that goes on is older than the end of it, and a total below what has traded than those trades.
    if not _is_older(order, event) and (event.state.is_terminal or not is_over):
        terms["price"] = event.price or order.price
        terms["ts_terms"] = max(order.ts_terms, event.ts_event)
        if event.quantity is not None and event.quantity >= filled and order.state is not FILLED:
            terms["quantity"] = event.quantity
    quantity = terms.get("quantity", order.quantity)
    if event.state is FILLED and any(filled == amend.quantity for amend in _open_amends(order)):
        terms["quantity"] = quantity = filled
    if filled >= quantity and "quantity" not in terms:
        gone = event.state is not FILLED and (is_over or event.state.is_terminal)
        proof = _proof(order, event, filled, rest_is_gone=gone)
        if proof is None:
            raise _contradiction(order, event, f"{filled:f} of {quantity:f} would be filled")
        return proof | terms
    for name, amend in (("amend", order.amend), ("lost_amend", order.lost_amend)):
        if amend is not None and amend.price in (None, terms.get("price")) and amend.quantity in (None, quantity):
            terms[name] = None
    return terms


_HANDLERS: Final[Mapping[type[ev.OrderEvent], Callable[[Order, Any], _Changes]]] = {
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
