"""GaiaEx's symbols as instruments, from both revisions of its list, and what it does not tell: decimals of sizes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from attrs import frozen

from anyvenue.model.enums import TradingStatus
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ONE, ZERO
from anyvenue.model.pricing import SignificantFigures
from anyvenue.model.symbols import format_symbol
from anyvenue_gaiaex.errors import VENUE
from anyvenue_gaiaex.fields import listed, number

__all__ = ["COLLATERAL", "Listing", "read_symbols", "shipped_sizes"]

COLLATERAL: Final = "USDC"
"""The only collateral that an account sees by the one revision; markets that settle otherwise are not addressable."""
SMALLEST_NOTIONAL: Final = Decimal(10)
FIGURES: Final = 5
PERP_DECIMALS: Final = 6
"""A price has at most this many decimals less those of the size: a rule of the exchange behind GaiaEx."""
_UNKNOWN_SIZE_DECIMALS: Final = 8
"""So fine that an order is refused because the symbol cannot be traded, not because of its quantity."""
LEVERAGES: Final = {"BTC": 40, "ETH": 25, "SOL": 20, "DOGE": 10, "ARB": 10}
"""Indicative maxima, for the revision whose list has none for these; the venue decides."""
_LEAST_LEVERAGE: Final = 3


@frozen(kw_only=True)
class Listing:
    """A symbol as the list has it: its instrument, and what an instrument has no place for.

    Attributes:
        refusal: why it cannot be traded; empty where it can.
        hours: when it trades, as text; empty where nothing is said.
        is_isolated_only: it takes no cross margin.
        mark_price: the latest one, where the list has them.
    """

    instrument: Instrument
    refusal: str = ""
    hours: str = ""
    is_isolated_only: bool = False
    mark_price: Decimal | None = None


@cache
def shipped_sizes() -> Mapping[str, int]:
    """Return the size decimals that ship with the adapter, by symbol."""
    return tomllib.loads((files("anyvenue_gaiaex") / "sizes.toml").read_text())


def read_symbols(
    data: Mapping[str, Any], *, connection: str, sizes: Mapping[str, int], fee_rate: Decimal = ZERO
) -> tuple[list[Listing], dict[str, str]]:
    """Return the symbols listed, and why others were left out, by name. `fee_rate` is indicative only.

    Raises KeyError or TypeError for what is no list of symbols.
    """
    listings, left_out = [], {}
    for row in listed(data["symbols"], "symbols"):
        try:
            listings.append(_listing(row, connection, sizes, fee_rate))
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            name = row.get("symbol") if isinstance(row, Mapping) else row
            left_out[str(name)] = f"no {error}" if isinstance(error, KeyError) else str(error)
    return listings, left_out


def _listing(row: Mapping[str, Any], connection: str, sizes: Mapping[str, int], fee_rate: Decimal) -> Listing:
    symbol = row["symbol"]
    if not symbol.isascii() or "/" in symbol:
        raise ValueError("its name cannot stand in a path")
    size_decimals = sizes.get(symbol)
    digits = _UNKNOWN_SIZE_DECIMALS if size_decimals is None else size_decimals
    caps = [PERP_DECIMALS - size_decimals] if size_decimals is not None else []
    if row.get("priceDecimals") is not None:  # it may be more than the exchange behind takes, hence the least of all
        caps.append(int(row["priceDecimals"]))
    step = ONE.scaleb(-digits)
    mark = row.get("currentPrice")
    instrument = Instrument(
        symbol=format_symbol(symbol, COLLATERAL),
        venue=VENUE,
        connection=connection,
        venue_symbol=symbol,
        base=symbol,
        quote=COLLATERAL,
        settle=COLLATERAL,
        price_rule=SignificantFigures(FIGURES, max(0, min(caps, default=PERP_DECIMALS))),
        quantity_step=step,
        min_quantity=step,
        min_notional=SMALLEST_NOTIONAL,
        max_leverage=int(row.get("maxLeverage") or LEVERAGES.get(symbol, _LEAST_LEVERAGE)),
        maker_fee=fee_rate,
        taker_fee=fee_rate,
        status=TradingStatus.HALTED if size_decimals is None else TradingStatus.TRADING,
    )
    return Listing(
        instrument=instrument,
        refusal="" if size_decimals is not None else _how_to_trade(symbol, connection),
        hours=str(row.get("tradingHours") or ""),
        is_isolated_only=str(row.get("marginMode") or "").lower() == "isolated",
        mark_price=None if mark is None else number(mark, "currentPrice"),
    )


def _how_to_trade(symbol: str, connection: str) -> str:
    return (
        f"{symbol}: GaiaEx does not tell how many decimals its sizes have, so it is not traded before somebody does: "
        f'under [connections.{connection}.options.size_decimals] write "{symbol}" = NUMBER'
    )
