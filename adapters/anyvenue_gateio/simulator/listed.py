"""The futures that the simulated Gate lists: their terms, in Gate's own words and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from attrs import frozen

from anyvenue.model.enums import ContractKind, TradingStatus
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import shortest_text
from anyvenue.model.pricing import Tick
from anyvenue.model.symbols import format_symbol
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings

__all__ = ["TERMS", "Terms", "instruments", "quantity_step"]

VENUE: Final = "gateio"
MAKER_FEE: Final = "0.0002"
TAKER_FEE: Final = "0.0005"


@frozen(kw_only=True)
class Terms:
    """What Gate says of a contract and does not change while it is traded. Sizes are contracts.

    `multiplier` is base currency in a contract, "0" for the inverse contract, which is one dollar.
    """

    name: str
    multiplier: str
    tick: str
    size_min: str = "1"
    size_max: str = "1000000"
    market_size_max: str = "0"
    decimal: bool = False
    settle: str = "USDT"
    leverage_max: str = "100"
    maintenance_rate: str = "0.005"
    deviate: str = "0.2"
    risk_limit: str = "20000000"
    funding_interval_s: int = 28_800
    orders_limit: int = 100
    delisting: bool = False

    @property
    def inverse(self) -> bool:
        """Whether it settles in its base currency."""
        return self.multiplier == "0"

    @property
    def symbol(self) -> str:
        """The neutral symbol."""
        return format_symbol(*self.name.rsplit("_", 1))

    def instrument(self, tape: TapeHeader | None) -> Instrument:
        """Return it as the exchange lists it; a tape's tick goes before its own."""
        base, quote = self.name.rsplit("_", 1)
        contract = Decimal(1) if self.inverse else Decimal(self.multiplier)
        market_max = self.size_max if self.market_size_max == "0" else self.market_size_max
        return Instrument(
            symbol=self.symbol,
            venue=VENUE,
            connection=VENUE,
            venue_symbol=self.name,
            base=base,
            quote=quote,
            settle=self.settle,
            kind=ContractKind.INVERSE if self.inverse else ContractKind.LINEAR,
            contract_size=contract,
            depth_unit=contract,
            price_rule=Tick(Decimal(self.tick if tape is None else shortest_text(Decimal(tape.price_tick)))),
            quantity_step=contract * quantity_step(self),
            min_quantity=contract * Decimal(self.size_min),
            max_quantity=contract * Decimal(self.size_max),
            max_market_quantity=contract * Decimal(market_max),
            max_leverage=Decimal(self.leverage_max),
            initial_margin_rate=1 / Decimal(self.leverage_max),
            maintenance_margin_rate=Decimal(self.maintenance_rate),
            maker_fee=Decimal(MAKER_FEE),
            taker_fee=Decimal(TAKER_FEE),
            price_band=Decimal(self.deviate),
            funding_interval_s=self.funding_interval_s,
            status=TradingStatus.REDUCE_ONLY if self.delisting else TradingStatus.TRADING,
        )


def quantity_step(terms: Terms) -> Decimal:
    """Return the step of sizes in contracts; Gate has no field for it: the smallest size, or 1 without fractions."""
    return Decimal(terms.size_min) if terms.decimal else Decimal(1)


TERMS: Final = {
    terms.name: terms
    for terms in (
        Terms(name="BTC_USDT", multiplier="0.0001", tick="0.1", market_size_max="500000"),
        Terms(name="ETH_USDT", multiplier="0.01", tick="0.01", decimal=True, size_min="0.1", maintenance_rate="0.005"),
        Terms(name="SOL_USDT", multiplier="1", tick="0.01", leverage_max="50", maintenance_rate="0.01"),
        Terms(
            name="币安人生_USDT",
            multiplier="10",
            tick="0.00001",
            leverage_max="20",
            maintenance_rate="0.025",
            funding_interval_s=14_400,
            risk_limit="200000",
        ),
        Terms(name="OLDCOIN_USDT", multiplier="10", tick="0.0001", leverage_max="10", delisting=True),
        Terms(
            name="BTC_USD",
            multiplier="0",
            tick="0.1",
            settle="BTC",
            size_max="10000000",
            deviate="0.1",
            risk_limit="500",
        ),
    )
}
"""By Gate's name. `risk_limit` is in settle currency."""


def instruments(tapes: Mapping[str, TapeHeader], settings: SimulationSettings) -> list[Instrument]:
    """Return all there is; the stage lists what the settings ask for, with their fees."""
    return [terms.instrument(tapes.get(terms.symbol)) for terms in TERMS.values()]
