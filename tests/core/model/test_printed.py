"""What an order, a fill, a position and a balance say when they are printed: a line that a person can read."""

from __future__ import annotations

from decimal import Decimal

import pytest
from listed import linear

from anyvenue.model import (
    Balance,
    CancelSent,
    CancelUnknown,
    Fill,
    Liquidity,
    Order,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderSent,
    OrderSpec,
    OrderType,
    Position,
    RejectReason,
    Side,
    Tick,
)

D = Decimal
INSTRUMENT = linear(price_rule=Tick("1"), quantity_step="0.1", min_quantity="0.1")


def order(*events, **terms):
    terms = {"price": "61000", "order_type": OrderType.LIMIT, **terms}
    made = Order(spec=OrderSpec(client_order_id="av1-1", instrument=INSTRUMENT, side=Side.BUY, quantity="3", **terms))
    for event in events:
        made = made.apply(event)
    return made


def bought(quantity, price, **more):
    return Fill(
        instrument=INSTRUMENT,
        trade_id=f"{quantity} at {price}",
        client_order_id="av1-1",
        venue_order_id="7",
        side=Side.BUY,
        price=D(price),
        quantity=D(quantity),
        **more,
    )


SENT = OrderSent(client_order_id="av1-1")
ACCEPTED = OrderAccepted(client_order_id="av1-1", venue_order_id="7")


def filled(quantity, price):
    return OrderFilled(client_order_id="av1-1", fill=bought(quantity, price))


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (order(), "buy 3 somewhere:BTC-USDT-PERP at 61000: new (av1-1)"),
        (
            order(price=None, order_type=OrderType.MARKET),
            "buy 3 somewhere:BTC-USDT-PERP at market: new (av1-1)",
        ),
        (
            # (1 x 61000 + 2 x 60999) / 3 = 60999.333..., of which twelve digits are shown
            order(SENT, ACCEPTED, filled("1", "61000"), filled("2", "60999")),
            "buy 3 somewhere:BTC-USDT-PERP at 61000: filled, 3 traded at 60999.3333333 (av1-1)",
        ),
        (
            order(SENT, OrderRejected(client_order_id="av1-1", reason=RejectReason.INSUFFICIENT_FUNDS)),
            "buy 3 somewhere:BTC-USDT-PERP at 61000: rejected, insufficient_funds (av1-1)",
        ),
        (
            order(SENT, ACCEPTED, CancelSent(client_order_id="av1-1"), CancelUnknown(client_order_id="av1-1")),
            "buy 3 somewhere:BTC-USDT-PERP at 61000: open, what became of a command is unknown (av1-1)",
        ),
    ],
)
def test_an_order_tells_its_terms_its_state_and_what_traded(made, line):
    assert str(made) == line


def test_a_fill_tells_its_price_its_role_and_its_fee():
    assert str(bought("1.50", "61000")) == "bought 1.5 somewhere:BTC-USDT-PERP at 61000"
    assert (
        str(bought("1", "61000", fee=D("30.500"), liquidity=Liquidity.TAKER))
        == "bought 1 somewhere:BTC-USDT-PERP at 61000, taker, fee 30.5 USDT"
    )
    assert str(bought("1", "61000", estimated=True)) == "bought 1 somewhere:BTC-USDT-PERP at 61000, estimated"


def test_a_position_tells_which_way_it_is_and_where_it_was_entered():
    flat = Position(instrument=INSTRUMENT)
    assert str(flat) == "flat somewhere:BTC-USDT-PERP"
    long = flat.apply(bought("2", "61000"))
    assert str(long) == "long 2 somewhere:BTC-USDT-PERP, entered at 61000"
    short = Position(instrument=INSTRUMENT, quantity=D("-0.5"), cost=D("-30500"))
    assert str(short) == "short 0.5 somewhere:BTC-USDT-PERP, entered at 61000"


def test_a_balance_tells_the_total_and_what_is_free():
    money = Balance(currency="USDT", total=D("99999.6909985000000000"), available=D("1E+3"))
    assert str(money) == "99999.6909985 USDT, 1000 available"
