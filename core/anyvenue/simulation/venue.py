"""The built-in venue `simulated`: the simulated exchange in this process, without a wire protocol in between.

It runs on the DrivenClock that it is opened with. Under `spawn` (see `reply`) it needs no event loop; under asyncio
somebody has to turn the clock (see `pump`). A runner can tell when its data has ended by `is_finished` or
`when_finished`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import evolve

from anyvenue.model.depth_sync import Continuity, SequenceRule
from anyvenue.model.errors import NotSent, NotSupported
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, FundingRate, Ticker, Trade
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.connection import Connection
from anyvenue.simulation.contracts import VENUE
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.exchange_client import ExchangeClient
from anyvenue.simulation.reply import Reply
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.descriptor import Environment, VenueContext, VenueDescriptor
from anyvenue.venue.events import Channel, Sink, Subscription
from anyvenue.venue.interface import INTERFACE_VERSION

__all__ = ["CAPABILITIES", "DESCRIPTOR", "SimulatedVenue"]

T = TypeVar("T")

_CHANNELS = (Channel.BOOK, Channel.TRADES, Channel.TICKER, Channel.FUNDING)

_ABSENT = (Feature.CANDLES, Feature.WEBSOCKET_ORDERS, Feature.QUOTES, Feature.LIQUIDATIONS, Feature.RISK_TIERS)

CAPABILITIES = Capabilities.of(native=tuple(feature for feature in Feature if feature not in _ABSENT))


class SimulatedVenue(ExchangeClient):
    """One account on a simulated market. Venues on one clock whose settings name one market trade with each other.

    The account is named after the connection. Raises TypeError for a clock that is not a DrivenClock.
    """

    name = VENUE
    capabilities = CAPABILITIES

    def __init__(self, context: VenueContext) -> None:
        if not isinstance(context.clock, DrivenClock):
            raise TypeError(f"the venue {VENUE!r} runs on a DrivenClock; found a {type(context.clock).__name__}")
        super().__init__(context.clock)
        self._driven = context.clock
        self._context = context
        self._market: SimulatedMarket | None = None
        self._wire: Connection | None = None

    # For runners

    @property
    def clock(self) -> DrivenClock:
        """The clock that drives it."""
        return self._driven

    @property
    def market(self) -> SimulatedMarket:
        """The market it trades on. Raises what `SimulatedMarket` raises for settings that name none."""
        if self._market is None:
            self._market = SimulatedMarket.on(self._driven, self._context.simulation)
            self._instruments = {
                symbol: evolve(listing.instrument, connection=self._context.connection)
                for symbol, listing in self._market.listings.items()
            }
        return self._market

    @property
    def is_finished(self) -> bool:
        """Whether its market data has ended. It answers requests all the same."""
        return self._market is not None and self._market.is_finished

    def when_finished(self, callback: Callable[[], None]) -> None:
        """Call `callback` when its market data ends, or now where it has."""
        self.market.when_finished(callback)

    # What every adapter supplies

    async def connect(self, sink: Sink) -> None:
        """Join the market. Where it has not begun yet, that takes until its beginning."""
        market, settings = self.market, self._context.simulation
        self._wire = market.wire(self._context.connection, settings)
        self._wire.open(sink, self._instruments)
        begun: Reply[None] = Reply()
        self._clock.call_at(market.start_ns, lambda: begun.resolve(None))
        await begun

    async def close(self) -> None:
        """Leave. The account, its orders and its positions stay as they are."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def instruments(self) -> Sequence[Instrument]:
        """Return what the market lists."""
        await self._ask(lambda exchange, account: None)
        return list(self._instruments.values())

    async def subscribe(self, subscription: Subscription) -> None:
        """Start a stream. Candles are absent: build them from trades."""
        channel, instrument = subscription.channel, self._mine(subscription.instrument)
        if channel not in _CHANNELS:
            raise NotSupported(f"the channel {channel.value} is absent on this venue; nothing was sent", venue=VENUE)
        listing, wire = self.market.listing(instrument.symbol), self._open_wire()
        await wire.call(lambda: listing.subscribe(channel, wire, instrument, self._clock.time_ns()))

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream."""
        channel = subscription.channel
        listing, wire = self.market.listing(self._mine(subscription.instrument).symbol), self._open_wire()
        await wire.call(lambda: listing.unsubscribe(channel, wire))

    # Market data by request

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return its rule: every frame bears the number that follows the one before."""
        return SequenceRule(continuity=Continuity.CONTIGUOUS)

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the public book now. Raises NotSent before the market's data of this instrument begins."""
        mine = self._mine(instrument)
        listing = self.market.listing(mine.symbol)

        def look(exchange: Exchange, account: str) -> BookSnapshot:
            if not listing.last_id:
                raise NotSent(f"no book of {mine.key} yet: its market data has not begun", venue=VENUE)
            return listing.snapshot(self._clock.time_ns(), depth)

        snapshot = await self._ask(look)
        return evolve(snapshot, instrument=mine, ts_recv=self._clock.time_ns())

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return last and mark price and the funding rate now."""
        mine = self._mine(instrument)
        ticker = await self._ask(lambda exchange, account: self.market.ticker(mine.symbol))
        return evolve(ticker, instrument=mine, ts_recv=self._clock.time_ns())

    async def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return the candles made of what the market has shown so far; the last one may still be open."""
        mine = self._mine(instrument)
        record = self.market.listing(mine.symbol).record
        return await self._ask(
            lambda exchange, account: record.candles(
                mine, interval_s, start_ns=start_ns, end_ns=end_ns, now=self._clock.time_ns()
            )
        )

    async def trades(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the public trades, as far back as the market remembers."""
        mine = self._mine(instrument)
        record = self.market.listing(mine.symbol).record
        return await self._ask(lambda exchange, account: record.trades(mine, start_ns=start_ns, end_ns=end_ns))

    async def funding_rates(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Return the settled funding rates."""
        mine = self._mine(instrument)
        rates = await self._ask(lambda exchange, account: list(self.market.listing(mine.symbol).funding))
        return [evolve(rate, instrument=mine) for rate in rates if start_ns <= rate.ts_settle < end_ns]

    # More commands

    async def arm_dead_man_switch(self, timeout_s: int) -> None:
        """Have all orders canceled unless armed again within `timeout_s`; 0 disarms."""
        await self._ask(lambda exchange, account: self.market.arm_dead_man_switch(account, timeout_s))

    # How a request goes

    async def _ask(self, request: Callable[[Exchange, str], T]) -> T:
        """Have the exchange carry out `request`, at its end of the wire, and wait for the answer."""
        exchange, account = self.market.exchange, self._context.connection
        return await self._open_wire().call(lambda: request(exchange, account))

    def _open_wire(self) -> Connection:
        if self._wire is None:
            raise NotSent("not connected: call connect first", venue=VENUE)
        return self._wire


DESCRIPTOR = VenueDescriptor(
    name=VENUE,
    title="Simulated exchange",
    interface_version=INTERFACE_VERSION,
    capabilities=CAPABILITIES,
    environments=frozenset({Environment.SIMULATOR}),
    open=SimulatedVenue,
)
