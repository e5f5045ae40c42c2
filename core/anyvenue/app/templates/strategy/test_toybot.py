"""The strategy on the recorded market: what it does is the same every time."""

from decimal import Decimal

import pytest
from anyvenue import SimulationSettings, backtest

from toybot import ToyBot, ToyBotParameters


def test_it_trades_and_never_holds_more_than_it_may() -> None:
    parameters = ToyBotParameters(most=Decimal("0.02"))
    result = backtest(ToyBot(parameters), simulation=SimulationSettings(symbols=("BTC-PERP",), duration_s=60))
    (traded,) = result.instruments
    assert result.failure == ""
    assert result.fills > 0
    assert -parameters.most <= traded.inventory_min <= traded.inventory_max <= parameters.most


def test_a_quantity_that_is_no_quantity_is_refused() -> None:
    with pytest.raises(ValueError, match="allowed is 0 < quantity"):
        ToyBotParameters(quantity=Decimal(0))
