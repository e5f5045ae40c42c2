"""The venue: what Gate tells, taken in, on top of all that can be asked of it."""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from typing import Final

from anyvenue.model.enums import TriggerKind
from anyvenue.model.errors import (
    UnknownOrder,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingRate
from anyvenue.model.order_events import (
    OrderFilled,
    OrderReported,
    OrderTriggered,
)
from anyvenue.venue.events import (
    Channel,
    Sink,
    VenueEvent,
)
from anyvenue.venue.missed import filled
from anyvenue_gateio.rest import orders, triggers
from anyvenue_gateio.streams import Notice
from anyvenue_gateio.trading import GateTrading

__all__ = ["GateVenue"]

_log = logging.getLogger("anyvenue.gateio")

_SECOND_NS: Final = 1_000_000_000
PUSH_PAUSE_S: Final = 0.25
"""Where a push tells only that something changed: this long after one it is asked for, once."""
RECENT_NS: Final = 60 * _SECOND_NS


class GateVenue(GateTrading):
    """One account on Gate's perpetual futures, in one settle currency. Without credentials it has market data only."""

    def _on_event(self, event: VenueEvent | Notice) -> None:
        if isinstance(event, Notice):
            if event.kind == "balance":  # what is available is not told (12.2)
                self.start("balance", self._tell_balance, after_s=PUSH_PAUSE_S)
            elif event.kind == "fills":
                instrument = self.by_name[event.text]
                self.start(f"fills {event.text}", partial(self._tell_fills, instrument), after_s=PUSH_PAUSE_S)
            elif event.kind == "unreadable":
                self.mistrust()
            elif event.kind == "refused":
                self._stale([event.topic], "the venue refuses to send it")
                self._topics = {key: topic for key, topic in self._topics.items() if topic != event.topic}
            else:
                _log.warning("%s", event.text)
            return
        if not isinstance(event, FundingRate) or (Channel.FUNDING, event.instrument.key, None) in self._topics:
            self.sink(event)

    def _tell(self, sink: Sink, event: VenueEvent) -> None:
        """Tell an event, and before the first news of the order that a waiting one became: that it fired."""
        if isinstance(event, OrderTriggered):
            self._waits.pop(event.client_order_id, None)
            if event.venue_order_id is not None:  # its news may have come before it could be known as ours
                self.start(f"order {event.venue_order_id}", partial(self._tell_child, event.venue_order_id))
        elif self._waits and isinstance(event, OrderReported | OrderFilled):
            name, own_id = event.client_order_id, event.venue_order_id
            if triggers.order_kind(own_id or "") is triggers.OrderKind.ORDER:
                if self._waits.pop(name, None) is not None:
                    sink(OrderTriggered(client_order_id=name, venue_order_id=own_id, ts_recv=event.ts_recv))
                elif name is None:
                    self.start("trailing orders", self._look_at_trails)
            elif isinstance(event, OrderReported) and event.state.is_terminal:
                self._waits.pop(name, None)
        sink(event)

    async def _look_at_trails(self) -> None:
        """Ask whether an order nobody knows came of a trailing one: of these Gate pushes nothing."""
        for order in list(self._waits.values()):
            if order.spec.trigger is not None and order.spec.trigger.kind is TriggerKind.TRAILING:
                found = await self.order(order)
                if found is not None:
                    self.sink(found.report)

    async def _tell_fills(self, instrument: Instrument) -> None:
        for fill in await self.fills(instrument, start_ns=self._time.time_ns() - RECENT_NS):
            self.sink(filled(fill))

    async def _tell_child(self, venue_order_id: str) -> None:
        with suppress(UnknownOrder):
            row = await self.ask(orders.question(f"/futures/{self._settle}/orders/{venue_order_id}"))
            instrument = self.read(lambda told, now: self.by_name[told["contract"]], row)
            self.sink(self.read(orders.order_report, row, instrument))
            await self._tell_fills(instrument)

    async def _tell_balance(self) -> None:
        for balance in await self.balances():
            self.sink(balance)

    def _returned(self) -> None:
        self.returned()
        self._renew_books(self._feed)
        for feed in self._extra:  # every book of the connection was called stale, theirs too
            self._renew_books(feed, is_new=False)
