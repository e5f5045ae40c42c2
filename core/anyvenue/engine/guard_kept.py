"""Which orders a journal keeps after their end: those on whose end it depends what a guard of the next run will do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anyvenue.engine.guard_amend import NAME as AMENDS
from anyvenue.engine.guard_trigger import NAME as TRIGGERS

__all__ = ["kept_orders"]


def kept_orders(recall: Callable[[str], Any]) -> frozenset[str]:
    """Return their client ids, by what is remembered: orders that are being replaced, and those that a guard was about
    to send. While they are known, it is known that they have left.
    """
    names: set[str] = set()
    for name, row in (recall(AMENDS) or {}).items():
        names |= {name, row["successor"]}
    return frozenset(names | {row["client_order_id"] for row in recall(TRIGGERS) or [] if row["sent"]})
