"""The exchange's events as one of its clients gets them: with its own instruments, and the time they came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from attrs import evolve

from anyvenue.model.fill import Fill
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment
from anyvenue.model.order_events import OrderFilled
from anyvenue.model.position import Position

__all__ = ["relabel"]

E = TypeVar("E")


def relabel(event: E, instruments: Mapping[str, Instrument], now: int) -> E:
    """Return `event`, received `now`, with the instrument of the same symbol from `instruments`."""
    changes: dict[str, object] = {"ts_recv": now}
    if isinstance(event, OrderFilled):
        changes["fill"] = relabel(event.fill, instruments, now)
    elif isinstance(event, Fill | Position | FundingPayment):
        changes["instrument"] = instruments[event.instrument.symbol]
    return evolve(event, **changes)  # type: ignore[misc]
