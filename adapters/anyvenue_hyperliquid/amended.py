"""Orders that were amended: the venue cancels the one and makes a new one, with a number and a size of its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from attrs import define, field

from anyvenue.model.numbers import ZERO

KEPT_MAX: Final = 1000


@define
class _Amended:
    traded: dict[str, Decimal] = field(factory=dict)
    """What has traded under each number, in the order in which there were such."""
    until_ns: int = 0
    """An amend may be under way until then: the end of the newest number may be the beginning of the next."""


class Amended:
    """What has been amended by this connection, by client id. The oldest are forgotten when there are too many."""

    def __init__(self) -> None:
        self._orders: dict[str, _Amended] = {}

    def __contains__(self, client_id: str | None) -> bool:
        return client_id in self._orders

    def begin(self, client_id: str, number: str, traded: Decimal, until_ns: int) -> None:
        """An amend leaves for the order that goes by `number`, of which so much has traded in all."""
        found = self._orders.setdefault(client_id, _Amended())
        found.traded[number] = traded - self.before(client_id, number)
        found.until_ns = until_ns
        if len(self._orders) > KEPT_MAX:
            del self._orders[next(iter(self._orders))]

    def end(self, client_id: str, number: str | None = None) -> None:
        """The amend is over: the order goes by a new number, or none came of it."""
        found = self._orders.get(client_id)
        if found is not None:
            found.until_ns = 0
            if number is not None:
                found.traded.setdefault(number, ZERO)

    def before(self, client_id: str | None, number: str) -> Decimal:
        """Return what had traded under the numbers before this one."""
        total = ZERO
        found = self._orders.get(client_id or "")
        for other, traded in () if found is None else found.traded.items():
            if other == number:
                break
            total += traded
        return total

    def is_new(self, client_id: str | None, number: str) -> bool:
        """Tell whether an amended order is not known to go by this number yet."""
        found = self._orders.get(client_id or "")
        return found is not None and number not in found.traded

    def learn(self, client_id: str | None, number: str, traded: Decimal, now_ns: int) -> bool:
        """Note what has traded under a number. Tell whether the order goes on when this number has ended."""
        found = self._orders.get(client_id or "")
        if found is None:
            return False
        found.traded[number] = max(traded, found.traded.get(number, ZERO))
        return number != next(reversed(found.traded)) or now_ns < found.until_ns
