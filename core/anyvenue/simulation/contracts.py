"""The contracts that a simulated market lists: what a tape's header says, and terms a perpetual exchange would set."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import exact
from anyvenue.model.pricing import Tick
from anyvenue.simulation.tape import TapeHeader
from anyvenue.venue.descriptor import SimulationSettings

__all__ = ["FUNDING_RATE", "VENUE", "perpetual"]

VENUE: Final = "simulated"
MAKER_FEE: Final = "0.0002"
TAKER_FEE: Final = "0.0005"
MAX_LEVERAGE: Final = 100
MAINTENANCE_MARGIN_RATE: Final = Decimal("0.005")
MIN_NOTIONAL: Final = 5
FUNDING_INTERVAL_S: Final = 8 * 3600
FUNDING_RATE: Final = Decimal("0.0001")
"""What every settlement charges longs and pays shorts: a rate that holds when a perpetual trades at its index."""


def perpetual(header: TapeHeader, settings: SimulationSettings) -> Instrument:
    """Return the linear perpetual that a tape is of, with the fees of `settings` where they are given."""
    step = Decimal(header.quantity_step)
    return Instrument(
        symbol=header.symbol,
        venue=VENUE,
        venue_symbol=header.symbol,
        base=header.base,
        quote=header.quote,
        settle=header.settle,
        price_rule=Tick(Decimal(header.price_tick)),
        quantity_step=step,
        min_quantity=step,
        contract_size=step,
        min_notional=MIN_NOTIONAL,
        max_leverage=MAX_LEVERAGE,
        initial_margin_rate=Decimal(1) / MAX_LEVERAGE,
        maintenance_margin_rate=MAINTENANCE_MARGIN_RATE,
        maker_fee=exact(MAKER_FEE if settings.maker_fee is None else settings.maker_fee, "maker_fee"),
        taker_fee=exact(TAKER_FEE if settings.taker_fee is None else settings.taker_fee, "taker_fee"),
        funding_interval_s=FUNDING_INTERVAL_S,
    )
