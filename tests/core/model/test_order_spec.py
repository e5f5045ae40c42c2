"""Order specs: what contradicts itself or its instrument is refused before anything is sent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from listed import linear

from anyvenue.model import (
    InvalidOrder,
    InvalidPrice,
    InvalidQuantity,
    OrderSpec,
    OrderType,
    Protection,
    QuantityTooSmall,
    Side,
    TimeInForce,
    Trigger,
    TriggerKind,
    check_protection,
)

D = Decimal

INSTRUMENT = linear(max_quantity="10")


def spec(**fields):
    given = {"client_order_id": "c1", "instrument": INSTRUMENT, "side": Side.BUY, "quantity": "1", "price": "100"}
    return OrderSpec(**(given | fields))


def market(**fields):
    return spec(**({"order_type": OrderType.MARKET, "price": None} | fields))


def test_numbers_may_be_text_and_are_kept_as_decimals():
    order = spec(quantity="0.50", price=100, display_quantity="0.1")
    assert (order.quantity, order.price, order.display_quantity) == (D("0.5"), D(100), D("0.1"))
    assert {type(order.quantity), type(order.price), type(order.display_quantity)} == {D}


@pytest.mark.parametrize("name", ["quantity", "price"])
def test_a_float_is_refused_by_name(name):
    with pytest.raises(TypeError, match=f"{name}: found the float 1.5"):
        spec(**{name: 1.5})


@pytest.mark.parametrize(
    ("make", "fields", "error", "message"),
    [
        (spec, {"quantity": "0.0005"}, QuantityTooSmall, "quantity: found 0.0005"),
        (spec, {"quantity": "0.0015"}, InvalidQuantity, "multiple of 0.001"),
        (spec, {"quantity": "10.001"}, InvalidQuantity, "at most 10"),
        (spec, {"quantity": "-1"}, InvalidQuantity, "above 0"),
        (spec, {"price": "100.05"}, InvalidPrice, "multiple of 0.1"),
        (spec, {"price": None}, InvalidOrder, "needs a price"),
        (market, {"price": "100"}, InvalidOrder, "has no price"),
        (market, {"post_only": True}, InvalidOrder, "cannot be post-only"),
        (spec, {"post_only": True, "time_in_force": TimeInForce.IOC}, InvalidOrder, "found IOC"),
        (spec, {"display_quantity": "2"}, InvalidQuantity, "display_quantity: found 2"),
        (spec, {"display_quantity": "0"}, InvalidQuantity, "display_quantity: found 0"),
        (spec, {"trigger": Trigger(kind=TriggerKind.STOP, price="99.95")}, InvalidPrice, "found 99.95"),
        (spec, {"reduce_only": True, "protection": Protection(stop_loss="90")}, InvalidOrder, "opens no position"),
        (spec, {"protection": Protection(stop_loss="100")}, InvalidOrder, "stop_loss: found 100; for a long at 100"),
        (spec, {"protection": Protection(take_profit="99")}, InvalidOrder, "must lie above"),
        (spec, {"side": Side.SELL, "protection": Protection(stop_loss="90")}, InvalidOrder, "for a short at 100"),
        (spec, {"protection": Protection(stop_loss="90.05")}, InvalidPrice, "found 90.05"),
        (market, {"protection": Protection(stop_loss="90.05")}, InvalidPrice, "found 90.05"),
        (market, {"protection": Protection(stop_loss="90", take_profit="80")}, InvalidOrder, "take_profit: found 80"),
        (
            market,
            {"side": Side.SELL, "protection": Protection(stop_loss="80", take_profit="90")},
            InvalidOrder,
            "for a short it must lie below",
        ),
    ],
)
def test_what_is_refused(make, fields, error, message):
    with pytest.raises(error, match=message.replace(".", r"\.")) as caught:
        make(**fields)
    assert "somewhere:BTC-USDT-PERP" in str(caught.value)


def test_what_is_taken():
    assert spec(post_only=True, protection=Protection(stop_loss="90", take_profit="110")).post_only
    assert spec(side=Side.SELL, protection=Protection(stop_loss="110", take_profit="90")).side is Side.SELL
    assert market(protection=Protection(stop_loss="90", take_profit="110")).price is None
    assert spec(trigger=Trigger(kind=TriggerKind.STOP, price="101")).trigger.price == 101


class TestTriggers:
    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": TriggerKind.STOP},
            {"kind": TriggerKind.STOP, "price": "100", "trail": "1"},
            {"kind": TriggerKind.TRAILING},
            {"kind": TriggerKind.TRAILING, "trail": "1", "trail_ratio": "0.1"},
            {"kind": TriggerKind.TRAILING, "trail": "0"},
            {"kind": TriggerKind.TRAILING, "trail": "-1"},
            {"kind": TriggerKind.TRAILING, "trail_ratio": "1"},
        ],
    )
    def test_a_trigger_that_makes_no_sense(self, fields):
        with pytest.raises(InvalidOrder, match="trigger: "):
            Trigger(**fields)

    @pytest.mark.parametrize(
        ("kind", "side", "is_above"),
        [
            # A sell stop guards a long and waits below; a buy stop guards a short and waits above.
            (TriggerKind.STOP, Side.SELL, False),
            (TriggerKind.STOP, Side.BUY, True),
            (TriggerKind.TRAILING, Side.SELL, False),
            (TriggerKind.TRAILING, Side.BUY, True),
            (TriggerKind.TAKE_PROFIT, Side.SELL, True),
            (TriggerKind.TAKE_PROFIT, Side.BUY, False),
        ],
    )
    def test_which_way_it_waits(self, kind, side, is_above):
        level = {"trail": "1"} if kind is TriggerKind.TRAILING else {"price": "100"}
        trigger = Trigger(kind=kind, **level)
        assert trigger.fires_at_or_above(side) is is_above


def test_protection_protects_something():
    with pytest.raises(InvalidOrder, match="neither"):
        Protection()
    check_protection(Protection(stop_loss="90"), opening=Side.BUY, price=D(100), instrument=INSTRUMENT)
