"""GaiaEx's market data: a WebSocket for each book, and mark prices that are asked for."""

from __future__ import annotations

import logging
from decimal import Decimal

from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.errors import (
    AnyvenueError,
    NotSent,
    NotSupported,
)
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookSnapshot, Ticker
from anyvenue.venue.descriptor import VenueContext
from anyvenue.venue.events import Channel, StreamStale, Subscription, VenueEvent
from anyvenue.wire.deadline import pause
from anyvenue_gaiaex.connection import GaiaExConnection
from anyvenue_gaiaex.feed import BookFeed

__all__ = ["GaiaExMarketData"]

_log = logging.getLogger("anyvenue.gaiaex")


class GaiaExMarketData(GaiaExConnection):
    """Books and mark prices."""

    def __init__(self, context: VenueContext) -> None:
        super().__init__(context)
        self._touch: dict[str, tuple[Decimal, Decimal]] = {}
        self._books: dict[str, BookFeed] = {}
        self._tickers: dict[str, Instrument] = {}

    def depth_rule(self, instrument: Instrument) -> SequenceRule:
        """Return the rule of whole books without numbers: only their times put them in order."""
        return SequenceRule(time_ordered=True)

    async def subscribe(self, subscription: Subscription) -> None:
        """Start a book, on a socket of its own, or the polling of mark prices."""
        instrument = subscription.instrument
        symbol = instrument.venue_symbol
        if subscription.channel is Channel.TICKER:
            if symbol not in self._prices:
                raise NotSupported(f"{symbol}: this server's list of symbols has no mark prices", venue=self.name)
            self._tickers[symbol] = instrument
            self.start("mark prices", self._poll_marks)
            return
        if subscription.channel is not Channel.BOOK:
            raise NotSupported(f"{subscription.channel.value} are not told by this venue", venue=self.name)
        if symbol in self._books:
            return
        if len(self._books) >= self._options.books_max:
            text = (
                f"{len(self._books)} books are open, each on a socket of its own: raise the option books_max for more"
            )
            raise NotSent(text, venue=self.name)
        url = f"{self._ws_url}/market/{symbol}"
        feed = self._books[symbol] = BookFeed(instrument, url, clock=self.clock, dial=self._dial, sink=self._on_market)
        try:
            await feed.open()
        except BaseException:
            if self._books.get(symbol) is feed:
                del self._books[symbol]
            await feed.close()
            raise

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Stop a book or the ticker of a symbol."""
        symbol = subscription.instrument.venue_symbol
        if subscription.channel is Channel.TICKER:
            self._tickers.pop(symbol, None)
        elif subscription.channel is Channel.BOOK:
            feed = self._books.pop(symbol, None)
            self._touch.pop(symbol, None)
            if feed is not None:
                await feed.close()

    async def close(self) -> None:
        """Close everything. Orders stay as they are: GaiaEx cancels none by itself."""
        books, self._books = list(self._books.values()), {}
        for feed in books:
            await feed.close()
        await super().close()

    async def ticker(self, instrument: Instrument) -> Ticker:
        """Return the mark price now, where the list of symbols has one."""
        await self._list_symbols()
        if instrument.venue_symbol not in self._prices:
            raise NotSupported("this server's list of symbols has no mark prices", venue=self.name, request="ticker")
        now = self.clock.time_ns()
        return Ticker(instrument=instrument, mark_price=self._prices[instrument.venue_symbol], ts_recv=now)

    async def _poll_marks(self) -> None:
        while self._tickers:
            try:
                await self._list_symbols()
            except AnyvenueError as error:  # the next look may succeed, and nobody else would look again
                _log.warning("the mark prices could not be asked for: %s", error)
            else:
                now = self.clock.time_ns()
                for symbol, instrument in list(self._tickers.items()):
                    self.sink(Ticker(instrument=instrument, mark_price=self._prices.get(symbol), ts_recv=now))
            await pause(self.clock, self._options.mark_poll_s)

    def _on_market(self, event: VenueEvent) -> None:
        if isinstance(event, BookSnapshot):
            if event.bids and event.asks:
                self._touch[event.instrument.venue_symbol] = Decimal(event.bids[0][0]), Decimal(event.asks[0][0])
        elif isinstance(event, StreamStale):
            self._touch.pop(event.instrument.venue_symbol, None)
        self.sink(event)

    def _price_of(self, instrument: Instrument) -> Decimal | None:
        """Return what an instrument is worth, by its book, else by its mark price."""
        touch = self._touch.get(instrument.venue_symbol)
        return self._prices.get(instrument.venue_symbol) if touch is None else (touch[0] + touch[1]) / 2
