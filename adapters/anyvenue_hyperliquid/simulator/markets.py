"""The perpetuals that are listed: two dexes, their markets with ids and terms (chapter 2)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import shortest_text
from anyvenue.model.pricing import SignificantFigures
from anyvenue.model.symbols import format_symbol

__all__ = ["DEXES", "LISTED", "SETTLE", "TERMS", "Markets", "Terms", "number"]

VENUE: Final = "hyperliquid"
SETTLE: Final = "USDC"
FIGURES: Final = 5
PERP_DECIMALS: Final = 6
TAKER_FEE: Final = Decimal("0.00045")
MAKER_FEE: Final = Decimal("0.00015")
FUNDING_S: Final = 3600
DEXES: Final = ("", "xyz")
"""The main dex has no name."""
_FIRST_ID: Final = 100_000
_DEX_IDS: Final = 10_000


def number(value: Decimal | int) -> str:
    """Return a number as the venue writes it: with one decimal at least."""
    text = shortest_text(Decimal(value))
    return text if "." in text else f"{text}.0"


@frozen(kw_only=True)
class Terms:
    """What the venue says of a market. `asset` is its id in actions."""

    name: str
    asset: int
    size_decimals: int
    max_leverage: int
    is_isolated: bool = False

    @property
    def dex(self) -> str:
        """The dex it is of; empty for the main one."""
        return self.name.partition(":")[0] if ":" in self.name else ""

    @property
    def symbol(self) -> str:
        """The neutral symbol."""
        return format_symbol(self.name, SETTLE)

    def instrument(self) -> Instrument:
        """Return it as the exchange lists it. A builder's market costs twice the normal fee."""
        step, most, times = Decimal(1).scaleb(-self.size_decimals), self.max_leverage, 2 if self.dex else 1
        return Instrument(
            symbol=self.symbol,
            venue=VENUE,
            venue_symbol=self.name,
            base=self.name,
            quote=SETTLE,
            settle=SETTLE,
            price_rule=SignificantFigures(FIGURES, PERP_DECIMALS - self.size_decimals),
            quantity_step=step,
            min_quantity=step,
            max_leverage=Decimal(most),
            initial_margin_rate=1 / Decimal(most),
            maintenance_margin_rate=1 / Decimal(2 * most),
            maker_fee=MAKER_FEE * times,
            taker_fee=TAKER_FEE * times,
            funding_interval_s=FUNDING_S,
        )

    def row(self, *, is_delisted: bool) -> dict[str, Any]:
        """Return its row in `meta`."""
        told: dict[str, Any] = {
            "szDecimals": self.size_decimals,
            "name": self.name,
            "maxLeverage": self.max_leverage,
            "marginTableId": self.max_leverage,
        }
        if is_delisted:
            told["isDelisted"] = True
        if self.is_isolated:
            told |= {"onlyIsolated": True, "marginMode": "strictIsolated"}
        return told


_LEVERAGE: Final = {"BTC": 40, "ETH": 25, "SOL": 20}
"""Today's; the record is of 2023. Only these are open: the others show what delisted ones look like."""


def _terms() -> dict[str, Terms]:
    recorded = json.loads((Path(__file__).parent / "markets.json").read_text())["universe"]
    main = [
        Terms(
            name=row["name"],
            asset=asset,
            size_decimals=row["szDecimals"],
            max_leverage=_LEVERAGE.get(row["name"], row["maxLeverage"]),
        )
        for asset, row in enumerate(recorded)
    ]
    built = Terms(
        name="xyz:XYZ100",
        asset=_FIRST_ID + DEXES.index("xyz") * _DEX_IDS,
        size_decimals=3,
        max_leverage=20,
        is_isolated=True,
    )
    return {terms.name: terms for terms in (*main, built)}


TERMS: Final = _terms()
LISTED: Final = [terms for terms in TERMS.values() if terms.dex or terms.name in _LEVERAGE]


class Markets:
    """The markets and their instruments. One that the stage does not list is there, as delisted."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._instruments = {instrument.venue_symbol: instrument for instrument in instruments}
        self._by_asset = {terms.asset: terms for terms in TERMS.values()}

    def universe(self, dex: str) -> list[Terms]:
        """Return all markets of a dex, in the order of their ids."""
        return [terms for terms in TERMS.values() if terms.dex == dex]

    def open(self, dex: str | None = None) -> list[Terms]:
        """Return the markets that trade, of a dex or of all."""
        return [terms for terms in TERMS.values() if terms.name in self._instruments and dex in (None, terms.dex)]

    def find(self, name: Any) -> Terms | None:
        """Return a market that trades by its name, case and all; None where there is none."""
        return TERMS[name] if isinstance(name, str) and name in self._instruments else None

    def is_known(self, name: Any) -> bool:
        """Tell whether there is a market of this name, delisted or not."""
        return isinstance(name, str) and name in TERMS

    def by_asset(self, asset: int) -> Terms | None:
        """Return a market that trades by its id."""
        found = self._by_asset.get(asset)
        return None if found is None else self.find(found.name)

    def instrument(self, terms: Terms) -> Instrument:
        """Return the instrument behind a market."""
        return self._instruments[terms.name]

    def meta(self, dex: str) -> dict[str, Any]:
        """Return what `meta` says of a dex."""
        universe = self.universe(dex)
        leverages = sorted({terms.max_leverage for terms in universe})
        return {
            "universe": [terms.row(is_delisted=self.find(terms.name) is None) for terms in universe],
            "marginTables": [
                [most, {"description": "", "marginTiers": [{"lowerBound": "0.0", "maxLeverage": most}]}]
                for most in leverages
            ],
            "collateralToken": 0,
        }
