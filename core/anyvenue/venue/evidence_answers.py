"""What look-ups said of an order, and from when on their answers count."""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen

from anyvenue.model.fill import Fill
from anyvenue.model.order_events import OrderReported
from anyvenue.venue.interface import Retention

__all__ = ["NEVER_NS", "Answer", "LookUp", "SentBy", "arrived_by", "later"]

_SECOND_NS: Final = 1_000_000_000
NEVER_NS: Final = 1 << 62
"""A time that does not come: what is waited for until then is waited for in vain."""


class LookUp(Enum):
    """What was asked."""

    ORDER = "order"
    OPEN_ORDERS = "open orders"
    HISTORY = "order history"
    FILLS = "fills"


@frozen(kw_only=True)
class Answer:
    """What a look-up said about one order.

    Attributes:
        asked_ns: when the question left, by our clock: the answer is true for some time after that.
        report: the order as it was found; None where it was not there.
        fills: those of this order (`FILLS` only).
        since_ns: how far back was looked (`HISTORY` and `FILLS` only).
        by_client_id: the order was looked for by the client id alone (`ORDER` only).
    """

    look_up: LookUp
    asked_ns: int
    report: OrderReported | None = None
    fills: tuple[Fill, ...] = ()
    since_ns: int = 0
    by_client_id: bool = False


@frozen(kw_only=True)
class SentBy:
    """By when, at the latest, a command of unknown fate had left, by our clock; None where nobody knows."""

    create_ns: int | None = None
    amend_ns: int | None = None


def arrived_by(sent_by_ns: int | None, retention: Retention) -> int:
    """Return from when on a command that was ever to arrive has done so, and shows."""
    return NEVER_NS if sent_by_ns is None else later(sent_by_ns, retention.create_window_s, retention.settle_s)


def later(start_ns: int, *seconds: float) -> int:
    """Return the time so many seconds after another; NEVER_NS where there are too many of them."""
    total = sum(seconds) * _SECOND_NS
    return start_ns + int(total) if total < NEVER_NS else NEVER_NS
