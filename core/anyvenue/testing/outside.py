"""The outside world of one instrument: the book and the trades that others make, set by a test's hand."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from anyvenue.model.enums import Side
from anyvenue.model.errors import QuantityTooSmall
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.simulation.synthetic import usual_price

__all__ = ["Outside", "Sizes"]

WORTH: Final = 600
"""What the usual order of a test is worth, in quote money."""
DEPTH: Final = 100
"""How many such orders the outside world shows at each of its prices."""
SPREAD: Final = Decimal("0.0004")

Sizes = Sequence[tuple[Decimal, Decimal]]
"""Prices and quantities of one side of a book, best first."""


class Outside:
    """What others do on one instrument of a simulated market.

    Attributes:
        instrument: in the simulator's terms.
        bid, ask: the best prices of the book that it shows at first; between them there is room.
        inside: an allowed price between the two.
        unit: a quantity that any venue takes; two and four of it too.
    """

    def __init__(self, market: SimulatedMarket, instrument: Instrument) -> None:
        self._market = market
        self.instrument = instrument
        price = usual_price(instrument.base)
        self.bid = instrument.round_price(price)
        self.ask = max(self.off(SPREAD), self.bid + 4 * instrument.price_rule.step_at(self.bid))
        self.inside = instrument.round_price((self.bid + self.ask) / 2)
        try:
            sized = instrument.quantity_for_notional(WORTH, price=self.bid)
        except QuantityTooSmall:
            sized = instrument.min_quantity
        self.unit = sized

    def off(self, fraction: Decimal | str) -> Decimal:
        """Return the allowed price nearest to the best bid, a signed fraction away from it."""
        return self.instrument.round_price(self.bid * (ONE + Decimal(fraction)))

    @property
    def bids(self) -> list[tuple[Decimal, Decimal]]:
        """The bids that are shown at first."""
        return [(self.off(-Decimal(level) / 1000), self.unit * DEPTH) for level in range(3)]

    @property
    def asks(self) -> list[tuple[Decimal, Decimal]]:
        """The asks that are shown at first."""
        return [
            (self.instrument.round_price(self.ask * (ONE + Decimal(level) / 1000)), self.unit * DEPTH)
            for level in range(3)
        ]

    def show(self, bids: Sizes | None = None, asks: Sizes | None = None) -> None:
        """Let the outside world's whole book be this; a side that is not given is as at first."""
        levels = self._levels(self.bids if bids is None else bids), self._levels(self.asks if asks is None else asks)

        def tell() -> None:
            now = self._market.clock.time_ns()
            self._market.exchange.apply_depth(self.instrument.symbol, *levels, snapshot=True, ts_event=now)
            self._market.listing(self.instrument.symbol).tell_snapshot(now)

        self._market.do(tell)

    def change(self, bids: Sizes = (), asks: Sizes = ()) -> None:
        """Let some levels of the book change; a quantity of 0 takes a level away."""
        levels = self._levels(bids), self._levels(asks)

        def tell() -> None:
            now, listing = self._market.clock.time_ns(), self._market.listing(self.instrument.symbol)
            self._market.exchange.apply_depth(self.instrument.symbol, *levels, snapshot=False, ts_event=now)
            listing.tell_delta(*listing.overlaid(*levels), now)

        self._market.do(tell)

    def trade(self, price: Decimal, quantity: Decimal, side: Side = Side.SELL) -> None:
        """Let others trade: `side` is the taker's. What rests at that price may be filled by it."""
        symbol = self.instrument.symbol

        def tell() -> None:
            now, exchange = self._market.clock.time_ns(), self._market.exchange
            exchange.apply_trade(symbol, side, price, quantity, ts_event=now)
            number = exchange.next_trade_id(symbol)
            self._market.listing(symbol).tell_trade(number, side, price, quantity, now)

        self._market.do(tell)

    def mark(self, price: Decimal) -> None:
        """Let mark and index price be this from now on."""
        self._market.do(lambda: self._market.upkeep(self.instrument.symbol).hold(price, price))

    def move(self, price: Decimal) -> None:
        """Let mark, index and last price be this, whichever a trigger looks at."""
        self.trade(price, self.unit, Side.BUY)
        self.mark(price)

    def public_book(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """Return the public book as the simulator has it: prices and quantities."""
        bids, asks = self._market.exchange.book(self.instrument.symbol).levels(None)
        return list(bids), list(asks)

    def _levels(self, levels: Sizes) -> list[tuple[str, str]]:
        return [(f"{price:f}", f"{quantity / self.instrument.depth_unit:f}") for price, quantity in levels]
