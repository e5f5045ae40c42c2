"""The orders that the venue knows of, by oid and cloid, and what it calls their states (chapter 10)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from anyvenue.model.enums import OrderState, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.numbers import ZERO
from anyvenue.model.order import Order
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.markets import Terms

__all__ = ["Kept", "OrderFile", "Standing", "TriggerTerms"]

KEPT_MAX: Final = 20_000
"""So many orders of an account are remembered; open ones are never forgotten."""
_FIRST_OID: Final = 140_000_000_000

_CANCELED: Final = {
    RejectReason.SELF_TRADE: "selfTradeCanceled",
    RejectReason.REDUCE_ONLY: "reduceOnlyCanceled",
    RejectReason.INSUFFICIENT_FUNDS: "marginCanceled",
    RejectReason.LIQUIDATION: "liquidatedCanceled",
}
_REFUSED_AT_TRIGGER: Final = {
    RejectReason.REDUCE_ONLY: "reduceOnlyRejected",
    RejectReason.INSUFFICIENT_FUNDS: "perpMarginRejected",
}


@frozen(kw_only=True)
class TriggerTerms:
    """What an order waits for. `kind` is `tp` or `sl`; `above` tells which way the mark price has to go."""

    price: Decimal
    is_market: bool
    kind: str
    above: bool


@define(eq=False, kw_only=True)
class Kept:
    """An order as the venue knows it.

    Attributes:
        name: its client id at the exchange behind; none there yet for a child that waits for its parent.
        size: as asked for.
        ended: how it ended where the exchange behind does not know: refused, or taken away by the venue itself.
        children: triggers that wait for this one to fill, then those that it brought.
        siblings: of which one that fills takes the others away.
        told: state and size that were pushed last.
    """

    oid: int
    name: str
    account: str
    terms: Terms
    side: Side
    size: Decimal
    price: Decimal
    tif: str
    reduce_only: bool
    created_ms: int
    cloid: str | None = None
    trigger: TriggerTerms | None = None
    is_position_tpsl: bool = False
    waits: bool = False
    ended: str = ""
    status_ms: int = 0
    children: list[Kept] = field(factory=list, repr=False)
    siblings: list[Kept] = field(factory=list, repr=False)
    told: tuple[str, Decimal] | None = None


@frozen
class Standing:
    """How an order stands: the venue's word for it, what is left of it, and whether it is open."""

    status: str
    size: Decimal
    is_open: bool


class OrderFile:
    """All orders of all accounts."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._last_oid = _FIRST_OID
        self._by_oid: dict[str, dict[int, Kept]] = {}
        self._by_name: dict[str, Kept] = {}
        self._maybe_open: dict[str, dict[Kept, None]] = {}

    def new_oid(self) -> int:
        """Return the next order id."""
        self._last_oid += 1
        return self._last_oid

    def keep(self, kept: Kept) -> None:
        """Remember an order."""
        found = self._by_oid.setdefault(kept.account, {})
        found[kept.oid] = kept
        self._by_name[kept.name] = kept
        self._maybe_open.setdefault(kept.account, {})[kept] = None
        if len(found) > KEPT_MAX:
            gone = next((old for old in found.values() if not self.standing(old).is_open), None)
            if gone is not None:
                del found[gone.oid]
                self._by_name.pop(gone.name, None)

    def by_name(self, name: str | None) -> Kept | None:
        """Return an order by its client id at the exchange behind."""
        return None if name is None else self._by_name.get(name)

    def find(self, account: str, oid: int | str) -> Kept | None:
        """Return an order by oid, or the newest by cloid, an open one before all others."""
        orders = self._by_oid.get(account, {})
        if isinstance(oid, int):
            return orders.get(oid)
        named = [kept for kept in reversed(orders.values()) if kept.cloid == oid]
        return next((kept for kept in named if self.standing(kept).is_open), named[0] if named else None)

    def newest_first(self, account: str) -> Iterator[Kept]:
        """Iterate over all orders of an account."""
        return reversed(self._by_oid.get(account, {}).values())

    def open(self, account: str) -> list[Kept]:
        """Return the open orders of an account, oldest first, children that wait among them."""
        found, maybe = [], self._maybe_open.get(account, {})
        for kept in list(maybe):
            if self.standing(kept).is_open:
                found.append(kept)
            elif kept.ended or self.behind(kept) is not None:  # else it is about to be placed
                del maybe[kept]
        return found

    def count_open(self, account: str, least: int) -> int:
        """Return how many orders of an account are open, or 0 where there are fewer than `least`."""
        if len(self._maybe_open.get(account, {})) < least:
            return 0
        count = len(self.open(account))
        return count if count >= least else 0

    def behind(self, kept: Kept) -> Order | None:
        """Return an order as the exchange behind has it."""
        return self._stage.exchange.order(kept.account, client_order_id=kept.name)

    def is_waiting(self, kept: Kept) -> bool:
        """Tell whether an order waits for its trigger at the exchange behind."""
        order = self.behind(kept) if kept.trigger is not None else None
        return order is not None and not order.is_terminal and not order.triggered

    def standing(self, kept: Kept) -> Standing:
        """Return how an order stands."""
        if kept.waits:
            return Standing("open", kept.size, True)
        order = self.behind(kept)
        if order is None:
            status, size = kept.told or ("canceled", kept.size)
            return Standing(kept.ended or status, size, False)
        left = order.quantity - order.filled_quantity
        if not order.is_terminal:
            return Standing("triggered" if order.triggered else "open", left, True)
        if order.state is OrderState.FILLED:
            return Standing("filled", ZERO, False)
        return Standing(kept.ended or _end_of(order), left, False)


def _end_of(order: Order) -> str:
    if order.state is OrderState.EXPIRED:
        if order.filled_quantity:
            return "canceled"
        return "marketOrderNoLiquidityRejected" if order.triggered else "iocCancelRejected"
    if order.reason is None:
        return "canceled"
    refused = _REFUSED_AT_TRIGGER if order.triggered and not order.filled_quantity else {}
    return refused.get(order.reason) or _CANCELED.get(order.reason, "canceled")
