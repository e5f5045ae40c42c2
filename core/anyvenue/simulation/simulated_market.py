"""The simulated market: one exchange, what moves it, and the wires of the accounts that trade on it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Final, TypeVar

from attrs import evolve

from anyvenue.model.market import BookDelta, MarketEvent, Ticker, Trade
from anyvenue.model.numbers import exact
from anyvenue.simulation.clock import DrivenClock, DrivenTimer
from anyvenue.simulation.connection import Connection, Pipe, attempt
from anyvenue.simulation.dead_man import DeadManSwitch
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.listing import Listing
from anyvenue.simulation.relabel import relabel
from anyvenue.simulation.sources import Source, sources_of
from anyvenue.simulation.upkeep import Upkeep
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.events import AccountEvent, Channel, VenueEvent

__all__ = ["SimulatedMarket"]

T = TypeVar("T")

_SECOND_NS: Final = 1_000_000_000
_US_NS: Final = 1_000


class SimulatedMarket:
    """A market on a clock. It begins by itself: at the start of its data, or now where that has passed.

    Everything happens in jobs, one after the other: a frame, a request of a client, a settlement. What a client does
    in answer to what a job tells it, without latency in between, is a job of its own and waits for the end of that
    one. After the end (`is_finished`) nothing moves the market any more, but it still answers.

    `sources` are what moves it; without them, what the settings name. Raises
    what `sources_of` raises for settings that name no market.
    """

    def __init__(
        self,
        clock: DrivenClock,
        settings: SimulationSettings,
        sources: Sequence[Source] | None = None,
    ) -> None:
        self.clock = clock
        self.is_finished = False
        self._settings = settings
        if sources is None:
            sources = sources_of(settings)
        self.start_ns = max(clock.time_ns(), min(source.start_ns for source in sources))
        self.end_ns = _end_ns(sources, self.start_ns, settings)
        """When it will end; None for a market without end."""
        self.exchange = Exchange(
            [source.instrument for source in sources],
            time_ns=clock.time_ns,
            notify=self.notify,
            publish=self._publish,
        )
        self.listings = {source.instrument.symbol: Listing(source.instrument, self.exchange) for source in sources}
        self._sources = dict.fromkeys(sources)
        self._upkeep = {
            symbol: Upkeep(listing, self.exchange, clock, self.do) for symbol, listing in self.listings.items()
        }
        self._end: DrivenTimer | None = None
        self._dead_men: dict[str, DeadManSwitch] = {}
        self._wires: dict[str, Connection] = {}
        self._accounts: set[str] = set()
        self._watchers: dict[str, Callable[[AccountEvent], None]] = {}
        self._jobs: deque[Callable[[], None]] = deque()
        self._busy = False
        self._news: deque[Callable[[], None]] = deque()
        self.public_news: deque[MarketEvent] = deque()
        """What is to be told to everybody at the end of the present job."""
        self._when_finished: list[Callable[[], None]] = []
        clock.call_at(self.start_ns, self._begin)

    @classmethod
    def on(
        cls, clock: DrivenClock, settings: SimulationSettings, sources: Sequence[Source] | None = None
    ) -> SimulatedMarket:
        """Return the market of these settings on `clock`, the same one for all who ask. Who asks first may give its
        sources.

        What concerns an account only (balance, leverage, latency) does not make another market.
        """
        key = (cls, evolve(settings, **_ACCOUNT_DEFAULTS))
        if key not in clock.shared:
            clock.shared[key] = cls(clock, settings, sources)
        found: SimulatedMarket = clock.shared[key]
        return found

    def when_finished(self, callback: Callable[[], None]) -> None:
        """Call `callback` at the end of the market, or now where that has come."""
        if self.is_finished:
            callback()
        else:
            self._when_finished.append(callback)

    def listing(self, symbol: str) -> Listing:
        """Return the public side of one instrument. Raises UnknownInstrument."""
        return self.listings[self.exchange.book(symbol).instrument.symbol]

    def ticker(self, symbol: str) -> Ticker:
        """Return last and mark price and the funding rate, as they are now."""
        return self._upkeep[symbol].ticker()

    def upkeep(self, symbol: str) -> Upkeep:
        """Return what is done by the clock for an instrument. Raises UnknownInstrument."""
        return self._upkeep[self.exchange.book(symbol).instrument.symbol]

    # Clients

    def wire(self, account: str, settings: SimulationSettings) -> Connection:
        """Return a new wire for an account, which is opened where it is new.

        Raises ValueError where the account has an open wire already.
        """
        if account in self._wires:
            raise ValueError(f"the account {account!r} has a connection to this market already")
        if account not in self._accounts:
            money = exact(settings.balance, "balance")
            settles = {listing.instrument.settle: money for listing in self.listings.values()}
            self.exchange.open_account(account, balances=settles, leverage=Decimal(settings.leverage))
            self._accounts.add(account)
        inward, outward = (
            Pipe(
                self.clock,
                latency_ns=latency_us * _US_NS,
                jitter_ns=settings.latency_jitter_us * _US_NS,
                seed=f"{settings.seed} {account} {way}",
            )
            for way, latency_us in (("in", settings.latency_in_us), ("out", settings.latency_out_us))
        )
        wire = self._wires[account] = Connection(self.clock, self, account, inward=inward, outward=outward)
        return wire

    def serve(self, connection: Connection, action: Callable[[], T], answer: Callable[[T | Exception], None]) -> None:
        """Carry out a client's request. The answer leaves first, then the news of what it brought about."""
        self.do(lambda: answer(attempt(action)))

    def watch(self, account: str, watcher: Callable[[AccountEvent], None]) -> None:
        """Tell all news of an account of the market's own to `watcher`, as it happens. It may not act on it then."""
        self._watchers[account] = watcher

    def leave(self, connection: Connection) -> None:
        """Send a connection nothing more. The account and its orders stay."""
        self._wires.pop(connection.account, None)
        for listing in self.listings.values():
            for channel in Channel:
                listing.unsubscribe(channel, connection)

    def arm_dead_man_switch(self, account: str, timeout_s: int) -> None:
        """Cancel all orders of an account unless this is called again within `timeout_s`; 0 disarms."""

        def cancel_all() -> None:
            for event in self.exchange.cancel_all(account):
                self.notify(account, event)

        switch = self._dead_men.setdefault(account, DeadManSwitch(self.clock, lambda: self.do(cancel_all)))
        switch.arm(timeout_s)

    # Jobs

    def do(self, job: Callable[[], None]) -> None:
        """Do a job and tell what came of it; where one is being done, after that one."""
        if self._busy:
            self._jobs.append(job)
            return
        self._busy = True
        try:
            job()
            while self._news or self.public_news or self._jobs:
                self._tell_news()
                if self._jobs:
                    self._jobs.popleft()()
        finally:
            self._busy = False

    def notify(self, account: str, event: AccountEvent) -> None:
        """Tell an account something, at the end of the present job."""
        watcher = self._watchers.get(account)
        if watcher is not None:
            watcher(event)
            return
        connection = self._wires.get(account)
        if connection is not None:
            self.tell_after(partial(connection.deliver, partial(_relabeled, event, connection)))

    def tell_after(self, tell: Callable[[], None]) -> None:
        """Call `tell` at the end of the present job, with the other news of it."""
        self._news.append(tell)

    def _publish(self, event: MarketEvent) -> None:
        self.public_news.append(event)

    def _tell_news(self) -> None:
        news, self._news = self._news, deque()
        public_news, self.public_news = self.public_news, deque()
        for tell in news:
            tell()
        for told in public_news:
            listing = self.listings[told.instrument.symbol]
            if isinstance(told, BookDelta):
                listing.own_changed()
                if listing.last_id:  # before the market's first snapshot there is no book to change
                    listing.tell_own(told.bids, told.asks, told.ts_event)
            elif isinstance(told, Trade):
                listing.tell_trade(told.trade_id, told.side, told.price, told.quantity, told.ts_event)

    def take_depth_news(self, symbol: str) -> list[BookDelta]:
        """Return, and forget, the changes of depth that the exchange has just published for one instrument."""
        if not self.public_news:
            return []
        taken = [e for e in self.public_news if isinstance(e, BookDelta) and e.instrument.symbol == symbol]
        if taken:
            self.listings[symbol].own_changed()
            self.public_news = deque(event for event in self.public_news if event not in taken)
        return taken

    # Its life

    def _begin(self) -> None:
        for source in list(self._sources):
            source.start(self, partial(self._source_ended, source))
        for upkeep in self._upkeep.values():
            upkeep.start()
        if self.end_ns is not None and self._settings.duration_s > 0:
            self._end = self.clock.call_at(self.end_ns, self.finish)

    def finish(self) -> None:
        """End the market now."""
        if self.is_finished:
            return
        self.is_finished = True
        for source in self._sources:
            source.stop()
        for upkeep in self._upkeep.values():
            upkeep.stop()
        if self._end is not None:
            self._end.cancel()
        callbacks, self._when_finished = self._when_finished, []
        for callback in callbacks:
            callback()

    def quieten(self) -> None:
        """End the market now, and take away what its own traders have in the book. For a test that shows its own."""
        self.finish()
        for trader in [trader for source in self._sources for trader in source.traders]:
            self.do(partial(self._cancel_all, trader))

    def _cancel_all(self, account: str) -> None:
        self.exchange.cancel_all(account)

    def _source_ended(self, source: Source) -> None:
        del self._sources[source]
        if not self._sources:
            self.finish()


_ACCOUNT_DEFAULTS: Final = {
    name: getattr(SimulationSettings(), name)
    for name in ("balance", "leverage", "latency_in_us", "latency_out_us", "latency_jitter_us", "speed")
}


def _end_ns(sources: Sequence[Source], start_ns: int, settings: SimulationSettings) -> int | None:
    ends = [source.end_ns for source in sources]
    of_data = None if None in ends else max(end for end in ends if end is not None)
    if settings.duration_s <= 0:
        return of_data
    of_time = start_ns + int(Decimal(str(settings.duration_s)) * _SECOND_NS)
    return of_time if of_data is None else min(of_time, of_data)


def _relabeled(event: AccountEvent, connection: Connection, now: int) -> VenueEvent:
    return relabel(event, connection.instruments, now)
