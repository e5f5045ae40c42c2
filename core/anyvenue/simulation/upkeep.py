"""What an exchange does by the clock for one instrument: mark price, ticker, funding. All can be set by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from anyvenue.model.market import FundingRate, Ticker
from anyvenue.simulation.clock import DrivenClock, DrivenTimer
from anyvenue.simulation.contracts import FUNDING_RATE
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.listing import Listing
from anyvenue.venue.events import Channel

__all__ = ["Upkeep"]

MARK_INTERVAL_NS: Final = 1_000_000_000
"""The mark price is the mid of the public book, sampled this often. The index is taken to be the same."""
_SECOND_NS: Final = 1_000_000_000


class Upkeep:
    """Samples the mark price, tells the ticker, settles funding. `do` does a job of the market's.

    `funding_rate` is what the next settlements charge. Setting and holding prices is for tests of bots: no venue lets
    anybody do that. It is done in a job.
    """

    def __init__(
        self, listing: Listing, exchange: Exchange, clock: DrivenClock, do: Callable[[Callable[[], None]], None]
    ) -> None:
        self._listing = listing
        self._instrument = listing.instrument
        self._exchange = exchange
        self._clock = clock
        self._do = do
        self.funding_rate = FUNDING_RATE
        self._held: tuple[Decimal | None, Decimal | None] = (None, None)
        self._index: Decimal | None = None
        self._timers: dict[str, DrivenTimer] = {}

    def start(self) -> None:
        """Begin: the first mark is sampled behind what else is due now."""
        self._timers["mark"] = self._clock.call_at(self._clock.time_ns(), self._on_mark)
        self._await_funding()

    def stop(self) -> None:
        """End."""
        for timer in self._timers.values():
            timer.cancel()

    def hold(self, mark: Decimal | None, index: Decimal | None) -> None:
        """Hold mark and index at these prices from now on; None lets one follow the book again."""
        self._held = (mark, index)
        self._sample_mark()

    def settle_now(self) -> None:
        """Settle funding once, now."""
        self._settle(self._clock.time_ns())

    def ticker(self) -> Ticker:
        """Return last, mark and index price and the funding rate, as they are now."""
        mark = self._exchange.mark_price(self._instrument.symbol)
        return Ticker(
            instrument=self._instrument,
            last_price=self._exchange.last_price(self._instrument.symbol),
            mark_price=mark,
            index_price=mark if self._index is None else self._index,
            funding_rate=self.funding_rate,
            next_funding_ts=self._next_funding(),
            ts_event=self._clock.time_ns(),
        )

    def _on_mark(self) -> None:
        self._timers["mark"] = self._clock.call_at(self._clock.time_ns() + MARK_INTERVAL_NS, self._on_mark)
        self._do(self._sample_mark)

    def _sample_mark(self) -> None:
        book = self._exchange.book(self._instrument.symbol)
        bid, ask = book.best_bid, book.best_ask
        mid = (bid + ask) / 2 if bid is not None and ask is not None else None
        mark, self._index = (mid if held is None else held for held in self._held)
        if mark is not None:
            self._exchange.set_mark(self._instrument.symbol, mark, self._index)
            if self._listing.hears(Channel.TICKER):
                self._listing.tell_ticker(self.ticker())

    def _await_funding(self) -> None:
        due = self._next_funding()
        if due is None:
            return

        def on_time() -> None:
            self._await_funding()
            self._do(lambda: self._settle(due))

        self._timers["funding"] = self._clock.call_at(due, on_time)

    def _settle(self, due: int) -> None:
        self._exchange.settle_funding(self._instrument.symbol, self.funding_rate)
        self._listing.tell_funding(
            FundingRate(instrument=self._instrument, rate=self.funding_rate, ts_settle=due, ts_event=due)
        )

    def _next_funding(self) -> int | None:
        if self._instrument.funding_interval_s is None:
            return None
        interval = self._instrument.funding_interval_s * _SECOND_NS
        return (self._clock.time_ns() // interval + 1) * interval
