"""The local half of paper trading: a simulated exchange that a live market moves, and the account's wire to it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

from attrs import evolve

from anyvenue.model.enums import PositionSide
from anyvenue.model.errors import NotSent
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import Number, exact
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation.connection import Connection, attempt, pipes
from anyvenue.simulation.dead_man import DeadManSwitch
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.live_feed import LiveFeed
from anyvenue.simulation.relabel import relabel
from anyvenue.venue.clock import Clock
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.events import AccountEvent, VenueEvent

__all__ = ["PaperMarket"]

T = TypeVar("T")


class PaperMarket:
    """An exchange with one account. `feeds` holds those instruments that it hears of, by symbol.

    `instruments` are the real venue's own; the fees of `settings` take the place of theirs where they are given.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument], clock: Clock, settings: SimulationSettings, account: str
    ) -> None:
        self.feeds: dict[str, LiveFeed] = {}
        self.exchange = _PaperExchange(
            [_with_fees(instrument, settings) for instrument in instruments.values()],
            self.feeds,
            time_ns=clock.time_ns,
            notify=self._notify,
        )
        money = exact(settings.balance, "balance")
        settles = {instrument.settle: money for instrument in instruments.values()}
        self.exchange.open_account(account, balances=settles, leverage=Decimal(settings.leverage))
        inward, outward = pipes(clock, account, settings)
        self.wire = Connection(clock, self, account, inward=inward, outward=outward)
        self._dead_man = DeadManSwitch(clock, self._cancel_all)
        self._news: deque[AccountEvent] | None = None

    @property
    def busy(self) -> set[str]:
        """The symbols in which the account has an order or a position."""
        account, exchange = self.wire.account, self.exchange
        ordered = {order.instrument.symbol for order in exchange.open_orders(account)}
        return ordered | {position.instrument.symbol for position in exchange.positions(account)}

    def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Cancel all orders unless this is called again within `timeout_s`; 0 disarms."""
        self._dead_man.arm(timeout_s)

    def serve(self, connection: Connection, action: Callable[[], T], answer: Callable[[T | Exception], None]) -> None:
        """Carry out a request. The answer leaves first, then the news of what it brought about."""
        news: deque[AccountEvent] = deque()
        self._news = news
        try:
            answer(attempt(action))
        finally:
            self._news = None
        for event in news:
            self._deliver(event)

    def leave(self, connection: Connection) -> None:
        """Nothing is sent but by the wire itself, which passes nothing on while it is closed."""

    def _notify(self, account: str, event: AccountEvent) -> None:
        if self._news is None:
            self._deliver(event)
        else:
            self._news.append(event)

    def _deliver(self, event: AccountEvent) -> None:
        if self.wire.is_open:
            self.wire.deliver(partial(self._received, event))

    def _received(self, event: AccountEvent, now: int) -> VenueEvent:
        return relabel(event, self.wire.instruments, now)

    def _cancel_all(self) -> None:
        for event in self.exchange.cancel_all(self.wire.account):
            self._deliver(event)


class _PaperExchange(Exchange):
    """Takes nothing that may trade at once while it does not know what there is to trade with."""

    def __init__(
        self,
        instruments: Sequence[Instrument],
        feeds: Mapping[str, LiveFeed],
        *,
        time_ns: Callable[[], int],
        notify: Callable[[str, AccountEvent], None],
    ) -> None:
        super().__init__(instruments, time_ns=time_ns, notify=notify)
        self._feeds = feeds

    def place(self, account: str, spec: OrderSpec) -> list[AccountEvent]:
        self._check_book(spec.instrument.symbol)
        return super().place(account, spec)

    def amend(
        self,
        account: str,
        *,
        client_order_id: str | None = None,
        venue_order_id: str | None = None,
        price: Number | None = None,
        quantity: Number | None = None,
    ) -> list[AccountEvent]:
        order = self.order(account, client_order_id=client_order_id, venue_order_id=venue_order_id)
        if order is not None:
            self._check_book(order.instrument.symbol)
        return super().amend(
            account, client_order_id=client_order_id, venue_order_id=venue_order_id, price=price, quantity=quantity
        )

    def close_position(
        self,
        account: str,
        symbol: str,
        position_side: PositionSide = PositionSide.NET,
        quantity: Number | None = None,
    ) -> list[AccountEvent]:
        self._check_book(symbol)
        return super().close_position(account, symbol, position_side, quantity)

    def _check_book(self, symbol: str) -> None:
        feed = self._feeds.get(symbol)
        reason = "nobody is listening to it" if feed is None else feed.stale_reason
        if reason:
            raise NotSent(
                f"{symbol}: the book cannot be traded on ({reason}), so nothing was done; "
                "send it again when the next snapshot is there"
            )


def _with_fees(instrument: Instrument, settings: SimulationSettings) -> Instrument:
    maker, taker = settings.maker_fee, settings.taker_fee
    if maker is None and taker is None:
        return instrument
    return evolve(
        instrument,
        maker_fee=instrument.maker_fee if maker is None else exact(maker, "maker_fee"),
        taker_fee=instrument.taker_fee if taker is None else exact(taker, "taker_fee"),
    )
