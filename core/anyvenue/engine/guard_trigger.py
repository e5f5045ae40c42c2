"""Orders that wait for a trigger the venue does not have: stops, take-profits and trailing stops, kept here.

Such an order is NEW until its trigger fires: it has not left. Then it leaves as a plain order under the same client
id, past the limits of that moment, and lives like any other. What waits survives a restart, under a new client id.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve

from anyvenue.model.enums import OrderType, PositionSide, PriceSource, Side, TimeInForce, TriggerKind
from anyvenue.model.errors import AnyvenueError
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE
from anyvenue.model.order import Order
from anyvenue.model.order_spec import OrderSpec, Trigger

if TYPE_CHECKING:
    from anyvenue.engine.engine import Engine
    from anyvenue.engine.guard_prices import GuardPrices
    from anyvenue.engine.journal import Journal

__all__ = ["NAME", "TriggerGuard"]

NAME: Final = "guard.triggers"


@define
class _Waiting:
    """An order and, for a trailing one that has begun to follow, the best price it has seen."""

    order: Order
    best: Decimal | None = None
    sent: bool = False

    @property
    def trigger(self) -> Trigger:
        """What it waits for."""
        trigger = self.order.spec.trigger
        if trigger is None:
            raise ValueError(f"{self.order.client_order_id} has no trigger to wait for")
        return trigger


class TriggerGuard:
    """Holds orders back until their triggers fire."""

    def __init__(self, engine: Engine, journal: Journal, prices: GuardPrices) -> None:
        self._engine = engine
        self._journal = journal
        self._prices = prices
        self._waiting: dict[str, _Waiting] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def orders(self, instrument: Instrument | None = None) -> list[Order]:
        """Return the orders that wait, oldest first."""
        key = None if instrument is None else instrument.key
        return [w.order for w in self._waiting.values() if key is None or w.order.instrument.key == key]

    def hold(self, order: Order) -> Order:
        """Keep a new order until its trigger fires."""
        waiting = _Waiting(order)
        self._prices.follow(order.instrument, waiting.trigger.source)
        self._engine.orders.remember_refused(order)
        self._waiting[order.client_order_id] = waiting
        self._remember()
        return order

    def drop(self, client_order_id: str) -> Order | None:
        """Stop to wait; return the order that did, None where none of that id does."""
        waiting = self._waiting.pop(client_order_id, None)
        if waiting is None:
            return None
        self._remember()
        return waiting.order

    def restore(self) -> None:
        """Wait again for what an earlier run waited for to get out of a position that is still held.

        What had fired and is journaled as sent is left alone. What would open a position is dropped, like the resting
        orders of earlier runs: the strategy knows nothing of it.
        """
        for row in self._journal.recall(NAME) or []:
            if row["sent"] and self._engine.orders.get(row["client_order_id"]) is not None:
                continue
            try:
                order = Order(spec=_spec(row, self._engine))
                why = "" if self._gets_out(order) else "there is no position for it to reduce"
                if not why:
                    self._prices.follow(order.instrument, PriceSource(row["source"]))
            except (AnyvenueError, ValueError) as error:
                self._engine.say(f"the {row['kind']} order of {row['symbol']} is dropped: {error}")
                continue
            if why:
                self._engine.say(f"the {row['kind']} order of {row['symbol']} is dropped: {why}")
                continue
            self._engine.orders.remember_refused(order)
            best = None if row["best"] is None else Decimal(row["best"])
            self._waiting[order.client_order_id] = _Waiting(order, best)
            self._engine.say(f"{order.instrument.key}: the {row['kind']} order of an earlier run waits again")
        self._remember()

    def _gets_out(self, order: Order) -> bool:
        spec = order.spec
        held = self._engine.portfolio.position(spec.instrument, spec.position_side).quantity
        return spec.reduce_only and held * spec.side.sign < 0

    def note(self) -> None:
        """Remember how far the trailing ones have come."""
        if any(waiting.best is not None for waiting in self._waiting.values()):
            self._remember()

    def on_market(self, event: Any) -> None:
        """Look whether a new price fires a trigger."""
        key = event.instrument.key
        for waiting in [w for w in self._waiting.values() if w.order.instrument.key == key and not w.sent]:
            price = self._prices.price(event, waiting.trigger.source)
            if price is not None and self._fires(waiting, price):
                self._fire(waiting, price)

    def _fires(self, waiting: _Waiting, price: Decimal) -> bool:
        trigger, side = waiting.trigger, waiting.order.side
        if trigger.kind is not TriggerKind.TRAILING:
            return _is_at(price, trigger.price, above=trigger.fires_at_or_above(side))
        if waiting.best is None:
            # With a price it begins to follow where that is reached: for a sell, above.
            if trigger.price is not None and not _is_at(price, trigger.price, above=side is Side.SELL):
                return False
            waiting.best = price
            self._remember()
            return False
        better = max if side is Side.SELL else min
        waiting.best = better(waiting.best, price)
        return _is_at(price, trailing_level(trigger, side, waiting.best), above=side is Side.BUY)

    def _fire(self, waiting: _Waiting, price: Decimal) -> None:
        order = waiting.order
        # Remembered as sent before it leaves: after a crash the journal tells whether it did.
        waiting.sent = True
        self._remember()
        text = f"{order.client_order_id}: its {waiting.trigger.kind.value} trigger fired at {price}"
        self._engine.guards.decide("trigger", text)
        self._engine.desk.send_held(evolve(order, spec=evolve(order.spec, trigger=None), triggered=True))
        self.drop(order.client_order_id)

    def _remember(self) -> None:
        rows = [_row(waiting) for waiting in self._waiting.values()]
        self._journal.remember(NAME, rows or None)


def trailing_level(trigger: Trigger, side: Side, best: Decimal) -> Decimal:
    """Return where a trailing trigger fires: behind the best price by its trail."""
    if trigger.trail_ratio is not None:
        return best * (ONE + side.sign * trigger.trail_ratio)
    return best + side.sign * (trigger.trail or 0)


def _is_at(price: Decimal, level: Decimal | None, *, above: bool) -> bool:
    return level is not None and (price >= level if above else price <= level)


def _row(waiting: _Waiting) -> dict[str, Any]:
    spec, trigger = waiting.order.spec, waiting.trigger
    return {
        "client_order_id": spec.client_order_id,
        "connection": spec.instrument.connection,
        "symbol": spec.instrument.symbol,
        "side": spec.side.value,
        "quantity": str(spec.quantity),
        "price": None if spec.price is None else str(spec.price),
        "order_type": spec.order_type.value,
        "time_in_force": spec.time_in_force.value,
        "post_only": spec.post_only,
        "reduce_only": spec.reduce_only,
        "position_side": spec.position_side.value,
        "kind": trigger.kind.value,
        "at": None if trigger.price is None else str(trigger.price),
        "trail": None if trigger.trail is None else str(trigger.trail),
        "trail_ratio": None if trigger.trail_ratio is None else str(trigger.trail_ratio),
        "source": trigger.source.value,
        "best": None if waiting.best is None else str(waiting.best),
        "sent": waiting.sent,
    }


def _spec(row: dict[str, Any], engine: Engine) -> OrderSpec:
    trigger = Trigger(
        kind=TriggerKind(row["kind"]),
        price=row["at"],
        trail=row["trail"],
        trail_ratio=row["trail_ratio"],
        source=PriceSource(row["source"]),
    )
    return OrderSpec(
        client_order_id=engine.orders.next_id(),
        instrument=engine.instrument(row["symbol"], row["connection"]),
        side=Side(row["side"]),
        quantity=row["quantity"],
        price=row["price"],
        order_type=OrderType(row["order_type"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        post_only=row["post_only"],
        reduce_only=row["reduce_only"],
        position_side=PositionSide(row["position_side"]),
        trigger=trigger,
        ts_created=engine.now,
    )
