"""A session that keeps everything its venue tells, so that a test can look at it afterwards."""

from __future__ import annotations

from typing import Any, TypeVar

from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderFilled
from anyvenue.venue.events import VenueEvent
from anyvenue.venue.session import Session

__all__ = ["HeardSession"]

E = TypeVar("E")


class HeardSession(Session):
    """A script's session, with `told`: every event in order, and `kept`: streams, which end when nobody holds them."""

    def __init__(self, *args: Any, **terms: Any) -> None:
        super().__init__(*args, **terms)
        self.told: list[VenueEvent] = []
        self.kept: list[object] = []

    def _receive(self, event: VenueEvent) -> None:
        self.told.append(event)
        super()._receive(event)

    def heard(self, kind: type[E]) -> list[E]:
        """Return what was told of one kind."""
        return [event for event in self.told if isinstance(event, kind)]

    def told_fills(self) -> list[Fill]:
        """Return the fills that the stream told, each once by its trade id, in order."""
        return list({event.fill.trade_id: event.fill for event in self.heard(OrderFilled)}.values())

    def orders(self) -> list[Order]:
        """Return our orders that may still trade."""
        return self._tracker.open_orders()
