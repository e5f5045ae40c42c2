"""Hyperliquid's markets as instruments, and what trading them takes beside: asset ids, margin modes, tiers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE, exact
from anyvenue.model.pricing import SignificantFigures
from anyvenue.model.risk_tier import RiskTier
from anyvenue.model.symbols import format_symbol
from anyvenue_hyperliquid.errors import VENUE

SETTLE: Final = "USDC"
FUNDING_S: Final = 3600
MINIMUM: Final = Decimal(10)
"""Of orders that open a position; what closes may be worth less."""
FEES: Final = ("0.00015", "0.00045")
"""What makers and takers pay where nothing else is known: the lowest tier."""
_FIGURES: Final = 5
_DECIMALS: Final = 6
_NO_END: Final = Decimal(10) ** 15
"""The last tier has no end; this is more money than there is."""


@frozen
class Market:
    """What an instrument does not hold: the number that actions name it by, and its margin terms."""

    asset: int
    isolated_only: bool
    tiers: tuple[tuple[Decimal, int], ...]
    """The notional where each begins, and its highest leverage."""


def dex_rows(meta: Mapping[str, Any], dex_index: int) -> list[dict[str, Any]]:
    """Return the rows of a dex that trade, each with its `asset`. The main dex is number 0."""
    first = 100_000 + 10_000 * dex_index if dex_index else 0
    tables = {table: rows["marginTiers"] for table, rows in meta.get("marginTables", ())}
    rows = [
        {**row, "asset": first + place, "tiers": tables.get(row.get("marginTableId"), [])}
        for place, row in enumerate(meta["universe"])
    ]
    return [row for row in rows if not row.get("isDelisted")]


def read_market(row: Mapping[str, Any]) -> Market:
    """Return what a row says beside the instrument."""
    tiers = tuple((exact(tier["lowerBound"]), int(tier["maxLeverage"])) for tier in row["tiers"])
    isolated = bool(row.get("marginMode") or row.get("onlyIsolated"))
    return Market(int(row["asset"]), isolated, tiers or ((Decimal(0), int(row["maxLeverage"])),))


def read_instrument(row: Mapping[str, Any], connection: str, fees: tuple[str, str] = FEES) -> Instrument:
    """Return one market. A builder's costs twice the normal fee, as long as its deployer asks for no more."""
    step, most = Decimal(1).scaleb(-int(row["szDecimals"])), Decimal(int(row["maxLeverage"]))
    maker, taker = (exact(fee, "fee") * (2 if ":" in row["name"] else 1) for fee in fees)
    return Instrument(
        symbol=format_symbol(row["name"], SETTLE),
        venue=VENUE,
        connection=connection,
        venue_symbol=row["name"],
        base=row["name"],
        quote=SETTLE,
        settle=SETTLE,
        price_rule=SignificantFigures(_FIGURES, _DECIMALS - int(row["szDecimals"])),
        quantity_step=step,
        min_quantity=step,
        min_notional=MINIMUM,
        max_leverage=most,
        initial_margin_rate=ONE / most,
        maintenance_margin_rate=ONE / (2 * most),
        maker_fee=maker,
        taker_fee=taker,
        funding_interval_s=FUNDING_S,
    )


def risk_tiers(market: Market) -> list[RiskTier]:
    """Return the margin tiers; half of what a tier asks to open is what it asks to hold."""
    ends = [begin for begin, _ in market.tiers[1:]] + [_NO_END]
    return [
        RiskTier(
            max_notional=end,
            initial_rate=ONE / leverage,
            maintenance_rate=ONE / (2 * leverage),
            max_leverage=Decimal(leverage),
        )
        for end, (_, leverage) in zip(ends, market.tiers, strict=True)
    ]
