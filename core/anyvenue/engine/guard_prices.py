"""The prices that guards watch: a mark, last or index price of an instrument, from the engine's own data."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from anyvenue.model.enums import PriceSource
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, Ticker, Trade
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.events import Channel

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["WATCHED", "GuardPrices"]

WATCHED: Final = (Ticker, Trade, BookDelta, BookSnapshot)
"""The events that may bring a new price."""

_USER: Final = "guard"


class GuardPrices:
    """Follows the streams that guards need, and reads a price out of an event."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._followed: set[tuple[Channel, str]] = set()

    def follow(self, instrument: Instrument, source: PriceSource = PriceSource.MARK) -> None:
        """Have the prices of `source` come in, whatever the strategy subscribes to. Raises NotSupported."""
        self._engine.guards.is_watching = True
        has: Callable[[Feature], bool] = self._engine.desk.capabilities[instrument.connection].has
        channels = [Channel.TICKER if has(Feature.TICKER) else Channel.BOOK]
        if source is PriceSource.LAST and has(Feature.TRADES):
            channels.append(Channel.TRADES)
        for channel in channels:
            if (channel, instrument.key) not in self._followed:
                self._engine.data._use(_USER, instrument, channel, None, None)
                self._followed.add((channel, instrument.key))

    def price(self, event: Any, source: PriceSource) -> Decimal | None:
        """Return the price that an event brings, None where it says nothing of `source`."""
        match source, event:
            case PriceSource.MARK, Trade():
                return None
            case PriceSource.MARK, _:
                return self._engine.data.mark(event.instrument)
            case PriceSource.LAST, Trade():
                return event.price
            case PriceSource.LAST, Ticker():
                return event.last_price
            case PriceSource.INDEX, Ticker():
                return event.index_price
            case _:
                return None
