"""What a paper venue has running at the real one: for the strategy, for the exchange here, and who is told what."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final, TypeAlias

from anyvenue.model.depth_sync import Action
from anyvenue.model.errors import AnyvenueError, TradingEnded
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, Candle, FundingRate, Liquidation, Quote, Ticker, Trade
from anyvenue.simulation.live_feed import LiveFeed
from anyvenue.simulation.paper_market import PaperMarket
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.events import (
    Channel,
    Disconnected,
    InstrumentChanged,
    Reconnected,
    Sink,
    StreamStale,
    Subscription,
    VenueEvent,
)
from anyvenue.venue.interface import Venue
from anyvenue.wire.deadline import pause

__all__ = ["PaperStreams"]

_Stream: TypeAlias = tuple[Channel, str, int | None]

_CHANNELS: Final = {
    BookSnapshot: Channel.BOOK,
    BookDelta: Channel.BOOK,
    Trade: Channel.TRADES,
    Ticker: Channel.TICKER,
    FundingRate: Channel.FUNDING,
    Quote: Channel.QUOTES,
    Liquidation: Channel.LIQUIDATIONS,
}
_FEED: Final = {
    Channel.BOOK: Feature.BOOK,
    Channel.TRADES: Feature.TRADES,
    Channel.TICKER: Feature.TICKER,
    Channel.FUNDING: Feature.FUNDING_RATE,
}
"""What the exchange is fed with, where the venue has it."""
RESYNC_PAUSE_S: Final = 1.0
"""Between two tries to have a book's stream started anew."""


class PaperStreams:
    """The streams of a real venue. What the strategy wants goes to `sink`, untouched.

    Each instrument that somebody wants or trades has a feed, which leads what it needs into the exchange. Changes of
    what runs are made one after the other.
    """

    def __init__(self, real: Venue, clock: Clock, market: PaperMarket, sink: Sink) -> None:
        self._real = real
        self._clock = clock
        self._market = market
        self._sink = sink
        self._wanted: set[_Stream] = set()
        self._running: dict[_Stream, Subscription] = {}
        self._traded: set[str] = set()
        self._changing = asyncio.Lock()
        self._resyncing: dict[asyncio.Task[None], LiveFeed] = {}

    def close(self) -> None:
        """Lead nothing anywhere any more."""
        for task in self._resyncing:
            task.cancel()
        feeds = list(self._market.feeds.values())
        self._market.feeds.clear()
        for feed in feeds:
            feed.stop()

    async def want(self, subscription: Subscription, instrument: Instrument) -> None:
        """Let the strategy have a stream. A book that runs already is shown as it is now."""
        stream = _stream(subscription)
        if stream in self._wanted:
            return
        self._wanted.add(stream)
        is_running = stream in self._running
        try:
            feed = await self.feed(instrument, subscription)
        except BaseException:
            self._wanted.discard(stream)
            raise
        if is_running and subscription.channel is Channel.BOOK:
            self._show_book(feed)

    async def give_back(self, subscription: Subscription) -> None:
        """Let the strategy have a stream no more. What is left without a use is stopped."""
        stream, symbol = _stream(subscription), subscription.instrument.symbol
        if stream not in self._wanted:
            return
        self._wanted.discard(stream)
        async with self._changing:
            if not any(wanted[1] == symbol for wanted in self._wanted) and symbol not in self._traded:
                feed = self._market.feeds.pop(symbol, None)
                if feed is not None:
                    feed.stop()
                await self._stop(*[running for running in self._running if running[1] == symbol])
            elif stream[0] not in _FEED:
                await self._stop(stream)

    async def resync(self, subscription: Subscription) -> None:
        """Start a stream anew; a book that is in step here is shown as it is."""
        feed = self._market.feeds.get(subscription.instrument.symbol)
        if feed is None or subscription.channel is not Channel.BOOK:
            await self._real.resync(subscription)
        elif not feed.stale_reason:
            self._show_book(feed)
        elif feed not in self._resyncing.values():
            self._resync(feed)

    async def feed(self, instrument: Instrument, first: Subscription | None = None) -> LiveFeed:
        """Have the exchange hear of an instrument; `first` is what somebody wants to hear of it too.

        Without that it is for trading, and goes on as long as the connection.
        """
        market, symbol = self._market, instrument.symbol
        if first is None:
            self._traded.add(symbol)
        wishes = [] if first is None else [first]
        for channel, feature in _FEED.items():
            if channel is Channel.BOOK or self._real.capabilities.has(feature):
                wishes.append(Subscription(channel=channel, instrument=instrument))
        if all(_stream(wish) in self._running for wish in wishes) and symbol in market.feeds:
            return market.feeds[symbol]
        async with self._changing:
            feed = market.feeds.get(symbol)
            if feed is None:
                rule = self._real.depth_rule(instrument)
                feed = market.feeds[symbol] = LiveFeed(instrument, rule, market.exchange, self._clock)
                feed.begun.when_done(partial(self._on_begun, feed))
            for wish in wishes:
                if _stream(wish) not in self._running:
                    await self._real.subscribe(wish)
                    self._running[_stream(wish)] = wish
        return feed

    async def _stop(self, *streams: _Stream) -> None:
        subscriptions = [self._running.pop(stream) for stream in streams if stream in self._running]
        for subscription in subscriptions:
            await self._real.unsubscribe(subscription)

    def _on_begun(self, feed: LiveFeed) -> None:
        """Where the first book has not come in time, ask for it again."""
        if feed.stale_reason and self._is_fed(feed):
            self._resync(feed)

    def _is_fed(self, feed: LiveFeed) -> bool:
        return self._market.feeds.get(feed.instrument.symbol) is feed

    def _resync(self, feed: LiveFeed) -> None:
        """Have the real venue start a book's stream anew."""
        task = asyncio.get_running_loop().create_task(self._start_anew(feed))
        self._resyncing[task] = feed
        task.add_done_callback(self._resyncing.pop)

    async def _start_anew(self, feed: LiveFeed) -> None:
        while feed.stale_reason and self._is_fed(feed):
            try:
                async with self._changing:
                    subscription = self._running.get((Channel.BOOK, feed.instrument.symbol, None))
                    if subscription is not None:
                        await self._real.resync(subscription)
            except TradingEnded:
                return
            except AnyvenueError:
                await pause(self._clock, RESYNC_PAUSE_S)
            else:
                return

    def on_event(self, event: VenueEvent) -> None:
        """Take what the real venue tells. Of an account it has nothing to tell, since it is opened without one."""
        feeds = self._market.feeds
        if isinstance(event, BookDelta | Trade | Ticker | BookSnapshot | FundingRate | Quote | Liquidation):
            symbol = event.instrument.symbol
            if symbol in feeds:
                self._lead(event, feeds[symbol])
            kind = BookDelta if isinstance(event, BookDelta) else type(event)  # a decoder's delta passes for one
            if (_CHANNELS[kind], symbol, None) in self._wanted:
                self._sink(event)
        elif isinstance(event, Candle):
            if (Channel.CANDLES, event.instrument.symbol, event.interval_s) in self._wanted:
                self._sink(event)
        elif isinstance(event, StreamStale):
            symbol = event.instrument.symbol
            if event.channel is Channel.BOOK and symbol in feeds:
                feeds[symbol].lose(event.reason, event.ts_recv)
            if any(wanted[:2] == (event.channel, symbol) for wanted in self._wanted):
                self._sink(event)
        elif isinstance(event, InstrumentChanged):
            self._market.exchange.set_status(event.instrument.symbol, event.instrument.status)
            self._sink(event)
        elif isinstance(event, Disconnected | Reconnected):
            if isinstance(event, Disconnected):
                for feed in feeds.values():
                    feed.lose(event.reason, event.ts_recv)
            self._sink(event)

    def _lead(self, event: VenueEvent, feed: LiveFeed) -> None:
        """Lead an event into the exchange."""
        if isinstance(event, BookDelta):
            if feed.on_delta(event) is Action.RESYNC:
                self._resync(feed)
        elif isinstance(event, Trade):
            feed.on_trade(event)
        elif isinstance(event, BookSnapshot):
            if feed.on_snapshot(event) is Action.RESYNC:
                self._resync(feed)
        elif isinstance(event, Ticker):
            feed.on_ticker(event)
        elif isinstance(event, FundingRate):
            feed.on_funding_rate(event)

    def _show_book(self, feed: LiveFeed) -> None:
        if not feed.stale_reason:
            self._sink(feed.snapshot(self._clock.time_ns()))


def _stream(subscription: Subscription) -> _Stream:
    return subscription.channel, subscription.instrument.symbol, subscription.interval_s
