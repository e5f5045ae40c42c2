"""The orders that rest in one instrument's book, in price-time priority.

Prices are exact Decimals in a sorted list; each price holds a queue in the order of arrival. `best` is a binary float
beside them for the hot path: rounding to float keeps the order of numbers, so a strict inequality of floats is one of
the exact prices, and only equal floats need a second look.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal
from math import inf

from anyvenue.model.enums import Side
from anyvenue.model.numbers import ZERO
from anyvenue.simulation.working_order import WorkingOrder

__all__ = ["RestingLevel", "RestingSide"]


class RestingLevel:
    """One price: its orders, oldest first."""

    __slots__ = ("orders", "price", "price_float", "size", "text")

    def __init__(self, price: Decimal) -> None:
        self.price = price
        self.price_float = float(price)
        self.orders: OrderedDict[WorkingOrder, None] = OrderedDict()
        self.text: str | None = None
        """How the external book writes this price, while it has a level there that an order stands behind."""
        self.size: object = None
        """What it last wrote as its size, to tell a change at a glance."""

    @property
    def head(self) -> WorkingOrder:
        """The oldest order."""
        return next(iter(self.orders))

    @property
    def visible(self) -> Decimal:
        """What the book shows of all its orders."""
        shown = ZERO
        for order in self.orders:
            shown += order.visible
        return shown

    def eat_ahead(self, quantity: Decimal) -> None:
        """Let `quantity` of what is ahead of its orders be gone."""
        for order in self.orders:
            if order.ahead:
                order.ahead = order.ahead - quantity if order.ahead > quantity else ZERO

    def clamp_ahead(self, external: Decimal) -> None:
        """Let no order have more ahead of it than there is."""
        for order in self.orders:
            if order.ahead > external:
                order.ahead = external


class RestingSide:
    """All resting orders of one side."""

    __slots__ = ("best", "levels", "prices", "side", "worst_float")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.worst_float = -inf if side is Side.BUY else inf
        self.prices: list[Decimal] = []  # ascending
        self.levels: dict[Decimal, RestingLevel] = {}
        self.best = self.worst_float

    def add(self, order: WorkingOrder) -> RestingLevel:
        """Put an order at the end of its price's queue."""
        price = order.price
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = RestingLevel(price)
            self.prices.insert(bisect_left(self.prices, price), price)
            self._refresh()
        level.orders[order] = None
        order.resting = True
        return level

    def remove(self, order: WorkingOrder) -> None:
        """Take an order out."""
        price = order.price
        level = self.levels[price]
        del level.orders[order]
        order.resting = False
        if not level.orders:
            del self.levels[price]
            del self.prices[bisect_left(self.prices, price)]
            self._refresh()

    @property
    def best_level(self) -> RestingLevel | None:
        """The best price's level; None when empty."""
        if not self.prices:
            return None
        return self.levels[self.prices[-1 if self.side is Side.BUY else 0]]

    def from_best(self) -> Iterator[RestingLevel]:
        """Iterate over the levels, best price first."""
        prices = reversed(self.prices) if self.side is Side.BUY else iter(self.prices)
        return (self.levels[price] for price in prices)

    def _refresh(self) -> None:
        prices = self.prices
        if prices:
            self.best = self.levels[prices[-1 if self.side is Side.BUY else 0]].price_float
        else:
            self.best = self.worst_float
