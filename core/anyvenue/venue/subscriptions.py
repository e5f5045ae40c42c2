"""Who reads which market data of a session: one subscription for all readers of a channel, and books kept in step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any, TypeAlias
from weakref import ref

from anyvenue.model.book import OrderBook
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.depth_sync import Action
from anyvenue.model.errors import AnyvenueError
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, Candle, FundingRate, Liquidation, Quote, Ticker, Trade
from anyvenue.venue.events import Channel, Disconnected, StreamStale, Subscription, VenueEvent
from anyvenue.venue.interface import Venue
from anyvenue.venue.stream import Driver, Stream

__all__ = ["Subscriptions"]

_log = logging.getLogger("anyvenue.session")

_Key: TypeAlias = tuple[Channel, str, int | None]


class Subscriptions:
    """Streams of market data on one venue."""

    def __init__(self, venue: Venue, driver: Driver) -> None:
        self._venue = venue
        self._driver = driver
        self._readers: dict[_Key, list[ref[Stream[Any]]]] = {}
        self._keepers: dict[str, BookKeeper] = {}
        self._resyncs: dict[str, asyncio.Task[None]] = {}
        self._resync_again: set[str] = set()
        self._is_ended = False

    def stream(
        self, channel: Channel, instrument: Instrument, limit: int, interval_s: int | None = None
    ) -> Stream[Any]:
        """Return a stream of one channel. It subscribes when it is first read."""
        subscription = Subscription(channel=channel, instrument=instrument, interval_s=interval_s)

        async def start(stream: Stream[Any]) -> None:
            await self._start(stream, subscription)

        async def stop(stream: Stream[Any]) -> None:
            await self._stop(stream, subscription)

        return Stream(self._driver, start=start, stop=stop, limit=limit)

    def receive(self, event: VenueEvent) -> None:
        """Pass an event on to its readers."""
        match event:
            case BookDelta() | BookSnapshot():
                self._on_depth(event)
            case Trade():
                self._push(Channel.TRADES, event.instrument, event)
            case Ticker():
                self._push(Channel.TICKER, event.instrument, event)
            case FundingRate():
                self._push(Channel.FUNDING, event.instrument, event)
            case Quote():
                self._push(Channel.QUOTES, event.instrument, event)
            case Candle():
                self._push(Channel.CANDLES, event.instrument, event, event.interval_s)
            case Liquidation():
                self._push(Channel.LIQUIDATIONS, event.instrument, event)
            case StreamStale() if event.channel is Channel.BOOK:
                self._mark_stale(event.instrument.key, event.reason, event.ts_recv)
            case Disconnected():
                for key in self._keepers:
                    self._mark_stale(key, event.reason, event.ts_recv)
            case _:
                pass

    def end(self) -> None:
        """End all streams."""
        self._is_ended = True
        for key in list(self._readers):
            for stream in self._streams(key):
                stream.end()
        for task in self._resyncs.values():
            task.cancel()

    async def _start(self, stream: Stream[Any], subscription: Subscription) -> None:
        key = (subscription.channel, subscription.instrument.key, subscription.interval_s)
        is_first = not list(self._streams(key))
        self._readers.setdefault(key, []).append(ref(stream))
        if subscription.channel is Channel.BOOK:
            if is_first:
                rule = self._venue.depth_rule(subscription.instrument)
                self._keepers[key[1]] = BookKeeper(subscription.instrument, rule)
            elif self._keepers[key[1]].book.is_synced:
                stream.push(self._keepers[key[1]].book)
        if is_first:
            await self._driver.serve(self._venue.subscribe(subscription))

    async def _stop(self, stream: Stream[Any], subscription: Subscription) -> None:
        key = (subscription.channel, subscription.instrument.key, subscription.interval_s)
        left = [other for other in self._streams(key) if other is not stream]
        self._readers[key] = [ref(other) for other in left]
        if not left:
            del self._readers[key]
            if subscription.channel is Channel.BOOK:
                self._keepers.pop(key[1], None)
            if not self._is_ended:
                await self._unsubscribe(subscription)

    async def _unsubscribe(self, subscription: Subscription) -> None:
        """Stop a subscription that nobody reads. Where that fails, what still comes is not listened to."""
        try:
            await self._driver.serve(self._venue.unsubscribe(subscription))
        except AnyvenueError as error:
            _log.debug("%s %s: not unsubscribed: %s", subscription.instrument, subscription.channel.value, error)

    def _streams(self, key: _Key) -> Iterator[Stream[Any]]:
        return (stream for reference in self._readers.get(key, ()) if (stream := reference()) is not None)

    def _push(self, channel: Channel, instrument: Instrument, item: object, interval_s: int | None = None) -> None:
        for stream in self._streams((channel, instrument.key, interval_s)):
            stream.push(item)

    def _on_depth(self, event: BookDelta | BookSnapshot) -> None:
        keeper = self._keepers.get(event.instrument.key)
        if keeper is None:
            return
        action = keeper.on_delta(event) if isinstance(event, BookDelta) else keeper.on_snapshot(event)
        if action is Action.RESYNC:
            self._resync(keeper.book)
        if action in (Action.APPLY, Action.RESYNC):
            self._push(Channel.BOOK, event.instrument, keeper.book)

    def _mark_stale(self, key: str, reason: str, ts: int) -> None:
        keeper = self._keepers.get(key)
        if keeper is not None:
            keeper.reset(reason, ts)
            self._push(Channel.BOOK, keeper.book.instrument, keeper.book)

    def _resync(self, book: OrderBook) -> None:
        instrument = book.instrument
        running = self._resyncs.get(instrument.key)
        if running is not None and not running.done():
            self._resync_again.add(instrument.key)  # what it brings may itself be of no use
            return
        _log.warning("%s: the book is asked for anew: %s", instrument.key, book.stale_reason)

        async def ask() -> None:
            while True:
                self._resync_again.discard(instrument.key)
                try:
                    await self._venue.resync(Subscription(channel=Channel.BOOK, instrument=instrument))
                except AnyvenueError as error:
                    _log.error("%s: the book could not be asked for: %s", instrument.key, error)
                if instrument.key not in self._resync_again:
                    return

        self._resyncs[instrument.key] = asyncio.get_running_loop().create_task(ask())
