"""Markets: the venue's examples of prices, ids of builders' markets, tiers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue_hyperliquid import actions, instruments


def row(**changes: Any) -> dict[str, Any]:
    return {"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "asset": 0, "tiers": []} | changes


def of_decimals(decimals: int) -> Instrument:
    return instruments.read_instrument(row(szDecimals=decimals), "main")


@pytest.mark.parametrize(
    ("decimals", "price", "is_allowed"),
    [
        (1, "1234.5", True),
        (1, "1234.56", False),
        (0, "0.001234", True),
        (0, "0.0012345", False),
        (0, "123456", True),
        (0, "12345.6", False),
        (1, "0.01234", True),
        (1, "0.012345", False),
    ],
)
def test_prices_are_those_of_the_venues_examples(decimals: int, price: str, is_allowed: bool) -> None:
    assert of_decimals(decimals).price_rule.allows(Decimal(price)) is is_allowed


@given(
    price=st.decimals("0.01", "1000000", places=6),
    decimals=st.integers(0, 5),
    side=st.sampled_from(list(Side)),
)
def test_a_bound_is_allowed_and_never_worse_than_its_slippage(price: Decimal, decimals: int, side: Side) -> None:
    instrument = of_decimals(decimals)
    bound = actions.bounded(instrument, side, price, Decimal("0.05"))
    assert not bound or instrument.price_rule.allows(bound)
    assert (bound - price * (1 + side.sign * Decimal("0.05"))) * side.sign <= 0


def test_a_builders_market_has_its_dexs_numbers() -> None:
    meta = {
        "universe": [
            {"name": "xyz:OLD", "szDecimals": 2, "maxLeverage": 10, "isDelisted": True},
            {"name": "xyz:XYZ100", "szDecimals": 4, "maxLeverage": 20, "marginMode": "strictIsolated"},
        ]
    }
    (found,) = instruments.dex_rows(meta, 1)  # what is delisted keeps its number, and is not traded
    market, instrument = instruments.read_market(found), instruments.read_instrument(found, "main")
    assert (market.asset, market.isolated_only) == (110001, True)
    assert (instrument.symbol, instrument.venue_symbol) == ("xyz:XYZ100-USDC-PERP", "xyz:XYZ100")
    assert instrument.taker_fee == Decimal("0.0009")
    assert instruments.dex_rows(meta, 2)[0]["asset"] == 120001


def test_a_market_has_the_tiers_of_its_table() -> None:
    meta = {
        "universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40, "marginTableId": 56}],
        "marginTables": [
            [56, {"description": "", "marginTiers": [
                {"lowerBound": "0.0", "maxLeverage": 40}, {"lowerBound": "150000000.0", "maxLeverage": 20},
            ]}]
        ],
    }  # fmt: skip
    first, second = instruments.risk_tiers(instruments.read_market(instruments.dex_rows(meta, 0)[0]))
    assert (first.max_notional, first.initial_rate, first.max_leverage) == (150_000_000, Decimal("0.025"), 40)
    assert (second.maintenance_rate, second.max_leverage) == (Decimal("0.025"), 20)
