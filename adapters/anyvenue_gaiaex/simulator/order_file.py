"""The orders that GaiaEx knows of: its own ids for them, which outlive changes at the exchange behind."""

from __future__ import annotations

from typing import Final

from attrs import define

from anyvenue.model.order import Order
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.markets import Terms

__all__ = ["Kept", "OrderFile"]

KEPT_MAX: Final = 20_000
"""So many orders of an account are remembered; open ones are never forgotten."""


@define(eq=False)
class Kept:
    """An order as GaiaEx knows it. `name` is its client id at the exchange behind; `trigger` is empty, tp or sl."""

    order_id: int
    name: str
    terms: Terms
    created_ms: int
    trigger: str = ""
    client_id: str = ""
    is_market: bool = False
    time_in_force: str = "GTC"


class OrderFile:
    """All orders of all accounts, by GaiaEx's ids."""

    def __init__(self, stage: Stage, first_id: int) -> None:
        self._stage = stage
        self._last_id = first_id
        self._names = 0
        self._by_id: dict[str, dict[int, Kept]] = {}
        self._client_ids: dict[str, str] = {}

    def new_id(self) -> int:
        """Return the next order id."""
        self._last_id += 1
        return self._last_id

    def new_name(self) -> str:
        """Return a new client id for the exchange behind; what clients call their orders does not get there."""
        self._names += 1
        return f"g{self._names}"

    def keep(self, account: str, kept: Kept) -> None:
        """Remember an order by its id."""
        found = self._by_id.setdefault(account, {})
        found[kept.order_id] = kept
        self._client_ids[kept.name] = kept.client_id
        if len(self._client_ids) > KEPT_MAX:
            del self._client_ids[next(iter(self._client_ids))]
        if len(found) > KEPT_MAX:
            self._forget(account, found)

    def drop(self, account: str, order_id: int) -> None:
        """Let nothing be found by an id any more."""
        self._by_id[account].pop(order_id, None)

    def client_id_of(self, name: str) -> str:
        """Return the client's own id for what the exchange behind has by this name; empty for none."""
        return self._client_ids.get(name, "")

    def open(self, account: str, *, triggers: bool | None = None) -> list[tuple[Kept, Order]]:
        """Return the open orders, oldest id first; with `triggers` only those that wait for a trigger, or do not."""
        behind = {order.client_order_id: order for order in self._stage.exchange.open_orders(account)}
        return [
            (kept, behind[kept.name])
            for order_id, kept in self._by_id.get(account, {}).items()
            if order_id == kept.order_id
            and kept.name in behind
            and (triggers is None or triggers is (bool(kept.trigger) and not behind[kept.name].triggered))
        ]

    def find_open(self, account: str, order_id: int, terms: Terms) -> tuple[Kept, Order] | None:
        """Return an open order of a market; None where there is none by this id."""
        kept = self._by_id.get(account, {}).get(order_id)
        if kept is None or kept.terms is not terms:
            return None
        order = self._stage.exchange.order(account, client_order_id=kept.name)
        return None if order is None or order.is_terminal else (kept, order)

    def _forget(self, account: str, found: dict[int, Kept]) -> None:
        for order_id, kept in found.items():
            order = self._stage.exchange.order(account, client_order_id=kept.name)
            if order is None or order.is_terminal:
                del found[order_id]
                return
