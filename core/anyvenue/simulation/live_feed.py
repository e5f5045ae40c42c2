"""One instrument of a live market as it moves a simulated exchange: its depth kept in step, its trades, its funding."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from anyvenue.model.book import Level
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.depth_sync import Action, SequenceRule
from anyvenue.model.enums import Side
from anyvenue.model.errors import InvalidBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, FundingRate, RawLevel, Ticker, Trade
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.live_funding import LiveFunding
from anyvenue.simulation.reply import Reply
from anyvenue.venue.clock import Clock

__all__ = ["LiveFeed"]

FIRST_BOOK_NS: Final = 5_000_000_000
"""An order for an instrument that nobody has looked at yet waits so long for its first book."""
_ALL: Final = 1_000_000


class LiveFeed:
    """Leads what a venue tells of one instrument into the exchange, for as long as its book is in step.

    While it is not, nothing moves the exchange here: what rests is not filled, no trigger fires. The next snapshot
    shows where the market is, and fills what it has come to cross. Mark price and funding wait for it.

    Where the venue shows only the best levels (`SequenceRule.depth`), a level that has left them is forgotten, but
    not where an order of ours rests: its place in the queue there is kept until the venue speaks about that price.

    `begun` is resolved with the first book, or when that has not come in time.
    """

    def __init__(self, instrument: Instrument, rule: SequenceRule, exchange: Exchange, clock: Clock) -> None:
        self.instrument = instrument
        self.begun: Reply[None] = Reply()
        self._depth = rule.depth
        self._keeper = BookKeeper(instrument, rule)
        self._exchange = exchange
        self._funding = LiveFunding(instrument, clock, self._settle_funding)
        self._ticker: Ticker | None = None
        self._unsettled: list[Decimal] = []
        self._patience = clock.call_at(clock.time_ns() + FIRST_BOOK_NS, self._begin)

    @property
    def stale_reason(self) -> str:
        """Why orders cannot be taken now; empty where they can."""
        return self._keeper.book.stale_reason

    def stop(self) -> None:
        """Feed no more."""
        self.lose("nobody is listening to it", 0)
        self._funding.stop()
        self._begin()

    def lose(self, reason: str, ts: int) -> None:
        """The stream was lost: the book is stale from `ts` until the next snapshot."""
        self._keeper.reset(reason, ts)

    def on_snapshot(self, event: BookSnapshot) -> Action:
        """Take a whole book. RESYNC asks for another one."""
        action = self._keeper.on_snapshot(event)
        if action is Action.APPLY:
            book = self._keeper.book
            bids, asks = (self._texts(levels) for levels in (book.bids(_ALL), book.asks(_ALL)))
            if self._depth is not None:
                bids += self._texts(self._left_behind(Side.BUY))
                asks += self._texts(self._left_behind(Side.SELL))
            self._exchange.apply_depth(self.instrument.symbol, bids, asks, snapshot=True, ts_event=event.ts_event)
            self._synced()
        return action

    def on_delta(self, event: BookDelta) -> Action:
        """Take changed levels. RESYNC asks for a snapshot."""
        action = self._keeper.on_delta(event)
        if action is Action.APPLY:
            symbol = self.instrument.symbol
            try:
                self._exchange.apply_depth(symbol, event.bids, event.asks, snapshot=False, ts_event=event.ts_event)
            except InvalidBook as error:  # the exchange looks at every level of a decoded delta, the book did not
                self._keeper.reset(str(error), event.ts_recv)
                return Action.RESYNC
            if self._depth is not None:
                self._forget_left_behind(event.ts_event)
        return action

    def on_trade(self, event: Trade) -> None:
        """Take a trade."""
        if not self.stale_reason:
            self._exchange.apply_trade(
                self.instrument.symbol, event.side, event.price, event.quantity, ts_event=event.ts_event
            )

    def on_ticker(self, event: Ticker) -> None:
        """Take mark and index price, and what it says of funding."""
        self._ticker = event
        self._funding.on_ticker(event)
        self._set_mark()

    def on_funding_rate(self, event: FundingRate) -> None:
        """Take a settlement, or the rate of the next one."""
        self._funding.on_rate(event)

    def snapshot(self, now_ns: int) -> BookSnapshot:
        """Return the book as it is now, for somebody who joins in; the next delta of the stream follows it."""
        book = self._keeper.book
        return BookSnapshot(
            instrument=self.instrument,
            bids=self._texts(book.bids(_ALL)),
            asks=self._texts(book.asks(_ALL)),
            last_id=self._keeper.sync.last_id,
            ts_event=book.ts_event,
            ts_recv=now_ns,
        )

    def _begin(self) -> None:
        self._patience.cancel()
        if not self.begun.done:
            self.begun.resolve(None)

    def _synced(self) -> None:
        self._set_mark()
        unsettled, self._unsettled = self._unsettled, []
        for rate in unsettled:
            self._settle_funding(rate)
        self._begin()

    def _set_mark(self) -> None:
        ticker = self._ticker
        if ticker is not None and ticker.mark_price is not None and not self.stale_reason:
            self._exchange.set_mark(self.instrument.symbol, ticker.mark_price, ticker.index_price)

    def _settle_funding(self, rate: Decimal) -> None:
        if self.stale_reason:
            self._unsettled.append(rate)
        else:
            self._exchange.settle_funding(self.instrument.symbol, rate)

    def _texts(self, levels: Iterable[Level]) -> list[RawLevel]:
        unit = self.instrument.depth_unit
        return [(f"{price:f}", f"{quantity / unit:f}") for price, quantity in levels]

    # Beyond a window of the best levels

    def _left_behind(self, side: Side) -> list[Level]:
        """Return what the exchange has of others out there at the prices of our own resting orders."""
        shown = self._exchange.book(self.instrument.symbol)
        own = self._exchange.overlay(self.instrument.symbol)[side is Side.SELL]
        levels = (Level(price, shown.quantity_at(side, price) - visible) for price, visible in own.items())
        return [level for level in levels if level.quantity and self._is_beyond(side, level.price)]

    def _forget_left_behind(self, ts_event: int) -> None:
        """Have the exchange forget what it has out there, but at the prices of our own resting orders."""
        symbol = self.instrument.symbol
        shown, own = self._exchange.book(symbol).levels(), self._exchange.overlay(symbol)
        bids, asks = (
            [(f"{price:f}", "0") for price, _ in levels if price not in ours and self._is_beyond(side, price)]
            for side, levels, ours in zip((Side.BUY, Side.SELL), shown, own, strict=True)
        )
        if bids or asks:
            self._exchange.apply_depth(symbol, bids, asks, snapshot=False, ts_event=ts_event)

    def _is_beyond(self, side: Side, price: Decimal) -> bool:
        depth, book = self._depth or _ALL, self._keeper.book
        window = book.bids(depth) if side is Side.BUY else book.asks(depth)
        return len(window) == depth and (price - window[-1].price) * side.sign < 0
