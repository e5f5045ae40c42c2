"""The public trades of one instrument so far, as far back as there is room, and candles made of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import groupby
from typing import TypeAlias

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import Candle, CandleSource, Trade

__all__ = ["TapedTrade", "TradeRecord"]

TRADES_KEPT = 100_000
_SECOND_NS = 1_000_000_000


TapedTrade: TypeAlias = tuple[int, str, str, str | Decimal, str | Decimal, str]
"""A tape's frame, as a tuple: time, "t", the taker's side, price, quantity, id. A plain tuple of values that hold no
others is nothing to the garbage collector, which would else look at a hundred thousand of them again and again."""


class TradeRecord:
    """Remembers the last trades. Texts become numbers when they are asked for."""

    def __init__(self) -> None:
        self._trades: deque[TapedTrade] = deque(maxlen=TRADES_KEPT)
        self.add: Callable[[TapedTrade], None] = self._trades.append
        """Remembers a trade; they come in the order of their times."""

    def trades(self, instrument: Instrument, *, start_ns: int, end_ns: int) -> list[Trade]:
        """Return the trades in [start_ns, end_ns), oldest first."""
        return [
            Trade(
                instrument=instrument,
                trade_id=trade_id,
                side=Side.BUY if taker == "buy" else Side.SELL,
                price=Decimal(price),
                quantity=Decimal(quantity),
                ts_event=ts,
            )
            for ts, _, taker, price, quantity, trade_id in self._within(start_ns, end_ns)
        ]

    def candles(self, instrument: Instrument, interval_s: int, *, start_ns: int, end_ns: int, now: int) -> list[Candle]:
        """Return the candles that open in [start_ns, end_ns), oldest first; none where nobody traded.

        The one that is still open at `now` says so.
        """
        if interval_s <= 0:
            raise ValueError(f"interval_s: found {interval_s}; allowed are whole seconds above 0")
        interval = interval_s * _SECOND_NS
        first = -(-start_ns // interval) * interval
        last = -(-end_ns // interval) * interval
        candles = []
        for slot, group in groupby(self._within(first, last), key=lambda entry: entry[0] // interval):
            entries = list(group)
            prices = [Decimal(price) for *_, price, _, _ in entries]
            candles.append(
                Candle(
                    instrument=instrument,
                    interval_s=interval_s,
                    ts_open=slot * interval,
                    open=prices[0],
                    high=max(prices),
                    low=min(prices),
                    close=prices[-1],
                    volume=sum((Decimal(quantity) for *_, quantity, _ in entries), Decimal(0)),
                    source=CandleSource.TRADES,
                    closed=(slot + 1) * interval <= now,
                    ts_event=entries[-1][0],
                )
            )
        return candles

    def _within(self, start_ns: int, end_ns: int) -> Iterator[TapedTrade]:
        return (entry for entry in self._trades if start_ns <= entry[0] < end_ns)
