"""An account's balance in one currency."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

from anyvenue.model.numbers import readable

__all__ = ["Balance"]


@frozen(kw_only=True)
class Balance:
    """Money in one currency.

    `total` excludes unrealised profit; `available` is free for new orders. `sequence`, where the venue numbers its
    updates, lets a newer balance win over an older one that arrives late.
    """

    currency: str
    total: Decimal
    available: Decimal
    sequence: int | None = None
    ts_event: int = 0
    ts_recv: int = 0

    def __str__(self) -> str:
        """Tell it in a line, such as `1000 USDT, 950.5 available`."""
        return f"{readable(self.total)} {self.currency}, {readable(self.available)} available"
