"""The resting orders of background traders, of which one can be picked by chance."""

from __future__ import annotations

from decimal import Decimal

from anyvenue.simulation.chance import Chance

__all__ = ["RestingIds"]


class RestingIds:
    """Order ids with their account and what is left of each. All operations take constant time."""

    def __init__(self) -> None:
        self._ids: list[str] = []
        self._places: dict[str, int] = {}
        self._orders: dict[str, tuple[str, Decimal]] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, order_id: str, account: str, quantity: Decimal) -> None:
        """Take on an order."""
        self._places[order_id] = len(self._ids)
        self._ids.append(order_id)
        self._orders[order_id] = (account, quantity)

    def reduce(self, order_id: str, quantity: Decimal) -> None:
        """Note a fill; a full one removes the order. One that is not here is none of ours."""
        if order_id in self._orders:
            account, left = self._orders[order_id]
            if left > quantity:
                self._orders[order_id] = (account, left - quantity)
            else:
                self.remove(order_id)

    def remove(self, order_id: str) -> None:
        """Forget an order, where it is here. The last one takes its place."""
        place = self._places.pop(order_id, None)
        if place is None:
            return
        del self._orders[order_id]
        last = self._ids.pop()
        if last != order_id:
            self._ids[place] = last
            self._places[last] = place

    def pick(self, chance: Chance) -> tuple[str, str]:
        """Return the id and the account of any order. There must be one."""
        order_id = self._ids[chance.below(len(self._ids))]
        return order_id, self._orders[order_id][0]
