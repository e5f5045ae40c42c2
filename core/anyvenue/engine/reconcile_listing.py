"""What a venue's list of open orders says of orders that we do not know: ours are taken on, strangers' left alone."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from attrs import evolve

from anyvenue.engine.engine import Engine
from anyvenue.engine.orders import OUR_PREFIX
from anyvenue.engine.reconcile_events import OrderFound
from anyvenue.venue.clock import Clock
from anyvenue.venue.emulation import seen_order
from anyvenue.venue.interface import VenueOrder
from anyvenue.venue.questions import Told

__all__ = ["OpenOrders"]

_log = logging.getLogger("anyvenue.engine")


class OpenOrders:
    """The open orders of one connection, as its venue lists them. `found` are the client ids of those taken on."""

    def __init__(self, engine: Engine, connection: str, clock: Clock, *, adopts_strangers: bool) -> None:
        self._engine = engine
        self._connection = connection
        self._clock = clock
        self._adopts_strangers = adopts_strangers
        self._strangers: set[str] = set()
        self.found: set[str] = set()

    def take_in(self, listed: Told[Sequence[VenueOrder]]) -> dict[str, VenueOrder]:
        """Return the listed orders that were known, by client id; take on those that are ours and were not."""
        shown: dict[str, VenueOrder] = {}
        for found in listed.what:
            order = self._engine.orders.find(self._connection, found.report)
            if order is not None:
                shown[order.client_order_id] = found
            elif (found.report.client_order_id or "").startswith(OUR_PREFIX) or self._adopts_strangers:
                self._take_on(found)
            else:
                self._mention(found)
        return shown

    def _take_on(self, found: VenueOrder) -> None:
        now_ns, report = self._clock.time_ns(), found.report
        name = report.client_order_id or f"venue-{report.venue_order_id}"
        try:
            order = seen_order(evolve(found, report=evolve(report, client_order_id=name)))
        except (TypeError, ValueError) as error:
            _log.error("%s: the open order %s cannot be taken on: %s", self._connection, name, error)
            return
        order = evolve(order, spec=evolve(order.spec, ts_created=report.ts_event or now_ns))
        self.found.add(name)
        self._engine.receive(OrderFound(order=order, ts_recv=now_ns), self._connection)

    def _mention(self, found: VenueOrder) -> None:
        name = found.report.venue_order_id or found.report.client_order_id or ""
        if name in self._strangers:
            return
        self._strangers.add(name)
        text = f"{found.instrument.key}: the open order {name} is not ours and is left alone"
        _log.warning("%s", text)
        self._engine.say(text)
