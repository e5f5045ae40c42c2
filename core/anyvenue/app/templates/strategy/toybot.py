"""Keeps one bid at the best bid and one offer at the best ask, and never holds more than it may.

Everything a strategy has and may do: docs/writing-a-strategy.md of anyvenue.
"""

from __future__ import annotations

from decimal import Decimal

from anyvenue import Instrument, Order, OrderBook, Side, Strategy
from attrs import frozen


@frozen(kw_only=True)
class ToyBotParameters:
    """What the configuration sets.

    Attributes:
        instrument: symbol, on the first connection.
        quantity: of each quote, in the instrument's quantity unit.
        most: the largest position, long or short.
    """

    instrument: str = "BTC-PERP"
    quantity: Decimal = Decimal("0.01")
    most: Decimal = Decimal("0.03")

    def __attrs_post_init__(self) -> None:
        if not 0 < self.quantity <= self.most:
            raise ValueError(f"quantity, most: found {self.quantity}, {self.most}; allowed is 0 < quantity <= most")


class ToyBot(Strategy):
    """One quote a side, moved with the book."""

    Parameters = ToyBotParameters
    parameters: ToyBotParameters

    def on_start(self) -> None:
        """Ask for the book; check what can be wrong before anything is sent."""
        self._instrument: Instrument = self.instrument(self.parameters.instrument)
        self._instrument.check_quantity(self.parameters.quantity)
        self._quotes: dict[Side, Order] = {}
        self.subscribe(self._instrument)

    def on_book(self, book: OrderBook) -> None:
        """Quote at the best prices. A book that is not synced is no price: then there are no quotes."""
        if not book.is_synced or book.best_bid is None or book.best_ask is None:
            for quote in self._quotes.values():
                self.cancel(quote)
            return
        self._quote(Side.BUY, book.best_bid.price)
        self._quote(Side.SELL, book.best_ask.price)

    def on_order(self, order: Order) -> None:
        """Forget a quote that has ended; the next book makes another one."""
        quote = self._quotes.get(order.side)
        if order.is_terminal and quote is not None and quote.client_order_id == order.client_order_id:
            del self._quotes[order.side]

    def _quote(self, side: Side, price: Decimal) -> None:
        quote, held = self._quotes.get(side), self.position(self._instrument).quantity
        if quote is not None:
            now = self.order(quote) or quote
            if now.price != price and now.is_resting:
                self.cancel(now)  # on_order tells when it has gone
        elif held * side.sign + self.parameters.quantity <= self.parameters.most:
            send = self.buy if side is Side.BUY else self.sell
            self._quotes[side] = send(self._instrument, self.parameters.quantity, price, post_only=True)
