"""Positions: what fills make of them, and what orders are known to have traded before any fill tells it."""

from decimal import Decimal

import pytest

from anyvenue.engine.portfolio import Portfolio
from anyvenue.model import Fill, Order, OrderFilled, OrderReported, OrderSent, OrderSpec, OrderState, Position, Side

D = Decimal


@pytest.fixture
def portfolio():
    return Portfolio(lambda instrument: D(90))


@pytest.fixture
def order(make_desk):
    spec = OrderSpec(
        client_order_id="a", instrument=make_desk().instrument, side=Side.BUY, quantity=D("0.010"), price=D(100)
    )
    return Order(spec=spec).apply(OrderSent(client_order_id="a"))


def report(order, filled, average=None):
    return order.apply(
        OrderReported(
            client_order_id="a", state=OrderState.PARTIALLY_FILLED, filled_quantity=D(filled), average_price=average
        )
    )


def fill_of(order, quantity, trade_id="1"):
    return Fill(
        instrument=order.instrument,
        trade_id=trade_id,
        client_order_id="a",
        venue_order_id=None,
        side=Side.BUY,
        price=D(100),
        quantity=D(quantity),
    )


def test_what_the_venue_says_has_traded_is_held_before_its_fill_comes(portfolio, order):
    portfolio.expect(report(order, "0.004", D("99.5")))
    position = portfolio.position(order.instrument)
    assert (position.quantity, position.cost) == (D("0.004"), D("0.398"))  # 0.004 x 99.5
    assert portfolio.quantity(order.instrument) == D("0.004")


def test_it_is_never_counted_twice(portfolio, order):
    order = report(order, "0.004", D("99.5"))
    portfolio.expect(order)
    fill = fill_of(order, "0.003")
    portfolio.book(fill)
    portfolio.expect(order.apply(OrderFilled(client_order_id="a", fill=fill)))
    assert portfolio.quantity(order.instrument) == D("0.004")  # 0.003 booked, 0.001 still missing
    last = fill_of(order, "0.001", "2")
    portfolio.book(last)
    order = order.apply(OrderFilled(client_order_id="a", fill=fill)).apply(OrderFilled(client_order_id="a", fill=last))
    portfolio.expect(order)
    assert portfolio.position(order.instrument).cost == D("0.4")  # 0.004 x 100, as the fills say
    assert [position.quantity for position in portfolio.positions()] == [D("0.004")]


def test_what_the_venue_holds_has_the_expected_in_it(portfolio, order):
    order = report(order, "0.004", D("100"))
    portfolio.expect(order)
    held = portfolio.adopt(Position(instrument=order.instrument, quantity=D("0.010"), cost=D(1)))
    assert (held.quantity, held.cost) == (D("0.010"), D(1))  # 0.006 x 100 booked, 0.004 x 100 expected
    fill = fill_of(order, "0.004")
    portfolio.book(fill)
    portfolio.expect(order.apply(OrderFilled(client_order_id="a", fill=fill)))
    assert portfolio.quantity(order.instrument) == D("0.010")


def test_the_report_s_extremes_do_not_count_a_fill_that_was_expected_twice(desk):
    """The order is told as filled first, as Gate does it, and its fills come in parts."""
    placed = desk.strategy.buy("BTC-USDT-PERP", "0.010", "100.0")
    desk.receive(
        OrderReported(client_order_id=placed.client_order_id, state=OrderState.FILLED, filled_quantity=D("0.010"))
    )
    desk.fill(placed, "0.004", trade_id="t1")
    desk.fill(placed, "0.006", trade_id="t2")
    (row,) = desk.engine.result().instruments
    assert (row.inventory_max, row.inventory) == (D("0.010"), D("0.010"))
