"""Prices that something waits for: stop, take-profit and trailing triggers, and the protections of positions.

A watch compares a price with its level, exactly. A watchlist knows, as binary floats, between which two prices none of
its watches would fire or change, so that almost every price costs two comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from math import inf

from attrs import define, field

from anyvenue.model.enums import Side, TriggerKind
from anyvenue.model.numbers import ONE
from anyvenue.model.order_spec import Trigger

__all__ = ["TrailingWatch", "Watch", "Watchlist", "watch_for"]


@define(eq=False, kw_only=True)
class Watch:
    """Something that fires once, when a price is at or beyond `level`: above it or below it.

    `live` is False once it has fired or was called off.
    """

    action: Callable[[], None]
    above: bool
    level: Decimal
    live: bool = True

    def sees(self, price: Decimal) -> bool:
        """Take a price in; tell whether it fires."""
        return price >= self.level if self.above else price <= self.level

    def quiet(self) -> tuple[float, float]:
        """Return the prices between which nothing happens, both excluded."""
        level = float(self.level)
        return (-inf, level) if self.above else (level, inf)


@define(eq=False, kw_only=True)
class TrailingWatch(Watch):
    """A stop that follows the best price seen, at a distance; asleep until `activation` is reached, where there is one.

    `level` is its stop while it is awake, and the activation price while it is not.
    """

    trail: Decimal | None
    trail_ratio: Decimal | None
    best: Decimal | None = field(default=None, init=False)

    def sees(self, price: Decimal) -> bool:
        """Wake up, follow the price, or fire."""
        at_or_above, at_or_below = price >= self.level, price <= self.level
        if self.best is not None and (at_or_above if self.above else at_or_below):
            return True
        if self.best is None and not (at_or_below if self.above else at_or_above):
            return False
        if self.best is None or (price < self.best if self.above else price > self.best):
            self.best = price
            distance = price * self.trail_ratio if self.trail_ratio is not None else self.trail
            self.level = price + (distance or 0) * (1 if self.above else -1)
        return False

    def quiet(self) -> tuple[float, float]:
        """Return the prices between which nothing happens: neither a new best nor the stop."""
        level = float(self.level)
        if self.best is None:
            return (level, inf) if self.above else (-inf, level)
        best = float(self.best)
        return (best, level) if self.above else (level, best)


def watch_for(trigger: Trigger, side: Side, price: Decimal | None, action: Callable[[], None]) -> Watch:
    """Return the watch of an order of `side`, given the price now."""
    if trigger.kind is not TriggerKind.TRAILING:
        level = trigger.price if trigger.price is not None else ONE
        return Watch(action=action, above=trigger.fires_at_or_above(side), level=level)
    above = side is Side.BUY
    asleep_until = trigger.price
    if asleep_until is None:  # awake from the first price on, whatever it is
        asleep_until = Decimal("Infinity") if above else Decimal("-Infinity")
    watch = TrailingWatch(
        action=action, above=above, level=asleep_until, trail=trigger.trail, trail_ratio=trigger.trail_ratio
    )
    if price is not None:
        watch.sees(price)
    return watch


class Watchlist:
    """The watches on one price of one instrument, in the order in which they were set."""

    __slots__ = ("_watches", "high", "low")

    def __init__(self) -> None:
        self._watches: dict[Watch, None] = {}
        self.low, self.high = -inf, inf

    def __len__(self) -> int:
        return len(self._watches)

    def add(self, watch: Watch) -> None:
        """Set a watch."""
        self._watches[watch] = None
        self._refresh()

    def remove(self, watch: Watch) -> None:
        """Call a watch off."""
        watch.live = False
        if self._watches.pop(watch, False) is None:
            self._refresh()

    def due(self, price: Decimal) -> list[Watch]:
        """Show a price to all watches. Return those that fire, and forget them."""
        if self.low < float(price) < self.high:
            return []
        fired = [watch for watch in self._watches if watch.sees(price)]
        for watch in fired:
            del self._watches[watch]
        self._refresh()
        return fired

    def _refresh(self) -> None:
        bounds = [watch.quiet() for watch in self._watches]
        self.low = max((low for low, _ in bounds), default=-inf)
        self.high = min((high for _, high in bounds), default=inf)
