"""What a market publishes: depth, trades, tickers, candles, funding.

Times are nanoseconds since the epoch, UTC: `ts_event` the venue's, `ts_recv` ours.
"""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import TypeAlias

from attrs import field, frozen

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument

__all__ = [
    "BookDelta",
    "BookSnapshot",
    "Candle",
    "CandleSource",
    "FundingPayment",
    "FundingRate",
    "Liquidation",
    "MarketEvent",
    "Quote",
    "RawLevel",
    "Ticker",
    "Trade",
]

RawLevel: TypeAlias = Sequence[str]
"""`[price, size]` as the venue's own text, size in the instrument's `depth_unit`; size 0 deletes the level."""


@frozen(kw_only=True)
class BookSnapshot:
    """A whole order book: it replaces what was there. Ids are the venue's sequence numbers, 0 where it has none."""

    instrument: Instrument = field(repr=str)
    bids: Sequence[RawLevel]
    asks: Sequence[RawLevel]
    last_id: int = 0
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True)
class BookDelta(metaclass=ABCMeta):  # so that `float_delta` can register what passes for one
    """Changed levels, with absolute sizes. It covers the venue's ids `first_id` to `last_id`; `previous_id` is the
    id it says it follows, where the venue says so."""

    instrument: Instrument = field(repr=str)
    bids: Sequence[RawLevel]
    asks: Sequence[RawLevel]
    first_id: int = 0
    last_id: int = 0
    previous_id: int | None = None
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True)
class Trade:
    """A public trade. `side` is the taker's; `quantity` is in the instrument's quantity unit."""

    instrument: Instrument = field(repr=str)
    trade_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True)
class Ticker:
    """Prices that are not the book's: last, mark, index, and the funding rate in force. None where not given."""

    instrument: Instrument = field(repr=str)
    last_price: Decimal | None = None
    mark_price: Decimal | None = None
    index_price: Decimal | None = None
    funding_rate: Decimal | None = None
    next_funding_ts: int | None = None
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True)
class Quote:
    """The best bid and ask, without the book behind them. None where a side is empty; quantities in quantity units."""

    instrument: Instrument = field(repr=str)
    bid: Decimal | None
    bid_quantity: Decimal
    ask: Decimal | None
    ask_quantity: Decimal
    last_id: int = 0
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True)
class Liquidation:
    """Somebody's position that the venue closed by force. `side` is that of the closing order."""

    instrument: Instrument = field(repr=str)
    side: Side
    price: Decimal
    quantity: Decimal
    ts_event: int = 0
    ts_recv: int = 0


class CandleSource(Enum):
    """What a candle was made from: the venue's own, public trades, or the book's mid price."""

    VENUE = "venue"
    TRADES = "trades"
    MID = "mid"


@frozen(kw_only=True)
class Candle:
    """Open, high, low, close over [`ts_open`, `ts_open` + `interval_s`); volume in the quantity unit (0 from mids)."""

    instrument: Instrument = field(repr=str)
    interval_s: int
    ts_open: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    source: CandleSource
    closed: bool = True
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True)
class FundingRate:
    """A funding settlement, or the rate expected for the next. Above 0, longs pay shorts."""

    instrument: Instrument = field(repr=str)
    rate: Decimal
    ts_settle: int
    settled: bool = True
    ts_event: int = 0
    ts_recv: int = 0


@frozen(kw_only=True)
class FundingPayment:
    """Funding booked on one of our positions, in settle currency: positive received, negative paid."""

    instrument: Instrument = field(repr=str)
    amount: Decimal
    rate: Decimal | None = None
    ts_event: int = 0
    ts_recv: int = 0


MarketEvent: TypeAlias = BookSnapshot | BookDelta | Trade | Quote | Ticker | Candle | FundingRate | Liquidation
"""Anything that a market publishes."""
