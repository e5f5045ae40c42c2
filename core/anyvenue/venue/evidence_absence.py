"""What follows from an order's not being found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from attrs import evolve

from anyvenue.model.enums import OrderState
from anyvenue.model.errors import RejectReason
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderCanceled, OrderEvent, OrderRejected
from anyvenue.venue.evidence_answers import NEVER_NS, Answer, LookUp, SentBy, arrived_by, later
from anyvenue.venue.interface import Retention

__all__ = ["Absence", "is_declared", "missing_text"]

NEVER_CAME: Final = "the venue never had it: it is nowhere, and can no longer arrive"
GONE_UNFILLED: Final = "it is not open and has not traded: the venue has forgotten whether it ever came"
GONE: Final = "it is no longer open; what traded is known by its fills"


def is_declared(order: Order, retention: Retention) -> bool:
    """Tell whether what a venue declares holds for this order: for one that waits for a trigger it need not."""
    return order.spec.trigger is None or order.triggered or retention.triggers


def missing_text(order: Order) -> str:
    """Say which fills of an order are missing; empty where none are."""
    return f"fills of {order.missing_fills:f} that the venue reports are missing" if order.missing_fills else ""


class Absence:
    """What follows from an order's not being found."""

    def __init__(
        self, before: Order, after: Order, answers: Sequence[Answer], retention: Retention, sent_by: SentBy
    ) -> None:
        self._order = after
        self._retention = retention
        self._settle_ns = later(0, retention.settle_s)
        self._existed = after.state is not OrderState.SENT
        self._answers = answers
        alive = [a for a in answers if a.report is not None and not a.report.state.is_terminal]
        if before.state is not OrderState.SENT:
            self.from_ns = later(before.ts_recv, retention.settle_s)
        else:
            seen = [later(a.report.ts_recv, retention.settle_s) for a in alive if a.report and a.report.ts_recv]
            self.from_ns = min([arrived_by(sent_by.create_ns, retention), *seen])
        # Where it is seen alive after all, and not only because that look-up lags behind, it had not been looked for.
        self._none = [
            a
            for a in answers
            if a.report is None and not a.fills and a.asked_ns >= self.from_ns
            if not any(seen.asked_ns > a.asked_ns + self._settle_ns for seen in alive)
        ]

    @property
    def is_missing(self) -> bool:
        """Whether a look-up that should find an open order has not, later than everything that shows it alive."""
        return any(a.look_up in (LookUp.ORDER, LookUp.OPEN_ORDERS) for a in self._none)

    def verdict(self) -> tuple[OrderEvent | None, str]:
        """Return the end that is proven, or why none is."""
        order, retention = self._order, self._retention
        if not is_declared(order, retention):
            return None, "of an order with a trigger the venue's look-ups prove nothing where they do not find it"
        if self.from_ns >= NEVER_NS:
            return None, "nothing says by when a create that left can no longer arrive"
        gone_ns = self._not_open_since()
        if gone_ns is None:
            return None, "it is not proven that it is not open, or on its way"
        if not order.spec.ts_created:
            return None, "nobody knows when it was sent"
        if not self._trades_are_known(gone_ns):
            return None, "it is not open; how much of it traded is not proven"
        if order.missing_fills:
            return None, missing_text(order)
        name = order.client_order_id
        if self._existed:  # what has traded existed, too
            return OrderCanceled(client_order_id=name, text=GONE), ""
        if self._would_be_remembered(gone_ns):
            return OrderRejected(client_order_id=name, reason=RejectReason.NOT_SENT, text=NEVER_CAME), ""
        return OrderCanceled(client_order_id=name, text=GONE_UNFILLED), ""

    def _not_open_since(self) -> int | None:
        """Return when every look-up that finds open orders had not found it; None where one is still to be asked."""
        needed = [
            look_up
            for look_up, declared in (
                (LookUp.ORDER, self._retention.finds_open),
                (LookUp.OPEN_ORDERS, self._retention.lists_open),
            )
            if declared
        ]
        first = [min((a.asked_ns for a in self._none if a.look_up is look_up), default=None) for look_up in needed]
        times = [asked_ns for asked_ns in first if asked_ns is not None]
        return max(times) if times and len(times) == len(needed) else None

    def _trades_are_known(self, gone_ns: int) -> bool:
        """Whether a look-up that came after its end would have told all its trades."""
        retention, order = self._retention, self._order
        named = order.venue_order_id is not None or retention.names_fills
        later_ns = gone_ns + self._settle_ns
        return any(
            a.look_up is LookUp.FILLS and named and a.asked_ns >= later_ns and self._reaches(a, retention.filled_s)
            for a in self._answers
        ) or (not order.filled_quantity and any(self._excludes(a, later_ns, filled=True) for a in self._none))

    def _would_be_remembered(self, gone_ns: int) -> bool:
        """Whether a look-up that did not find it would have, had it ended without a trade."""
        later_ns = gone_ns + self._settle_ns
        return any(self._excludes(a, later_ns, filled=False) for a in self._none)

    def _excludes(self, answer: Answer, history_from_ns: int, *, filled: bool) -> bool:
        retention = self._retention
        if answer.look_up is LookUp.ORDER and retention.finds_open:
            by_id_s = retention.filled_s if filled else retention.unfilled_s
            by_name_s = retention.filled_by_client_id_s if filled else retention.unfilled_by_client_id_s
            return self._reaches(evolve(answer, since_ns=0), by_name_s if answer.by_client_id else by_id_s)
        reach_s = retention.filled_s if filled else retention.unfilled_s
        return (
            answer.look_up is LookUp.HISTORY and answer.asked_ns >= history_from_ns and self._reaches(answer, reach_s)
        )

    def _reaches(self, answer: Answer, memory_s: float) -> bool:
        """Whether an answer reaches back to the order's making, by what was asked and by what is remembered."""
        made_ns = self._order.spec.ts_created
        return answer.since_ns <= made_ns and answer.asked_ns <= later(made_ns, memory_s)
