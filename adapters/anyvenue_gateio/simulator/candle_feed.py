"""`futures.candlesticks`: bars of trades, or of the mark or index price, told as they grow and when they close."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from attrs import define

from anyvenue.model.enums import PriceSource
from anyvenue.model.market import MarketEvent, Trade
from anyvenue.model.numbers import shortest_text
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import Channel
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.price_watch import watch_price
from anyvenue_gateio.simulator.shapes import size_value

__all__ = ["INTERVALS", "CandleFeed"]

INTERVALS: Final = {
    "10s": 10,
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "4h": 14_400,
    "8h": 28_800,
    "1d": 86_400,
    "7d": 604_800,
    "1w": 604_800,
    "30d": 2_592_000,
}
"""Seconds, by Gate's name."""
PAUSE_NS: Final = 1_000_000_000
"""A bar that grows is told this often at most."""
_SECOND_NS: Final = 1_000_000_000


@define
class _Bar:
    slot: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = Decimal(0)
    base: Decimal = Decimal(0)


class CandleFeed:
    """The bars of one contract and interval, for one connection.

    `name` is what `n` says, such as `1m_BTC_USDT`; `source` is None for bars of trades. `push` gets each row.
    """

    def __init__(
        self,
        stage: Stage,
        contract: Contract,
        interval: str,
        *,
        name: str,
        source: PriceSource | None,
        decimal: bool,
        closed_flag: bool,
        push: Callable[[list[dict[str, Any]]], None],
    ) -> None:
        self._clock = stage.clock
        self._contract = contract
        self._interval_ns = INTERVALS[interval] * _SECOND_NS
        self._name = name
        self._decimal = decimal
        self._closed_flag = closed_flag
        self._push = push
        self._bar: _Bar | None = None
        self._told_ns = -PAUSE_NS
        self._timer: Any = None
        if source is None:
            now = self._clock.time_ns()
            record = stage.market.listing(contract.symbol).record
            start = now // self._interval_ns * self._interval_ns
            for trade in record.trades(contract.instrument, start_ns=start, end_ns=now + 1):
                self._add(trade.ts_event, trade.price, trade.quantity)
            self._stop = stage.listen(contract.instrument, Channel.TRADES, self._hear)
        else:
            self._stop = watch_price(stage, contract, source, self._see)

    def stop(self) -> None:
        """Tell nothing more."""
        self._stop()
        if self._timer is not None:
            self._timer.cancel()

    def _hear(self, event: MarketEvent) -> None:
        if isinstance(event, Trade):
            self._grow(event.price, event.quantity)

    def _see(self, price: Decimal) -> None:
        self._grow(price, Decimal(0))

    def _grow(self, price: Decimal, quantity: Decimal) -> None:
        now = self._clock.time_ns()
        closed = self._add(now, price, quantity)
        if closed is not None:
            self._push([self._row(closed, is_closed=True)])
        if self._timer is None:
            self._timer = self._clock.call_at(max(now, self._told_ns + PAUSE_NS), self._tell)

    def _tell(self) -> None:
        self._timer = None
        self._told_ns = self._clock.time_ns()
        if self._bar is not None:
            self._push([self._row(self._bar, is_closed=False)])

    def _add(self, now: int, price: Decimal, quantity: Decimal) -> _Bar | None:
        """Take in a price; return the bar that it ends."""
        slot, bar, closed = now // self._interval_ns, self._bar, None
        if bar is None or bar.slot != slot:
            closed, bar = bar, _Bar(slot, price, price, price, price)
            self._bar = bar
        bar.high, bar.low, bar.close = max(bar.high, price), min(bar.low, price), price
        bar.volume += self._contract.size_of(quantity)
        if quantity:
            bar.base += self._contract.instrument.exposure_base(quantity, price)
        return closed

    def _row(self, bar: _Bar, *, is_closed: bool) -> dict[str, Any]:
        row: dict[str, Any] = {
            "t": bar.slot * self._interval_ns // _SECOND_NS,
            "v": size_value(bar.volume, self._decimal),
            "c": shortest_text(bar.close),
            "h": shortest_text(bar.high),
            "l": shortest_text(bar.low),
            "o": shortest_text(bar.open),
            "a": shortest_text(bar.base),
            "n": self._name,
        }
        if self._closed_flag:
            row["w"] = is_closed
        return row
