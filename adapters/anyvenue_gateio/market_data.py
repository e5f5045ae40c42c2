"""Gate's market data: streams that are kept in step, and what can be asked for."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final, Protocol, TypeVar

from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.errors import (
    AnyvenueError,
    RateLimited,
    Rejected,
    TradingEnded,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Candle, FundingRate, Ticker, Trade
from anyvenue.model.risk_tier import RiskTier
from anyvenue.venue.events import (
    StreamStale,
    Subscription,
)
from anyvenue.venue.remote import stream_key
from anyvenue.wire.deadline import pause
from anyvenue_gateio.connection import GateConnection
from anyvenue_gateio.feed import TOPICS_MAX, Feed
from anyvenue_gateio.rest import market, orders
from anyvenue_gateio.topics import UPDATES, Topic, depth_rule, topic_of

__all__ = ["GateMarketData", "in_order"]

_log = logging.getLogger("anyvenue.gateio")

_SECOND_NS: Final = 1_000_000_000
RESYNC_PAUSE_S: Final = 0.5
"""A snapshot by REST may lag behind the stream (13.1): the next one is asked for no sooner than this."""
RESYNC_PAUSE_S_MAX: Final = 8.0
_OBU: Final = "futures.obu"


class _Timed(Protocol):
    @property
    def ts_event(self) -> int: ...


T = TypeVar("T", bound=_Timed)


class GateMarketData(GateConnection):
    """Market data of one settle currency."""

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return the rule of 13.1 or 13.2, by the options."""
        return depth_rule(instrument, updates=self._options.by_updates)

    async def subscribe(self, subscription: Subscription) -> None:
        """Start a stream. A book by updates gets its snapshot by REST."""
        topic = topic_of(subscription, updates=self._options.by_updates)
        key = stream_key(subscription)
        if key in self._topics:
            return
        self._topics[key] = topic
        try:
            await (await self._feed_for(topic)).subscribe(topic)
        except AnyvenueError:
            self._topics.pop(key, None)
            raise
        if topic.channel == UPDATES:
            self._renew(topic)

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream; one that another subscription needs too goes on (ticker and funding rate share theirs)."""
        topic = self._topics.pop(stream_key(subscription), None)
        if topic is not None and topic not in self._topics.values():
            for feed in (self._feed, *self._extra):
                await feed.unsubscribe(topic)

    async def resync(self, subscription: Subscription) -> None:
        """Have one book started anew, by REST or by subscribing again, for as long as it takes."""
        topic = self._topics.get(stream_key(subscription))
        if topic is not None:
            self._renew(topic)

    async def _insist(self, renew: Callable[[Topic], Awaitable[None]], topic: Topic) -> None:
        """Do so until it is done: whoever asked for it does not ask again."""
        wait_s = RESYNC_PAUSE_S
        while topic in self._topics.values():
            try:
                await renew(topic)
                break
            except AnyvenueError as error:
                if isinstance(error, Rejected | TradingEnded) and not isinstance(error, RateLimited):
                    raise
                _log.warning("%s: not yet anew: %s", topic.payload[0], error)
                await pause(self.clock, wait_s)
                wait_s = min(2 * wait_s, RESYNC_PAUSE_S_MAX)

    async def _subscribe_again(self, topic: Topic) -> None:
        feed = await self._feed_for(topic)
        await feed.unsubscribe(topic)
        await feed.subscribe(topic)

    async def _feed_for(self, topic: Topic) -> Feed:
        feeds = [feed for feed in (self._feed, *self._extra) if topic in feed.topics or len(feed.topics) < TOPICS_MAX]
        if feeds:
            return feeds[0]
        feed = self._make_feed(
            lambda why: self._stale(feed.topics, why), lambda: self._renew_books(feed), keys=lambda: None
        )
        self._extra.append(feed)
        self.at_close(feed.close)
        await feed.open()
        return feed

    def _stale(self, topics: Collection[Topic | None], reason: str) -> None:
        """Tell that what these topics bring cannot be relied upon."""
        for (channel, key, _), topic in self._topics.items():
            if topic in topics:
                instrument = next(found for found in self.by_name.values() if found.key == key)
                self.sink(StreamStale(instrument=instrument, channel=channel, reason=reason))

    def _renew_books(self, feed: Feed, *, is_new: bool = True) -> None:
        """Have the books of a feed told anew; obu does that by itself on a connection that is new."""
        for topic in feed.topics:
            if topic.channel == UPDATES or (topic.channel == _OBU and not is_new):
                self._renew(topic)

    def _renew(self, topic: Topic) -> None:
        renew = self._send_snapshot if topic.channel == UPDATES else self._subscribe_again
        self.start(f"book {topic.payload[0]}", partial(self._insist, renew, topic))

    async def _send_snapshot(self, topic: Topic) -> None:
        """Ask for the snapshot that goes with a book by updates."""
        instrument = self.by_name[topic.payload[0]]
        wait_ns = self._snapshots.get(instrument.key, 0) + int(RESYNC_PAUSE_S * _SECOND_NS) - self.clock.time_ns()
        if wait_ns > 0:
            await pause(self.clock, wait_ns / _SECOND_NS)
        self._snapshots[instrument.key] = self.clock.time_ns()
        snapshot = await self.order_book(instrument, int(topic.payload[2]))
        # Without its stream it would stand still and look whole. The return of the stream asks for another one.
        if any(topic in feed.topics and feed.is_up for feed in (self._feed, *self._extra)):
            self.sink(snapshot)

    async def order_book(self, instrument: Instrument, depth: int = 50) -> BookSnapshot:
        """Return the order book now, up to 100 levels a side."""
        data = await self.ask(market.order_book_request(instrument, min(depth, 100)))
        book: BookSnapshot = self.read(market.read_order_book, data, instrument)
        return book

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return last, mark and index price and funding rate now."""
        data = await self.ask(market.ticker_request(instrument))
        ticker: Ticker = self.read(lambda rows, now: market.read_ticker(rows[0], instrument, now), data)
        return ticker

    async def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int) -> Sequence[Candle]:
        """Return the candles that open in [start_ns, end_ns), oldest first."""
        requests = market.candles_requests(instrument, interval_s, start_ns=start_ns, end_ns=end_ns)
        answers = [await self.ask(request) for request in requests]
        return [c for data in answers for c in self.read(market.read_candles, data, instrument, interval_s)]

    async def trades(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[Trade]:
        """Return the public trades in [start_ns, end_ns), oldest first."""
        rows = await self.pages(
            lambda offset: market.trades_request(instrument, start_ns=start_ns, end_ns=end_ns, offset=offset),
            orders.PAGE,
        )
        return in_order(self.read(market.read_trades, rows, instrument), start_ns, end_ns)

    async def funding_rates(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> Sequence[FundingRate]:
        """Return the settled funding rates in [start_ns, end_ns), oldest first; about 180 days are remembered."""
        found: dict[int, FundingRate] = {}
        until = end_ns
        while True:
            data = await self.ask(market.funding_rates_request(instrument, start_ns=start_ns, end_ns=until))
            rates: list[FundingRate] = self.read(market.read_funding_rates, data, instrument)
            new = {rate.ts_settle: rate for rate in rates if rate.ts_settle not in found}
            found |= new
            if not new:
                return in_order(list(found.values()), start_ns, end_ns)
            until = min(new)

    async def risk_tiers(self, instrument: Instrument) -> Sequence[RiskTier]:
        """Return the risk tiers that Gate states for a contract, smallest first."""
        data = await self.ask(market.risk_tiers_request(instrument))
        tiers: list[RiskTier] = self.read(market.read_risk_tiers, data)
        return tiers


def in_order(found: Sequence[T], start_ns: int, end_ns: int) -> list[T]:
    """Return what happened in [start_ns, end_ns), oldest first: the venue takes whole seconds, newest first."""
    return sorted((item for item in found[::-1] if start_ns <= item.ts_event < end_ns), key=lambda item: item.ts_event)
