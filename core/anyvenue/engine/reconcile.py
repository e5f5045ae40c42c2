"""Reconciliation: one way for a start, a reconnect, an unknown fate and a slow timer. The venue is the truth.

It stands beside the engine, in the runner: it asks the venues, and what is proven goes into the engine as events, like
everything else. What is not proven stays unknown, and its risk reserved.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from anyvenue.engine.engine import Engine
from anyvenue.engine.reconcile_account import AccountReconciler
from anyvenue.engine.reconcile_events import CancelLeftOver, KeepLeftOver
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.model.enums import Fate
from anyvenue.model.order import Order
from anyvenue.simulation.chance import Chance
from anyvenue.venue.clock import Clock
from anyvenue.venue.evidence import is_in_doubt
from anyvenue.venue.interface import Venue
from anyvenue.wire.backoff import Backoff
from anyvenue.wire.deadline import pause

__all__ = ["Reconciler"]

LEFT_OVER_PATIENCE_NS: Final = 30_000_000_000
"""So long a start waits for the orders of earlier runs to be canceled."""
AGAIN_S: Final = 1.0
AGAIN_S_MAX: Final = 60.0
"""Those of them that turn up later are canceled then: they are looked for so often, and ever less so."""
_LOOK_S: Final = 0.05
_PARTS: Final = 1 << 20


class Reconciler:
    """Keeps an engine in step with all its venues. `seed` is of the chance that spreads the timers."""

    def __init__(
        self, engine: Engine, venues: Mapping[str, Venue], clock: Clock, recovery: Recovery, *, seed: int = 0
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._recovery = recovery
        chance = Chance(f"reconcile {seed}")

        def jitter() -> float:
            return chance.below(_PARTS) / _PARTS

        self._jitter = jitter
        self._accounts = {
            name: AccountReconciler(engine, name, venue, clock, recovery, jitter) for name, venue in venues.items()
        }

    async def begin(self, start: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        """Learn what all accounts have, once all venues are open and before the strategy starts; go on from there.

        `start` has the work that goes on for as long as the run done beside everything else. Our orders of earlier
        runs are canceled where the configuration says so. Those in doubt are not waited for: the run begins with their
        risk reserved, and they are canceled as soon as they are found to be open. Raises OutcomeUnknown where a venue
        will not say what there is, TradingEnded where it refuses the key.
        """
        self._engine.orders.on_doubt = self._doubt
        self._engine.on_reconnected = self._reconnected
        for account in self._accounts.values():
            await account.begin()
        for account in self._accounts.values():
            start(account.run())
        if self._recovery.orders == "keep":
            self._engine.receive(KeepLeftOver(ts_recv=self._clock.time_ns()))
        elif len(self._engine.orders):
            await self._cancel_left_over()
            start(self._cancel_those_found_later())

    async def _cancel_left_over(self) -> None:
        now_ns = self._clock.time_ns()
        self._engine.receive(CancelLeftOver(ts_recv=now_ns))
        while any(not is_in_doubt(order) for order in self._left_over()):
            if self._clock.time_ns() >= now_ns + LEFT_OVER_PATIENCE_NS:
                break
            await pause(self._clock, _LOOK_S)
        if left := self._left_over():
            self._engine.say(f"{len(left)} orders of earlier runs are not proven ended yet; their risk stays reserved")

    async def _cancel_those_found_later(self) -> None:
        """Ask for the end of what is open after all: its cancel was refused or lost, or met an id that it has not."""
        pauses = Backoff(jitter=self._jitter, first_s=AGAIN_S, most_s=AGAIN_S_MAX)
        while left := self._left_over():
            if any(order.is_resting and order.amend is None and order.cancel is not Fate.IN_FLIGHT for order in left):
                self._engine.receive(CancelLeftOver(ts_recv=self._clock.time_ns()))
            await pause(self._clock, pauses.delay())

    def _left_over(self) -> list[Order]:
        """Return our open orders that are of earlier runs."""
        return [order for order in self._engine.orders.open_orders() if self._engine.orders.is_left_over(order)]

    def _doubt(self, order: Order) -> None:
        account = self._accounts.get(order.instrument.connection)
        if account is not None:
            account.doubt(order)

    def _reconnected(self, connection: str) -> None:
        account = self._accounts.get(connection)
        if account is not None:
            account.reconnected()
