"""Take-profit and stop-loss of positions: one pair per position, set by hand or brought by the order that opened it.

When the price that it looks at reaches either level, the pair is gone and the whole position is closed at market,
reduce-only. It goes with its position: flat, or turned over, there is nothing left to protect. What the book does not
take of such an order is canceled like that of any market order; the position is then without protection.
"""

from __future__ import annotations

from collections.abc import Callable

from anyvenue.model.order_events import OrderTriggered
from anyvenue.model.order_spec import Protection
from anyvenue.simulation.account import Holding
from anyvenue.simulation.execution import Execution
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.triggers import Watch
from anyvenue.simulation.working_order import WorkingOrder

__all__ = ["Protector"]


class Protector:
    """Sets protections, and carries them out."""

    def __init__(self, ledger: Ledger, execution: Execution) -> None:
        self._ledger = ledger
        self._execution = execution

    def protect(self, holding: Holding, protection: Protection) -> None:
        """Set a position's protection in place of the one it has."""
        self.lift(holding)
        market, is_long = holding.market, holding.position.quantity > 0
        holding.protection, holding.protects_long = protection, is_long
        for name, level, above in (
            ("take-profit", protection.take_profit, is_long),
            ("stop-loss", protection.stop_loss, not is_long),
        ):
            if level is not None:
                watch = Watch(action=self._close_later(holding, name), above=above, level=level)
                holding.watches.append(watch)
                market.watch(protection.source, watch)
        self._ledger.stir(market)

    def lift(self, holding: Holding) -> None:
        """Take a position's protection away."""
        for watch in holding.watches:
            holding.market.unwatch(watch)
        holding.watches.clear()
        holding.protection = None

    def after_fill(self, order: WorkingOrder | None, holding: Holding) -> None:
        """Bring the protection into line with a position that has just changed by a fill."""
        quantity = holding.position.quantity
        if holding.protection is not None and (not quantity or (quantity > 0) is not holding.protects_long):
            self.lift(holding)
        if order is not None and quantity * order.side.sign > 0:
            protection, order.protection = order.protection, None
            if protection is not None:
                self.protect(holding, protection)

    def _close_later(self, holding: Holding, name: str) -> Callable[[], None]:
        return lambda: self._close(holding, name)

    def _close(self, holding: Holding, name: str) -> None:
        self.lift(holding)
        order = self._execution.close(holding, abs(holding.position.quantity), name)
        order.triggered = True
        self._ledger.tell(
            order.account,
            OrderTriggered(
                client_order_id=order.client_order_id, venue_order_id=order.venue_order_id, ts_event=order.ts_event
            ),
        )
        self._execution.run(order)
