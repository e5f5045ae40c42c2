"""What an account at GaiaEx has, told by its stream, which is asked where it tells nothing."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Final

from anyvenue.model.balance import Balance
from anyvenue.model.errors import NotSent, UnknownOrder
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.position import Position
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import Sink, VenueEvent
from anyvenue.wire.deadline import pause
from anyvenue.wire.request import Request
from anyvenue_gaiaex import rest
from anyvenue_gaiaex.feed import UserFeed
from anyvenue_gaiaex.instruments import COLLATERAL
from anyvenue_gaiaex.ledger import Ledger, Stray
from anyvenue_gaiaex.market_data import GaiaExMarketData
from anyvenue_gaiaex.streams import Update

__all__ = ["GaiaExAccount"]

_log = logging.getLogger("anyvenue.gaiaex")

_SECOND_NS: Final = 1_000_000_000
BALANCE_PAUSE_S: Final = 0.5
"""An update tells what is available; this long after a change the whole balance is asked for, once."""
EXPLAIN_S: Final = 0.25
"""A change of position that waits to be explained is looked at so often: none waits much longer than it may."""
WATCH_S: Final = 1.0
ASK_DOUBLINGS: Final = 5
"""Where only an update can tell what became of an order, one is asked for: after 1 s, 2 s more, 4 s more ..."""


class GaiaExAccount(GaiaExMarketData):
    """The account's stream, read by a ledger of what was sent. Without credentials there is market data only."""

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self._user: UserFeed | None = None
        self._available: Decimal | None = None
        self._is_away, self._is_up, self._is_told = False, True, False
        self._ledger = Ledger(self.by_name.get, self._price_of, self._options.in_doubt_s)
        self._leaving: dict[str, OrderSpec] = {}
        self._asks = 0
        self._asked_ns = 0

    async def connect(self, sink: Sink) -> None:
        """Open the connection: time and health, symbols, balance, then the account's stream."""
        self.sink = sink
        await self._open()
        if self._keys is not None:
            self.is_private = True
            for balance in await self.balances():
                self.sink(balance)
            self._user = UserFeed(
                self._ws_url,
                self._account,
                clock=self.clock,
                time=self._time,
                dial=self._dial,
                on_update=self._on_update,
                on_down=self._on_down,
                on_up=self._on_up,
            )
            self.at_close(self._user.close)
            await self._user.open()
            if not self._ledger.knows_positions:
                _log.warning("the account's stream has told nothing yet; orders are refused until it does")
            self.start("watching the account's stream", self._watch)

    def _on_update(self, told: Update) -> None:
        now = self.clock.time_ns()
        self._emit(self._ledger.update(told, now))
        for stray in self._ledger.strays(now):
            text = "%s was believed to have ended, and is open at the venue as %s: it is canceled there"
            _log.critical(text, stray.order.client_order_id, stray.order_id)
            self.start(f"canceling the stray order {stray.order_id}", partial(self._cancel_stray, stray))
        if told.available is not None and told.available != self._available:
            self._available = told.available
            if told.total is None:
                self.start("balance", self._tell_balance, after_s=BALANCE_PAUSE_S)
            else:
                self.sink(
                    Balance(
                        currency=COLLATERAL,
                        total=told.total,
                        available=told.available,
                        ts_event=told.ts_event,
                        ts_recv=now,
                    )
                )
        if told.positions is not None:
            self._is_told = True
            self._return()

    async def _cancel_stray(self, stray: Stray) -> None:
        """Cancel what must not rest. Where that does not work, an update will show it again."""
        order = stray.order
        request = rest.cancel(order.instrument, stray.order_id, self._account().address, order.client_order_id or "")
        try:
            ack: rest.Ack = self.read(rest.read_ack, await self.ask(request))
        except UnknownOrder:
            _log.warning("the stray order %s has ended meanwhile", stray.order_id)
            return
        if ack.status == "canceled":
            self._emit(self._ledger.canceled([stray.order_id], self.clock.time_ns(), order.client_order_id))

    def _emit(self, events: Sequence[VenueEvent]) -> None:
        for event in events:
            self.sink(event)
        if self._ledger.is_waiting:
            self.start("explaining positions", self._explain_positions)

    async def _explain_positions(self) -> None:
        """Ask again what made a position change, until it is known or counts as a stranger's."""
        while self._ledger.is_waiting:
            await pause(self.clock, EXPLAIN_S)
            for event in self._ledger.tick(self.clock.time_ns()):
                self.sink(event)

    async def _tell_balance(self) -> None:
        for balance in await self.balances():
            self.sink(balance)

    def _on_down(self, reason: str) -> None:
        self._is_away, self._is_up, self._is_told = True, False, False
        self._ledger.reconnected()
        self.lost(reason)

    def _on_up(self) -> None:
        self._is_up, self._asks, self._asked_ns = True, 0, self.clock.time_ns()
        self._return()

    def _return(self) -> None:
        """The stream counts as back when it has told the account anew; it may do that as soon as it is open."""
        if self._is_away and self._is_up and self._is_told:
            self._is_away = False
            self.returned()

    async def _watch(self) -> None:
        while self._user is not None:
            await pause(self.clock, WATCH_S)
            self._user.watch()
            self._ask_for_news(self._user)
            if self._time.is_due:
                await self._sync_clock(at_start=False)

    def _ask_for_news(self, user: UserFeed) -> None:
        """Have the account told anew, which a new socket does, where nothing else would settle what is open."""
        now, since_ns = self.clock.time_ns(), 0 if self._is_away else self._ledger.asks_ns
        if since_ns is None:
            self._asks = 0
        elif now >= max(since_ns, self._asked_ns) + (_SECOND_NS << min(self._asks, ASK_DOUBLINGS)):
            self._asks, self._asked_ns = self._asks + 1, now
            user.renew("the account is to be told anew")

    def _sign(self, request: Request, path: str, time_ns: int) -> Mapping[str, str]:
        """Sign a request, which leaves now: what waited for its turn until now cannot have traded before."""
        spec = self._leaving.pop(request.client_order_id, None)
        if spec is not None:
            self._ledger.sent(spec, self.clock.time_ns())
        return super()._sign(request, path, time_ns)

    def take_on(self, order: Order, left_by_ns: int) -> None:
        """Follow an order of an earlier run by what the account's stream tells."""
        self._emit(self._ledger.take_on(order, left_by_ns, self.clock.time_ns()))

    async def balances(self) -> Sequence[Balance]:
        """Return the balance of the collateral."""
        data = await self.ask(rest.balance(self._account().address))
        return [self.read(rest.read_balance, data)]

    async def positions(self) -> Sequence[Position]:
        """Return the positions that are not flat, as the account's stream told them last."""
        self._account()
        if not self._ledger.knows_positions:
            raise NotSent("the account's stream has not told the positions yet", venue=self.name)
        return self._ledger.positions()
