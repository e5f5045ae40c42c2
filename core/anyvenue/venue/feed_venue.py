"""A venue that speaks HTTP and one WebSocket: subscriptions, what has to be begun anew, and the way of an event."""

from __future__ import annotations

import logging
from abc import abstractmethod
from functools import partial
from typing import Any, Final

from anyvenue.model.errors import AnyvenueError, NotSupported, RateLimited, Rejected, TradingEnded
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import Channel, StreamStale, Subscription
from anyvenue.venue.remote import RemoteVenue, StreamKey, stream_key
from anyvenue.wire.deadline import pause
from anyvenue.wire.feed import Feed, FeedProtocol, Topic
from anyvenue.wire.server_time import ServerTime

__all__ = ["FEATURES", "FeedVenue"]

RESYNC_PAUSE_S: Final = 0.5
RESYNC_PAUSE_S_MAX: Final = 8.0

FEATURES: Final = {
    Channel.BOOK: Feature.BOOK,
    Channel.TRADES: Feature.TRADES,
    Channel.TICKER: Feature.TICKER,
    Channel.CANDLES: Feature.CANDLES,
    Channel.FUNDING: Feature.FUNDING_RATE,
    Channel.QUOTES: Feature.QUOTES,
    Channel.LIQUIDATIONS: Feature.LIQUIDATIONS,
}
"""What a venue must have for a channel to be subscribed to."""

_log = logging.getLogger("anyvenue.venue")


class FeedVenue(RemoteVenue):
    """A `RemoteVenue` whose market data and account news come over one WebSocket.

    An adapter calls `open_feed` at the end of `connect` and says in `topic_of` what a subscription is called there.
    Where the protocol's events need a second look before they are told, it overrides `on_event`.
    """

    feed: Feed

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self._topics: dict[StreamKey, tuple[Topic, Subscription]] = {}

    @abstractmethod
    def topic_of(self, subscription: Subscription) -> Topic:
        """Return what the venue calls a channel. Subscriptions that share a stream there have the same topic."""

    def on_event(self, event: Any) -> None:
        """Take what the protocol has read."""
        self.sink(event)

    async def open_feed(self, url: str, protocol: FeedProtocol, *, server_time: ServerTime | None = None) -> None:
        """Open the WebSocket; it is closed with the venue. Raises what `Feed.open` raises."""
        self.feed = Feed(
            url,
            protocol,
            venue=self.name,
            clock=self.clock,
            dial=self.dial,
            on_event=self.on_event,
            on_down=self.lost,
            on_up=self.returned,
            on_unreadable=self.mistrust,
            on_refused=self._refused,
            time_ns=None if server_time is None else server_time.time_ns,
        )
        self.at_close(self.feed.close)
        await self.feed.open()

    async def subscribe(self, subscription: Subscription) -> None:
        """Start a stream. Raises NotSupported for what the venue has not."""
        feature, key = FEATURES[subscription.channel], stream_key(subscription)
        self.capabilities.require(feature, venue=self.name, allowed=self.context.allow_approximate)
        if subscription.channel is Channel.CANDLES and subscription.interval_s not in self.candle_intervals:
            allowed = ", ".join(str(interval) for interval in sorted(self.candle_intervals))
            text = f"found candles of {subscription.interval_s} s; allowed are {allowed}; nothing was sent"
            raise NotSupported(text, venue=self.name)
        if key in self._topics:
            return
        topic = self.topic_of(subscription)
        self._topics[key] = topic, subscription
        try:
            await self.feed.subscribe(topic)
        except AnyvenueError:
            self._topics.pop(key, None)
            raise

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a stream; one that another subscription needs too goes on."""
        topic, _ = self._topics.pop(stream_key(subscription), (None, None))
        if topic is not None and topic not in self._wanted():
            await self.feed.unsubscribe(topic)

    async def resync(self, subscription: Subscription) -> None:
        """Have one book begun anew, for as long as it takes: whoever asks does not ask again."""
        topic, _ = self._topics.get(stream_key(subscription), (None, None))
        if topic is not None:
            self.start(f"beginning {topic} anew", partial(self._insist, topic))

    async def _insist(self, topic: Topic) -> None:
        wait_s = RESYNC_PAUSE_S
        while topic in self._wanted():
            try:
                await self.feed.unsubscribe(topic)
                await self.feed.subscribe(topic)
                return
            except AnyvenueError as error:
                if isinstance(error, Rejected | TradingEnded) and not isinstance(error, RateLimited):
                    raise
                _log.warning("%s: %s: not yet anew: %s", self.context.connection, topic, error)
                await pause(self.clock, wait_s)
                wait_s = min(2 * wait_s, RESYNC_PAUSE_S_MAX)

    def _wanted(self) -> set[Topic]:
        return {topic for topic, _ in self._topics.values()}

    def _refused(self, topic: Topic, error: Rejected) -> None:
        """A stream that was there has been refused on a new connection: nothing of it can be relied upon."""
        for key, (subscribed, wish) in list(self._topics.items()):
            if subscribed == topic:
                del self._topics[key]
                now = self.clock.time_ns()
                self.sink(StreamStale(instrument=wish.instrument, channel=wish.channel, reason=str(error), ts_recv=now))
