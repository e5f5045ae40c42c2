"""A risk tier: what a venue asks of a position that is so large."""

from __future__ import annotations

from decimal import Decimal

from attrs import frozen

__all__ = ["RiskTier"]


@frozen(kw_only=True)
class RiskTier:
    """One step of a venue's margin terms for an instrument: as it states them in public, not as an account has them.

    Attributes:
        max_notional: the largest position this tier holds for, by its value in settle currency.
        initial_rate: margin to open, a fraction of that value.
        maintenance_rate: below this fraction of it a position is liquidated.
        max_leverage: the highest leverage allowed.
    """

    max_notional: Decimal
    initial_rate: Decimal
    maintenance_rate: Decimal
    max_leverage: Decimal
