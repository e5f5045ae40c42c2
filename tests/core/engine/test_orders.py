"""The order manager, where it takes on what it did not make and asks for what is not known."""

from decimal import Decimal

import pytest
from attrs import evolve
from listed import linear

from anyvenue.engine.commands import Cancel
from anyvenue.engine.orders import OrderManager
from anyvenue.model.enums import Fate, OrderState, Side
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    CancelSent,
    CancelUnknown,
    OrderAccepted,
    OrderCanceled,
    OrderReported,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec

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
