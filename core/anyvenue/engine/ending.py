"""How a run ends: orders are canceled, and where that is wanted, what is held is closed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from anyvenue.engine.inputs import Stop
from anyvenue.model.enums import OrderState
from anyvenue.model.order import Order

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["Ending"]

_log = logging.getLogger("anyvenue.engine")


class Ending:
    """Ends an engine's run, in one go or by steps; what it has come to stands in the engine.

    `closes_on_failure` says whether positions are closed when the strategy fails.
    """

    def __init__(self, engine: Engine, *, closes_on_failure: bool) -> None:
        self.closes_on_failure = closes_on_failure
        self._engine = engine
        self._is_closing = False

    def begin(self, reason: str, *, flatten: bool = False) -> None:
        """Begin to end for this reason; a `flatten` that comes later is added to what is being done."""
        engine = self._engine
        if flatten:
            engine.flattens = reason if reason == "flattened" else engine.flattens or reason
        if engine.is_stopping:
            if flatten and not self._is_closing:
                self._is_closing = True
                self.close_when_clear()
            return
        engine.stop_reason = reason
        if reason == "hung":
            engine.failure = engine.failure or f"a callback did not return for {engine.desk.limits.hang_s:g} s"
        if not engine.failure and not engine.call(engine.strategy.on_stop):
            engine.stop_reason = "strategy_failed"
        engine.is_stopping = True
        engine.timers.cancel_all()
        self._cancel_ours()
        engine.guards.amends.give_up()
        self._is_closing = flatten or (bool(engine.failure) and self.closes_on_failure)
        engine.flattens = engine.flattens or (engine.stop_reason if self._is_closing else "")
        self.close_when_clear()

    def strategy_failed(self, callback: Callable[..., Any], error: BaseException) -> None:
        """End because a callback raised."""
        engine, name = self._engine, getattr(callback, "__name__", "callback")
        _log.exception("%s raised in %s: the strategy is stopped", type(engine.strategy).__name__, name)
        if engine.failure:
            return
        engine.failure = f"{name}: {type(error).__name__}: {error}"
        engine.say(f"the strategy failed in {engine.failure}")
        engine.later(Stop("strategy_failed"))

    def close_when_clear(self, ended: Order | None = None) -> None:
        """Close what is held once no order of ours can change it any more; `ended` is one that may just have ended."""
        engine = self._engine
        if not self._is_closing or len(engine.orders):
            return
        if ended is not None and ended.state is OrderState.REJECTED and ended.spec.reduce_only:
            self._is_closing = False
            _log.critical("a position could not be closed: %s. Close it by hand", ended.text)
            return
        for position in engine.portfolio.positions():
            engine.desk.close(position.instrument, position.side)

    def _cancel_ours(self) -> None:
        engine = self._engine
        for order in engine.desk.open_orders():
            if engine.orders.is_ours(order):
                engine.desk.cancel(order)
