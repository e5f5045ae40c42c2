"""Orders that were amended: the venue cancels the one and makes a new one, with a number and a size of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, field

from anyvenue.model.numbers import ZERO
from anyvenue.model.order_events import OrderReported

KEPT_MAX: Final = 1000


@define
class _Chain:
    traded: dict[str, Decimal] = field(factory=dict)
    """What has traded under each number, in the order in which there were such."""
    until_ns: int = 0
    """An amend may be under way until then: the end of the newest number may be the beginning of the next."""


class Amended:
    """What this connection has amended, by client id. The oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._chains: dict[str | None, _Chain] = {}

    def __contains__(self, client_id: str | None) -> bool:
        return client_id in self._chains

    def begin(self, client_id: str, number: str, filled: Decimal, until_ns: int) -> None:
        """An amend leaves for the order that goes by `number`, of which so much has traded in all."""
        chain = self._chains.setdefault(client_id, _Chain())
        chain.traded[number] = filled - self.before(client_id, number)
        chain.until_ns = until_ns
        if len(self._chains) > KEPT_MAX:
            del self._chains[next(iter(self._chains))]

    def end(self, client_id: str | None, number: str | None = None) -> None:
        """The amend is over: the order goes by a new number, or none came of it."""
        if (chain := self._chains.get(client_id)) is not None:
            chain.until_ns = 0
            if number is not None:
                chain.traded.setdefault(number, ZERO)

    def is_new(self, client_id: str | None, number: str) -> bool:
        """Tell whether an amended order is not known to go by this number yet."""
        chain = self._chains.get(client_id)
        return chain is not None and number not in chain.traded

    def before(self, client_id: str | None, number: str) -> Decimal:
        """Return what had traded under the numbers before this one."""
        total, chain = ZERO, self._chains.get(client_id)
        for other, traded in () if chain is None else chain.traded.items():
            if other == number:
                break
            total += traded
        return total

    def goes_on(self, report: OrderReported, now_ns: int) -> bool:
        """Note what has traded under a number. Tell whether the order goes on although this number has ended."""
        chain, number = self._chains.get(report.client_order_id), report.venue_order_id or ""
        if chain is None:
            return False
        traded = report.filled_quantity - self.before(report.client_order_id, number)
        chain.traded[number] = max(traded, chain.traded.get(number, ZERO))
        return report.state.is_terminal and (number != next(reversed(chain.traded)) or now_ns < chain.until_ns)
