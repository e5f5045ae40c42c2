"""A two-sided market maker that leans against its inventory.

It keeps one post-only bid and one post-only ask around a reservation price: the mid price of the others' orders,
shifted against the position so that what is held is more likely to be sold than added to. Quotes move by amending in
place. When the book cannot be trusted, or has been silent for too long, both are pulled.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from attrs import frozen

from anyvenue import (
    Fate,
    Feature,
    Fill,
    Instrument,
    NotSupported,
    Order,
    OrderBook,
    OrderState,
    Position,
    RejectReason,
    Side,
    Strategy,
)
from anyvenue.model import Level

__all__ = ["Quoter", "QuoterParameters"]

BASIS_POINT = Decimal("0.0001")
SECOND_NS = 1_000_000_000
PAUSE_NS = SECOND_NS
"""After a refusal that quoting further away does not cure, nothing new is tried for this long."""
FOREVER = 1 << 63


@frozen(kw_only=True)
class QuoterParameters:
    """What the quoter is told.

    Attributes:
        instrument: symbol, on the first connection.
        quantity: of each quote, in the instrument's quantity unit.
        half_spread_bp: distance of each quote from the reservation price, in basis points of the mid price.
        max_position: what is held never gets beyond this, either way: near it quotes get smaller, at it they end.
        skew_bp: how far the reservation price has moved against a position of `max_position`, in basis points.
        requote_bp: a resting quote is moved only when it is off by more than this, in basis points.
        silence_s: without a word of the book for this long, quotes are pulled; 0 for never.
    """

    instrument: str = "BTC-PERP"
    quantity: Decimal = Decimal("0.01")
    half_spread_bp: Decimal = Decimal("1.0")
    max_position: Decimal = Decimal("0.05")
    skew_bp: Decimal = Decimal("1.0")
    requote_bp: Decimal = Decimal("0.2")
    silence_s: int = 10

    def __attrs_post_init__(self) -> None:
        for name in ("quantity", "half_spread_bp", "max_position"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are numbers above 0")
        for name in ("skew_bp", "requote_bp", "silence_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are 0 and above")
        if (reach := self.half_spread_bp + self.skew_bp) >= 10_000:
            raise ValueError(f"half_spread_bp + skew_bp: found {reach}; allowed is below 10000, the price itself")


class Quoter(Strategy):
    """Quotes both sides of one instrument, whose position is its own alone."""

    Parameters = QuoterParameters
    parameters: QuoterParameters

    def on_start(self) -> None:
        """Watch the book."""
        p = self.parameters
        self._instrument: Instrument = self.instrument(p.instrument)
        for feature in (Feature.POST_ONLY, Feature.AMEND):
            if not self.supports(self._instrument, feature):
                raise NotSupported(f"the quoter needs {feature.value}", venue=self._instrument.venue)
        self._instrument.check_quantity(p.quantity)
        self._half_spread = p.half_spread_bp * BASIS_POINT
        self._skew = p.skew_bp * BASIS_POINT / p.max_position
        self._tolerance = p.requote_bp * BASIS_POINT
        self._quotes: dict[Side, str] = {}
        self._asked: dict[Side, Decimal] = {}
        self._content: tuple[Decimal, Decimal] | None = None
        """The touch at which everything could stay as it was: at the same one, and with no news of what is ours since,
        there is nothing to look at."""
        self._paused_until = 0
        self._heard = self.now
        self.subscribe(self._instrument)
        if p.silence_s:
            self.set_timer("silence", every_s=1)

    def on_book(self, book: OrderBook) -> None:
        """Put both quotes where they belong."""
        self._heard = self.now
        best_bid, best_ask = book.best_bid, book.best_ask
        if best_bid is None or best_ask is None or not book.is_synced:
            self._pull()
            return
        touch = best_bid.price, best_ask.price
        if touch == self._content:
            return
        self._content = None
        buy, sell, position = self._working(Side.BUY), self._working(Side.SELL), self.position(self._instrument)
        is_ours = self._may_be_ours(best_bid, buy), self._may_be_ours(best_ask, sell)
        bid = self._behind(book.bids(2), buy) if is_ours[0] else best_bid.price
        ask = self._behind(book.asks(2), sell) if is_ours[1] else best_ask.price
        if bid is None or ask is None:
            self._pull()
            return
        mid, held, p = (bid + ask) / 2, position.quantity, self.parameters
        reservation, away, tolerance = mid * (1 - self._skew * held), mid * self._half_spread, mid * self._tolerance
        is_content = self.now >= self._paused_until and not any(is_ours)
        for side, order, other in ((Side.BUY, buy, best_ask), (Side.SELL, sell, best_bid)):
            price = self._passive(side, reservation - side.sign * away, other.price)
            if self._quote(side, order, price, p.max_position - side.sign * held, tolerance):
                is_content = False
        if is_content:
            self._content = touch

    def on_order(self, order: Order) -> None:
        """Take refusals in. Post-only refused is routine: the next book says where to quote instead."""
        self._content = None
        rejected = order.state is OrderState.REJECTED and order.reason is not RejectReason.WOULD_TAKE_LIQUIDITY
        if rejected or (order.cancel is Fate.REFUSED and not order.is_terminal):
            self.log.warning("%s: refused, quoting pauses: %s", order.client_order_id, order.text)
            self._paused_until = max(self._paused_until, self.now + PAUSE_NS)
        elif self._is_quote(order) and _is_misplaced(order, self._asked[order.side]):
            self.cancel(order)  # its amend was refused, so it stands where it should not

    def on_fill(self, fill: Fill) -> None:
        """Look anew at the next book."""
        self._content = None

    def on_position(self, position: Position) -> None:
        """Look anew at the next book."""
        self._content = None

    def on_stop(self) -> None:
        """Quote no more."""
        self._paused_until = FOREVER

    def on_timer(self, name: str) -> None:
        """Pull the quotes when the book has been silent for too long."""
        if self.now - self._heard > self.parameters.silence_s * SECOND_NS:
            self._pull()

    def _pull(self) -> None:
        self._content = None
        self.cancel_all(self._instrument)

    def _may_be_ours(self, best: Level, order: Order | None) -> bool:
        """Whether our quote stands at the best price, or is on its way there."""
        return order is not None and best.price in (order.price, self._asked[order.side])

    def _behind(self, levels: Sequence[Level], order: Order | None) -> Decimal | None:
        """The best price that is not our quote alone: to follow oneself is to run away."""
        if order is None or levels[0].quantity > order.leaves_quantity:
            return levels[0].price
        return levels[1].price if len(levels) > 1 else None

    def _passive(self, side: Side, price: Decimal, other: Decimal) -> Decimal:
        """Keep a price from crossing the other side's best, and on the instrument's grid."""
        limit = other - side.sign * self._instrument.price_rule.step_at(other)
        price = min(price, limit) if side is Side.BUY else max(price, limit)
        return self._instrument.round_price(price, side)

    def _quote(self, side: Side, order: Order | None, price: Decimal, room: Decimal, tolerance: Decimal) -> bool:
        """Bring one side's quote to `price`; it may trade no more than `room`. Return whether that took a command."""
        if order is None:
            return self._place(side, price, room)
        if order.cancel is Fate.REFUSED:
            if self.now < self._paused_until:
                return False
            self.cancel(order)
        elif order.leaves_quantity > room or price <= 0:
            self.cancel(order)
        elif order.price is not None and abs(order.price - price) > tolerance and _is_settled(order):
            if order.filled_quantity:
                self.cancel(order)  # the next one is whole again
            else:
                self._asked[side] = price
                self.amend(order, price=price)
        else:
            return False
        return True

    def _place(self, side: Side, price: Decimal, room: Decimal) -> bool:
        instrument = self._instrument
        quantity = min(self.parameters.quantity, instrument.round_quantity(room))
        if self.now < self._paused_until or price <= 0 or quantity < instrument.min_quantity:
            return False
        if instrument.notional(quantity, price) < instrument.min_notional:
            return False
        self._asked[side] = price
        self._quotes[side] = self.submit(instrument, side, quantity, price, post_only=True).client_order_id
        return True

    def _is_quote(self, order: Order) -> bool:
        """Whether it is one of our quotes: an earlier run's order, of which we hear too, is not."""
        return self._quotes.get(order.side) == order.client_order_id

    def _working(self, side: Side) -> Order | None:
        name = self._quotes.get(side)
        order = None if name is None else self.order(name)
        return None if order is None or order.state.is_terminal else order


def _is_settled(order: Order) -> bool:
    """Whether an order rests and none of its commands is on its way or of unknown fate."""
    return order.is_resting and order.amend is None and order.cancel is None


def _is_misplaced(order: Order, asked: Decimal) -> bool:
    """Whether an order rests elsewhere than was asked, and nothing is under way to change that."""
    return order.is_resting and order.amend is None and order.price != asked
