"""Stops, take-profits, trailing stops and the protection of positions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from anyvenue.model.enums import MarginMode, PositionMode, PositionSide, PriceSource, Side, TimeInForce, TriggerKind
from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.model.order_events import OrderCanceled, OrderTriggered
from anyvenue.model.order_spec import Protection, Trigger

BUY, SELL = Side.BUY, Side.SELL
LAST, MARK, INDEX = PriceSource.LAST, PriceSource.MARK, PriceSource.INDEX
STOP, TAKE, TRAIL = TriggerKind.STOP, TriggerKind.TAKE_PROFIT, TriggerKind.TRAILING


@pytest.fixture
def market(desk):
    """100 last and mark, deep around it."""
    desk.depth({"99.5": "50", "90": "50"}, {"100.5": "50", "110": "50"}, snapshot=True)
    desk.trade(BUY, "100", "1")
    desk.mark("100", index="100")
    return desk


@pytest.mark.parametrize(
    ("side", "kind", "level", "quiet", "loud"),
    [
        (SELL, STOP, "95", "95.5", "95"),
        (BUY, STOP, "105", "104.5", "106"),
        (SELL, TAKE, "105", "104.5", "105"),
        (BUY, TAKE, "95", "95.5", "94"),
    ],
)
@pytest.mark.parametrize("source", [LAST, MARK, INDEX])
def test_a_trigger_fires_at_its_price(market, side, kind, level, quiet, loud, source):
    def move(price):
        if source is LAST:
            market.trade(BUY, price, "1")
        elif source is MARK:
            market.mark(price)
        else:
            market.mark("100", index=price)

    name = market.place("ann", market.spec(side, "2", trigger=Trigger(kind=kind, price=level, source=source)))
    waiting = market.order("ann", name)
    assert market.state("ann", name) == ("open", "0")
    assert market.free("ann") == 10000
    move(quiet)
    assert market.state("ann", name) == ("open", "0")
    move(loud)
    order = market.order("ann", name)
    assert market.state("ann", name) == ("filled", "2")
    assert order.triggered
    assert order.former_ids == (waiting.venue_order_id,)
    (told,) = market.events("ann", OrderTriggered)
    assert (told.client_order_id, told.venue_order_id) == (name, order.venue_order_id)
    assert market.order_events("ann")[:2] == [("Triggered", name), ("Filled", name)]
    assert market.exchange.order("ann", venue_order_id=waiting.venue_order_id) == order


def test_a_trigger_that_would_fire_at_once_is_refused(market):
    for side, kind, level in ((SELL, STOP, "100"), (BUY, STOP, "99"), (SELL, TAKE, "99.5"), (BUY, TAKE, "100.5")):
        with pytest.raises(Rejected) as refused:
            market.place("ann", market.spec(side, "1", trigger=Trigger(kind=kind, price=level)))
        assert refused.value.reason is RejectReason.INVALID_TRIGGER


def test_a_triggered_limit_order_rests(market):
    name = market.sell("ann", "1", "97", trigger=Trigger(kind=STOP, price="98"), post_only=True)
    market.depth({"99.5": "0"}, {})
    market.trade(SELL, "98", "1")
    assert market.state("ann", name) == ("open", "0")
    assert market.exchange.book(market.first).best_ask == 97


def test_a_triggered_order_that_is_refused_is_canceled_with_the_reason(make_desk):
    desk = make_desk()
    desk.open("ann", money="10")
    desk.mark("100")
    stop = desk.buy("ann", "2", "110", trigger=Trigger(kind=STOP, price="105", source=MARK))
    reduce = desk.buy("ann", "1", "110", trigger=Trigger(kind=STOP, price="105", source=MARK), reduce_only=True)
    desk.mark("106")
    assert [(e.client_order_id, e.reason) for e in desk.events("ann", OrderCanceled)] == [
        (stop, RejectReason.INSUFFICIENT_FUNDS),
        (reduce, RejectReason.REDUCE_ONLY),
    ]
    assert desk.exchange.open_orders("ann") == []


def test_a_waiting_order_can_be_amended_and_canceled(market):
    name = market.sell("ann", "1", "97", trigger=Trigger(kind=STOP, price="98"))
    market.exchange.amend("ann", client_order_id=name, price="96", quantity="3")
    other = market.sell("ann", "1", "97", trigger=Trigger(kind=STOP, price="98"))
    market.exchange.cancel("ann", client_order_id=other)
    market.trade(SELL, "98", "1")
    assert market.state("ann", name) == ("filled", "3")
    assert market.state("ann", other) == ("canceled", "0")


def test_triggers_fire_in_the_order_in_which_they_were_set_and_set_each_other_off(market):
    second = market.sell("ann", "60", trigger=Trigger(kind=STOP, price="95"))  # down to 90
    third = market.sell("bob", "1", trigger=Trigger(kind=STOP, price="92"))
    also = market.sell("cid", "1", trigger=Trigger(kind=STOP, price="95"))
    market.trade(SELL, "95", "1")
    fired = [event.client_order_id for _, event in market.told if isinstance(event, OrderTriggered)]
    assert fired == [second, also, third]


@pytest.mark.parametrize("distance", [{"trail": "5"}, {"trail_ratio": "0.05"}])
def test_a_trailing_stop_follows_the_best_price(market, distance):
    name = market.sell("ann", "1", trigger=Trigger(kind=TRAIL, **distance))
    for price in ("96", "104", "110", "105.5"):
        market.trade(BUY, price, "1")
    assert market.state("ann", name) == ("open", "0")
    market.trade(SELL, "105" if "trail" in distance else "104.5", "1")  # 110 - 5, or 110 x 0.95
    assert market.state("ann", name) == ("filled", "1")


def test_a_trailing_stop_at_an_equal_level(market):
    name = market.buy("ann", "1", trigger=Trigger(kind=TRAIL, trail="5", source=MARK))
    for price in ("97", "94", "98.5"):
        market.mark(price)
    assert market.state("ann", name) == ("open", "0")
    market.mark("99")
    assert market.state("ann", name) == ("filled", "1")


def test_a_trailing_stop_sleeps_until_its_activation_price(market):
    name = market.sell("ann", "1", trigger=Trigger(kind=TRAIL, trail="5", price="110"))
    for price in ("108", "95", "110", "105.5"):
        market.trade(BUY, price, "1")
        assert market.state("ann", name) == ("open", "0")
    market.trade(BUY, "105", "1")
    assert market.state("ann", name) == ("filled", "1")


def test_a_trailing_stop_without_a_price_yet_starts_with_the_first(make_desk):
    desk = make_desk()
    desk.open("ann")
    desk.depth({"90": "9"}, {"110": "9"}, snapshot=True)
    name = desk.sell("ann", "1", trigger=Trigger(kind=TRAIL, trail="5"))
    for price in ("90", "100"):
        desk.trade(BUY, price, "1")
    assert desk.state("ann", name) == ("open", "0")
    desk.trade(BUY, "95", "1")
    assert desk.state("ann", name) == ("filled", "1")


def test_our_own_trades_move_the_last_price(market):
    name = market.sell("ann", "1", trigger=Trigger(kind=STOP, price="95"))
    market.sell("bob", "51")  # 50 at 99.5, one at 90
    assert market.state("ann", name) == ("filled", "1")


def test_without_marks_a_mark_trigger_looks_at_the_last_price(make_desk):
    desk = make_desk()
    desk.open("ann")
    desk.depth({"90": "9"}, {"110": "9"}, snapshot=True)
    desk.trade(BUY, "100", "1")
    name = desk.sell("ann", "1", trigger=Trigger(kind=STOP, price="95", source=MARK))
    desk.trade(SELL, "94", "1")
    assert desk.state("ann", name) == ("filled", "1")


def test_fok_after_a_trigger_is_whole_or_canceled(market):
    name = market.sell("ann", "60", "95", trigger=Trigger(kind=STOP, price="98"), time_in_force=TimeInForce.FOK)
    market.trade(SELL, "98", "1")
    assert market.state("ann", name) == ("canceled", "0")
    assert market.order("ann", name).reason is RejectReason.NO_LIQUIDITY


# Protection


def long_position(market):
    market.buy("ann", "2")
    market.told.clear()


def test_protection_closes_the_position_and_goes_with_it(market):
    long_position(market)
    protection = Protection(take_profit="105", stop_loss="95")
    assert market.exchange.protect("ann", market.first, protection) == []
    assert market.exchange.protection("ann", market.first) == protection
    market.buy("ann", "1")  # covered too
    market.mark("94.5")
    assert market.position("ann").quantity == 0
    (triggered,) = market.events("ann", OrderTriggered)
    assert triggered.client_order_id.startswith("stop-loss-")
    assert market.state("ann", triggered.client_order_id) == ("filled", "3")
    assert market.exchange.protection("ann", market.first) is None
    market.buy("ann", "1")
    market.mark("106")
    assert market.position("ann").quantity == 1


def test_a_short_is_protected_the_other_way_round(market):
    market.sell("ann", "2")
    market.exchange.protect("ann", market.first, Protection(take_profit="95", stop_loss="105", source=LAST))
    market.mark("90")
    assert market.position("ann").quantity == -2
    market.trade(SELL, "95", "1")
    (triggered,) = market.events("ann", OrderTriggered)
    assert triggered.client_order_id.startswith("take-profit-")
    assert market.position("ann").quantity == 0


def test_protection_on_the_wrong_side_or_of_nothing_is_refused(market):
    with pytest.raises(Rejected) as refused:
        market.exchange.protect("ann", market.first, Protection(stop_loss="95"))
    assert refused.value.reason is RejectReason.REDUCE_ONLY
    long_position(market)
    for wrong in (Protection(stop_loss="100"), Protection(take_profit="99.5", stop_loss="95")):
        with pytest.raises(Rejected) as refused:
            market.exchange.protect("ann", market.first, wrong)
        assert refused.value.reason is RejectReason.INVALID_TRIGGER
    with pytest.raises(Rejected):
        market.buy("ann", "1", protection=Protection(stop_loss="101"))


def test_protection_is_replaced_and_lifted(market):
    long_position(market)
    market.exchange.protect("ann", market.first, Protection(stop_loss="95"))
    market.exchange.protect("ann", market.first, Protection(stop_loss="90"))
    market.mark("94")
    assert market.position("ann").quantity == 2
    market.exchange.protect("ann", market.first, None)
    market.mark("89")
    assert market.position("ann").quantity == 2


def test_protection_is_lifted_when_the_position_turns_over(market):
    long_position(market)
    market.exchange.protect("ann", market.first, Protection(stop_loss="95"))
    market.sell("ann", "5")
    assert market.exchange.protection("ann", market.first) is None
    market.mark("94")
    assert market.position("ann").quantity == -3


def test_attached_protection_arms_with_the_first_fill(market):
    protection = Protection(take_profit="105", stop_loss="95")
    name = market.buy("ann", "60", "100.5", protection=protection)  # 50 are there
    assert market.exchange.protection("ann", market.first) == protection
    market.exchange.protect("ann", market.first, Protection(stop_loss="96"))
    market.sell("bob", "1", "100.5")  # a later fill does not bring it back
    assert market.exchange.protection("ann", market.first) == Protection(stop_loss="96")
    assert market.order("ann", name).filled_quantity == 51


def test_attached_protection_arms_a_resting_order_and_fires_at_once_if_it_must(market):
    market.buy("ann", "1", "98", protection=Protection(stop_loss="97.5", source=LAST))
    assert market.exchange.protection("ann", market.first) is None
    market.trade(SELL, "97", "1")  # through it, and through the stop
    assert market.position("ann").quantity == 0
    assert [kind for kind, _ in market.order_events("ann")] == ["Filled", "Triggered", "Filled"]


def test_an_order_that_only_closes_brings_no_protection(market):
    market.sell("ann", "5")
    market.buy("ann", "2", protection=Protection(stop_loss="95"))
    assert market.exchange.protection("ann", market.first) is None
    market.buy("ann", "5", protection=Protection(stop_loss="95"))  # turns over to a long
    assert market.exchange.protection("ann", market.first) == Protection(stop_loss="95")


def test_each_leg_of_a_hedge_has_its_own_protection(market):
    market.exchange.set_position_mode("ann", PositionMode.HEDGE)
    market.buy("ann", "2", position_side=PositionSide.LONG)
    market.sell("ann", "3", position_side=PositionSide.SHORT)
    market.exchange.protect("ann", market.first, Protection(stop_loss="95"), PositionSide.LONG)
    market.exchange.protect("ann", market.first, Protection(take_profit="93"), PositionSide.SHORT)
    market.mark("95")
    assert [(p.side, p.quantity) for p in market.exchange.positions("ann")] == [(PositionSide.SHORT, -3)]
    market.mark("93")
    assert market.exchange.positions("ann") == []


def test_what_a_protection_cannot_close_is_told(market):
    long_position(market)
    market.exchange.protect("ann", market.first, Protection(stop_loss="95"))
    market.depth({"99.5": "0.5", "90": "0"}, {})
    market.mark("95")
    assert market.position("ann").quantity == Decimal("1.5")
    (canceled,) = market.events("ann", OrderCanceled)
    assert canceled.reason is RejectReason.NO_LIQUIDITY


def test_an_isolated_position_can_be_protected(market):
    market.exchange.set_leverage("ann", market.first, 10, MarginMode.ISOLATED)
    long_position(market)
    market.exchange.protect("ann", market.first, Protection(stop_loss="95"))
    market.mark("95")
    assert market.position("ann").quantity == 0
    assert market.position("ann").margin == 0
