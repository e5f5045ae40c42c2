"""One instrument's market at the simulated exchange: its book, its prices and who holds it."""

from __future__ import annotations

from decimal import Decimal
from math import inf
from typing import TYPE_CHECKING, Final

from anyvenue.model.enums import PriceSource, Side, TradingStatus
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import exact
from anyvenue.simulation.liquidity import ExternalLiquidity
from anyvenue.simulation.resting import RestingSide
from anyvenue.simulation.triggers import Watch, Watchlist

if TYPE_CHECKING:
    from anyvenue.simulation.account import Holding

__all__ = ["Market"]

DRIFT: Final = 0.0001
"""While the last price stands in for the mark price, margins are looked at each time it has moved by this fraction."""


class Market:
    """The state of one instrument: resting orders of ours, external liquidity, prices.

    The mark price is what `set_mark` said; where it never did, the last trade's price, else the external mid.
    """

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.status: TradingStatus = instrument.status
        self.bids = RestingSide(Side.BUY)
        self.asks = RestingSide(Side.SELL)
        self.external = ExternalLiquidity(instrument)
        self.holders: dict[Holding, None] = {}  # who has a position, the outside world apart
        self.trades = 0
        self.index_price: Decimal | None = None
        self.given_mark: Decimal | None = None
        self.last_raw: Decimal | str | None = None  # a tape's text, made a Decimal when it is read
        self.watchlists = {source: Watchlist() for source in PriceSource}
        self.wake_low, self.wake_high = -inf, inf
        """Between these last prices, both excluded, nothing waits for anything."""

    def side(self, side: Side) -> RestingSide:
        """Our resting orders of one side."""
        return self.bids if side is Side.BUY else self.asks

    @property
    def last_price(self) -> Decimal | None:
        """The last trade's price."""
        last = self.last_raw
        if isinstance(last, str):
            last = self.last_raw = exact(last, "price")
        return last

    @property
    def mark_price(self) -> Decimal | None:
        """The price that margin and unrealised profit stand on; None before anything is known."""
        if self.given_mark is not None:
            return self.given_mark
        if self.last_raw is not None:
            return self.last_price
        bid, ask = self.external.best(Side.BUY), self.external.best(Side.SELL)
        if bid is not None and ask is not None:
            return (bid[0] + ask[0]) / 2
        one = bid or ask
        return None if one is None else one[0]

    def note_trade(self, side: Side, price: Decimal | str, near: float) -> bool:
        """Take in the price of a trade of the outside world, taken by `side`, given as a float too.

        Return whether that is all it brings about; else it has to be applied.
        """
        self.last_raw = price
        reaches_none = near > self.bids.best if side is Side.SELL else near < self.asks.best
        return reaches_none and self.wake_low < near < self.wake_high

    def price(self, source: PriceSource) -> Decimal | None:
        """The price that triggers of one kind look at."""
        if source is PriceSource.LAST:
            return self.last_price
        return self.mark_price if source is PriceSource.MARK else self.index_price

    def watch(self, source: PriceSource, watch: Watch) -> None:
        """Have a watch look at a price."""
        self.watchlists[source].add(watch)

    def unwatch(self, watch: Watch) -> None:
        """Call a watch off, whatever it looks at."""
        for watchlist in self.watchlists.values():
            watchlist.remove(watch)

    def due(self) -> list[Watch]:
        """Show the prices as they are now to all watches. Return those that fire, and forget them."""
        fired = []
        for source, watchlist in self.watchlists.items():
            if watchlist and (price := self.price(source)) is not None:
                fired += watchlist.due(price)
        self._refresh_wake()
        return fired

    def _refresh_wake(self) -> None:
        watchlist = self.watchlists[PriceSource.LAST]
        low, high = watchlist.low, watchlist.high
        if self.given_mark is None:
            watchlist = self.watchlists[PriceSource.MARK]
            low, high = max(low, watchlist.low), min(high, watchlist.high)
            if self.holders and (last := self.last_price) is not None:
                low, high = max(low, float(last) * (1 - DRIFT)), min(high, float(last) * (1 + DRIFT))
        self.wake_low, self.wake_high = low, high

    def next_trade_id(self) -> str:
        """Return the next trade's id."""
        self.trades += 1
        return str(self.trades)
