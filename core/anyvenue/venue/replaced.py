"""Orders that a venue amends by putting another one in their place, with an id and a size of its own.

To everybody else such an order is one. An adapter that keeps a `Replaced` tells what its reports are to say, and which
end of an id is the end of the order.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, field

from anyvenue.model.numbers import ZERO
from anyvenue.model.order_events import OrderAmended, OrderReported

__all__ = ["Replaced", "moved"]

KEPT_MAX: Final = 1000


@define
class _Chain:
    traded: dict[str, Decimal] = field(factory=dict)
    """What has traded under each id, in the order in which there were such."""
    until_ns: int = 0
    """An amend may be under way until then: the end of the newest id may be the beginning of the next."""


def moved(report: OrderReported) -> OrderAmended:
    """Return the event that an order goes by another id now, as a report of that one has it."""
    return OrderAmended(
        client_order_id=report.client_order_id,
        venue_order_id=report.venue_order_id,
        price=report.price,
        quantity=report.quantity,
        ts_event=report.ts_event,
        ts_recv=report.ts_recv,
    )


class Replaced:
    """What one connection has amended, by client id. The oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._chains: dict[str | None, _Chain] = {}

    def __contains__(self, client_id: str | None) -> bool:
        return client_id in self._chains

    def begin(self, client_id: str, venue_id: str, filled: Decimal, until_ns: int) -> None:
        """An amend leaves for the order that goes by `venue_id`, of which so much has traded in all.

        Unless `end` is called before, it may have been carried out until `until_ns`.
        """
        chain = self._chains.setdefault(client_id, _Chain())
        chain.traded[venue_id] = filled - self.before(client_id, venue_id)
        chain.until_ns = until_ns
        if len(self._chains) > KEPT_MAX:
            del self._chains[next(iter(self._chains))]

    def end(self, client_id: str | None, venue_id: str | None = None) -> None:
        """The amend is over: the order goes by a new id, or (None) none came of it."""
        if (chain := self._chains.get(client_id)) is not None:
            chain.until_ns = 0
            if venue_id is not None:
                chain.traded.setdefault(venue_id, ZERO)

    def is_new(self, client_id: str | None, venue_id: str) -> bool:
        """Tell whether an amended order is not known to go by this id yet."""
        chain = self._chains.get(client_id)
        return chain is not None and venue_id not in chain.traded

    def before(self, client_id: str | None, venue_id: str) -> Decimal:
        """Return what had traded under the ids before this one: a report's filled and whole quantity lack it."""
        total, chain = ZERO, self._chains.get(client_id)
        for other, traded in () if chain is None else chain.traded.items():
            if other == venue_id:
                break
            total += traded
        return total

    def goes_on(self, report: OrderReported, now_ns: int) -> bool:
        """Note what has traded under an id, by a report in which what had traded before is counted in.

        Tell whether the order goes on although this id has ended.
        """
        chain, venue_id = self._chains.get(report.client_order_id), report.venue_order_id or ""
        if chain is None:
            return False
        traded = report.filled_quantity - self.before(report.client_order_id, venue_id)
        chain.traded[venue_id] = max(traded, chain.traded.get(venue_id, ZERO))
        return report.state.is_terminal and (venue_id != next(reversed(chain.traded)) or now_ns < chain.until_ns)
