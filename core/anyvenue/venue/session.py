"""A session: the same venue that a strategy gets, in the hands of a script or a notebook.

Symbols are text (`BTC-USDT-PERP`, `BTC-PERP`, or the venue's own), numbers are text, int or Decimal, orders are values
that the session keeps current. Commands raise what a `Venue` raises; `anyvenue.model.errors` says what to do about
each. Nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import logging
from types import TracebackType
from typing import Final

from anyvenue.model.catalog import InstrumentCatalog
from anyvenue.model.enums import Fate
from anyvenue.model.errors import AnyvenueError
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderEvent
from anyvenue.venue.events import Reconnected, VenueEvent
from anyvenue.venue.session_core import SECOND_NS
from anyvenue.venue.session_market import MarketSession
from anyvenue.venue.session_trading import TradingSession

__all__ = ["Session"]

_log = logging.getLogger("anyvenue.session")

SETTLE_NS: Final = 60 * SECOND_NS
"""So long orders are asked about after a reconnect."""


class Session(MarketSession, TradingSession):
    """One account on one venue. Made, and connected, by `anyvenue.connect`."""

    _asking: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Open the connection and learn the instruments."""
        await self._ask(self.venue.connect(self._receive))
        self._catalog = InstrumentCatalog(await self._ask(self.venue.instruments()), self.venue.explain)

    async def disconnect(self) -> None:
        """Close the connection and end all streams. Orders and positions stay as they are. Safe to call twice."""
        self._subscriptions.end()
        self._end_streams()
        if self._asking is not None:
            self._asking.cancel()
        await self._ask(self.venue.close())

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.disconnect()

    def _receive(self, event: VenueEvent) -> None:
        if isinstance(event, OrderEvent):
            self._tracker.apply(event)
            return
        self._subscriptions.receive(event)
        if isinstance(event, Reconnected) and event.private:
            self._ask_about_orders()

    def _ask_about_orders(self) -> None:
        """News of our orders may have been missed: ask about those that are in doubt, or not among the open ones.

        Nobody waits for it, so no simulated market moves on for it either.
        """
        if not self._settling.can_ask:
            _log.warning("%s was away and has no look-up of orders: they may not be what they seem", self.venue.name)
            return

        async def settle(order: Order) -> None:
            try:
                await self._settling.settle(order, SETTLE_NS, is_missing=True)
            except AnyvenueError as error:
                _log.error("%s", error)

        async def ask() -> None:
            sent = [order for order in self._tracker.open_orders() if order.create is not Fate.IN_FLIGHT]
            await asyncio.gather(*map(settle, await self._settling.look_around(sent)))

        if self._asking is not None:
            self._asking.cancel()  # what it had found may be too old; what it still asked about is asked about again
        self._asking = asyncio.get_running_loop().create_task(ask())
