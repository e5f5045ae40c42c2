"""Everything a venue may tell: market data, our orders, our account, and the state of its connection."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeAlias

from attrs import fields, frozen

from anyvenue.model.balance import Balance
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import FundingPayment, MarketEvent
from anyvenue.model.order_events import OrderEvent
from anyvenue.model.position import Position

__all__ = [
    "AccountEvent",
    "Channel",
    "Disconnected",
    "InstrumentChanged",
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


@frozen(kw_only=True)
class InstrumentChanged:
    """A venue has other terms for an instrument than it had before: its status above all.

    What runs goes on with the instrument as it was when it connected; events and orders bear that one.
    """

    instrument: Instrument
    before: Instrument
    ts_recv: int = 0

    @property
    def text(self) -> str:
        """What has changed, for people."""
        names = [field.name for field in fields(Instrument)]
        pairs = [(name, getattr(self.before, name), getattr(self.instrument, name)) for name in names]
        changes = [f"{name} was {_plain(old)} and is {_plain(new)}" for name, old, new in pairs if old != new]
        return f"{self.instrument.key} has changed: {', '.join(changes)}"


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


AccountEvent: TypeAlias = OrderEvent | Position | Balance | FundingPayment
"""News of an account. A Position or Balance is the whole of it, as it is now."""
VenueEvent: TypeAlias = MarketEvent | AccountEvent | Disconnected | Reconnected | StreamStale | InstrumentChanged
"""Anything that a venue may tell."""
Sink: TypeAlias = Callable[[VenueEvent], None]
"""What events go to. It raises nothing, and is called in the event loop's thread only."""
