"""What the engine makes of what reconciliation found: orders, positions, and fates that nobody knows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import evolve

from anyvenue.engine.reconcile_events import (
    AccountHeld,
    CancelLeftOver,
    KeepLeftOver,
    OrderFound,
    PositionDiffers,
    StillUnknown,
)
from anyvenue.model.enums import Fate, Side
from anyvenue.model.fill import Fill

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine

__all__ = ["Reconciled"]

_log = logging.getLogger("anyvenue.engine")


class Reconciled:
    """Takes over what the venue has, and tells the strategy."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def on_order_found(self, event: OrderFound) -> None:
        """Take on an order that is open at the venue."""
        engine = self._engine
        order = event.order
        engine.unsettle()
        engine.orders.adopt([order])
        engine.say(f"{order.instrument.connection}: found the open order {order.client_order_id}")
        engine.call(engine.strategy.on_order, order)

    def on_account_held(self, event: AccountHeld) -> None:
        """Take on what was held before the run."""
        engine = self._engine
        engine.unsettle()
        engine.portfolio.set_baseline(event.connection, event.ts_baseline)
        for venues in event.positions:
            held = engine.portfolio.adopt(venues)
            engine.guards.on_position(held)
            engine.say(f"{venues.instrument.key}: {venues.quantity} {venues.side.value} was held before this run")
            engine.call(engine.strategy.on_position, held)

    def on_position_differs(self, event: PositionDiffers) -> None:
        """The venue is right: book what must have traded as an estimate, where there is a price for it."""
        engine = self._engine
        ours, venues = event.ours, event.venues
        instrument, change = venues.instrument, venues.quantity - ours.quantity
        text = f"{instrument.key}: our fills make {ours.quantity} {ours.side.value}, the venue has {venues.quantity}"
        _log.critical("%s", text)
        engine.unsettle()
        engine.say(text)
        price = engine.data.mark(instrument) or venues.entry_price
        if price is None or not change:
            held = engine.portfolio.adopt(venues)
            engine.guards.on_position(held)
            engine.call(engine.strategy.on_position, held)
            return
        fill = Fill(
            instrument=instrument,
            trade_id=f"estimated-{engine.events}",
            client_order_id=None,
            venue_order_id=None,
            side=Side.BUY if change > 0 else Side.SELL,
            price=price,
            quantity=abs(change),
            position_side=venues.side,
            estimated=True,
            ts_recv=event.ts_recv,
        )
        engine.portfolio.book(fill)
        position = engine.portfolio.position(instrument, venues.side)
        engine.recorder.filled(fill, engine.now)
        engine.guards.on_position(position)
        engine.call(engine.strategy.on_fill, fill)
        engine.call(engine.strategy.on_position, position)

    def on_still_unknown(self, event: StillUnknown) -> None:
        """Say that an order's fate is not known yet."""
        engine = self._engine
        order = engine.orders.get(event.client_order_id)
        if order is None:
            return
        text = f"{event.client_order_id}: asked {event.times_asked} times, unknown still: {event.why}"
        _log.error("%s. Look at the venue; its risk stays reserved", text)
        engine.say(text)
        engine.call(engine.strategy.on_order, evolve(order, text=text))

    def on_cancel_left_over(self, event: CancelLeftOver) -> None:
        """Cancel what earlier runs left open."""
        engine = self._engine
        for order in engine.desk.open_orders():
            is_refused = order.amend is not None and order.cancel is Fate.REFUSED  # its id may be another by now
            if engine.orders.is_left_over(order) and not is_refused:
                engine.desk.cancel(order)

    def on_keep_left_over(self, event: KeepLeftOver) -> None:
        """Leave it open."""
        self._engine.keeps_left_over = True
