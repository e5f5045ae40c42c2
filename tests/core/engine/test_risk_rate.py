"""The rate of orders: as configured, else below the venue's own, as far as that is known."""

import pytest

from anyvenue.engine.commands import Place
from anyvenue.engine.risk import ConnectionLimits, RiskLimits
from anyvenue.model.enums import OrderState
from anyvenue.model.market import Ticker
from anyvenue.venue.capabilities import Capabilities

BTC = "BTC-USDT-PERP"
SECOND = 1_000_000_000


def passed(desk, orders):
    """Place so many at one moment; return how many left, and why the last one did not."""
    placed = [desk.strategy.buy(BTC, "0.1", "100.0") for _ in range(orders)]
    left = sum(type(command) is Place for command in desk.taken())
    return left, desk.now(placed[-1]).text


@pytest.mark.parametrize(
    ("venues", "own", "allowed"),
    [(None, None, 30), (20, None, 16), (1, None, 1), (20, 19, 19), (20, 25, 25), (None, 7, 7)],
    ids=["nobody knows", "four fifths", "one at least", "configured", "configured above", "configured, not known"],
)
def test_the_venues_own_rate_is_stayed_below_where_nothing_is_configured(make_desk, venues, own, allowed):
    connections = {} if own is None else {"main": ConnectionLimits(order_rate=own)}
    desk = make_desk(risk=RiskLimits(connections=connections), order_rate=venues)
    assert passed(desk, 30)[0] == allowed
    desk.clock.run_until(desk.clock.time_ns() + SECOND)
    desk.receive(Ticker(instrument=desk.instrument))
    assert passed(desk, 30)[0] == allowed


def test_a_refusal_tells_the_venues_own_limit(make_desk):
    desk = make_desk(order_rate=5)
    left, text = passed(desk, 5)
    assert left == 4
    assert "connections.main.order_rate: 4 creates and amends" in text
    assert text.endswith("allowed are 4 (the venue's own limit is 5)")
    assert desk.engine.orders.get("avtest-5").state is OrderState.REJECTED


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_rate_below_one_is_refused(wrong):
    with pytest.raises(ValueError, match="order_rate"):
        Capabilities(order_rate=wrong)
