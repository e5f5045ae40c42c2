"""One instrument on two venues at once: quotes on the first and hedges on the second, or holds both for the funding.

Mode `quote`: a bid and an ask rest on the first connection, each so far from the second one's best price that a fill
can be hedged there at once with a profit. Mode `funding`: where longs are paid more on one venue than on the other, it
is long there and short on the other, for as long as that lasts.

Either way one rule holds whatever happens: what is held on both sides together goes back to nothing, at market, on
the second venue while that is there, else on the first. When a side is lost, quotes are pulled, and nothing is opened
until it is back.
"""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from anyvenue import (
    Channel,
    Feature,
    Fill,
    Instrument,
    NotSupported,
    Order,
    OrderBook,
    OrderState,
    RejectReason,
    Side,
    Strategy,
    Ticker,
)

__all__ = ["Spread", "SpreadParameters"]

BASIS_POINT = Decimal("0.0001")
SECOND_NS = 1_000_000_000
PAUSE_NS = SECOND_NS
"""After a refusal nothing new is quoted for this long."""
MODES = ("quote", "funding")


@frozen(kw_only=True)
class SpreadParameters:
    """What the spread is told.

    Attributes:
        mode: `quote` or `funding`.
        instrument: symbol on the first connection.
        hedge: symbol on the second; the same one where this is empty.
        quantity: of each quote, or of each leg, in the quantity unit.
        max_position: `quote`: no quote is made that could bring the first side beyond this, either way.
        edge_bp: `quote`: how much better than the hedge's price a quote is, in basis points; fees come out of this.
        requote_bp: `quote`: a resting quote is moved only when it is off by more than this.
        enter_bp, leave_bp: `funding`: the difference between the rates of one interval at which to begin and end.
        silence_s: without a word of a side's book for this long, that side counts as lost.
        patience_s: an exposure that the second side could not take for this long is closed on the first; so long, too,
            a hedge is waited for that nothing is heard of.
    """

    mode: str = "quote"
    instrument: str = "BTC-PERP"
    hedge: str = ""
    quantity: Decimal = Decimal("0.01")
    max_position: Decimal = Decimal("0.03")
    edge_bp: Decimal = Decimal(8)
    requote_bp: Decimal = Decimal(1)
    enter_bp: Decimal = Decimal(2)
    leave_bp: Decimal = Decimal("0.5")
    silence_s: int = 10
    patience_s: int = 5

    def __attrs_post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode: found {self.mode!r}; allowed are {', '.join(MODES)}")
        for name in ("quantity", "max_position"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are numbers above 0")
        for name in ("edge_bp", "requote_bp", "silence_s", "patience_s", "leave_bp"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: found {getattr(self, name)}; allowed are 0 and above")
        if self.enter_bp <= self.leave_bp:
            raise ValueError(f"enter_bp: found {self.enter_bp}; allowed is above leave_bp, {self.leave_bp}")


class Spread(Strategy):
    """Needs two connections, whose positions in these instruments are its own alone."""

    Parameters = SpreadParameters
    parameters: SpreadParameters

    def on_start(self) -> None:
        """Watch both books."""
        p = self.parameters
        if len(self.connections) != 2:
            raise ValueError(f"connections: found {len(self.connections)}; the spread needs two")
        first, second = self.connections
        self._here = self.instrument(p.instrument, on=first)
        self._there = self.instrument(p.hedge or p.instrument, on=second)
        needed = (Feature.POST_ONLY, Feature.AMEND) if p.mode == "quote" else (Feature.TICKER,)
        for instrument, features in ((self._here, needed), (self._there, needed if p.mode == "funding" else ())):
            for feature in (*features, Feature.MARKET):
                if not self.supports(instrument, feature):
                    raise NotSupported(f"the spread needs {feature.value}", venue=instrument.venue)
            instrument.check_quantity(p.quantity)
        self._heard = dict.fromkeys(self.connections, 0)
        self._quotes: dict[Side, str] = {}
        self._hedging, self._hedged_at = "", 0
        self._exposed_since: int | None = None
        self._paused_until = 0
        self._rates: dict[str, Decimal] = {}
        self._target = Decimal(0)
        for instrument in (self._here, self._there):
            self.subscribe(instrument)
            if p.mode == "funding":
                self.subscribe(instrument, Channel.TICKER)
        self.set_timer("look", every_s=1)

    # What is heard

    def on_book(self, book: OrderBook) -> None:
        """Quote anew when either side has moved."""
        self._heard[book.instrument.connection] = self.now if book.is_synced else 0
        self._look()

    def on_ticker(self, ticker: Ticker) -> None:
        """Learn a funding rate."""
        if ticker.funding_rate is not None:
            self._rates[ticker.instrument.connection] = ticker.funding_rate

    def on_order(self, order: Order) -> None:
        """Go on when an order has ended; after a hedge that was refused, not before the next look."""
        if order.client_order_id == self._hedging and order.is_terminal:
            self._hedging = ""
            if order.state is OrderState.REJECTED:
                self.log.warning("hedge refused: %s", order.text)
                return
        elif order.state is OrderState.REJECTED and order.reason is not RejectReason.WOULD_TAKE_LIQUIDITY:
            self.log.warning("%s: refused, quoting pauses: %s", order.client_order_id, order.text)
            self._paused_until = self.now + PAUSE_NS
            return
        if order.is_terminal:
            self._look()

    def on_fill(self, fill: Fill) -> None:
        """Hedge at once, also what is only a part."""
        self._look()

    def on_disconnect(self, connection: str, reason: str) -> None:
        """A side is lost."""
        self._heard[connection] = 0
        self._look()

    def on_timer(self, name: str) -> None:
        """Notice silence, and exposures that last."""
        self._look()

    # What is done

    def _look(self) -> None:
        """Bring everything to where it belongs."""
        self._hedge()
        if self.parameters.mode == "funding":
            self._take_funding()
        else:
            self._quote(Side.BUY)
            self._quote(Side.SELL)

    def _hedge(self) -> None:
        """Bring what is held on both sides together back to nothing."""
        exposure = self._held(self._here) + self._held(self._there)
        quantity = self._tradable(self._there, abs(exposure))
        if not quantity:
            self._exposed_since = None
            return
        if self._exposed_since is None:
            self._exposed_since = self.now
        patience = self.parameters.patience_s * SECOND_NS
        if self._hedging and self.now - self._hedged_at < patience:
            return  # later, where nothing is known of it: if it was done after all, the positions will tell
        side = Side.SELL if exposure > 0 else Side.BUY
        if self._is_there(self._there) and self.now - self._exposed_since < patience:
            self._send_hedge(self._there, side, quantity)
        elif self._is_there(self._here) and (quantity := self._tradable(self._here, abs(exposure))):
            self._send_hedge(self._here, side, quantity)

    def _send_hedge(self, instrument: Instrument, side: Side, quantity: Decimal) -> None:
        self._hedging, self._hedged_at = self.submit(instrument, side, quantity).client_order_id, self.now

    def _quote(self, side: Side) -> None:
        """Keep one quote on the first side, by the second side's price."""
        order, price = self._working(side), self._price(side)
        if price is None:
            if order is not None:
                self.cancel(order)
        elif order is None and self.now >= self._paused_until:
            self._quotes[side] = self.submit(
                self._here, side, self.parameters.quantity, price, post_only=True
            ).client_order_id
        elif order is not None and order.price is not None and _is_settled(order):
            if order.filled_quantity:
                self.cancel(order)  # the next one is whole again
            elif abs(order.price - price) > price * self.parameters.requote_bp * BASIS_POINT:
                self.amend(order, price=price)

    def _price(self, side: Side) -> Decimal | None:
        """Where a quote belongs; None for nowhere: a side is lost, not hedged yet, or full."""
        if self._exposed_since is not None or not (self._is_there(self._here) and self._is_there(self._there)):
            return None
        if self._held(self._here) * side.sign + self.parameters.quantity > self.parameters.max_position:
            return None
        here, there = self.book(self._here), self.book(self._there)
        hedge, other = (there.best_bid, here.best_ask) if side is Side.BUY else (there.best_ask, here.best_bid)
        if hedge is None or other is None:
            return None
        price = hedge.price * (1 - side.sign * self.parameters.edge_bp * BASIS_POINT)
        limit = other.price - side.sign * self._here.price_rule.step_at(other.price)
        price = min(price, limit) if side is Side.BUY else max(price, limit)
        return self._here.round_price(price, side)

    def _take_funding(self) -> None:
        """Choose the side to be short on, and have the first leg there; the second is what hedges it."""
        first, second = (self._rates.get(name) for name in self.connections)
        if first is None or second is None:
            return
        difference = first - second  # above 0, longs pay more on the first: be short there
        if abs(difference) >= self.parameters.enter_bp * BASIS_POINT:
            self._target = -self.parameters.quantity if difference > 0 else self.parameters.quantity
        elif abs(difference) < self.parameters.leave_bp * BASIS_POINT:
            self._target = Decimal(0)
        missing = self._target - self._held(self._here)
        both = self._is_there(self._here) and self._is_there(self._there)
        if both and self._exposed_since is None and not self._hedging and abs(missing) >= self._here.min_quantity:
            side = Side.BUY if missing > 0 else Side.SELL
            self._send_hedge(self._here, side, self._here.round_quantity(abs(missing)))

    # What is known

    def _held(self, instrument: Instrument) -> Decimal:
        return self.position(instrument).quantity

    def _tradable(self, instrument: Instrument, quantity: Decimal) -> Decimal:
        """How much of a quantity one order can trade; 0 where it is too small for the venue."""
        rounded, mark = instrument.round_quantity(quantity), self.mark_price(instrument)
        too_small = mark is not None and rounded and instrument.notional(rounded, mark) < instrument.min_notional
        return Decimal(0) if too_small or rounded < instrument.min_quantity else rounded

    def _is_there(self, instrument: Instrument) -> bool:
        """Whether a side's book can be traded on."""
        heard = self._heard[instrument.connection]
        return bool(heard) and self.now - heard <= self.parameters.silence_s * SECOND_NS

    def _working(self, side: Side) -> Order | None:
        name = self._quotes.get(side)
        order = None if name is None else self.order(name)
        return None if order is None or order.is_terminal else order


def _is_settled(order: Order) -> bool:
    """Whether an order rests and none of its commands is on its way or of unknown fate."""
    return order.is_resting and order.amend is None and order.cancel is None
