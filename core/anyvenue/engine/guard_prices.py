"""The prices that guards watch: a mark, last or index price of an instrument, from the engine's own data."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from anyvenue.model.enums import PriceSource
from anyvenue.model.errors import NotSupported
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
        for channel in self._channels(instrument, source):
            if (channel, instrument.key) not in self._followed:
                self._engine.data.follow(_USER, instrument, channel)
                self._followed.add((channel, instrument.key))
        self._engine.guards.is_watching = True

    def _channels(self, instrument: Instrument, source: PriceSource) -> list[Channel]:
        """Return what tells the price. Where a venue has no mark price, the mid of the book stands for it."""
        desk = self._engine.desk
        has_ticker = desk.venue_has(Feature.TICKER, instrument)
        channels = [Channel.TICKER if has_ticker else Channel.BOOK]
        if source is PriceSource.LAST and desk.venue_has(Feature.TRADES, instrument):
            return [*channels, Channel.TRADES]
        if source is not PriceSource.MARK and not has_ticker:
            raise NotSupported(
                f"nothing tells the {source.value} price of {instrument.symbol}: a trigger on it would never fire",
                venue=instrument.venue,
            )
        return channels

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
