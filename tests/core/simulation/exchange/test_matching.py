"""Orders that meet each other: price-time priority, times in force, post-only, self-trade prevention, icebergs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.enums import Liquidity, SelfTradePrevention, Side, TimeInForce
from anyvenue.model.errors import Rejected, RejectReason, WouldTakeLiquidity
from anyvenue.model.order_events import OrderCanceled, OrderExpired

IOC, FOK = TimeInForce.IOC, TimeInForce.FOK


def test_better_prices_first_then_older_orders(desk):
    late = desk.sell("ann", "1", "101")
    first = desk.sell("ann", "1", "100.5")
    second = desk.sell("bob", "1", "100.5")
    taker = desk.buy("cid", "2.5", "101")
    assert desk.fills("cid") == [(taker, "100.5", "1"), (taker, "100.5", "1"), (taker, "101", "0.5")]
    assert desk.state("ann", first) == ("filled", "1")
    assert desk.state("bob", second) == ("filled", "1")
    assert desk.state("ann", late) == ("partially_filled", "0.5")


def test_a_maker_trades_at_its_own_price_and_both_pay_their_fee(desk):
    desk.sell("ann", "2", "100")
    desk.buy("bob", "2", "102")
    maker, taker = desk.filled_events("ann")[0], desk.filled_events("bob")[0]
    assert (maker.price, taker.price) == (100, 100)
    assert (maker.liquidity, taker.liquidity) == (Liquidity.MAKER, Liquidity.TAKER)
    assert maker.trade_id == taker.trade_id
    assert maker.fee == Decimal("0.02")  # 200 x 0.0001
    assert taker.fee == Decimal("0.1")  # 200 x 0.0005
    assert desk.total("ann") == Decimal("9999.98")
    assert desk.exchange.fees_collected == {"USDT": Decimal("0.12")}


def test_the_rest_of_a_limit_order_stands_in_the_book(desk):
    desk.sell("ann", "1", "100")
    name = desk.buy("bob", "3", "100.5")
    assert desk.state("bob", name) == ("partially_filled", "1")
    assert desk.exchange.book(desk.first).levels() == ([(Decimal("100.5"), Decimal(2))], [])


def test_external_liquidity_and_own_orders_are_one_book(desk):
    desk.depth({}, {"100": "1", "101": "1"}, snapshot=True)
    desk.sell("ann", "1", "100.5")
    name = desk.buy("bob", "2.5", "101")
    assert desk.fills("bob") == [(name, "100", "1"), (name, "100.5", "1"), (name, "101", "0.5")]
    # What was taken stays taken until the tape speaks about the price again.
    assert desk.exchange.book(desk.first).asks() == [(Decimal(101), Decimal("0.5"))]
    desk.depth({}, {"100": "4"})
    assert desk.exchange.book(desk.first).asks() == [(Decimal(100), 4), (Decimal(101), Decimal("0.5"))]


def test_a_taker_meets_what_is_ahead_then_the_order_then_the_rest(desk):
    desk.depth({}, {"100": "2"}, snapshot=True)
    maker = desk.sell("ann", "1", "100")
    desk.depth({}, {"100": "5"})  # three more, behind it
    desk.buy("bob", "1.5", "100")
    assert desk.fills("ann") == []
    desk.buy("bob", "1", "100")  # half is still ahead
    assert desk.fills("ann") == [(maker, "100", "0.5")]
    desk.buy("bob", "3", "100")
    assert desk.fills("ann") == [(maker, "100", "0.5"), (maker, "100", "0.5")]
    # 5 + 1 were there; 5.5 are gone.
    assert desk.exchange.book(desk.first).asks() == [(Decimal(100), Decimal("0.5"))]


def test_ioc_never_rests(desk):
    desk.sell("ann", "1", "100")
    name = desk.buy("bob", "3", "100", time_in_force=IOC)
    assert desk.state("bob", name) == ("expired", "1")
    assert [type(e) for e in desk.events("bob") if hasattr(e, "client_order_id")][-1] is OrderExpired
    assert desk.exchange.open_orders("bob") == []


def test_fok_trades_whole_or_not_at_all(desk):
    desk.depth({}, {"100.5": "1"}, snapshot=True)
    desk.sell("ann", "1", "100")
    with pytest.raises(Rejected) as refused:
        desk.buy("bob", "2.1", "100.5", time_in_force=FOK)
    assert refused.value.reason is RejectReason.NO_LIQUIDITY
    assert desk.fills("bob") == []
    name = desk.buy("bob", "2", "100.5", time_in_force=FOK)
    assert desk.state("bob", name) == ("filled", "2")


def test_fok_does_not_count_on_what_self_trade_prevention_forbids(desk):
    desk.sell("ann", "1", "100")
    desk.sell("bob", "1", "100")
    desk.sell("ann", "1", "100")
    with pytest.raises(Rejected):
        desk.buy("bob", "2", "100", time_in_force=FOK)
    name = desk.buy("bob", "2", "100", time_in_force=FOK, self_trade_prevention=SelfTradePrevention.CANCEL_OLDEST)
    assert desk.state("bob", name) == ("filled", "2")


def test_a_market_order_takes_what_is_there_and_ends(desk):
    desk.sell("ann", "1", "100")
    desk.depth({}, {"105": "1"}, snapshot=True)
    name = desk.buy("bob", "3")
    assert desk.state("bob", name) == ("canceled", "2")
    assert desk.order("bob", name).reason is RejectReason.NO_LIQUIDITY
    assert desk.fills("bob") == [(name, "100", "1"), (name, "105", "1")]


def test_a_market_order_stops_at_the_price_band(make_desk, make_linear):
    desk = make_desk(make_linear(price_band="0.02"))
    desk.open("ann")
    desk.mark("100")
    desk.depth({}, {"102": "1", "102.5": "1"}, snapshot=True)
    name = desk.buy("ann", "2")
    assert desk.state("ann", name) == ("canceled", "1")


def test_post_only_is_refused_when_it_would_trade(desk):
    desk.depth({"99": "1"}, {"100": "1"}, snapshot=True)
    with pytest.raises(WouldTakeLiquidity):
        desk.buy("ann", "1", "100", post_only=True)
    desk.buy("ann", "1", "99.5", post_only=True)
    with pytest.raises(WouldTakeLiquidity):  # one's own order is no exception
        desk.sell("ann", "1", "99.5", post_only=True)
    assert desk.exchange.order_history("ann") == []


@pytest.mark.parametrize(
    ("prevention", "taker", "maker", "told"),
    [
        (None, ("canceled", "1"), ("open", "0"), 1),
        (SelfTradePrevention.CANCEL_NEWEST, ("canceled", "1"), ("open", "0"), 1),
        (SelfTradePrevention.CANCEL_OLDEST, ("filled", "2"), ("canceled", "0"), 1),
        (SelfTradePrevention.CANCEL_BOTH, ("canceled", "1"), ("canceled", "0"), 2),
    ],
)
def test_self_trade_prevention(desk, prevention, taker, maker, told):
    desk.sell("bob", "1", "99")
    own = desk.sell("ann", "1", "99.5")
    desk.sell("bob", "1", "100")
    name = desk.buy("ann", "2", "100", self_trade_prevention=prevention)
    assert desk.state("ann", name) == taker
    assert desk.state("ann", own) == maker
    canceled = desk.events("ann", OrderCanceled)
    assert [event.reason for event in canceled] == [RejectReason.SELF_TRADE] * told


def test_an_iceberg_shows_a_slice_and_every_new_one_goes_to_the_back(desk):
    ice = desk.sell("ann", "5", "100", display_quantity=Decimal(2))
    other = desk.sell("bob", "1", "100")
    book = desk.exchange.book(desk.first)
    assert book.asks() == [(Decimal(100), Decimal(3))]
    desk.buy("cid", "2.5", "100")
    assert desk.fills("ann") == [(ice, "100", "2")]
    assert desk.fills("bob") == [(other, "100", "0.5")]
    assert book.asks() == [(Decimal(100), Decimal("2.5"))]
    desk.buy("cid", "3.5", "100")  # 0.5 of bob's, then both slices that are left
    assert desk.fills("ann") == [(ice, "100", "2"), (ice, "100", "2"), (ice, "100", "1")]
    assert desk.state("ann", ice) == ("filled", "5")
    assert book.asks() == []


def test_amending_down_keeps_the_place_anything_else_loses_it(desk):
    first = desk.sell("ann", "2", "100")
    second = desk.sell("bob", "2", "100")
    desk.exchange.amend("ann", client_order_id=first, quantity="1")
    desk.buy("cid", "1", "100")
    assert desk.fills("ann") == [(first, "100", "1")]
    third = desk.sell("ann", "1", "100")
    desk.exchange.amend("bob", client_order_id=second, quantity="3")
    desk.buy("cid", "1", "100")
    assert desk.fills("ann")[-1] == (third, "100", "1")
    assert desk.fills("bob") == []


def test_an_amended_price_may_trade_at_once(desk):
    desk.sell("ann", "1", "100")
    name = desk.buy("bob", "3", "99")
    (event,) = desk.exchange.amend("bob", client_order_id=name, price="100.5")
    assert (event.price, event.quantity) == (Decimal("100.5"), Decimal(3))
    assert desk.fills("bob") == [(name, "100", "1")]
    assert desk.order("bob", name).price == Decimal("100.5")
    assert desk.exchange.book(desk.first).bids() == [(Decimal("100.5"), Decimal(2))]


def test_a_refused_amend_leaves_the_order_as_it_was(desk):
    desk.depth({}, {"100": "1"}, snapshot=True)
    first = desk.buy("ann", "1", "99", post_only=True)
    second = desk.buy("bob", "1", "99")
    with pytest.raises(WouldTakeLiquidity):
        desk.exchange.amend("ann", client_order_id=first, price="100")
    for bad, reason in (
        ({"price": "99"}, RejectReason.NOTHING_CHANGED),
        ({"price": "99.3"}, RejectReason.INVALID_PRICE),
        ({"quantity": "1.05"}, RejectReason.INVALID_QUANTITY),
        ({"quantity": "0"}, RejectReason.INVALID_QUANTITY),
        ({"quantity": "100000"}, RejectReason.INSUFFICIENT_FUNDS),
    ):
        with pytest.raises(Rejected) as refused:
            desk.exchange.amend("ann", client_order_id=first, **bad)
        assert refused.value.reason is reason
    desk.sell("cid", "1", "99")
    assert desk.fills("ann") == [(first, "99", "1")]
    assert desk.state("bob", second) == ("open", "0")


def test_amending_to_no_more_than_is_filled_ends_the_order(desk):
    name = desk.buy("ann", "3", "100")
    desk.sell("bob", "2", "100")
    (event,) = desk.exchange.amend("ann", client_order_id=name, quantity="1")
    assert event.quantity == 2
    assert desk.state("ann", name) == ("filled", "2")
    assert desk.exchange.book(desk.first).bids() == []


def test_cancel_and_cancel_all(desk):
    names = [desk.buy("ann", "1", price) for price in ("98", "99")] + [desk.sell("ann", "1", "101")]
    (event,) = desk.exchange.cancel("ann", client_order_id=names[0])
    assert (event.client_order_id, event.reason) == (names[0], None)
    with pytest.raises(Rejected) as refused:
        desk.exchange.cancel("ann", client_order_id=names[0])
    assert refused.value.reason is RejectReason.ORDER_CLOSED
    with pytest.raises(Rejected) as refused:
        desk.exchange.cancel("ann", client_order_id="nobody")
    assert refused.value.reason is RejectReason.UNKNOWN_ORDER
    assert [e.client_order_id for e in desk.exchange.cancel_all("ann", side=Side.SELL)] == names[2:]
    assert [e.client_order_id for e in desk.exchange.cancel_all("ann", desk.first)] == names[1:2]
    assert desk.exchange.cancel_all("ann") == []
    assert desk.told == []  # what was asked for is in the reply, and not told again
