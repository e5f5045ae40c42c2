"""The way of an order through the simulated exchange: admitted or refused, matched, then resting, waiting or ended."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from attrs import evolve

from anyvenue.model.enums import OrderState, OrderType, Side, TimeInForce, TriggerKind
from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_events import OrderAmended, OrderTriggered
from anyvenue.model.order_spec import OrderSpec
from anyvenue.simulation import admission
from anyvenue.simulation.account import Account, Holding
from anyvenue.simulation.admission import refuse
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.market import Market
from anyvenue.simulation.matching import Matcher
from anyvenue.simulation.triggers import watch_for
from anyvenue.simulation.working_order import WorkingOrder

__all__ = ["Execution"]


class Execution:
    """Takes orders on and carries them out."""

    def __init__(self, ledger: Ledger, matcher: Matcher) -> None:
        self._ledger = ledger
        self._matcher = matcher
        self._ids = 0

    def next_id(self) -> str:
        """Return the next venue order id."""
        self._ids += 1
        return str(self._ids)

    # New orders

    def place(self, account: Account, market: Market, spec: OrderSpec) -> WorkingOrder:
        """Take a new order. Raises Rejected, with nothing changed."""
        order = self._admit(account, market, spec)
        if not order.waiting:
            if order.quantity != spec.quantity:
                self._ledger.tell(account, self.amended(order))
            self._execute(order)
        return order

    def _admit(self, account: Account, market: Market, spec: OrderSpec) -> WorkingOrder:
        admission.check_id(account, spec.client_order_id)
        reducing = admission.check_position(account, spec)
        admission.check_status(market, reducing=reducing)
        if spec.instrument is not market.instrument:
            admission.check_quantity(market, spec.quantity, is_market=spec.order_type is OrderType.MARKET)
            if spec.price is not None:
                admission.check_price(market, spec.price)
        waiting = spec.trigger is not None
        admission.check_limits(market, None if waiting else spec.price, spec.quantity, reducing=reducing)
        if spec.protection is not None and spec.price is None and not waiting:
            admission.check_protected(market, spec.protection, spec.side)
        order = self._new(account, market, spec, reducing=reducing)
        if waiting:
            self._wait(order)
        else:
            self._cut(order)
            self._check(order, order.price, order.quantity)
        order.venue_order_id = self.next_id()
        account.open(order)
        return order

    def _new(self, account: Account, market: Market, spec: OrderSpec, *, reducing: bool) -> WorkingOrder:
        return WorkingOrder(
            account=account,
            market=market,
            holding=account.holding(market, spec.position_side),
            spec=spec,
            venue_order_id="",
            side=spec.side,
            price=ZERO if spec.price is None else spec.price,
            quantity=spec.quantity,
            reducing=reducing,
            ts_event=self._ledger.time_ns(),
        )

    def close(self, holding: Holding, quantity: Decimal, name: str) -> WorkingOrder:
        """Take an order of the exchange's own that reduces a position at market; its client id begins with `name`.

        The quantity need not keep the instrument's limits. The order is not carried out yet: `run` does it.
        """
        order_id = self.next_id()
        side = Side.SELL if holding.position.quantity > 0 else Side.BUY
        spec = self._own_spec(holding, side, quantity, f"{name}-{order_id}")
        order = self._new(holding.account, holding.market, spec, reducing=True)
        order.venue_order_id, order.quantity = order_id, min(quantity, abs(holding.position.quantity))
        holding.account.open(order)
        return order

    def unload(self, holding: Holding, side: Side, quantity: Decimal, price: Decimal) -> None:
        """Trade what a house account wants to be rid of, at `price` or better, as far as the book takes it."""
        order_id = self.next_id()
        spec = self._own_spec(holding, side, quantity, f"takeover-{order_id}")
        spec = evolve(spec, order_type=OrderType.LIMIT, price=price, time_in_force=TimeInForce.IOC, reduce_only=False)
        order = self._new(holding.account, holding.market, spec, reducing=False)
        order.venue_order_id, order.quantity = order_id, quantity
        holding.account.open(order)
        self._execute(order)

    def _own_spec(self, holding: Holding, side: Side, quantity: Decimal, name: str) -> OrderSpec:
        """Return a spec with a quantity that any order may have; the true one is the working order's."""
        instrument = holding.market.instrument
        limits = [limit for limit in (instrument.max_quantity, instrument.max_market_quantity) if limit is not None]
        return OrderSpec(
            client_order_id=name,
            instrument=instrument,
            side=side,
            quantity=max(instrument.min_quantity, instrument.round_quantity(min([quantity, *limits]))),
            order_type=OrderType.MARKET,
            reduce_only=True,
            position_side=holding.position.side,
            ts_created=self._ledger.time_ns(),
        )

    def run(self, order: WorkingOrder) -> None:
        """Carry out an order that `close` took on."""
        self._execute(order)

    # Waiting orders

    def _wait(self, order: WorkingOrder) -> None:
        """Let an order wait for its trigger. Raises Rejected where that would fire at once."""
        trigger, market = order.spec.trigger, order.market
        if trigger is None:
            return
        price = market.price(trigger.source)
        watch = watch_for(trigger, order.side, price, self._fire_later(order))
        if trigger.kind is not TriggerKind.TRAILING and price is not None and watch.sees(price):
            refuse(
                RejectReason.INVALID_TRIGGER,
                f"{market.instrument.key}: trigger: found {trigger.price}, which the {trigger.source.value} price "
                f"{price} has reached already",
            )
        order.waiting, order.watch = True, watch
        market.watch(trigger.source, watch)
        self._ledger.stir(market)

    def _fire_later(self, order: WorkingOrder) -> Callable[[], None]:
        return lambda: self._fire(order)

    def _fire(self, order: WorkingOrder) -> None:
        """Turn a waiting order into the order it was waiting to be, under a new id."""
        order.waiting, order.triggered, order.watch = False, True, None
        order.ts_event = self._ledger.time_ns()
        order.account.rename(order, self.next_id())
        self._ledger.tell(
            order.account,
            OrderTriggered(
                client_order_id=order.client_order_id, venue_order_id=order.venue_order_id, ts_event=order.ts_event
            ),
        )
        market, spec, quantity = order.market, order.spec, order.quantity
        try:
            admission.check_status(market, reducing=order.reducing)
            admission.check_limits(
                market, None if order.is_market else order.price, order.quantity, reducing=order.reducing
            )
            if spec.protection is not None and spec.price is None:
                admission.check_protected(market, spec.protection, order.side)
            cut = self._cut(order)
            self._check(order, order.price, order.quantity)
        except Rejected as refused:
            order.quantity = quantity
            self._matcher.cancel(order, refused.reason, refused.text)
            self._ledger.tell_end(order)
            return
        if cut:
            self._ledger.tell(order.account, self.amended(order))
        self._execute(order)

    # Amends

    def amend(self, order: WorkingOrder, price: Decimal, quantity: Decimal) -> None:
        """Put new values into force. Raises Rejected, with nothing changed."""
        market = order.market
        eases = order.reducing or (quantity < order.quantity and price == order.price)
        admission.check_status(market, reducing=eases)
        if price != order.price:
            if order.is_market:
                refuse(RejectReason.INVALID_PRICE, f"{order.client_order_id}: a market order has no price")
            admission.check_price(market, price)
        if quantity <= 0:
            refuse(RejectReason.INVALID_QUANTITY, f"quantity: found {quantity}; allowed are quantities above 0")
        if quantity <= order.filled:
            if order.resting:
                self._matcher.unrest(order)
            order.quantity = order.filled
            self._ledger.end(order, OrderState.FILLED)
            return
        if quantity != order.spec.quantity:  # that one was checked when the order came
            admission.check_quantity(market, quantity, is_market=order.is_market)
        checked = None if order.waiting or price == order.price else price
        admission.check_limits(market, checked, quantity, reducing=eases)
        if order.waiting:
            order.price, order.quantity = price, quantity
        elif price == order.price and quantity < order.quantity:
            self._matcher.lower(order, quantity)
        else:
            self._move(order, price, quantity)

    def _move(self, order: WorkingOrder, price: Decimal, quantity: Decimal) -> None:
        """Give a resting order a new place."""
        if order.reducing:
            quantity = min(quantity, order.filled + admission.closable(order))
        order.holding.release(order)
        try:
            self._check(order, price, quantity)
        except Rejected:
            order.holding.reserve(order)
            raise
        self._matcher.unrest(order)
        order.price, order.quantity = price, quantity
        if not order.spec.post_only and self._matcher.crosses(order.market, order.side, price):
            # What it trades now it trades as amended: whoever listens must know that first.
            self._ledger.tell(order.account, self.amended(order))
        self._execute(order)

    def amended(self, order: WorkingOrder) -> OrderAmended:
        """Return the event that tells of an order's price and quantity as they are now."""
        return OrderAmended(
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            price=None if order.is_market else order.price,
            quantity=order.quantity,
            ts_event=self._ledger.time_ns(),
        )

    # What all orders go through

    def _cut(self, order: WorkingOrder) -> bool:
        """Cut an order that may only reduce to what there is to reduce; tell whether that was needed.

        Raises Rejected where there is nothing.
        """
        if not order.reducing:
            return False
        closable = admission.closable(order)
        if closable <= 0:
            refuse(
                RejectReason.REDUCE_ONLY,
                f"{order.market.instrument.key}: there is no {order.spec.position_side.value} position that a "
                f"{order.side.value} would reduce",
            )
        if order.leaves <= closable:
            return False
        order.quantity = order.filled + closable
        return True

    def _check(self, order: WorkingOrder, price: Decimal, quantity: Decimal) -> None:
        """Refuse an order that may not be carried out now, at this price and quantity."""
        market, spec, left = order.market, order.spec, quantity - order.filled
        if spec.post_only and self._matcher.crosses(market, order.side, price):
            refuse(
                RejectReason.WOULD_TAKE_LIQUIDITY,
                f"{market.instrument.key}: a post-only {order.side.value} at {price} would trade at once",
            )
        value = ZERO if order.is_market else market.instrument.value(left, admission.dearest(market, order.side, price))
        if order.is_market or spec.time_in_force is TimeInForce.FOK:
            limit = admission.execution_limit(market, order.side) if order.is_market else price
            fillable, taken = admission.sweep_value(self._matcher, order, left, limit)
            if spec.time_in_force is TimeInForce.FOK and fillable < left:
                refuse(RejectReason.NO_LIQUIDITY, f"{market.instrument.key}: {fillable} of {left} can be filled")
            value = max(value, taken)
        admission.check_funds(order, left, value)

    def _execute(self, order: WorkingOrder) -> None:
        """Match an order that was admitted, then let the rest stand or end."""
        spec, market = order.spec, order.market
        limit = admission.execution_limit(market, order.side) if order.is_market else order.price
        stopped = None if spec.post_only else self._matcher.take(order, limit)
        if order.state.is_terminal:
            return
        if stopped is not None:
            self._ledger.end(order, OrderState.CANCELED, stopped, "it met an order of its own account")
        elif order.is_market:
            self._ledger.end(order, OrderState.CANCELED, RejectReason.NO_LIQUIDITY, "nothing more to trade with")
        elif spec.time_in_force is not TimeInForce.GTC:
            self._ledger.end(order, OrderState.EXPIRED, None, f"{spec.time_in_force.value}: the rest may not stand")
        else:
            self._matcher.rest(order)
            return
        self._ledger.tell_end(order)
