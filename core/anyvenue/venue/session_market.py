"""The market side of a session: books, trades, tickers and candles, by request and as streams."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from anyvenue.model.book import OrderBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Candle, FundingRate, Liquidation, Quote, Ticker, Trade
from anyvenue.model.risk_tier import RiskTier
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.events import Channel
from anyvenue.venue.interface import Venue
from anyvenue.venue.session_core import SessionCore
from anyvenue.venue.stream import Driver, Stream
from anyvenue.venue.subscriptions import Subscriptions

__all__ = ["MarketSession"]

TRADES_WAITING: Final = 100_000
"""How many trades wait for a slow reader of a stream; then the oldest are skipped, and counted."""


class MarketSession(SessionCore):
    """Market data of one venue."""

    def __init__(
        self, venue: Venue, clock: Clock, driver: Driver, *, session: str, allowed: Iterable[Feature] = ()
    ) -> None:
        super().__init__(venue, clock, driver, session=session, allowed=allowed)
        self._subscriptions = Subscriptions(venue, driver)

    # By request

    async def order_book(self, symbol: str | Instrument, depth: int = 50) -> OrderBook:
        """Return the order book as it is now. It does not move; `books` has one that does."""
        snapshot = await self._ask(self.venue.order_book(self.instrument(symbol), depth))
        book = OrderBook(snapshot.instrument)
        book.apply_snapshot(snapshot.bids, snapshot.asks, snapshot.ts_event, snapshot.ts_recv)
        return book

    async def ticker(self, symbol: str | Instrument) -> Ticker:
        """Return last, mark and index price and the funding rate."""
        return await self._ask(self.venue.ticker(self.instrument(symbol)))

    async def candles(self, symbol: str | Instrument, interval_s: int, *, start_ns: int = 0) -> list[Candle]:
        """Return the candles that open between `start_ns` and now, oldest first."""
        self._require(Feature.CANDLE_HISTORY)
        instrument, end_ns = self.instrument(symbol), self.clock.time_ns() + 1
        return list(await self._ask(self.venue.candles(instrument, interval_s, start_ns=start_ns, end_ns=end_ns)))

    async def recent_trades(self, symbol: str | Instrument, *, start_ns: int = 0) -> list[Trade]:
        """Return the public trades from `start_ns` until now, as far back as the venue tells, oldest first."""
        self._require(Feature.TRADE_HISTORY)
        instrument, end_ns = self.instrument(symbol), self.clock.time_ns() + 1
        return list(await self._ask(self.venue.trades(instrument, start_ns=start_ns, end_ns=end_ns)))

    async def funding_history(self, symbol: str | Instrument, *, start_ns: int) -> list[FundingRate]:
        """Return the settled funding rates from `start_ns` until now, oldest first."""
        self._require(Feature.FUNDING_HISTORY)
        instrument, end_ns = self.instrument(symbol), self.clock.time_ns() + 1
        return list(await self._ask(self.venue.funding_rates(instrument, start_ns=start_ns, end_ns=end_ns)))

    async def risk_tiers(self, symbol: str | Instrument) -> list[RiskTier]:
        """Return what margin and leverage the venue allows for which size of position, smallest first."""
        self._require(Feature.RISK_TIERS)
        return list(await self._ask(self.venue.risk_tiers(self.instrument(symbol))))

    # As streams

    def books(self, symbol: str | Instrument) -> Stream[OrderBook]:
        """Stream the order book: the same live object each time, whenever it has changed since the last look.

        Changes in between are not told one by one; the stream's `skipped` counts them. A book that is out of step
        comes too: look at its `is_synced`.
        """
        return self._stream(Feature.BOOK, Channel.BOOK, symbol, limit=1)

    def trades(self, symbol: str | Instrument) -> Stream[Trade]:
        """Stream the public trades, every one, up to 100,000 that wait for the reader."""
        return self._stream(Feature.TRADES, Channel.TRADES, symbol, limit=TRADES_WAITING)

    def tickers(self, symbol: str | Instrument) -> Stream[Ticker]:
        """Stream mark prices and funding rates, the latest each time."""
        return self._stream(Feature.TICKER, Channel.TICKER, symbol, limit=1)

    def funding_rates(self, symbol: str | Instrument) -> Stream[FundingRate]:
        """Stream funding settlements."""
        return self._stream(Feature.FUNDING_RATE, Channel.FUNDING, symbol, limit=TRADES_WAITING)

    def quotes(self, symbol: str | Instrument) -> Stream[Quote]:
        """Stream the best bid and ask, the latest each time."""
        return self._stream(Feature.QUOTES, Channel.QUOTES, symbol, limit=1)

    def candle_stream(self, symbol: str | Instrument, interval_s: int) -> Stream[Candle]:
        """Stream the venue's own candles, each time one changes (`closed` tells which are done)."""
        return self._stream(Feature.CANDLES, Channel.CANDLES, symbol, limit=TRADES_WAITING, interval_s=interval_s)

    def liquidations(self, symbol: str | Instrument) -> Stream[Liquidation]:
        """Stream the positions of others that the venue closes by force."""
        return self._stream(Feature.LIQUIDATIONS, Channel.LIQUIDATIONS, symbol, limit=TRADES_WAITING)

    def _stream(
        self, feature: Feature, channel: Channel, symbol: str | Instrument, limit: int, interval_s: int | None = None
    ) -> Stream[Any]:
        self._require(feature)
        return self._subscriptions.stream(channel, self.instrument(symbol), limit, interval_s)
