"""What was traded of a contract within 24 hours, for its ticker: by the minute, while somebody wants to know."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

from attrs import define

from anyvenue.model.market import MarketEvent, Trade
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import Channel
from anyvenue_gateio.simulator.contracts import Contract

__all__ = ["DayStats"]

_MINUTE_NS: Final = 60 * 1_000_000_000
_DAY_NS: Final = 24 * 60 * _MINUTE_NS


@define
class _Minute:
    start: int
    first: Decimal
    high: Decimal
    low: Decimal
    quantity: Decimal
    quote: Decimal


class DayStats:
    """High, low, volume and change of the last 24 hours. It listens to the trades from when it is made."""

    def __init__(self, stage: Stage, contract: Contract) -> None:
        self._stage = stage
        self._contract = contract
        self._minutes: deque[_Minute] = deque()
        now = stage.clock.time_ns()
        record = stage.market.listing(contract.symbol).record
        for trade in record.trades(contract.instrument, start_ns=now - _DAY_NS, end_ns=now + 1):
            self._add(trade)
        self.stop = stage.listen(contract.instrument, Channel.TRADES, self._hear)

    def fields(self) -> dict[str, str]:
        """Return the ticker's fields that tell of them. Volumes are contracts, base, quote and settle currency."""
        oldest = self._stage.clock.time_ns() - _DAY_NS
        while self._minutes and self._minutes[0].start < oldest:
            self._minutes.popleft()
        minutes, instrument = self._minutes, self._contract.instrument
        last = self._stage.exchange.last_price(self._contract.symbol) or Decimal(0)
        quantity = sum((minute.quantity for minute in minutes), Decimal(0))
        quote = sum((minute.quote for minute in minutes), Decimal(0))
        inverse = self._contract.terms.inverse
        base_volume, quote_volume = (quote, quantity) if inverse else (quantity, quote)
        change = (last / minutes[0].first - 1) * 100 if minutes else Decimal(0)
        settled = base_volume if instrument.settle == instrument.base else quote_volume
        return {
            "high_24h": f"{max((minute.high for minute in minutes), default=last):f}",
            "low_24h": f"{min((minute.low for minute in minutes), default=last):f}",
            "volume_24h": f"{int(self._contract.size_of(quantity))}",
            "volume_24h_base": f"{int(base_volume)}",
            "volume_24h_quote": f"{int(quote_volume)}",
            "volume_24h_settle": f"{int(settled)}",
            "change_percentage": f"{change:.4f}",
        }

    def _hear(self, event: MarketEvent) -> None:
        if isinstance(event, Trade):
            self._add(event)

    def _add(self, trade: Trade) -> None:
        start, price = trade.ts_event // _MINUTE_NS * _MINUTE_NS, trade.price
        if not self._minutes or self._minutes[-1].start != start:
            self._minutes.append(_Minute(start, price, price, price, Decimal(0), Decimal(0)))
        minute = self._minutes[-1]
        minute.high, minute.low = max(minute.high, price), min(minute.low, price)
        minute.quantity += trade.quantity
        # For an inverse contract a quantity is quote money, and this is what it is worth in base.
        minute.quote += abs(self._contract.instrument.value(trade.quantity, price))
