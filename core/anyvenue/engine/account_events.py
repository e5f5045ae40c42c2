"""What the engine makes of news about an account: orders, fills, positions, balances and funding."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from anyvenue.engine.orders import order_line
from anyvenue.model.balance import Balance
from anyvenue.model.enums import Fate, OrderState
from anyvenue.model.errors import Contradiction
from anyvenue.model.market import FundingPayment
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendRejected, OrderEvent, OrderFilled, OrderReported
from anyvenue.model.position import Position

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["AccountEvents"]

_log = logging.getLogger("anyvenue.engine")
_order_log = logging.getLogger("anyvenue.orders")

TRADES_KEPT: Final = 50_000
"""How many trade ids are remembered, so that a fill told twice is booked once."""
PAYMENTS_KEPT: Final = 10_000
"""The same of funding payments, which venues push, or tell when they are asked, or both."""


class AccountEvents:
    """Writes them down, books them, and tells the strategy."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._trades_seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._payments_seen: OrderedDict[tuple[str, int, Decimal], None] = OrderedDict()

    def recover(self, trade_ids: Iterable[tuple[str, str]]) -> None:
        """Take on which fills an earlier run has booked."""
        self._trades_seen.update(dict.fromkeys(sorted(trade_ids)))

    def on_order_event(self, event: OrderEvent) -> None:
        """Apply what became of an order, and go on with what waited for it."""
        engine = self._engine
        order = engine.orders.find(engine.source, event)
        if order is None:
            _log.debug("an event of an order that is not ours: %s", event)
            return
        if engine.has_journal and not isinstance(event, OrderFilled):
            engine.journal.event(event, engine.now, engine.source)
        orders = engine.orders
        try:
            changed = orders.apply(order, event)
            if orders.is_of_this_run(changed):  # what was held at the start holds the others' fills already
                engine.portfolio.expect(changed)
        except Contradiction as error:
            _log.error("%s", error)
            engine.say(str(error))
            orders.on_doubt(order)
            return
        if _order_log.isEnabledFor(logging.INFO):
            _order_log.info(type(event).__name__, extra={"event": order_line(changed, engine.now)})
        if changed.state is not order.state or changed.create is not order.create:
            self._count(order, changed)
        told = engine.guards.on_order(order, changed)
        if _differs(order, changed) or isinstance(event, AmendRejected):
            if changed.text and changed.text != order.text:
                engine.say(f"{changed.client_order_id} {changed.state.value}: {changed.text}")
            engine.call(engine.strategy.on_order, told)
        if changed.cancel is Fate.UNKNOWN and isinstance(event, OrderReported):
            changed = orders.insist(changed)
        if orders.has_waiting:
            waiting = orders.release(changed)
            if waiting is not None:
                engine.desk.amend(changed.client_order_id, *waiting)
        engine.ending.close_when_clear(changed)

    def on_filled(self, event: OrderFilled) -> None:
        """Book a fill, once."""
        engine = self._engine
        fill = event.fill
        trade = fill.instrument.key, fill.trade_id
        if trade in self._trades_seen:
            order = engine.orders.find(engine.source, event)
            if order is not None and fill.trade_id not in order.trade_ids:  # the order was found after its fill
                engine.unsettle()
                self.on_order_event(event)
            return
        self._trades_seen[trade] = None
        if len(self._trades_seen) > TRADES_KEPT:
            self._trades_seen.popitem(last=False)
        engine.journal.event(event, engine.now, engine.source)
        if engine.portfolio.includes(fill) and not self._is_of_this_run(event):
            engine.unsettle()
            self.on_order_event(event)
            return
        # The position is real whatever the order's state says: it is booked first, and for strangers' orders too.
        engine.portfolio.book(fill)
        engine.recorder.filled(fill, engine.now)
        self.on_order_event(event)
        # Only now is what was expected of the order no longer counted beside its fill.
        position = engine.portfolio.position(fill.instrument, fill.position_side)
        engine.guards.on_position(position)
        engine.call(engine.strategy.on_fill, fill)
        engine.call(engine.strategy.on_position, position)

    def _is_of_this_run(self, event: OrderFilled) -> bool:
        """Whether an order of this run traded: that came after what was held, whatever the venue's clock says."""
        engine = self._engine
        order = engine.orders.find(engine.source, event)
        return order is not None and engine.orders.is_of_this_run(order)

    def _count(self, before: Order, after: Order) -> None:
        engine = self._engine
        if after.state is OrderState.REJECTED and before.state is not OrderState.REJECTED:
            engine.recorder.refused += 1
        if after.state is OrderState.CANCELED and before.state is not OrderState.CANCELED:
            engine.recorder.canceled += 1
        if after.create is Fate.UNKNOWN and before.create is not Fate.UNKNOWN:
            engine.recorder.unknown += 1
        if after.is_terminal:
            engine.recorder.ended(after)

    def on_funding_payment(self, payment: FundingPayment) -> None:
        """Book a funding payment, once."""
        engine = self._engine
        told = payment.instrument.key, payment.ts_event, payment.amount
        if payment.ts_event and told in self._payments_seen:
            return
        self._payments_seen[told] = None
        if len(self._payments_seen) > PAYMENTS_KEPT:
            self._payments_seen.popitem(last=False)
        engine.journal.event(payment, engine.now, engine.source)
        position = engine.portfolio.pay_funding(payment)
        engine.guards.on_position(position)
        engine.call(engine.strategy.on_funding, payment)
        engine.call(engine.strategy.on_position, position)

    def on_position(self, position: Position) -> None:
        """Take down a position as the venue has it."""
        engine = self._engine
        engine.journal.event(position, engine.now, engine.source)
        engine.portfolio.report(position)

    def on_balance(self, balance: Balance) -> None:
        """Take down a balance."""
        engine = self._engine
        engine.journal.event(balance, engine.now, engine.source)
        engine.portfolio.set_balance(engine.source, balance)


def _differs(before: Order, after: Order) -> bool:
    """Whether anything changed that a strategy could care about: more than times and ids."""
    return (
        before.state is not after.state
        or before.create is not after.create
        or before.cancel is not after.cancel
        or before.filled_quantity != after.filled_quantity
        or before.amend != after.amend
        or before.price != after.price
        or before.quantity != after.quantity
        or before.triggered is not after.triggered
    )
