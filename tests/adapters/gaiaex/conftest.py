"""What several tests of the adapter share: an instrument, and orders for it."""

import pytest

from anyvenue.model.enums import OrderType, Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.pricing import SignificantFigures


@pytest.fixture(scope="session")
def eth_everywhere():
    """The instrument for properties, which share one over all their examples."""
    return Instrument(
        symbol="ETH-USDC-PERP",
        venue="gaiaex",
        connection="main",
        venue_symbol="ETH",
        base="ETH",
        quote="USDC",
        settle="USDC",
        price_rule=SignificantFigures(5, 2),
        quantity_step="0.0001",
        min_quantity="0.0001",
        min_notional=10,
        max_leverage=25,
        taker_fee="0.00035",
    )


@pytest.fixture
def eth(eth_everywhere):
    return eth_everywhere


@pytest.fixture
def order_of(eth):
    """Return a function that makes an order's spec: buy 0.1 at 3500 unless told otherwise."""

    def make(name="avx-1", *, instrument=eth, **changes):
        terms = {"side": Side.BUY, "quantity": "0.1", "price": "3500"} | changes
        if terms.get("order_type") is OrderType.MARKET:
            terms["price"] = None
        return OrderSpec(client_order_id=name, instrument=instrument, **terms)

    return make
