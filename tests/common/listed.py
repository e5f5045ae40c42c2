"""Instruments to test with: a linear and an inverse perpetual of BTC, and whatever a test changes in them."""

from __future__ import annotations

from typing import Any

from anyvenue.model.enums import ContractKind
from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick

__all__ = ["inverse", "linear"]

_LINEAR: dict[str, Any] = {
    "symbol": "BTC-USDT-PERP",
    "venue": "somewhere",
    "venue_symbol": "BTC_USDT",
    "base": "BTC",
    "quote": "USDT",
    "settle": "USDT",
    "price_rule": Tick("0.1"),
    "quantity_step": "0.001",
    "min_quantity": "0.001",
}
_INVERSE: dict[str, Any] = {
    "symbol": "BTC-USD-PERP",
    "venue": "somewhere",
    "venue_symbol": "BTC_USD",
    "base": "BTC",
    "quote": "USD",
    "settle": "BTC",
    "kind": ContractKind.INVERSE,
    "price_rule": Tick("0.1"),
    "quantity_step": "1",
    "min_quantity": "1",
}


def linear(**changes: Any) -> Instrument:
    """Return one that is sized in BTC, by steps of 0.001, and priced in USDT, by steps of 0.1."""
    return Instrument(**_LINEAR | changes)


def inverse(**changes: Any) -> Instrument:
    """Return one that is sized in USD, by steps of 1, settled in BTC and priced by steps of 0.1."""
    return Instrument(**_INVERSE | changes)
