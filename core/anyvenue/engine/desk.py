"""The desk: what a strategy asks for, checked against instrument, venue and limits before it becomes a command."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from anyvenue.engine.commands import Protect, SetLeverage
from anyvenue.engine.risk import Exposure, RiskGate, RiskLimits
from anyvenue.model.enums import MarginMode, OrderType, PositionSide, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO, Number, exact
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendRejected, OrderRejected
from anyvenue.model.order_spec import OrderSpec, Protection, check_protection
from anyvenue.venue.capabilities import Capabilities, Feature, Grade
from anyvenue.venue.needs import features_of

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["Desk"]

REFUSALS_MAX = 100
"""So many refusals at one moment end a strategy: it would ask for ever."""


class Desk:
    """Orders and other wishes on their way out of one engine.

    Misuse raises. What the limits refuse becomes an event, as if a venue had refused it.
    """

    def __init__(self, engine: Engine, risk: RiskLimits, allow_approximate: Mapping[str, frozenset[Feature]]) -> None:
        self._engine = engine
        self._gate = RiskGate(risk)
        self._allow_approximate = dict(allow_approximate)
        self._refused_at = self._refusals = 0
        self.capabilities: dict[str, Capabilities] = {}

    @property
    def limits(self) -> RiskLimits:
        """The limits that hold."""
        return self._gate.limits

    def has(self, feature: Feature, instrument: Instrument) -> bool:
        """Tell whether `require` would pass."""
        grade = self.capabilities[instrument.connection][feature].grade
        return grade is not Grade.ABSENT and (grade is not Grade.APPROXIMATE or feature in self._allowed(instrument))

    def require(self, feature: Feature, instrument: Instrument) -> None:
        """Raise NotSupported where the instrument's venue cannot do something, or not well enough."""
        capabilities = self.capabilities[instrument.connection]
        capabilities.require(feature, venue=instrument.venue, allowed=self._allowed(instrument))

    def _allowed(self, instrument: Instrument) -> frozenset[Feature]:
        return self._allow_approximate.get(instrument.connection, frozenset())

    def submit(
        self,
        instrument: Instrument,
        side: Side,
        quantity: Number,
        price: Number | None,
        *,
        is_closing: bool = False,
        **how: Any,
    ) -> Order:
        """Make an order, pass it by the limits, and send it. Closing a position passes all of them."""
        if how.get("display_quantity") is not None:
            how["display_quantity"] = exact(how["display_quantity"], "display_quantity")
        spec = OrderSpec(
            client_order_id=self._engine.orders.next_id(),
            instrument=instrument,
            side=side,
            quantity=exact(quantity, "quantity"),
            price=None if price is None else exact(price, "price"),
            ts_created=self._engine.now,
            **how,
        )
        for feature in features_of(spec):
            self.require(feature, instrument)
        refusal = None
        if not is_closing:
            refusal = self._refusal(instrument, side, spec.price, spec.quantity, spec.quantity, spec.reduce_only)
        if refusal is not None:
            return self._refuse(Order(spec=spec), refusal)
        order = self._engine.orders.place(spec)
        self._engine.recorder.sent(order, self._engine.data.mid(instrument))
        return order

    def _refusal(
        self,
        instrument: Instrument,
        side: Side,
        price: Decimal | None,
        quantity: Decimal,
        adds: Decimal,
        reduce_only: bool,
    ) -> str | None:
        if self._engine.is_stopping and not reduce_only:
            return "the run is ending; only reduce-only orders and cancels are taken"

        def exposure() -> Exposure:
            return Exposure(
                self._engine.portfolio.quantity(instrument),
                self._engine.orders.open_quantity(instrument, Side.BUY),
                self._engine.orders.open_quantity(instrument, Side.SELL),
            )

        return self._gate.refusal(
            instrument,
            side,
            price=price,
            quantity=quantity,
            adds=adds,
            reduce_only=reduce_only,
            exposure=exposure,
            reference=self._engine.data.mark(instrument),
            now_ns=self._engine.now,
        )

    def _refuse(self, order: Order, text: str) -> Order:
        rejected = OrderRejected(
            client_order_id=order.client_order_id,
            reason=RejectReason.LOCAL_LIMIT,
            text=text,
            ts_recv=self._engine.now,
        )
        self._engine.orders.remember_refused(order)
        if self._engine.is_stopping:
            # Nothing will come of telling a strategy that is ending, but perhaps the same wish again.
            return self._engine.orders.apply(order, rejected)
        self._count_refusal(text)
        self._engine.later(rejected)
        return order

    def _count_refusal(self, text: str) -> None:
        """Raise RuntimeError, which stops the strategy, where it asks again and again for what is refused at once."""
        now = self._engine.now
        self._refusals = self._refusals + 1 if now == self._refused_at else 1
        self._refused_at = now
        if self._refusals > REFUSALS_MAX:
            raise RuntimeError(f"refused {REFUSALS_MAX} times at one moment, the last time because {text}")

    def amend(self, order: Order | str, price: Number | None, quantity: Number | None) -> Order:
        """Change an order's price or total quantity, past the limits again."""
        order = self._current(order)
        instrument = order.instrument
        new_price = order.price if price is None else instrument.check_price(price)
        new_quantity = order.quantity if quantity is None else instrument.check_quantity(quantity)
        if order.is_terminal:
            return self._refuse_amend(order, RejectReason.ORDER_CLOSED, f"the order is {order.state.value}")
        self.require(Feature.AMEND, instrument)
        if self._engine.orders.must_wait(order):
            return self._engine.orders.wish(order, new_price, new_quantity)
        if new_price == order.price and new_quantity == order.quantity:
            return order
        adds = max(new_quantity - order.quantity, ZERO)
        refusal = self._refusal(instrument, order.side, new_price, new_quantity, adds, order.spec.reduce_only)
        if refusal is not None:
            return self._refuse_amend(order, RejectReason.LOCAL_LIMIT, refusal)
        self._engine.recorder.decided(order, self._engine.data.mid(instrument))
        return self._engine.orders.amend(order, new_price, new_quantity)

    def _refuse_amend(self, order: Order, reason: RejectReason, text: str) -> Order:
        if self._engine.is_stopping:
            return order
        self._count_refusal(text)
        self._engine.later(
            AmendRejected(client_order_id=order.client_order_id, reason=reason, text=text, ts_recv=self._engine.now)
        )
        return order

    def cancel(self, order: Order | str) -> Order:
        """Cancel an order."""
        return self._engine.orders.cancel(self._current(order))

    def close(self, instrument: Instrument, side: PositionSide) -> Order | None:
        """Close a position by reduce-only market orders, as many as the venue's largest one makes necessary.

        Returns the last; None where nothing is held, or less than the venue's smallest order.
        """
        held = self._engine.portfolio.position(instrument, side).quantity
        left, order = abs(held), None
        largest = instrument.max_market_quantity or instrument.max_quantity or left
        while left >= instrument.min_quantity:
            quantity = min(left, largest)
            left -= quantity
            order = self.submit(
                instrument,
                Side.SELL if held > 0 else Side.BUY,
                quantity,
                None,
                order_type=OrderType.MARKET,
                is_closing=True,
                reduce_only=True,
                position_side=side,
            )
        if left:
            self._engine.say(
                f"{instrument.key}: {left} is left: less than the smallest order {instrument.min_quantity}"
            )
        return order

    def protect(self, instrument: Instrument, protection: Protection, side: PositionSide) -> None:
        """Set a position's take-profit and stop-loss."""
        self.require(Feature.PROTECTION, instrument)
        position = self._engine.portfolio.position(instrument, side)
        mark = self._engine.data.mark(instrument)
        if position.quantity and mark is not None:
            opening = Side.BUY if position.quantity > 0 else Side.SELL
            check_protection(protection, opening=opening, price=mark, instrument=instrument)
        self._engine.send(Protect(instrument, protection, side))

    def set_leverage(self, instrument: Instrument, leverage: Number, margin_mode: MarginMode) -> None:
        """Set leverage and margin mode."""
        self.require(Feature.LEVERAGE, instrument)
        self._engine.send(SetLeverage(instrument, exact(leverage, "leverage"), margin_mode))

    def _current(self, order: Order | str) -> Order:
        if not isinstance(order, str | Order):
            raise TypeError(f"order: found {order!r} ({type(order).__name__}); allowed are an Order and its client id")
        client_order_id = order if isinstance(order, str) else order.client_order_id
        current = self._engine.orders.get(client_order_id)
        if current is None:
            raise ValueError(f"order: found the client id {client_order_id!r}, which is none of this run's orders")
        return current
