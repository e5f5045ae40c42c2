"""Liquidation, with numbers worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.enums import MarginMode, Side
from anyvenue.model.errors import RejectReason
from anyvenue.model.order_events import OrderCanceled
from anyvenue.simulation.exchange import INSURANCE

ETH, USD = "ETH-USDT-PERP", "BTC-USD-PERP"


@pytest.fixture
def free_desk(make_desk, make_linear):
    """No fees, maintenance 1 %, leverage 10."""
    desk = make_desk(make_linear(maker_fee="0", taker_fee="0"), make_linear(ETH, maker_fee="0", taker_fee="0"))
    desk.open("ann", money="100")
    desk.open("bob")
    desk.sell("bob", "10", "100")
    desk.buy("ann", "10", "100")
    desk.mark("100")
    return desk


def test_the_liquidation_price_is_where_it_happens(free_desk):
    desk = free_desk
    # 100 + 10 (p - 100) = 0.1 p  =>  p = 900 / 9.9 = 90.909..., so 91.0 on the grid
    assert desk.position("ann").liquidation_price == 91
    desk.mark("91")
    assert desk.position("ann").quantity == 10
    desk.mark("90.9")
    assert desk.position("ann").quantity == 0


def test_a_shorts_liquidation_price(make_desk, make_linear):
    desk = make_desk(make_linear(maker_fee="0", taker_fee="0"))
    desk.open("ann", money="100")
    desk.open("bob")
    desk.buy("bob", "10", "100")
    desk.sell("ann", "10", "100")
    desk.mark("100")
    # 100 - 10 (p - 100) = 0.1 p  =>  p = 1100 / 10.1 = 108.91
    assert desk.position("ann").liquidation_price == Decimal("108.5")
    assert desk.position("bob").liquidation_price is None


def test_an_empty_book_leaves_the_position_with_the_insurance(free_desk):
    desk = free_desk
    order = desk.sell("ann", "1", "120")
    desk.told.clear()
    desk.mark("90.5")
    # bankrupt at 100 + 10 (p - 100) = 0: p = 90, where all is gone
    (fill,) = desk.exchange.fills("ann")[1:]
    assert (fill.side, fill.price, fill.quantity, fill.client_order_id) == (Side.SELL, 90, 10, None)
    assert fill.fee == 0
    assert desk.total("ann") == 0
    assert desk.events("ann", OrderCanceled)[0].reason is RejectReason.LIQUIDATION
    assert desk.order_events("ann") == [("Canceled", order), ("Filled", "")]
    (held,) = desk.exchange.positions(INSURANCE)
    assert (held.quantity, held.entry_price) == (10, 90)
    assert desk.exchange.balances(INSURANCE)[0].total == 0
    assert [event for name, event in desk.told if name == INSURANCE] == []


def test_what_the_book_pays_beyond_the_bankruptcy_price_is_the_insurances_gain(free_desk):
    desk = free_desk
    desk.depth({"90.5": "4", "90": "1", "89": "50"}, {"95": "1"}, snapshot=True)
    desk.mark("90.5")
    (held,) = desk.exchange.positions(INSURANCE)
    assert held.quantity == 5
    assert desk.total(INSURANCE) == 2  # 4 x 0.5
    assert desk.exchange.last_price(desk.first) == 90


def test_the_bankruptcy_price_is_rounded_for_the_account_and_the_rest_is_the_fee(make_desk, make_linear):
    desk = make_desk(make_linear(maker_fee="0", taker_fee="0"))
    desk.open("ann", money="101")
    desk.open("bob")
    desk.sell("bob", "10", "100")
    desk.buy("ann", "10", "100")
    desk.mark("90.5")
    # bankrupt at 89.9, on the grid 90: 1 is left over
    fill = desk.exchange.fills("ann")[-1]
    assert (fill.price, fill.fee) == (90, 1)
    assert (desk.total("ann"), desk.total(INSURANCE)) == (0, 1)


def test_a_gap_beyond_the_bankruptcy_price_costs_the_insurance(free_desk):
    desk = free_desk
    desk.depth({"80": "50"}, {"95": "1"}, snapshot=True)
    desk.mark("85")
    assert desk.total("ann") == 0
    (held,) = desk.exchange.positions(INSURANCE)
    assert held.unrealized_pnl(Decimal(85)) == -50  # 10 x (85 - 90)


def test_cross_positions_go_together_and_share_the_loss(free_desk):
    desk = free_desk
    desk.mark("100", symbol=ETH)
    desk.exchange.set_leverage("ann", ETH, 100)
    desk.buy("bob", "1", "100", symbol=ETH)
    desk.exchange.set_leverage("ann", desk.first, 100)
    desk.sell("ann", "1", "100", symbol=ETH)
    desk.mark("91", symbol=ETH)  # 9 won with ETH
    desk.mark("91")
    assert len(desk.exchange.positions("ann")) == 2
    desk.mark("90")  # equity 100 - 100 + 9 = 9; maintenance 9 + 0.91
    assert desk.exchange.positions("ann") == []
    assert desk.total("ann") == 0
    by_symbol = {p.instrument.symbol: p for p in desk.exchange.positions(INSURANCE)}
    # Shares of the 9 go by maintenance: BTC 8.17, ETH 0.83: bankrupt at 89.18 and 91.83, on the grid 89.5 and 91.5
    assert by_symbol[desk.first].entry_price == Decimal("89.5")
    assert by_symbol[ETH].entry_price == Decimal("91.5")
    assert desk.total(INSURANCE) == Decimal("3.5")  # 100 - 105 + 8.5


def test_an_isolated_position_goes_alone(free_desk):
    desk = free_desk
    desk.open("dan", money="1000")
    desk.mark("100", symbol=ETH)
    desk.exchange.set_leverage("dan", ETH, 10, MarginMode.ISOLATED)
    desk.sell("bob", "10", "100", symbol=ETH)
    desk.buy("dan", "10", "100", symbol=ETH)
    assert desk.position("dan", symbol=ETH).liquidation_price == 91
    resting = desk.buy("dan", "1", "50", symbol=ETH)
    other = desk.buy("dan", "1", "50")
    desk.mark("90.5", symbol=ETH)
    assert desk.exchange.positions("dan") == []
    assert desk.total("dan") == 900
    assert desk.state("dan", resting) == ("canceled", "0")
    assert desk.state("dan", other) == ("open", "0")


def test_an_inverse_position_is_liquidated(make_desk, make_inverse):
    desk = make_desk(make_inverse(maker_fee="0", taker_fee="0"))
    desk.open("ann", money="0.1", currency="BTC")
    desk.open("bob", money="10", currency="BTC")
    desk.sell("bob", "50000", "50000")
    desk.buy("ann", "50000", "50000")  # 1 BTC, at leverage 10
    # 0.1 + (1 - 50000 / p) = 500 / p  =>  p = 50500 / 1.1 = 45909.09
    assert desk.position("ann").liquidation_price == Decimal("45909.5")
    desk.mark("45909.5")
    assert desk.position("ann").quantity == 50000
    desk.mark("45909")
    assert desk.position("ann").quantity == 0
    # bankrupt at 50000 / 1.1 = 45454.54, on the grid 45455
    assert desk.exchange.fills("ann")[-1].price == 45455
    assert desk.total("ann", "BTC") == 0


def test_a_trade_can_liquidate_where_no_mark_is_set(make_desk, make_linear):
    desk = make_desk(make_linear(maker_fee="0", taker_fee="0"))
    desk.open("ann", money="100")
    desk.open("bob")
    desk.sell("bob", "10", "100")
    desk.buy("ann", "10", "100")
    desk.trade(Side.SELL, "91", "1")
    assert desk.position("ann").quantity == 10
    desk.trade(Side.SELL, "90.5", "1")
    assert desk.position("ann").quantity == 0


def test_one_liquidation_can_bring_about_the_next(make_desk, make_linear):
    desk = make_desk(make_linear(maker_fee="0", taker_fee="0"))
    for name in ("ann", "cid"):
        desk.open(name, money="100")
    desk.open("bob")
    desk.sell("bob", "20", "100")
    desk.buy("ann", "10", "100")
    desk.exchange.set_leverage("cid", desk.first, 20)
    desk.buy("cid", "10", "100")
    desk.depth({"90": "100"}, {"95": "1"}, snapshot=True)
    desk.trade(Side.SELL, "90.5", "1")
    assert desk.position("ann").quantity == desk.position("cid").quantity == 0
    assert desk.exchange.positions(INSURANCE) == []


def test_funding_can_liquidate(free_desk):
    free_desk.mark("92")
    free_desk.exchange.settle_funding(free_desk.first, "0.02")  # 20 left, 18.4 to pay
    assert free_desk.position("ann").quantity == 0
