"""What the answers of a venue prove about one of our orders: the decision itself, without any I/O or clock.

An order may be called ended without the venue saying so only where all of this is proven: its create can no longer
arrive; it was not open at a time after that; and how much of it has traded is known. Everything else stays unknown.
More answers never take back what fewer have proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve, frozen

from anyvenue.model.enums import Fate
from anyvenue.model.errors import Contradiction, RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendRejected, OrderEvent, OrderReported
from anyvenue.venue.evidence_absence import Absence, is_declared, missing_text
from anyvenue.venue.evidence_answers import Answer, SentBy, arrived_by
from anyvenue.venue.interface import Retention
from anyvenue.venue.missed import filled

__all__ = ["Verdict", "decide", "estimate", "is_in_doubt"]

_UNKNOWN, _REFUSED = Fate.UNKNOWN, Fate.REFUSED
_GONE: Final = (RejectReason.UNKNOWN_ORDER, RejectReason.ORDER_CLOSED)

AMEND_NEVER_CAME: Final = "the amend did not arrive: price and quantity are as before, and it can no longer arrive"


@frozen(kw_only=True)
class Verdict:
    """What was decided.

    Attributes:
        events: what is proven and was not known before, to be applied in this order.
        unknown: why something is still unknown, in words; empty where nothing is.
        again_ns: no answer to a question asked before this time can settle it; NEVER_NS where none ever can.
    """

    events: tuple[OrderEvent, ...] = ()
    unknown: str = ""
    again_ns: int = 0


def is_in_doubt(order: Order) -> bool:
    """Tell whether the venue has to be asked about an order: a fate is unknown, or fills of it are missing.

    An earlier amend that may yet prove done is no reason to ask: nothing but a trade could prove it.
    """
    return (
        order.reported_quantity > order.booked_quantity
        or order.create is _UNKNOWN
        or order.cancel is _UNKNOWN
        or (order.amend is not None and order.amend.fate is _UNKNOWN)
        or (order.cancel is _REFUSED and order.is_open and order.reason in _GONE)
    )


def decide(order: Order, answers: Iterable[Answer], retention: Retention, sent_by: SentBy) -> Verdict:
    """Return what the answers prove about an order that is in doubt, or that is missing where it should be."""
    told = sorted(answers, key=lambda answer: answer.asked_ns)
    after, events, contradiction = _said(order, told)
    if contradiction:
        return Verdict(events=tuple(events), unknown=contradiction)
    if after.is_terminal:
        return Verdict(events=tuple(events), unknown=missing_text(after))
    again_ns = 0
    if after.amend is not None and after.amend.fate is Fate.UNKNOWN and is_declared(after, retention):
        again_ns = arrived_by(sent_by.amend_ns, retention)
        if any(answer.asked_ns >= again_ns and _has_old_terms(answer, order) for answer in told):
            refused = AmendRejected(
                client_order_id=order.client_order_id, reason=RejectReason.NOT_SENT, text=AMEND_NEVER_CAME
            )
            after, events = after.apply(refused), [*events, refused]
    gone = Absence(order, after, told, retention, sent_by)
    end, why = gone.verdict()
    if end is not None:
        return Verdict(events=(*events, end))
    if after.is_resting and not is_in_doubt(after) and not gone.is_missing:
        return Verdict(events=tuple(events))
    return Verdict(events=tuple(events), unknown=_open_question(after, why), again_ns=max(again_ns, gone.from_ns))


def estimate(order: Order, now_ns: int) -> Fill | None:
    """Return one fill, marked as estimated, for what has traded of an order without a fill; None without a price."""
    missing = order.missing_fills
    price = order.price
    if order.reported_average is not None:
        price = (order.reported_average * order.reported_quantity - order.booked_value) / (missing or 1)
    if not missing or price is None or price <= 0:
        return None
    return Fill(
        instrument=order.instrument,
        trade_id=f"estimated-{order.client_order_id}-{order.reported_quantity:f}",
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        side=order.side,
        price=price,
        quantity=missing,
        position_side=order.spec.position_side,
        estimated=True,
        ts_recv=now_ns,
    )


def _said(order: Order, answers: Sequence[Answer]) -> tuple[Order, list[OrderEvent], str]:
    """Return the order after everything that was found, which of it was news, and what could not be true."""
    found: list[OrderEvent] = [filled(fill) for answer in answers for fill in answer.fills]
    found += [_named(answer.report, order) for answer in answers if answer.report is not None]
    events: list[OrderEvent] = []
    contradiction = ""
    for event in found:
        if isinstance(event, OrderReported) and event.client_order_id != order.client_order_id:
            contradiction = f"asked about {order.client_order_id}, the venue answered with {event.client_order_id}"
            continue
        try:
            after = order.apply(event)
        except Contradiction as error:
            contradiction = str(error)
            continue
        # A cancel of unknown fate is sent again on every report that shows the order open.
        if _facts(after) != _facts(order) or (order.cancel is Fate.UNKNOWN and isinstance(event, OrderReported)):
            events.append(event)
        order = after
    return order, events, contradiction


def _named(report: OrderReported, order: Order) -> OrderReported:
    """Name a report by the client id, which not every venue tells, where it is the report of this order."""
    ids = (order.venue_order_id, *order.former_ids)
    is_same = report.client_order_id in (None, order.client_order_id) or report.venue_order_id in ids
    return evolve(report, client_order_id=order.client_order_id) if is_same else report


def _facts(order: Order) -> Order:
    return evolve(order, ts_event=0, ts_recv=0, ts_terms=0, sequence=None)


def _has_old_terms(answer: Answer, order: Order) -> bool:
    report, amend = answer.report, order.amend
    if report is None or amend is None or report.state.is_terminal:
        return False
    return all(
        told is not None and told == before
        for wished, told, before in (
            (amend.price, report.price, order.price),
            (amend.quantity, report.quantity, order.quantity),
        )
        if wished is not None
    )


def _open_question(order: Order, why: str) -> str:
    if order.is_resting and order.cancel is Fate.UNKNOWN:
        return f"the cancel may or may not arrive; {why}"
    if order.is_resting and order.amend is not None:
        return "the amend may or may not arrive"
    return missing_text(order) or why
