"""Positions: worked by hand, then that no money is made or lost between accounts."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import inverse, linear

from anyvenue.model import Fill, FundingPayment, Position, PositionSide, Side

D = Decimal
BUY, SELL = Side.BUY, Side.SELL

LINEAR = linear()
INVERSE = inverse(venue_symbol="BTCUSD")


def trade(side, quantity, price, *, instrument=LINEAR, fee=0, position_side=PositionSide.NET, **times):
    return Fill(
        instrument=instrument,
        trade_id="t",
        client_order_id=None,
        venue_order_id=None,
        side=side,
        price=D(price),
        quantity=D(quantity),
        fee=D(fee),
        position_side=position_side,
        **times,
    )


def after(*fills, position=None):
    position = position or Position(instrument=fills[0].instrument, side=fills[0].position_side)
    for fill in fills:
        position = position.apply(fill)
    return position


class TestLinear:
    def test_adding_averages_the_entry(self):
        position = after(trade(BUY, 1, 100), trade(BUY, 3, 104))
        assert (position.quantity, position.cost, position.entry_price) == (4, 412, 103)
        assert position.realized_pnl == 0
        assert position.unrealized_pnl(D(105)) == 8
        assert position.notional(D(105)) == 420

    def test_reducing_realizes_against_the_average(self):
        position = after(trade(BUY, 1, 100), trade(BUY, 3, 104), trade(SELL, 1, 107))
        assert (position.quantity, position.entry_price, position.realized_pnl) == (3, 103, 4)
        assert position.unrealized_pnl(D(103)) == 0

    def test_a_short(self):
        position = after(trade(SELL, 2, 100), trade(BUY, 1, 90))
        assert (position.quantity, position.entry_price, position.realized_pnl) == (-1, 100, 10)
        assert position.unrealized_pnl(D(110)) == -10
        assert position.notional(D(110)) == -110

    def test_closing_leaves_nothing(self):
        position = after(trade(BUY, 3, 100), trade(SELL, 3, 99))
        assert position.is_flat
        assert (position.cost, position.realized_pnl, position.entry_price) == (0, -3, None)
        assert position.unrealized_pnl(D(50)) == 0

    def test_turning_over_closes_at_the_trades_price_and_opens_at_it(self):
        position = after(trade(BUY, 10, 100), trade(SELL, 15, 110))
        assert (position.quantity, position.entry_price, position.realized_pnl) == (-5, 110, 100)
        position = after(trade(BUY, 8, 120), position=position)
        assert (position.quantity, position.entry_price, position.realized_pnl) == (3, 120, 50)

    def test_a_third_of_a_cost_that_does_not_divide(self):
        # 301 for 3 is 100.333... each: closed one by one, at 101, they still return 2 in all.
        position = after(trade(BUY, 2, 100), trade(BUY, 1, 101))
        for _ in range(3):
            position = position.apply(trade(SELL, 1, 101))
        assert (position.quantity, position.cost, position.realized_pnl) == (0, 0, 2)

    def test_fees_and_funding_are_beside_the_profit(self):
        position = after(trade(BUY, 1, 100, fee="0.05"), trade(SELL, 1, 110, fee="-0.02"))
        position = position.pay_funding(FundingPayment(instrument=LINEAR, amount=D("-0.5"), ts_event=7, ts_recv=8))
        assert (position.realized_pnl, position.fees, position.funding) == (10, D("0.03"), D("-0.5"))
        assert position.net_pnl(D(100)) == D("9.47")
        assert (position.ts_event, position.ts_recv) == (7, 8)


class TestInverse:
    def test_a_long(self):
        # 1000 USD at 40000 cost 0.025 BTC; at 50000 they are worth 0.02: the price rose and 0.005 BTC are won.
        position = after(trade(BUY, 1000, 40000, instrument=INVERSE))
        assert (position.quantity, position.cost, position.entry_price) == (1000, D("0.025"), 40000)
        assert position.unrealized_pnl(D(50000)) == D("0.005")
        half = after(trade(SELL, 500, 50000, instrument=INVERSE), position=position)
        assert (half.quantity, half.realized_pnl, half.entry_price) == (500, D("0.0025"), 40000)

    def test_a_short(self):
        position = after(trade(SELL, 1000, 50000, instrument=INVERSE), trade(BUY, 1000, 40000, instrument=INVERSE))
        assert (position.quantity, position.realized_pnl) == (0, D("0.005"))

    def test_the_entry_is_the_harmonic_mean(self):
        # 1000 USD at 40000 and 1000 at 50000 are 0.045 BTC: 2000 / 0.045.
        position = after(trade(BUY, 1000, 40000, instrument=INVERSE), trade(BUY, 1000, 50000, instrument=INVERSE))
        assert position.entry_price == D(2000) / D("0.045")

    def test_turning_over(self):
        position = after(trade(BUY, 1000, 40000, instrument=INVERSE), trade(SELL, 3000, 50000, instrument=INVERSE))
        assert (position.quantity, position.entry_price, position.realized_pnl) == (-2000, 50000, D("0.005"))


class TestLegs:
    def test_a_fill_of_another_leg_or_instrument_is_refused(self):
        with pytest.raises(ValueError, match=r"somewhere:BTC-USDT-PERP long: found a fill of .* short"):
            Position(instrument=LINEAR, side=PositionSide.LONG).apply(
                trade(SELL, 1, 100, position_side=PositionSide.SHORT)
            )
        with pytest.raises(ValueError, match="found a fill of somewhere:BTC-USD-PERP net"):
            Position(instrument=LINEAR).apply(trade(SELL, 1, 100, instrument=INVERSE))
        with pytest.raises(ValueError, match="found a funding payment of somewhere:BTC-USD-PERP"):
            Position(instrument=LINEAR).pay_funding(FundingPayment(instrument=INVERSE, amount=D(1)))

    def test_both_legs_together_hold_what_one_position_would(self):
        long, short = (Position(instrument=LINEAR, side=side) for side in (PositionSide.LONG, PositionSide.SHORT))
        long = long.apply(trade(BUY, 3, 100, position_side=PositionSide.LONG))
        short = short.apply(trade(SELL, 1, 110, position_side=PositionSide.SHORT))
        long = long.apply(trade(SELL, 1, 105, position_side=PositionSide.LONG))
        short = short.apply(trade(BUY, 1, 104, position_side=PositionSide.SHORT))
        assert (long.quantity, long.realized_pnl) == (2, 5)
        assert (short.quantity, short.realized_pnl) == (0, 6)
        net = after(trade(BUY, 3, 100), trade(SELL, 1, 110), trade(SELL, 1, 105), trade(BUY, 1, 104))
        mark = D(123)
        assert long.net_pnl(mark) + short.net_pnl(mark) == net.net_pnl(mark)
        assert long.quantity + short.quantity == net.quantity


def test_it_survives_pickling_and_names_its_instrument():
    position = after(trade(BUY, 1, 100, ts_event=5, ts_recv=6))
    assert pickle.loads(pickle.dumps(position)) == position  # noqa: S301 - our own bytes
    assert "instrument=somewhere:BTC-USDT-PERP" in repr(position)
    assert (position.ts_event, position.ts_recv) == (5, 6)


TRADES = st.lists(
    st.tuples(
        st.integers(0, 3),  # who buys
        st.integers(0, 3),  # who sells
        st.integers(1, 5000),
        st.integers(1, 10**7),
    ).filter(lambda trade: trade[0] != trade[1]),
    max_size=25,
)


def traded(instrument, trades, quantity_step):
    """Return four accounts after trades between them."""
    accounts = [Position(instrument=instrument) for _ in range(4)]
    for buyer, seller, units, ticks in trades:
        fill = trade(BUY, units * quantity_step, ticks * D("0.1"), instrument=instrument)
        accounts[buyer] = accounts[buyer].apply(fill)
        accounts[seller] = accounts[seller].apply(evolve(fill, side=SELL))
    return accounts


@settings(max_examples=150)
@given(TRADES, st.integers(1, 10**7))
def test_linear_accounts_sum_to_nothing_exactly(trades, mark):
    accounts = traded(LINEAR, trades, D("0.001"))
    mark = mark * D("0.1")
    assert sum(account.quantity for account in accounts) == 0
    assert sum(account.realized_pnl + account.unrealized_pnl(mark) for account in accounts) == 0
    # What an account has made is what it was paid less what it paid, and what it still holds.
    for number, account in enumerate(accounts):
        paid = sum(
            (units * D("0.001") * ticks * D("0.1") * ((buyer == number) - (seller == number)))
            for buyer, seller, units, ticks in trades
        )
        assert account.realized_pnl + account.unrealized_pnl(mark) == account.quantity * mark - paid
        assert account.is_flat == (account.quantity == 0)
        if account.is_flat:
            assert account.cost == 0
        else:
            assert (account.cost > 0) == (account.quantity > 0)


@settings(max_examples=150)
@given(TRADES, st.integers(1, 10**7))
def test_inverse_accounts_sum_to_nothing_exactly(trades, mark):
    accounts = traded(INVERSE, trades, D(1))
    assert sum(account.quantity for account in accounts) == 0
    # What was paid for what is still held is only on loan from those who hold the other side.
    assert sum(account.realized_pnl + account.cost for account in accounts) == 0
    # Valuing what is held cuts each account's value once, at the 16th decimal.
    total = sum(account.realized_pnl + account.unrealized_pnl(mark * D("0.1")) for account in accounts)
    assert abs(total) <= 4 * D("0.5e-16")
    # When all is closed, everything is settled to the last digit.
    for number, account in enumerate(accounts[:3]):
        if account.quantity:
            side = SELL if account.quantity > 0 else BUY
            fill = trade(side, abs(account.quantity), mark * D("0.1"), instrument=INVERSE)
            accounts[number] = account.apply(fill)
            accounts[3] = accounts[3].apply(evolve(fill, side=side.opposite))
    assert all(account.is_flat and account.cost == 0 for account in accounts)
    assert sum(account.realized_pnl for account in accounts) == 0


@settings(max_examples=150)
@given(
    st.sampled_from([LINEAR, INVERSE]),
    st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 500), st.integers(1, 10**6)), min_size=1, max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_order_of_fills_changes_the_split_but_not_the_sum(instrument, trades, random):
    fills = [trade(side, quantity, price, instrument=instrument, fee="0.1") for side, quantity, price in trades]
    shuffled = random.sample(fills, len(fills))
    one, other = after(*fills), after(*shuffled)
    assert (one.quantity, one.fees) == (other.quantity, other.fees)
    sign = instrument.pnl_sign
    assert one.realized_pnl - sign * one.cost == other.realized_pnl - sign * other.cost
