"""Positions, profit, fees, margin, leverage and funding, with numbers worked out by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.balance import Balance
from anyvenue.model.enums import MarginMode, PositionMode, PositionSide, Side
from anyvenue.model.errors import InsufficientFunds, Rejected, RejectReason
from anyvenue.model.market import FundingPayment
from anyvenue.model.position import Position

LONG, SHORT = PositionSide.LONG, PositionSide.SHORT


def test_a_round_trip(desk):
    desk.sell("bob", "2", "100")
    desk.buy("ann", "2", "100")
    position = desk.position("ann")
    assert (position.quantity, position.entry_price, position.leverage) == (2, 100, 10)
    assert position.fees == Decimal("0.1")
    desk.sell("cid", "5", "110")
    desk.mark("110")
    assert desk.position("ann").unrealized_pnl(Decimal(110)) == 20
    # total 10000 - 0.1; unrealised 20; margin 2 x 110 / 10
    assert desk.total("ann") == Decimal("9999.9")
    assert desk.free("ann") == Decimal("9997.9")
    desk.buy("bob", "2", "109")
    desk.sell("ann", "2", "109")
    position = desk.position("ann")
    assert (position.quantity, position.realized_pnl) == (0, 18)
    assert desk.exchange.positions("ann") == []
    assert desk.total("ann") == Decimal("10000") + 18 - Decimal("0.1") - Decimal("0.109")


def test_turning_a_position_over(desk):
    desk.buy("ann", "5", "100")
    desk.sell("bob", "2", "100")
    desk.sell("cid", "2", "100")
    desk.buy("cid", "5", "104")
    desk.sell("ann", "5", "104")  # closes 4 at +4, opens a short of 1
    position = desk.position("ann")
    assert (position.quantity, position.realized_pnl, position.entry_price) == (-1, 16, 104)


def test_an_inverse_contract(make_desk, make_inverse):
    desk = make_desk(make_inverse())
    desk.open("ann", "bob", money="1", currency="BTC")
    desk.sell("bob", "1000", "50000")
    desk.buy("ann", "1000", "50000")
    # 1000 USD is 0.02 BTC; taker 0.0005, maker 0.0001
    assert desk.total("ann", "BTC") == Decimal("0.99999")
    assert desk.total("bob", "BTC") == Decimal("0.999998")
    desk.mark("40000")
    # worth 0.025 BTC now: the long lost 0.005; margin 0.0025
    assert desk.position("ann").unrealized_pnl(Decimal(40000)) == Decimal("-0.005")
    assert desk.free("ann", "BTC") == Decimal("0.99999") - Decimal("0.005") - Decimal("0.0025")
    assert desk.position("bob").unrealized_pnl(Decimal(40000)) == Decimal("0.005")


def test_each_fill_is_told_before_the_position_and_the_balance(desk):
    desk.sell("bob", "1", "100")
    desk.told.clear()
    desk.buy("ann", "1", "100")
    assert [(name, type(event).__name__) for name, event in desk.told] == [
        ("ann", "OrderFilled"),
        ("bob", "OrderFilled"),
        ("ann", "Position"),
        ("bob", "Position"),
        ("ann", "Balance"),
        ("bob", "Balance"),
    ]
    balance = desk.events("ann", Balance)[0]
    assert (balance.total, balance.available) == (Decimal("9999.95"), Decimal("9989.95"))
    assert all(event.ts_event == desk.now for event in desk.events("ann"))
    numbers = [event.sequence for event in desk.events("ann", Position, Balance)]
    assert numbers == sorted(set(numbers))


def test_orders_reserve_margin_of_the_dearer_side(desk):
    desk.buy("ann", "10", "100")
    assert desk.free("ann") == 9900
    desk.sell("ann", "10", "200")
    assert desk.free("ann") == 9800  # the sell is dearer, and only one of them can ever be filled to a position
    desk.exchange.cancel_all("ann")
    assert desk.free("ann") == 10000


def test_orders_that_close_need_no_margin(desk):
    desk.buy("ann", "10", "100")
    desk.sell("bob", "10", "100")
    desk.mark("100")
    free = desk.free("ann")
    desk.sell("ann", "10", "101")
    assert desk.free("ann") == free
    desk.sell("ann", "10", "102")  # 10 more than there is to close: 20 of 2030, half of it opens
    assert desk.free("ann") == free - (Decimal("101.5") - 100)


def test_what_cannot_be_paid_for_is_refused(make_desk):
    desk = make_desk()
    desk.open("ann", "bob", money="100")
    with pytest.raises(InsufficientFunds):
        desk.buy("ann", "10.1", "100")  # 1010 / 10 = 101
    name = desk.buy("ann", "10", "100")
    with pytest.raises(InsufficientFunds):
        desk.buy("ann", "0.1", "99")
    desk.sell("bob", "5", "100")
    with pytest.raises(InsufficientFunds):
        desk.exchange.amend("ann", client_order_id=name, quantity="10.1")
    with pytest.raises(InsufficientFunds):
        desk.sell("bob", "6")  # 5 of ann's bid is left: 10 in all would be 100 of margin, fees are gone already
    desk.sell("ann", "5", "100.5")  # it closes
    assert desk.order("ann", name).filled_quantity == 5


def test_with_nothing_free_an_order_passes_that_needs_no_more_margin_and_any_other_is_told_what_is_missing(
    make_desk, make_linear
):
    desk = make_desk(make_linear(maker_fee="0", taker_fee="0"))
    desk.open("ann", "bob", money="100")
    desk.buy("ann", "5", "100")
    desk.sell("bob", "5", "100")
    desk.mark("85")  # 5 x 15 = 75 lost; 5 x 85 / 10 = 42.5 tied up
    assert desk.exchange.balances("ann")[0].available == 0  # 100 - 75 - 42.5 = -17.5
    desk.sell("ann", "5", "90")
    with pytest.raises(InsufficientFunds, match=r"8\.5 USDT needed, -17\.50* free"):
        desk.buy("ann", "1", "85")  # 85 / 10
    assert [order.side for order in desk.exchange.open_orders("ann")] == [Side.SELL]


def test_leverage_is_capped_and_set(desk, make_desk, make_linear):
    assert desk.exchange.set_leverage("ann", desk.first, "20").leverage == 20
    desk.buy("ann", "10", "100")
    assert desk.free("ann") == 9950
    for leverage in ("0.5", "101"):
        with pytest.raises(Rejected) as refused:
            desk.exchange.set_leverage("ann", desk.first, leverage)
        assert refused.value.reason is RejectReason.LEVERAGE
    low = make_desk(make_linear(max_leverage="5"))
    low.open("ann")
    assert low.position("ann").leverage == 5


def test_lower_leverage_needs_the_margin(make_desk):
    desk = make_desk()
    desk.open("ann", money="100")
    desk.buy("ann", "10", "100")
    with pytest.raises(InsufficientFunds):
        desk.exchange.set_leverage("ann", desk.first, 5)
    assert desk.position("ann").leverage == 10
    assert desk.free("ann") == 0  # the margin, too, is as it was


def test_isolated_margin_is_taken_added_to_and_given_back(desk):
    desk.exchange.set_leverage("ann", desk.first, 10, MarginMode.ISOLATED)
    desk.sell("bob", "4", "100")
    desk.buy("ann", "4", "100")
    assert desk.position("ann").margin == 40
    assert desk.free("ann") == Decimal("10000") - Decimal("0.2") - 40
    desk.mark("95")  # a loss of 20 on paper touches nothing else
    assert desk.free("ann") == Decimal("9959.8")
    assert desk.exchange.adjust_margin("ann", desk.first, "60").margin == 100
    assert desk.free("ann") == Decimal("9899.8")
    with pytest.raises(InsufficientFunds):
        desk.exchange.adjust_margin("ann", desk.first, "-43")  # 57 - 20 lost < 38
    desk.buy("bob", "1", "90")
    desk.sell("ann", "1", "90")
    assert desk.position("ann").margin == 75
    assert desk.total("ann") == Decimal("9999.8") - 10 - Decimal("0.045")
    with pytest.raises(Rejected) as refused:
        desk.exchange.set_leverage("ann", desk.first, 10, MarginMode.CROSS)
    assert refused.value.reason is RejectReason.LEVERAGE


def test_isolated_margin_is_refused_where_there_is_none(desk):
    with pytest.raises(Rejected) as refused:
        desk.exchange.adjust_margin("ann", desk.first, "1")
    assert refused.value.reason is RejectReason.LEVERAGE


def test_leverage_of_an_isolated_position_moves_its_margin(desk):
    desk.exchange.set_leverage("ann", desk.first, 10, MarginMode.ISOLATED)
    desk.sell("bob", "4", "100")
    desk.buy("ann", "4", "100")
    assert desk.exchange.set_leverage("ann", desk.first, 20, MarginMode.ISOLATED).margin == 20
    desk.mark("96")
    with pytest.raises(InsufficientFunds):  # 8 of margin, 16 lost
        desk.exchange.set_leverage("ann", desk.first, 50, MarginMode.ISOLATED)
    assert desk.position("ann").margin == 20


def test_hedge_mode_holds_both_legs(desk):
    desk.exchange.set_position_mode("ann", PositionMode.HEDGE)
    desk.depth({"99.5": "50"}, {"100": "50"}, snapshot=True)
    desk.buy("ann", "3", position_side=LONG)
    desk.sell("ann", "2", position_side=SHORT)
    assert [(p.side, p.quantity) for p in desk.exchange.positions("ann")] == [(LONG, 3), (SHORT, -2)]
    desk.sell("ann", "1", position_side=LONG)
    desk.buy("ann", "2", position_side=SHORT)
    assert [(p.side, p.quantity) for p in desk.exchange.positions("ann")] == [(LONG, 2)]
    assert desk.position("ann", SHORT).realized_pnl == -1  # sold at 99.5, bought at 100


def test_position_side_and_mode_must_go_together(desk):
    with pytest.raises(Rejected) as refused:
        desk.buy("ann", "1", "100", position_side=LONG)
    assert refused.value.reason is RejectReason.POSITION_MODE
    desk.buy("ann", "1", "100")
    with pytest.raises(Rejected) as refused:
        desk.exchange.set_position_mode("ann", PositionMode.HEDGE)
    assert refused.value.reason is RejectReason.POSITION_MODE
    desk.exchange.cancel_all("ann")
    desk.exchange.set_position_mode("ann", PositionMode.HEDGE)
    for side, leg, reduce in ((Side.BUY, PositionSide.NET, False), (Side.BUY, LONG, True), (Side.SELL, LONG, False)):
        with pytest.raises(Rejected) as refused:
            desk.place("ann", desk.spec(side, "1", "100", position_side=leg, reduce_only=reduce))
        expected = RejectReason.POSITION_MODE if leg is PositionSide.NET else RejectReason.REDUCE_ONLY
        assert refused.value.reason is expected


def test_reduce_only_is_refused_or_cut(desk):
    with pytest.raises(Rejected) as refused:
        desk.sell("ann", "1", "101", reduce_only=True)
    assert refused.value.reason is RejectReason.REDUCE_ONLY
    desk.sell("bob", "2", "100")
    desk.buy("ann", "2", "100")
    with pytest.raises(Rejected):
        desk.buy("ann", "1", "99", reduce_only=True)
    name = desk.sell("ann", "5", "101", reduce_only=True)
    order = desk.order("ann", name)
    assert (order.quantity, order.spec.quantity) == (2, 5)
    assert ("Amended", name) in desk.order_events("ann")
    desk.buy("bob", "9", "98")
    market = desk.sell("ann", "5", reduce_only=True)
    assert desk.state("ann", market) == ("filled", "2")
    assert desk.position("ann").quantity == 0


def test_resting_reduce_only_orders_shrink_with_the_position(desk):
    desk.sell("bob", "5", "100")
    desk.buy("ann", "5", "100")
    first = desk.sell("ann", "5", "103", reduce_only=True)
    second = desk.sell("ann", "2", "104", reduce_only=True)
    desk.buy("cid", "9", "101")
    desk.sell("ann", "1", "101")
    assert desk.order("ann", first).quantity == 4
    assert desk.order("ann", second).quantity == 2
    desk.sell("ann", "3", "101")
    assert (desk.order("ann", first).quantity, desk.order("ann", second).quantity) == (1, 1)
    desk.sell("ann", "3", "101")  # turns over to a short of 2
    for name in (first, second):
        assert desk.state("ann", name) == ("canceled", "0")
        assert desk.order("ann", name).reason is RejectReason.REDUCE_ONLY
    assert desk.order_events("ann")[-2:] == [("Canceled", first), ("Canceled", second)]


def test_one_sweep_cuts_the_next_reduce_only_order_before_it_gets_there(desk):
    desk.sell("bob", "5", "100")
    desk.buy("ann", "5", "100")
    desk.sell("ann", "3", "101")
    cut = desk.sell("ann", "5", "102", reduce_only=True)
    desk.buy("cid", "9", "102")
    assert desk.state("ann", cut) == ("filled", "2")
    assert desk.position("ann").quantity == 0


def test_close_position(desk):
    with pytest.raises(Rejected) as refused:
        desk.exchange.close_position("ann", desk.first)
    assert refused.value.reason is RejectReason.REDUCE_ONLY
    desk.depth({"99.5": "50"}, {"100": "50"}, snapshot=True)
    desk.buy("ann", "5")
    (accepted,) = desk.exchange.close_position("ann", desk.first, quantity="2")
    assert accepted.client_order_id.startswith("close-")
    assert desk.position("ann").quantity == 3
    desk.exchange.close_position("ann", desk.first)
    assert desk.position("ann").quantity == 0


def test_close_position_minds_no_limit_on_size(make_desk, make_linear):
    desk = make_desk(make_linear(min_quantity="1", max_market_quantity="2"))
    desk.open("ann", "bob")
    name = desk.buy("ann", "5", "100")
    desk.sell("bob", "2")
    desk.sell("bob", "1.5")
    desk.exchange.cancel("ann", client_order_id=name)
    desk.depth({"99": "50"}, {"100": "50"}, snapshot=True)
    (accepted,) = desk.exchange.close_position("ann", desk.first, quantity="3")
    assert desk.state("ann", accepted.client_order_id) == ("filled", "3")
    desk.exchange.close_position("ann", desk.first)  # half of the minimum is left
    assert desk.position("ann").quantity == 0


def test_close_position_takes_steps_or_all_of_what_odd_liquidity_has_left(desk):
    desk.depth({"99.5": "0.25"}, {"100": "0.15"}, snapshot=True)  # finer than the step
    desk.buy("ann", "1")
    for quantity in ("0.05", "0", "-1"):
        with pytest.raises(Rejected) as refused:
            desk.exchange.close_position("ann", desk.first, quantity=quantity)
        assert refused.value.reason is RejectReason.INVALID_QUANTITY
    desk.exchange.close_position("ann", desk.first)
    assert desk.position("ann").quantity == 0


@pytest.mark.parametrize(("rate", "paid"), [("0.001", "0.31"), ("-0.001", "-0.31")])
def test_funding_goes_from_longs_to_shorts(desk, rate, paid):
    desk.sell("bob", "2", "100")
    desk.buy("ann", "2", "100")
    desk.depth({}, {"100": "1"}, snapshot=True)
    desk.buy("ann", "1")
    desk.mark("310", index="311")
    desk.told.clear()
    before = desk.total("ann"), desk.total("bob")
    desk.exchange.settle_funding(desk.first, rate)
    # 3 x 310 x 0.001 from ann; 2 x 310 x 0.001 to bob; the rest to the outside world
    assert desk.total("ann") == before[0] - 3 * Decimal(paid)
    assert desk.total("bob") == before[1] + 2 * Decimal(paid)
    assert desk.total("EXTERNAL") == Decimal(paid)
    (payment,) = desk.exchange.funding_payments("bob")
    assert (payment.amount, payment.rate) == (2 * Decimal(paid), Decimal(rate))
    assert desk.position("bob").funding == payment.amount
    assert [type(event) for event in desk.events("bob")] == [FundingPayment, Position, Balance]


def test_funding_of_an_isolated_position_comes_from_its_margin(desk):
    desk.exchange.set_leverage("ann", desk.first, 10, MarginMode.ISOLATED)
    desk.sell("bob", "2", "100")
    desk.buy("ann", "2", "100")
    free = desk.free("ann")
    desk.exchange.settle_funding(desk.first, "0.01")
    assert desk.position("ann").margin == 18
    assert desk.free("ann") == free
