"""An account at the simulated exchange: its money, what it holds, its orders and what it remembers of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from decimal import Decimal

from attrs import define, field

from anyvenue.model.enums import MarginMode, PositionMode, PositionSide, Side
from anyvenue.model.fill import Fill
from anyvenue.model.market import FundingPayment
from anyvenue.model.numbers import ONE, ZERO
from anyvenue.model.order_spec import Protection
from anyvenue.model.position import Position
from anyvenue.simulation.market import Market
from anyvenue.simulation.triggers import Watch
from anyvenue.simulation.working_order import WorkingOrder

__all__ = ["Account", "Holding"]


@define(eq=False)
class Holding:
    """One position of one account, with the open orders that could change it.

    `buys` and `sells` are sums over the resting orders that may open: quantity, and value in settle currency at
    their own prices. Orders that can only reduce are in `reducing` instead and need no margin.
    """

    account: Account
    market: Market
    position: Position
    buys_quantity: Decimal = ZERO
    buys_value: Decimal = ZERO
    sells_quantity: Decimal = ZERO
    sells_value: Decimal = ZERO
    reducing: dict[WorkingOrder, None] = field(factory=dict)
    protection: Protection | None = None
    protects_long: bool = False
    watches: list[Watch] = field(factory=list)
    _rated_leverage: Decimal | None = field(default=None, init=False)
    _margin_rate: Decimal = field(default=ZERO, init=False)

    @property
    def margin_rate(self) -> Decimal:
        """Margin to open, a fraction of value."""
        leverage = self.position.leverage
        if leverage is not self._rated_leverage:
            self._rated_leverage = leverage
            self._margin_rate = max(ONE / leverage, self.market.instrument.initial_margin_rate)
        return self._margin_rate

    def reserve(self, order: WorkingOrder) -> None:
        """Count what is left of an order, at its price."""
        if order.reducing:
            self.reducing[order] = None
            return
        quantity, price = order.leaves, order.price
        self.count(order, quantity, self.market.instrument.value(quantity, price))

    def count(self, order: WorkingOrder, quantity: Decimal, value: Decimal) -> None:
        """Count an order with this quantity and value, in place of what was counted of it."""
        more_quantity, more_value = quantity - order.reserved_quantity, value - order.reserved_value
        order.reserved_quantity, order.reserved_value = quantity, value
        if order.side is Side.BUY:
            self.buys_quantity += more_quantity
            self.buys_value += more_value
        else:
            self.sells_quantity += more_quantity
            self.sells_value += more_value

    def release(self, order: WorkingOrder) -> None:
        """Count nothing of an order any more."""
        if order.reducing:
            self.reducing.pop(order, None)
        elif order.reserved_quantity:
            self.count(order, ZERO, ZERO)


class Account:
    """One account. Money is per settle currency. A house account has no margin and pays no fees.

    Ended orders, fills and funding payments are remembered up to `history_limit` of each, the oldest forgotten first.
    """

    def __init__(
        self,
        name: str,
        *,
        balances: Mapping[str, Decimal],
        leverage: Decimal,
        position_mode: PositionMode,
        margin_mode: MarginMode,
        history_limit: int,
        is_house: bool = False,
    ) -> None:
        self.name = name
        self.is_house = is_house
        self.wallets = dict(balances)
        self.leverage = leverage
        self.position_mode = position_mode
        self.margin_mode = margin_mode
        self.history_limit = history_limit
        self.holdings: dict[tuple[str, PositionSide], Holding] = {}
        self.open_orders: dict[str, WorkingOrder] = {}
        self.by_client_id: dict[str, WorkingOrder] = {}
        self.by_venue_id: dict[str, WorkingOrder] = {}
        self.ended_orders: deque[WorkingOrder] = deque()
        self.fills: deque[Fill] = deque(maxlen=history_limit)
        self.funding: deque[FundingPayment] = deque(maxlen=history_limit)
        self.sequence = 0

    def holding(self, market: Market, side: PositionSide) -> Holding:
        """Return the holding of a position, made when first asked for."""
        key = (market.instrument.symbol, side)
        found = self.holdings.get(key)
        if found is None:
            position = Position(
                instrument=market.instrument,
                side=side,
                leverage=min(self.leverage, market.instrument.max_leverage),
                margin_mode=self.margin_mode,
            )
            found = self.holdings[key] = Holding(self, market, position)
        return found

    def holdings_in(self, currency: str) -> Iterator[Holding]:
        """Iterate over the holdings that settle in `currency`."""
        return (h for h in self.holdings.values() if h.market.instrument.settle == currency)

    def open(self, order: WorkingOrder) -> None:
        """Remember an order that was accepted."""
        self.open_orders[order.venue_order_id] = order
        self.by_client_id[order.client_order_id] = order
        self.by_venue_id[order.venue_order_id] = order

    def rename(self, order: WorkingOrder, venue_order_id: str) -> None:
        """Give an open order a new venue id; it is still found by the former one."""
        del self.open_orders[order.venue_order_id]
        order.former_ids = (*order.former_ids, order.venue_order_id)
        order.venue_order_id = venue_order_id
        self.open_orders[venue_order_id] = self.by_venue_id[venue_order_id] = order

    def end(self, order: WorkingOrder) -> None:
        """Move an order from the open ones to the remembered ones."""
        del self.open_orders[order.venue_order_id]
        self.ended_orders.append(order)
        if len(self.ended_orders) > self.history_limit:
            forgotten = self.ended_orders.popleft()
            del self.by_client_id[forgotten.client_order_id]
            for venue_order_id in (forgotten.venue_order_id, *forgotten.former_ids):
                del self.by_venue_id[venue_order_id]

    def find(self, client_order_id: str | None, venue_order_id: str | None) -> WorkingOrder | None:
        """Find an order, open or remembered, by the venue's id (also a former one) or else by the client's."""
        if venue_order_id is not None:
            return self.by_venue_id.get(venue_order_id)
        return None if client_order_id is None else self.by_client_id.get(client_order_id)
