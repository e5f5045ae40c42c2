"""Market data inside the engine: books kept in step, prices remembered, candles built, callbacks called."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import frozen

from anyvenue.engine.candles import CandleBuilder
from anyvenue.engine.commands import Resync, Subscribe, Unsubscribe
from anyvenue.engine.strategy import Strategy
from anyvenue.model.book import OrderBook
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.depth_sync import Action, SequenceRule
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import (
    BookDelta,
    BookSnapshot,
    Candle,
    CandleSource,
    FundingRate,
    Liquidation,
    Quote,
    Ticker,
    Trade,
)
from anyvenue.model.numbers import ZERO
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel, StreamStale, Subscription

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["MarketData"]


_STRATEGY = "strategy"
_APPLIED = Action.APPLY  # an enum's members take long to look up


@frozen
class _Stream:
    """A running subscription and who needs it: the strategy, or candles that are built from it."""

    subscription: Subscription
    users: set[str]


def _source_channel(builder: CandleBuilder) -> Channel:
    return Channel.TRADES if builder.source is CandleSource.TRADES else Channel.BOOK


class MarketData:
    """Books, tickers and candles of all connections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._strategy = engine.strategy
        self.depth_rules: dict[str, Callable[[Instrument], SequenceRule]] = {}
        self.candle_intervals: dict[str, frozenset[int]] = {}
        self._keepers: dict[str, BookKeeper] = {}
        self._tickers: dict[str, Ticker] = {}
        self._streams: dict[tuple[Channel, str, int | None], _Stream] = {}
        self._wanted: set[tuple[Channel, str]] = set()
        self._builders: dict[tuple[str, int], CandleBuilder] = {}
        self._from_trades: dict[str, list[CandleBuilder]] = {}
        self._from_mids: dict[str, list[CandleBuilder]] = {}
        # A callback that the strategy does not have costs nothing.
        self._hears_books = type(self._strategy).on_book is not Strategy.on_book

    # Reading

    def keeper(self, instrument: Instrument) -> BookKeeper:
        """Return what keeps an instrument's book."""
        keeper = self._keepers.get(instrument.key)
        if keeper is None:
            rule = self.depth_rules[instrument.connection](instrument)
            keeper = self._keepers[instrument.key] = BookKeeper(instrument, rule)
        return keeper

    def books(self) -> list[OrderBook]:
        """Return all books."""
        return [keeper.book for keeper in self._keepers.values()]

    def mid(self, instrument: Instrument) -> Decimal | None:
        """Return the mid price of a synced book, else None."""
        keeper = self._keepers.get(instrument.key)
        return keeper.book.mid if keeper is not None and keeper.book.is_synced else None

    def mark(self, instrument: Instrument) -> Decimal | None:
        """Return the mark price as last published, else the mid, else None. Never the last trade."""
        ticker = self._tickers.get(instrument.key)
        if ticker is not None and ticker.mark_price is not None:
            return ticker.mark_price
        return self.mid(instrument)

    def mids(self) -> dict[str, tuple[Instrument, Decimal]]:
        """Return the mid prices there are."""
        found = {}
        for key, keeper in self._keepers.items():
            mid = self.mid(keeper.book.instrument)
            if mid is not None:
                found[key] = (keeper.book.instrument, mid)
        return found

    def marks(self) -> dict[str, tuple[Instrument, Decimal]]:
        """Return the mark (else mid) prices there are."""
        found = self.mids()
        for key, ticker in self._tickers.items():
            if ticker.mark_price is not None:
                found[key] = (ticker.instrument, ticker.mark_price)
        return found

    # Subscribing

    def subscribe(self, instrument: Instrument, channel: Channel, interval_s: int | None, depth: int | None) -> None:
        """Start a stream for the strategy, or build what the venue does not send."""
        self._check_interval(channel, interval_s)
        if interval_s is not None and not self._venue_sends(instrument, interval_s):
            self._build_candles(instrument, interval_s)
        else:
            self._use(_STRATEGY, instrument, channel, interval_s, depth)
            self._wanted.add((channel, instrument.key))

    def unsubscribe(self, instrument: Instrument, channel: Channel, interval_s: int | None) -> None:
        """Stop a stream for the strategy; candles that are built from it keep it alive."""
        self._check_interval(channel, interval_s)
        builder = self._builders.pop((instrument.key, interval_s or 0), None)
        if builder is None:
            self._wanted.discard((channel, instrument.key))
            self._leave(_STRATEGY, instrument, channel, interval_s)
        else:
            source = _source_channel(builder)
            (self._from_trades if source is Channel.TRADES else self._from_mids)[instrument.key].remove(builder)
            self._leave(f"candles {interval_s}", instrument, source, None)

    def _venue_sends(self, instrument: Instrument, interval_s: int) -> bool:
        """Tell whether candles of this interval are the venue's own; others are built."""
        intervals = self.candle_intervals[instrument.connection]
        return interval_s in intervals and self._engine.desk.has(Feature.CANDLES, instrument)

    def _check_interval(self, channel: Channel, interval_s: int | None) -> None:
        if (channel is Channel.CANDLES) != (interval_s is not None):
            raise ValueError(
                f"subscription to {channel.value}: found interval_s={interval_s}; "
                "candles need their interval in seconds, other channels have none"
            )

    def follow(self, user: str, instrument: Instrument, channel: Channel) -> None:
        """Have a stream of market data for a part of the engine itself, under its name."""
        self._use(user, instrument, channel, None, None)

    def _use(
        self, user: str, instrument: Instrument, channel: Channel, interval_s: int | None, depth: int | None
    ) -> None:
        key = (channel, instrument.key, interval_s)
        stream = self._streams.get(key)
        if stream is not None:
            stream.users.add(user)
            return
        self._engine.desk.require(_FEATURES[channel], instrument)
        if channel is Channel.BOOK:
            self.keeper(instrument)
        subscription = Subscription(channel=channel, instrument=instrument, interval_s=interval_s, depth=depth)
        self._streams[key] = _Stream(subscription, {user})
        self._engine.send(Subscribe(subscription))

    def _leave(self, user: str, instrument: Instrument, channel: Channel, interval_s: int | None) -> None:
        key = (channel, instrument.key, interval_s)
        stream = self._streams.get(key)
        if stream is None:
            return
        stream.users.discard(user)
        if not stream.users:
            del self._streams[key]
            self._engine.send(Unsubscribe(stream.subscription))

    def _build_candles(self, instrument: Instrument, interval_s: int) -> None:
        if (instrument.key, interval_s) in self._builders:
            return
        trades = self._engine.desk.has(Feature.TRADES, instrument)
        source = CandleSource.TRADES if trades else CandleSource.MID
        builder = CandleBuilder(instrument, interval_s, source, self._engine.now)
        self._builders[instrument.key, interval_s] = builder
        (self._from_trades if trades else self._from_mids).setdefault(instrument.key, []).append(builder)
        self._use(f"candles {interval_s}", instrument, _source_channel(builder), None, None)
        self._await_close(builder)

    def _await_close(self, builder: CandleBuilder) -> None:
        engine = self._engine

        def due() -> None:
            if self._builders.get((builder.instrument.key, builder.interval_s)) is not builder:
                return
            candle = builder.close(engine.clock.time_ns())
            self._await_close(builder)
            if candle is not None:
                engine.receive(candle)

        engine.clock.call_at(builder.ts_close, due)

    # Events

    def on_delta(self, event: BookDelta) -> None:
        """Apply changed levels."""
        keeper = self._keepers.get(event.instrument.key)
        if keeper is not None:
            self._taken(keeper, keeper.on_delta(event))

    def on_decoded(self, event: DecodedDelta) -> None:
        """Apply changed levels, as a decoder made them."""
        keeper = self._keepers.get(event.instrument.key)
        if keeper is None:
            return
        action = keeper.on_decoded(event)
        if action is not _APPLIED:
            self._taken(keeper, action)
        elif self._from_mids:
            self._book_changed(keeper.book)
        elif self._hears_books and not self._engine.is_stopping:  # by far the most common case
            self._engine.call(self._strategy.on_book, keeper.book)

    def on_snapshot(self, event: BookSnapshot) -> None:
        """Take a whole book."""
        keeper = self._keepers.get(event.instrument.key)
        if keeper is not None:
            self._taken(keeper, keeper.on_snapshot(event))

    def _taken(self, keeper: BookKeeper, action: Action) -> None:
        if action is _APPLIED:
            self._book_changed(keeper.book)
        elif action is Action.RESYNC:
            self._resync(keeper)

    def _book_changed(self, book: OrderBook) -> None:
        if self._from_mids:
            self._feed_mids(book)
        if self._hears_books:
            self._engine.tell(self._strategy.on_book, book)

    def _feed_mids(self, book: OrderBook) -> None:
        builders = self._from_mids.get(book.instrument.key)
        mid = book.mid
        if builders and mid is not None:
            for builder in builders:
                builder.add(mid, ZERO, self._engine.now)

    def _resync(self, keeper: BookKeeper) -> None:
        instrument = keeper.book.instrument
        self._engine.say(f"{instrument.key}: the book is asked for anew: {keeper.book.stale_reason}")
        if self._hears_books:
            self._engine.tell(self._strategy.on_book, keeper.book)
        stream = self._streams.get((Channel.BOOK, instrument.key, None))
        if stream is not None:
            self._engine.send(Resync(stream.subscription))

    def on_stale(self, event: StreamStale) -> None:
        """A stream cannot be trusted until its next snapshot."""
        keeper = self._keepers.get(event.instrument.key)
        if event.channel is Channel.BOOK and keeper is not None:
            keeper.reset(event.reason, self._engine.now)
            if self._hears_books:
                self._engine.tell(self._strategy.on_book, keeper.book)

    def connection_lost(self, connection: str, reason: str) -> None:
        """Every book of a connection is stale from now on."""
        for keeper in self._keepers.values():
            if keeper.book.instrument.connection == connection:
                keeper.reset(reason, self._engine.now)
                if self._hears_books:
                    self._engine.tell(self._strategy.on_book, keeper.book)

    def on_trade(self, event: Trade) -> None:
        """A public trade."""
        key = event.instrument.key
        for builder in self._from_trades.get(key, ()):
            builder.add(event.price, event.quantity, self._engine.now)
        if (Channel.TRADES, key) in self._wanted:
            self._engine.tell(self._strategy.on_trade, event)

    def on_ticker(self, event: Ticker) -> None:
        """Prices beside the book."""
        self._tickers[event.instrument.key] = event
        if (Channel.TICKER, event.instrument.key) in self._wanted:
            self._engine.tell(self._strategy.on_ticker, event)

    def on_quote(self, event: Quote) -> None:
        """The best bid or ask changed."""
        self._engine.tell(self._strategy.on_quote, event)

    def on_liquidation(self, event: Liquidation) -> None:
        """Somebody was liquidated."""
        self._engine.tell(self._strategy.on_liquidation, event)

    def on_candle(self, event: Candle) -> None:
        """A candle, the venue's or ours. Only closed ones are passed on."""
        if event.closed:
            self._engine.tell(self._strategy.on_candle, event)

    def on_funding_rate(self, event: FundingRate) -> None:
        """A funding rate."""
        self._engine.tell(self._strategy.on_funding, event)


_FEATURES = {
    Channel.BOOK: Feature.BOOK,
    Channel.TRADES: Feature.TRADES,
    Channel.TICKER: Feature.TICKER,
    Channel.CANDLES: Feature.CANDLES,
    Channel.FUNDING: Feature.FUNDING_RATE,
    Channel.QUOTES: Feature.QUOTES,
    Channel.LIQUIDATIONS: Feature.LIQUIDATIONS,
}
