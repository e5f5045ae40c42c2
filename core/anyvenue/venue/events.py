"""Everything a venue may tell: market data, our orders, our account, and the state of its connection."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from attrs import frozen

from anyvenue.model.balance import Balance
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment, MarketEvent
from anyvenue.model.order_events import OrderEvent
from anyvenue.model.position import Position

__all__ = [
    "AccountEvent",
    "Channel",
    "Disconnected",
    "Reconnected",
    "Sink",
    "StreamStale",
    "Subscription",
    "VenueEvent",
]


class Channel(Enum):
    """A kind of market data that can be subscribed to."""

    BOOK = "book"
    TRADES = "trades"
    TICKER = "ticker"
    CANDLES = "candles"
    FUNDING = "funding"
    QUOTES = "quotes"
    LIQUIDATIONS = "liquidations"


@frozen(kw_only=True)
class Subscription:
    """A wish for market data. `interval_s` is for candles; `depth` is a wish for at least so many levels a side."""

    channel: Channel
    instrument: Instrument
    interval_s: int | None = None
    depth: int | None = None


@frozen(kw_only=True)
class Disconnected:
    """A stream is gone. `private` tells whether news of our own orders is missing too."""

    connection: str
    reason: str
    private: bool = True
    ts_recv: int = 0


@frozen(kw_only=True)
class Reconnected:
    """A stream is back and resubscribed. What was missed has to be asked for."""

    connection: str
    private: bool = True
    ts_recv: int = 0


@frozen(kw_only=True)
class StreamStale:
    """One instrument's channel cannot be trusted until its next snapshot."""

    instrument: Instrument
    channel: Channel
    reason: str
    ts_recv: int = 0


AccountEvent: TypeAlias = OrderEvent | Position | Balance | FundingPayment
VenueEvent: TypeAlias = MarketEvent | AccountEvent | Disconnected | Reconnected | StreamStale
Sink: TypeAlias = Callable[[VenueEvent], None]
