"""ToyEx's markets as instruments.

Ask of your venue: are sizes in base units or in contracts (`contract_size`, `depth_unit`)? Are prices on a fixed tick
or capped in figures (`Tick`, `SignificantFigures`)? What is the smallest size, and the smallest notional?
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick
from anyvenue.model.symbols import format_symbol

from anyvenue_toyex.errors import VENUE


def read_instrument(row: Mapping[str, Any], connection: str) -> Instrument:
    """Return one market of the list. Raises KeyError or ValueError, with the reason, where there can be none."""
    return Instrument(
        symbol=format_symbol(row["base"], row["quote"]),
        venue=VENUE,
        connection=connection,
        venue_symbol=row["market"],
        base=row["base"],
        quote=row["quote"],
        settle=row["quote"],
        price_rule=Tick(row["tick"]),
        quantity_step=row["step"],
        min_quantity=row["min_size"],
        max_leverage=row["max_leverage"],
        maker_fee=row["maker_fee"],
        taker_fee=row["taker_fee"],
    )
