"""The order manager, where it takes on what it did not make and asks for what is not known."""

from contextlib import suppress
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from listed import linear

from anyvenue.engine import orders
from anyvenue.engine.commands import Cancel
from anyvenue.engine.orders import OrderManager
from anyvenue.model.enums import Fate, OrderState, Side
from anyvenue.model.errors import Contradiction
from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    CancelSent,
    CancelUnknown,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderReported,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.evidence import is_in_doubt

BTC = linear(venue="fake", connection="main", venue_symbol="BTC")


def order(name="avold-1", venue_order_id="v1"):
    spec = OrderSpec(client_order_id=name, instrument=BTC, side=Side.BUY, quantity="1", price="100", ts_created=1)
    return Order(spec=spec).apply(OrderSent()).apply(OrderAccepted(venue_order_id=venue_order_id))


@pytest.fixture
def sent():
    return []


@pytest.fixture
def manager(sent):
    return OrderManager("test", sent.append, lambda: 5)


def test_an_order_that_was_taken_on_is_found_by_its_events(manager):
    manager.adopt([order()])
    assert [each.client_order_id for each in manager.open_orders()] == ["avold-1"]
    found = manager.find("main", OrderCanceled(venue_order_id="v1"))
    assert found.client_order_id == "avold-1"
    assert manager.apply(found, OrderCanceled(venue_order_id="v1")).is_terminal
    assert len(manager) == 0


def test_taking_on_what_is_known_changes_nothing(manager):
    manager.adopt([order()])
    manager.apply(
        manager.get("avold-1"), OrderReported(state=OrderState.PARTIALLY_FILLED, filled_quantity=Decimal("0.4"))
    )
    manager.adopt([order()])
    assert manager.get("avold-1").filled_quantity == Decimal("0.4")


def test_a_strangers_order_is_visible_but_not_counted_as_ours(manager):
    manager.adopt([order("somebody", "v2"), order()])
    assert len(manager.open_orders()) == 2
    assert len(manager) == 1
    assert not manager.is_ours(manager.get("somebody"))
    manager.apply(manager.get("somebody"), OrderCanceled())
    assert len(manager) == 1


def test_the_risk_of_an_unknown_order_that_was_taken_on_stays_reserved(manager):
    spec = evolve(order().spec, client_order_id="avold-2")
    manager.adopt([Order(spec=spec).apply(OrderSent()).apply(OrderUnknown())])
    assert manager.open_quantity(BTC, Side.BUY) == 1


def test_doubts_are_told_as_they_come_up(manager):
    told = []
    manager.on_doubt = lambda each: told.append(each.create)
    manager.adopt([order()])
    assert not told
    placed = manager.place(order("x").spec)
    assert not told  # it is under way
    manager.apply(placed, OrderUnknown())
    assert told == [Fate.UNKNOWN]
    assert [each.client_order_id for each in manager.in_doubt()] == ["x"]


def test_a_report_without_its_fills_is_a_doubt_even_after_the_end(manager):
    manager.adopt([order()])
    manager.apply(manager.get("avold-1"), OrderReported(state=OrderState.FILLED, filled_quantity=Decimal(1)))
    assert [each.missing_fills for each in manager.in_doubt()] == [1]


def test_a_cancel_of_unknown_fate_is_sent_again_while_the_order_rests(manager, sent):
    lost = order().apply(CancelSent()).apply(CancelUnknown())
    manager.adopt([lost])
    assert manager.insist(lost).cancel is Fate.IN_FLIGHT
    assert [type(command) for command in sent] == [Cancel]
    assert manager.insist(order()) == order()
    manager.insist(manager.get("avold-1"))
    assert len(sent) == 1  # not while it is under way


NAMES = ["avold-1", "avold-2", "avold-3", "avold-4"]
REPORTED = st.sampled_from([Decimal(0), Decimal("0.4"), Decimal(1)])
FILLS = st.builds(
    lambda trade_id, quantity: OrderFilled(
        fill=Fill(
            instrument=BTC,
            trade_id=trade_id,
            client_order_id=None,
            venue_order_id=None,
            side=Side.BUY,
            price=Decimal(100),
            quantity=quantity,
        )
    ),
    st.sampled_from(["t1", "t2", "t3"]),
    st.sampled_from([Decimal("0.4"), Decimal("0.6"), Decimal(1)]),
)
NEWS = st.one_of(
    FILLS,
    st.sampled_from([OrderCanceled(), OrderUnknown(), CancelSent(), CancelUnknown()]),
    st.builds(OrderReported, state=st.sampled_from(list(OrderState)[2:]), filled_quantity=REPORTED),
)


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), NEWS), max_size=30), st.integers(1, 4), st.sets(st.sampled_from(NAMES))
)
def test_those_in_doubt_and_unsettled_are_those_of_all_that_are_remembered(news, remembered, kept):
    manager = OrderManager("test", lambda command: None, lambda: 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(orders, "ENDED_ORDERS_KEPT", remembered)
        manager.adopt([order(name, f"v{name}") for name in NAMES])
        for name, event in news:
            known = manager.get(name)
            if known is not None:
                with suppress(Contradiction):
                    manager.apply(known, event)
            of_all = [one for one in map(manager.get, NAMES) if one is not None]
            assert {id(one) for one in manager.in_doubt()} == {id(one) for one in of_all if is_in_doubt(one)}
            unsettled = [
                one for one in of_all if not one.is_terminal or one.missing_fills or one.client_order_id in kept
            ]
            found = manager.unsettled(kept)
            assert {id(one) for one in found} == {id(one) for one in unsettled}
            assert len(found) == len(unsettled)
