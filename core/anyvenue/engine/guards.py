"""The guards: all that acts by itself in a running engine, whatever the strategy does, tied to the engine's events."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from anyvenue.engine.guard import PositionGuard
from anyvenue.engine.guard_amend import AmendGuard
from anyvenue.engine.guard_attached import AttachedGuard
from anyvenue.engine.guard_prices import WATCHED, GuardPrices
from anyvenue.engine.guard_trigger import TriggerGuard
from anyvenue.engine.inputs import Stop
from anyvenue.engine.journal import Journal
from anyvenue.engine.risk_limits import RiskLimits
from anyvenue.engine.risk_loss import LossStep, LossWatch
from anyvenue.model.errors import NotSupported
from anyvenue.model.order import Order
from anyvenue.model.position import Position

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["Guards"]

_log = logging.getLogger("anyvenue.engine")


class Guards:
    """Loss limits, protections, triggers and amends that the engine makes itself.

    `condemned` says why the strategy may do no more than reduce, set from another thread; empty while it may.
    """

    def __init__(self, engine: Engine, limits: RiskLimits, journal: Journal, *, override_halt: bool) -> None:
        self._engine = engine
        self._limits = limits
        self._override_halt = override_halt
        self.journal = journal
        self.condemned = ""
        self._has_begun = False
        self._unseen: set[str] = set()
        self.prices = GuardPrices(engine)
        self.positions = PositionGuard(engine, journal, self.prices)
        self.triggers = TriggerGuard(engine, journal, self.prices)
        self.amends = AmendGuard(engine, journal, self.prices)
        self.attached = AttachedGuard(engine, journal)
        self.is_watching = False
        """Whether `after` has anything to look after."""
        self.losses = LossWatch(limits, journal, engine.portfolio.positions, engine.data.mark)

    def begin(self) -> None:
        """Take up what an earlier run left, before the strategy starts."""
        self._has_begun = True
        self.is_watching = self.losses.is_set
        if self.losses.is_set:
            self.losses.begin(self._engine.now, override=self._override_halt)
            if self._override_halt:
                self.decide("override", "a halt is lifted, if there was one; losses are counted anew from here")
            elif self.losses.step is not LossStep.OPEN:
                self._engine.say(f"{self.losses.text}: only what reduces a position is taken")
            for position in self._engine.portfolio.positions():
                self._follow(position)
        self.positions.restore()
        self.triggers.restore()
        never_left = self.amends.restore()
        self.attached.restore(never_left)
        self.amends.resume()

    def after(self, event: Any) -> None:
        """Look what an event means for what is guarded."""
        if isinstance(event, WATCHED):
            if len(self.positions):
                self.positions.on_market(event)
            if len(self.triggers):
                self.triggers.on_market(event)
            if len(self.amends):
                self.amends.on_market(event)
            if isinstance(event, WATCHED[0]):
                self.look_at_losses()

    def on_order(self, before: Order, order: Order) -> Order:
        """Take note of an order's change; return the order to tell the strategy of."""
        if len(self.positions):
            self.positions.on_order(order)
        told = self.amends.on_order(before, order)
        if len(self.attached):
            self.attached.on_order(order)
        return told

    def on_position(self, position: Position) -> None:
        """Take note of a position's change."""
        self.positions.on_position(position)
        if self.losses.is_set and self._has_begun:
            self._follow(position)
            self.look_at_losses()

    def sample(self) -> None:
        """Once a second: look at what no event brought, and remember how things stand."""
        self.look_at_losses()
        if self.losses.is_set:
            self.losses.note()
        self.triggers.note()

    def look_at_losses(self) -> None:
        """Count what has been lost, and do what a step that is new with it asks for."""
        if not self.losses.is_set or not self._has_begun:
            return
        step = self.losses.look(self._engine.now)
        match step:
            case LossStep.OPEN:
                self.decide("risk", "a new day: the loss limit of the day before is over")
            case LossStep.REDUCE:
                self.decide("risk", f"{self.losses.text}: only what reduces a position is taken from now on")
                for order in self._engine.desk.open_orders():
                    if not order.spec.reduce_only:
                        self._engine.desk.cancel(order)
            case LossStep.HALT:
                self.decide("risk", f"{self.losses.text}: the run is halted", logging.CRITICAL)
                self._engine.later(Stop("risk_halt", flatten=self._limits.on_limit == "flatten"))

    def decide(self, what: str, text: str, level: int = logging.WARNING) -> None:
        """Write down and say what was decided here."""
        self.journal.decision(what, text, self._engine.now)
        _log.log(level, "%s", text)
        self._engine.say(text)

    def _follow(self, position: Position) -> None:
        """A loss that no price tells of is not seen: have the prices of what is held come in."""
        if position.quantity:
            try:
                self.prices.follow(position.instrument)
            except NotSupported as error:
                if position.instrument.key not in self._unseen:
                    self._unseen.add(position.instrument.key)
                    self.decide("risk", f"{position.instrument.key}: its loss cannot be watched: {error}")
