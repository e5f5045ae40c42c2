"""A two-sided market maker that leans against its inventory.

It keeps one post-only bid and one post-only ask around a reservation price: the mid price, shifted against the
position so that what is held is more likely to be sold than added to. Quotes move by amending in place. When the book
cannot be trusted, both are pulled.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from anyvenue.engine.strategy import Strategy
from anyvenue.model.book import OrderBook
from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order

__all__ = ["Quoter", "QuoterParameters"]

BASIS_POINT = Decimal("0.0001")


@frozen(kw_only=True)
class QuoterParameters:
    """What the quoter is told.

    Attributes:
        instrument: neutral symbol, on the first connection.
        quantity: of each quote, in the instrument's quantity unit.
        half_spread_bp: distance of each quote from the reservation price, in basis points.
        max_position: at this position (either way) the side that would add to it is no longer quoted.
        skew_bp: how far the reservation price has moved against a position of `max_position`, in basis points.
        requote_bp: a resting quote is amended only when it is off by at least this much, in basis points.
    """

    instrument: str = "BTC-USDT-PERP"
    quantity: Decimal = Decimal("0.01")
    half_spread_bp: Decimal = Decimal("1.0")
    max_position: Decimal = Decimal("0.05")
    skew_bp: Decimal = Decimal("1.0")
    requote_bp: Decimal = Decimal("0.2")

    def __attrs_post_init__(self) -> None:
        for name in ("quantity", "half_spread_bp", "max_position"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are numbers above 0")
        for name in ("skew_bp", "requote_bp"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are 0 and above")


class Quoter(Strategy):
    """Quotes both sides of one instrument."""

    Parameters = QuoterParameters
    parameters: QuoterParameters

    def on_start(self) -> None:
        """Watch the book."""
        self._instrument: Instrument = self.instrument(self.parameters.instrument)
        self._quantity = self._instrument.check_quantity(self.parameters.quantity)
        self._quotes: dict[Side, str | None] = {Side.BUY: None, Side.SELL: None}
        self.subscribe(self._instrument)

    def on_book(self, book: OrderBook) -> None:
        """Put both quotes where they belong."""
        mid = book.mid
        if not book.is_synced or mid is None:
            self.cancel_all(self._instrument)
            return
        p = self.parameters
        held = self.position(self._instrument).quantity
        reservation = mid * (1 - p.skew_bp * BASIS_POINT * held / p.max_position)
        distance = mid * p.half_spread_bp * BASIS_POINT
        tolerance = mid * p.requote_bp * BASIS_POINT
        for side in (Side.BUY, Side.SELL):
            if held * side.sign + self._quantity > p.max_position:
                self._pull(side)
            else:
                self._quote(side, self._passive(book, side, reservation - side.sign * distance), tolerance)

    def _passive(self, book: OrderBook, side: Side, price: Decimal) -> Decimal:
        """Keep a price from crossing the other side, and on the instrument's grid."""
        other = book.best_ask if side is Side.BUY else book.best_bid
        if other is not None:
            step = self._instrument.price_rule.step_at(other.price)
            limit = other.price - side.sign * step
            price = min(price, limit) if side is Side.BUY else max(price, limit)
        return self._instrument.round_price(price, side)

    def _quote(self, side: Side, price: Decimal, tolerance: Decimal) -> None:
        order = self._current(side)
        if order is None:
            sent = self.submit(self._instrument, side, self._quantity, price, post_only=True)
            self._quotes[side] = sent.client_order_id
            return
        working = order.amend.price if order.amend is not None and order.amend.price is not None else order.price
        if working is not None and abs(working - price) > tolerance:
            self.amend(order, price=price)

    def _pull(self, side: Side) -> None:
        order = self._current(side)
        if order is not None:
            self.cancel(order)

    def _current(self, side: Side) -> Order | None:
        name = self._quotes[side]
        order = None if name is None else self.order(name)
        return None if order is None or order.is_terminal else order
