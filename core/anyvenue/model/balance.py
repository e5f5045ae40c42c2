"""An account's balance in one currency."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

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
