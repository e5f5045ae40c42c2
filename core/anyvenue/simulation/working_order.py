"""An order as the simulated exchange holds it: the one mutable value behind the frozen ones that readers get."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import define, field

from anyvenue.model.enums import Fate, OrderState, OrderType, SelfTradePrevention, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Protection

if TYPE_CHECKING:
    from anyvenue.simulation.account import Account, Holding
    from anyvenue.simulation.market import Market
    from anyvenue.simulation.triggers import Watch

__all__ = ["WorkingOrder"]


@define(eq=False, kw_only=True)
class WorkingOrder:
    """An order's state at the exchange. Compared by identity.

    Attributes:
        price, quantity: in force now, after amends and cuts; quantity includes the filled part. A market order's
            price is 0 and is never looked at.
        reducing: whether it may only reduce its position: reduce-only, or the closing side of a hedge leg.
        visible: while it rests, how much of it the book shows (an iceberg shows less than is left).
        ahead: while it rests, how much external quantity at its price was there before it.
        waiting, watch: whether it waits for its trigger, and what watches the price for it.
        protection: what its first opening fill will set for the position; None from then on.
        client_order_id, is_market: as in its spec; `is_market`: no price binds it.
        reserved_quantity, reserved_value: what its holding counts of it for margin.
    """

    account: Account
    market: Market
    holding: Holding
    spec: OrderSpec
    venue_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    reducing: bool = False
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fees: Decimal = ZERO
    visible: Decimal = ZERO
    ahead: Decimal = ZERO
    resting: bool = False
    waiting: bool = False
    triggered: bool = False
    state: OrderState = OrderState.OPEN
    reason: RejectReason | None = None
    text: str = ""
    watch: Watch | None = None
    protection: Protection | None = field(init=False)
    client_order_id: str = field(init=False)
    is_market: bool = field(init=False)
    former_ids: tuple[str, ...] = ()
    trade_ids: list[str] = field(factory=list)
    reserved_quantity: Decimal = ZERO
    reserved_value: Decimal = ZERO
    ts_event: int = 0

    @protection.default
    def _protection_as_asked(self) -> Protection | None:
        return self.spec.protection

    @client_order_id.default
    def _id_as_given(self) -> str:
        return self.spec.client_order_id

    @is_market.default
    def _has_no_price(self) -> bool:
        return self.spec.order_type is OrderType.MARKET

    @property
    def leaves(self) -> Decimal:
        """How much may still trade."""
        return self.quantity - self.filled

    @property
    def prevention(self) -> SelfTradePrevention:
        """What happens when it would meet an order of its own account."""
        return self.spec.self_trade_prevention or SelfTradePrevention.CANCEL_NEWEST

    def view(self) -> Order:
        """Return it as the model's frozen value."""
        state = self.state
        if state is OrderState.OPEN and self.filled:
            state = OrderState.PARTIALLY_FILLED
        return Order(
            spec=self.spec,
            price=None if self.is_market else self.price,
            quantity=self.quantity,
            state=state,
            create=Fate.DONE,
            venue_order_id=self.venue_order_id,
            former_ids=self.former_ids,
            triggered=self.triggered,
            booked_quantity=self.filled,
            booked_value=self.value,
            fees=self.fees,
            trade_ids=frozenset(self.trade_ids),
            reported_quantity=self.filled,
            reason=self.reason,
            text=self.text,
            ts_event=self.ts_event,
        )
