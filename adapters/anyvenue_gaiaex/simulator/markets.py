"""The perpetuals that the simulated GaiaEx lists: their terms, in the words of either revision (chapters 5 and 7)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import shortest_text
from anyvenue.model.pricing import SignificantFigures
from anyvenue.model.symbols import format_symbol
from anyvenue_gaiaex.simulator.hours import ALWAYS, US_HOURS
from anyvenue_gaiaex.simulator.refusal import Refused
from anyvenue_gaiaex.simulator.revision import Revision

__all__ = ["MINIMUM", "SETTLE", "TERMS", "Markets", "Terms", "decimals_text"]

VENUE: Final = "gaiaex"
SETTLE: Final = "USDC"
FIGURES: Final = 5
PERP_DECIMALS: Final = 6
"""A price has at most so many significant figures, and so many decimals less those of the size: the rule of the
exchange behind (5.3)."""
MINIMUM: Final = Decimal(10)
"""An order's smallest value, in dollars."""
TAKER_FEE: Final = "0.00035"
"""What `fee_rate` says; that this is the taker's is undocumented."""
MAKER_FEE: Final = "0.0001"
FUNDING_S: Final = 3600
"""Undocumented; an hour, as at the exchange behind."""


@frozen(kw_only=True)
class Terms:
    """What GaiaEx says of a market.

    `max_leverage` and `margin_mode` are what [A] and [B] list; [B] lists none for native perps, so what it would allow
    there is what the page about leverage says. `price_decimals` is what [B] lists, for display; `book_decimals` is what
    its book stream says of the same.
    """

    name: str
    max_leverage: tuple[int, int]
    margin_mode: tuple[str, str] = ("cross", "cross")
    asset_class: tuple[str, str] = ("crypto", "crypto")
    display_name: str = ""
    hours: str = ALWAYS
    price_decimals: int = 2
    book_decimals: int = 2
    size_decimals: int = 2

    @property
    def deployer(self) -> str:
        """Who runs the market; empty for native perps."""
        return self.name.partition(":")[0] if ":" in self.name else ""

    @property
    def symbol(self) -> str:
        """The neutral symbol."""
        return format_symbol(self.name, SETTLE)

    def leverage_limit(self, revision: Revision) -> int:
        """Return the most leverage that is granted."""
        return {Revision.A: self.max_leverage[0], Revision.B: self.max_leverage[1]}.get(
            revision, min(self.max_leverage)
        )

    def is_isolated_only(self, revision: Revision) -> bool:
        """Tell whether there is no cross margin."""
        return self.margin_mode[revision is Revision.B] == "isolated"

    def instrument(self, revision: Revision) -> Instrument:
        """Return it as the exchange lists it."""
        step = Decimal(1).scaleb(-self.size_decimals)
        most = self.leverage_limit(revision)
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
            maker_fee=Decimal(MAKER_FEE),
            taker_fee=Decimal(TAKER_FEE),
            funding_interval_s=FUNDING_S,
        )

    def row(self, price: Decimal | None, *, is_b: bool) -> dict[str, Any]:
        """Return its row in the list of symbols."""
        told: dict[str, Any] = {"symbol": self.name, "assetClass": self.asset_class[is_b]}
        if self.deployer:
            told["displayName"] = self.display_name
        if self.deployer or not is_b:
            told["maxLeverage"] = self.max_leverage[is_b]
            told["marginMode"] = self.margin_mode[is_b]
            told["tradingHours"] = self.hours
        if self.deployer:
            told["deployer"] = self.deployer
        if is_b:
            told["priceDecimals"] = self.price_decimals
            told["currentPrice"] = None if price is None else decimals_text(price, self.price_decimals)
        return told


TERMS: Final = {
    terms.name: terms
    for terms in (
        Terms(name="BTC", max_leverage=(100, 40), price_decimals=1, size_decimals=5),
        Terms(name="ETH", max_leverage=(25, 25), size_decimals=4),
        Terms(name="SOL", max_leverage=(20, 20)),
        Terms(
            name="xyz:AAPL",
            max_leverage=(20, 10),
            margin_mode=("isolated", "cross"),
            asset_class=("equity", "equity"),
            display_name="Apple Inc.",
            hours=US_HOURS,
            size_decimals=3,
        ),
        Terms(
            name="vntl:OPENAI",
            max_leverage=(5, 3),
            margin_mode=("isolated", "isolated"),
            asset_class=("venture", "preipo"),
            display_name="OpenAI",
            size_decimals=3,
        ),
    )
}
"""By GaiaEx's name. Size decimals are documented nowhere."""


class Markets:
    """The markets that are listed, and their instruments."""

    def __init__(self, instruments: Iterable[Instrument], revision: Revision) -> None:
        self.revision = revision
        self._instruments = {instrument.venue_symbol: instrument for instrument in instruments}

    def all(self) -> list[Terms]:
        """Return all of them."""
        return [TERMS[name] for name in self._instruments]

    def find(self, name: str) -> Terms | None:
        """Return a market by GaiaEx's name, case and all; None where there is none."""
        return TERMS[name] if name in self._instruments else None

    def get(self, name: str) -> Terms:
        """Return a market. Raises Refused."""
        found = self.find(name)
        if found is None:
            raise Refused(400, f"Symbol '{name}' is not supported")
        return found

    def instrument(self, terms: Terms) -> Instrument:
        """Return the instrument behind a market, as the exchange has it."""
        return self._instruments[terms.name]


def decimals_text(value: Decimal, decimals: int) -> str:
    """Return a number with so many decimals, or more where it has more: 3500.0 with two is 3500.00."""
    text = shortest_text(value)
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(decimals, '0')}" if decimals or fraction else whole
