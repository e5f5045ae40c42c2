"""The portfolio: baselines, and news that arrive in any order."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed import linear

from anyvenue.engine.portfolio import Portfolio
from anyvenue.model.balance import Balance
from anyvenue.model.enums import Side
from anyvenue.model.fill import Fill
from anyvenue.model.position import Position

BTC = linear(venue="fake", connection="main", venue_symbol="BTC")


def held(quantity, **changes):
    return Position(instrument=BTC, quantity=Decimal(quantity), cost=Decimal(quantity) * 100, **changes)


def fill(quantity="1", side=Side.BUY, price="110", ts_event=0):
    return Fill(
        instrument=BTC,
        trade_id="t1",
        client_order_id=None,
        venue_order_id=None,
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        ts_event=ts_event,
    )


@pytest.fixture
def portfolio():
    return Portfolio(lambda instrument: None)


def stamped(number, by_count, by_time):
    return {"sequence": number if by_count else None, "ts_event": 1_000 + number if by_time else 0}


@given(
    st.permutations(range(8)),
    st.sampled_from([(True, True), (True, False), (False, True)]),
    st.lists(st.integers(0, 7), max_size=8),
)
def test_whatever_order_balances_and_positions_are_pushed_in_the_newest_stays(order, stamps, repeats):
    portfolio = Portfolio(lambda instrument: None)
    for number in [*order, *repeats]:
        stamp = stamped(number, *stamps)
        portfolio.report(held(str(number), **stamp))
        portfolio.set_balance("main", Balance(currency="USDT", total=Decimal(number), available=Decimal(0), **stamp))
    assert portfolio.reported(BTC).quantity == 7
    assert portfolio.balance("main", "USDT").total == 7


def test_what_bears_no_stamp_is_new_but_does_not_make_an_older_push_new(portfolio):
    portfolio.report(held("5", ts_event=50))
    portfolio.report(held("6"))  # the answer to a look-up, without a time
    assert portfolio.reported(BTC).quantity == 6
    portfolio.report(held("4", ts_event=40))
    assert portfolio.reported(BTC).quantity == 6
    portfolio.report(held("7", ts_event=70))
    assert portfolio.reported(BTC).quantity == 7


def test_the_venues_count_decides_where_its_clock_says_otherwise(portfolio):
    portfolio.report(held("5", sequence=2, ts_event=10))
    portfolio.report(held("4", sequence=1, ts_event=20))
    assert portfolio.reported(BTC).quantity == 5


def test_an_adopted_position_counts_profit_from_its_entry(portfolio):
    portfolio.adopt(held("2"))
    closed = portfolio.book(fill("2", Side.SELL, price="110"))
    assert closed.is_flat
    assert closed.realized_pnl == 20


def test_adopting_what_is_held_already_keeps_our_own_entry_and_profit(portfolio):
    portfolio.book(fill("3", price="110"))
    portfolio.book(fill("1", Side.SELL, price="120"))
    ours = portfolio.position(BTC)
    assert portfolio.adopt(held("2")) == ours
    other = portfolio.adopt(held("4"))
    assert (other.quantity, other.cost, other.realized_pnl) == (4, 400, 10)


def test_without_the_venues_entry_price_the_mark_is_taken():
    portfolio = Portfolio(lambda instrument: Decimal(105))
    assert portfolio.adopt(Position(instrument=BTC, quantity=Decimal(2))).entry_price == 105


def test_the_profit_of_an_earlier_run_is_not_counted_again(portfolio):
    portfolio.restore(held("2", realized_pnl=Decimal(7), fees=Decimal(1), funding=Decimal(3)))
    restored = portfolio.position(BTC)
    assert (restored.quantity, restored.entry_price) == (2, 100)
    assert (restored.realized_pnl, restored.fees, restored.funding) == (0, 0, 0)


def test_fills_from_before_the_baseline_are_part_of_it(portfolio):
    assert not portfolio.includes(fill(ts_event=10))
    portfolio.set_baseline("main", 20)
    portfolio.set_baseline("main", 0)  # a later one never lowers it
    assert portfolio.includes(fill(ts_event=10))
    assert not portfolio.includes(fill(ts_event=20))
    assert not portfolio.includes(fill(ts_event=0))  # nobody knows when: it is booked, and compared later


def test_reported_positions_are_told_by_connection(portfolio):
    portfolio.report(held("5"))
    assert [position.quantity for position in portfolio.reported_positions("main")] == [5]
    assert portfolio.reported_positions("other") == []
