"""When a live market settles funding, and at which rate: by what its venue foretells, or tells afterwards."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingRate, Ticker
from anyvenue.venue.clock import Clock, Timer

__all__ = ["LiveFunding"]

_SECOND_NS: Final = 1_000_000_000


class LiveFunding:
    """Calls `settle` with the rate in force at each settlement, once.

    The time is the one that the venue names, else a multiple of the instrument's funding interval since the epoch.
    Where nothing was foretold, a settlement is booked when the venue tells of it. Those from before it began to listen
    are left alone.
    """

    def __init__(self, instrument: Instrument, clock: Clock, settle: Callable[[Decimal], None]) -> None:
        self._interval_ns = (instrument.funding_interval_s or 0) * _SECOND_NS
        self._clock = clock
        self._settle = settle
        self._rate: Decimal | None = None
        self._due_ns: int | None = None
        self._timer: Timer | None = None
        self._settled_ns = clock.time_ns()

    def stop(self) -> None:
        """Settle no more."""
        if self._timer is not None:
            self._timer.cancel()

    def on_ticker(self, ticker: Ticker) -> None:
        """Take the rate in force and the time of the next settlement, where it says them."""
        if ticker.funding_rate is not None:
            self._rate = ticker.funding_rate
            if ticker.next_funding_ts is None and self._due_ns is None and self._interval_ns:
                self._await((self._clock.time_ns() // self._interval_ns + 1) * self._interval_ns)
        if ticker.next_funding_ts is not None:
            self._await(ticker.next_funding_ts)

    def on_rate(self, event: FundingRate) -> None:
        """Take the rate expected for the next settlement, or one that has been."""
        if event.ts_settle > self._clock.time_ns():
            self._rate = event.rate
            self._await(event.ts_settle)
        elif event.ts_settle > self._settled_ns:
            self._settled_ns = event.ts_settle
            self._settle(event.rate)

    def _await(self, due_ns: int) -> None:
        if due_ns == self._due_ns or due_ns <= self._settled_ns:
            return
        self.stop()
        self._due_ns = due_ns
        self._timer = self._clock.call_at(due_ns, self._on_time)

    def _on_time(self) -> None:
        due_ns, self._due_ns = self._due_ns, None
        if due_ns is not None and due_ns > self._settled_ns:
            self._settled_ns = due_ns
            if self._rate is not None:
                self._settle(self._rate)
