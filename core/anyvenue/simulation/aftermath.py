"""What follows from what has just happened at the simulated exchange, until nothing more does.

At once, with each fill: orders that may only reduce are cut to the position that is left, protections are set and
lifted. After the command or the word of the tape that caused it: triggers fire, in the order in which they were set;
then accounts whose equity is gone are liquidated; and both again, as long as prices or positions have moved.
"""

from __future__ import annotations

from collections import deque

from anyvenue.model.enums import OrderState
from anyvenue.model.errors import RejectReason
from anyvenue.simulation import admission
from anyvenue.simulation.account import Holding
from anyvenue.simulation.execution import Execution
from anyvenue.simulation.ledger import Ledger
from anyvenue.simulation.liquidation import Liquidator
from anyvenue.simulation.matching import Matcher
from anyvenue.simulation.protection import Protector
from anyvenue.simulation.triggers import Watch
from anyvenue.simulation.working_order import WorkingOrder

__all__ = ["Aftermath"]


class Aftermath:
    """Works off consequences."""

    def __init__(
        self,
        ledger: Ledger,
        matcher: Matcher,
        execution: Execution,
        protector: Protector,
        liquidator: Liquidator,
    ) -> None:
        self._ledger = ledger
        self._matcher = matcher
        self._execution = execution
        self._protector = protector
        self._liquidator = liquidator
        self._fired: deque[Watch] = deque()
        ledger.after_fill = self._after_fill

    def settle(self) -> None:
        """Let everything happen that is due."""
        ledger, fired = self._ledger, self._fired
        while True:
            if fired:
                watch = fired.popleft()
                if watch.live:
                    watch.live = False
                    watch.action()
            elif ledger.stirred:
                market = next(iter(ledger.stirred))
                del ledger.stirred[market]
                fired.extend(market.due())
                for holding in market.holders:
                    ledger.suspects[holding.account] = None
            elif ledger.suspects:
                account = next(iter(ledger.suspects))
                del ledger.suspects[account]
                self._liquidator.check(account)
            else:
                return

    def _after_fill(self, order: WorkingOrder | None, holding: Holding) -> None:
        if holding.reducing:
            for resting in list(holding.reducing):
                self._trim(resting)
        if holding.protection is not None or (order is not None and order.protection is not None):
            self._protector.after_fill(order, holding)

    def _trim(self, order: WorkingOrder) -> None:
        """Cut a resting order that may only reduce to what there is left to reduce."""
        closable = admission.closable(order)
        if order.leaves <= closable or order.state is not OrderState.OPEN:
            return
        if closable <= 0:
            self._matcher.cancel(order, RejectReason.REDUCE_ONLY, "there is no position left to reduce")
            self._ledger.tell_end(order)
            return
        self._matcher.lower(order, order.filled + closable)
        self._ledger.tell(order.account, self._execution.amended(order))
