"""Candles built here, for venues that send none: from trades, else from mid prices."""

from __future__ import annotations

from decimal import Decimal

from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Candle, CandleSource
from anyvenue.model.numbers import ZERO

__all__ = ["CandleBuilder"]

_SECOND_NS = 1_000_000_000


class CandleBuilder:
    """Builds the candles of one instrument and interval. Intervals are aligned to the epoch.

    The first candle is the one whose whole interval was watched: what is seen before its start is only remembered as
    the last price. An interval without a price is a flat candle at the last close, volume 0.
    """

    def __init__(self, instrument: Instrument, interval_s: int, source: CandleSource, start_ns: int) -> None:
        if interval_s <= 0:
            raise ValueError(f"candle interval: found {interval_s} s; allowed are whole seconds above 0")
        self.instrument = instrument
        self.interval_s = interval_s
        self.source = source
        self._interval_ns = interval_s * _SECOND_NS
        self._ts_open = -(-start_ns // self._interval_ns) * self._interval_ns
        self._last: Decimal | None = None
        self._open: Decimal | None = None
        self._high = self._low = self._volume = ZERO

    @property
    def ts_close(self) -> int:
        """When the candle being built ends; `close` is due then."""
        return self._ts_open + self._interval_ns

    def add(self, price: Decimal, quantity: Decimal, ts: int) -> None:
        """Take in a trade (or a mid price, with quantity 0) that happened at `ts`, within the candle being built."""
        self._last = price
        if ts < self._ts_open:
            return
        if self._open is None:
            self._open = self._high = self._low = price
        elif price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._volume += quantity

    def close(self, now_ns: int) -> Candle | None:
        """End the candle being built and begin the next; None where no price has been seen at all."""
        ts_open, opened, last, volume = self._ts_open, self._open, self._last, self._volume
        high, low = self._high, self._low
        self._ts_open += self._interval_ns
        self._open, self._volume = None, ZERO
        if last is None:
            return None
        if opened is None:
            opened = high = low = last
        return Candle(
            instrument=self.instrument,
            interval_s=self.interval_s,
            ts_open=ts_open,
            open=opened,
            high=high,
            low=low,
            close=last,
            volume=volume,
            source=self.source,
            ts_event=ts_open + self._interval_ns,
            ts_recv=now_ns,
        )
