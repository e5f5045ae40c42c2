"""Resting orders of ours against a tape: what the queue model says they are filled with."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.enums import Liquidity, Side
from anyvenue.model.errors import InvalidBook

BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def market(desk):
    desk.depth({"100": "3", "99": "5"}, {"101": "2"}, snapshot=True)
    return desk


def test_a_trade_eats_what_is_ahead_before_it_fills(market):
    name = market.buy("ann", "1", "100")
    market.trade(SELL, "100", "2")
    assert market.fills("ann") == []
    market.trade(SELL, "100", "1.4")  # one ahead, then 0.4
    assert market.fills("ann") == [(name, "100", "0.4")]
    market.trade(SELL, "100.0", "7")
    assert market.fills("ann")[1:] == [(name, "100", "0.6")]
    assert [fill.liquidity for fill in market.filled_events("ann")] == [Liquidity.MAKER] * 2


def test_a_trade_through_the_price_fills_whatever_was_ahead(market):
    name = market.buy("ann", "1", "100")
    market.trade(SELL, "99.5", "0.4")
    assert market.fills("ann") == [(name, "100", "0.4")]  # at its own price, not more than was traded
    market.trade(SELL, "100", "0.1")  # nothing is ahead any more
    assert market.fills("ann")[1:] == [(name, "100", "0.1")]


def test_a_trade_of_the_other_side_or_beyond_does_nothing(market):
    market.buy("ann", "1", "100")
    market.trade(BUY, "100", "9")
    market.trade(SELL, "100.5", "9")
    assert market.fills("ann") == []


def test_one_trade_never_fills_more_than_it_traded(market):
    better = market.buy("ann", "1", "100.5")
    market.buy("bob", "5", "100")
    market.trade(SELL, "100", "4.5")  # 1 at 100.5, 3 ahead at 100, then 0.5
    assert market.fills("ann") == [(better, "100.5", "1")]
    assert [quantity for _, _, quantity in market.fills("bob")] == ["0.5"]


def test_two_orders_at_one_price_share_what_is_ahead(market):
    first = market.buy("ann", "1", "100")
    market.depth({"100": "5"}, {})
    second = market.buy("bob", "1", "100")  # behind 5, of which 3 are ahead of the first too
    market.trade(SELL, "100", "4")  # 3 ahead, 1 fills the first
    assert market.fills("ann") == [(first, "100", "1")]
    market.trade(SELL, "100", "2.5")  # the other 2, then 0.5
    assert market.fills("bob") == [(second, "100", "0.5")]


def test_a_shrunken_level_clamps_what_is_ahead_and_growth_does_not_undo_it(market):
    name = market.buy("ann", "1", "100")
    market.depth({"100": "0.5"}, {})
    market.depth({"100": "9"}, {})
    market.trade(SELL, "100", "1")
    assert market.fills("ann") == [(name, "100", "0.5")]


def test_a_level_that_vanished_and_came_back_is_behind(market):
    name = market.buy("ann", "1", "100")
    market.depth({"100": "0"}, {})
    market.depth({"100": "9"}, {})
    market.trade(SELL, "100", "1")
    assert market.fills("ann") == [(name, "100", "1")]


def test_a_snapshot_clamps_too(market):
    name = market.buy("ann", "1", "100")
    market.depth({"100.00": "1"}, {"101": "2"}, snapshot=True)
    market.trade(SELL, "100", "2")
    assert market.fills("ann") == [(name, "100", "1")]


def test_other_ways_to_write_a_price_are_the_same_price(make_desk):
    desk = make_desk()
    desk.open("ann")
    desk.depth({"100.00": "3"}, {}, snapshot=True)
    name = desk.buy("ann", "1", "1E+2")
    desk.depth({"100.0": "1"}, {})
    desk.trade(SELL, "100", "1.5")
    assert desk.fills("ann") == [(name, "100", "0.5")]


def test_an_order_beside_an_empty_level_has_nothing_ahead(market):
    name = market.buy("ann", "1", "100.5")
    market.depth({"100.5": "4"}, {})
    market.trade(SELL, "100.5", "0.3")
    assert market.fills("ann") == [(name, "100.5", "0.3")]


def test_an_external_book_that_crosses_fills_up_to_what_crosses(market):
    name = market.buy("ann", "3", "100")
    market.depth({"100": "0", "99": "0"}, {"100": "1", "99.5": "0.5"})
    # Its own price, and what the tape showed is taken until it says so again.
    assert market.fills("ann") == [(name, "100", "0.5"), (name, "100", "1")]
    market.depth({}, {"101": "7"})
    assert len(market.fills("ann")) == 2
    market.depth({}, {"100": "0.3"})
    assert market.fills("ann")[2:] == [(name, "100", "0.3")]
    assert [fill.liquidity for fill in market.filled_events("ann")] == [Liquidity.MAKER] * 3


def test_asks_are_crossed_by_bids(market):
    name = market.sell("ann", "1", "101")
    market.depth({"101.5": "4"}, {"101": "0"})
    assert market.fills("ann") == [(name, "101", "1")]


def test_an_amended_order_joins_behind_what_is_there_now(market):
    name = market.buy("ann", "1", "99")
    market.exchange.amend("ann", client_order_id=name, price="100")
    market.trade(SELL, "100", "3")
    assert market.fills("ann") == []
    market.exchange.amend("ann", client_order_id=name, quantity="2")  # the tape still shows 3: behind them again
    market.trade(SELL, "100", "3")
    assert market.fills("ann") == []
    market.exchange.amend("ann", client_order_id=name, quantity="1")
    market.trade(SELL, "100", "1")
    assert market.fills("ann") == [(name, "100", "1")]


def test_an_icebergs_new_slice_joins_behind_what_is_there(market):
    name = market.buy("ann", "2", "100", display_quantity=Decimal(1))
    market.trade(SELL, "100", "5")  # 3 ahead, 1 filled, 1 of the 3 that the tape still shows
    assert market.fills("ann") == [(name, "100", "1")]
    market.trade(SELL, "100", "2.5")
    assert market.fills("ann")[1:] == [(name, "100", "0.5")]


def test_the_outside_world_is_the_other_side(market):
    market.buy("ann", "1", "100")
    market.trade(SELL, "99", "1")
    market.buy("bob", "1")
    (outside,) = market.exchange.positions("EXTERNAL")
    assert outside.quantity == -2
    assert outside.cost == -201  # sold 1 at 100 and 1 at 101


def test_sizes_of_depth_are_in_the_depth_unit(make_desk, make_linear):
    desk = make_desk(make_linear(depth_unit="0.1"), publish=True)
    desk.open("ann")
    desk.depth({}, {"100": "30"}, snapshot=True)
    assert desk.exchange.book(desk.first).asks() == [(Decimal(100), Decimal(3))]
    desk.buy("ann", "1.2")
    assert desk.exchange.book(desk.first).asks() == [(Decimal(100), Decimal("1.8"))]
    assert [(price, Decimal(size)) for price, size in desk.published[-1].asks] == [("100", 18)]


def test_unreadable_depth_empties_the_external_book(market):
    market.buy("ann", "1", "98")
    with pytest.raises(InvalidBook):
        market.depth({"100": "-1"}, {})
    assert market.exchange.book(market.first).levels() == ([(Decimal(98), Decimal(1))], [])


def test_a_float_is_refused(market):
    market.buy("ann", "1", "100")
    with pytest.raises(TypeError):
        market.exchange.apply_trade(market.first, SELL, 100.0, "1", ts_event=0)
