"""The trend follower: when it enters and leaves, and that what it holds is guarded.

With fast 1 and slow 2 the trend is up when a close is above the one before, and down when it is below.
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model import OrderReported, OrderState, OrderUnknown, RejectReason, Side, TriggerKind
from anyvenue.venue.capabilities import Feature
from anyvenue_strategies.trend import Trend, TrendParameters

PARAMETERS = TrendParameters(fast=1, slow=2, quantity=Decimal("0.010"), trail_bp=Decimal(50))
ENTER = ("place", "buy", "0.010", "market")
LEAVE = ("place", "sell", "0.010", "market")


@pytest.fixture
def stage(make_stage):
    return make_stage(Trend(PARAMETERS))


def show(stage, *closes):
    for close in closes:
        stage.candle(close)


@pytest.fixture
def entry(stage):
    """A market order to go long, on its way."""
    show(stage, "101", "100", "102")
    (order,) = stage.placed()
    return order


@pytest.fixture
def guard(stage, entry):
    """The trailing stop of the whole entry, which has filled."""
    stage.fill(entry)
    (order,) = stage.placed()
    stage.accept(order)
    return order


class TestEntering:
    def test_the_first_look_at_the_averages_is_no_cross(self, stage):
        show(stage, "100", "101", "102")
        assert stage.told() == []

    def test_a_cross_is_traded_at_market(self, stage):
        show(stage, "101", "100", "102")
        assert stage.told() == [ENTER]

    def test_equal_averages_are_no_cross(self, stage):
        show(stage, "100", "101", "101", "102")
        assert stage.told() == []

    def test_an_entry_on_its_way_is_not_doubled_and_neither_is_an_unknown_one(self, stage, entry):
        show(stage, "101", "102")
        stage.receive(OrderUnknown(client_order_id=entry.client_order_id))
        show(stage, "101", "102")
        assert stage.told() == []

    def test_a_refused_entry_is_not_repeated_before_the_next_cross(self, stage, entry, caplog):
        stage.reject(entry, RejectReason.INSUFFICIENT_FUNDS, "too little money")
        show(stage, "103")
        assert stage.told() == []
        assert "too little money" in caplog.text
        show(stage, "102")
        assert stage.told() == [("place", "sell", "0.010", "market")]


class TestGuard:
    def test_the_first_fill_brings_a_trailing_stop_for_the_whole_entry(self, stage, entry):
        stage.fill(entry, "0.004")
        (guard,) = stage.placed()
        assert (guard.side, guard.quantity, guard.price) == (Side.SELL, Decimal("0.010"), None)
        assert guard.spec.reduce_only
        trigger = guard.spec.trigger
        assert (trigger.kind, trigger.trail_ratio) == (TriggerKind.TRAILING, Decimal("0.005"))  # 50 bp

    def test_further_fills_need_no_other(self, stage, entry):
        stage.fill(entry, "0.004")
        stage.accept(*stage.placed())
        stage.fill(entry, "0.005")
        stage.fill(entry, "0.001")
        show(stage, "103")
        assert stage.told() == []

    def test_nor_does_an_entry_that_ends_early(self, stage, entry):
        stage.fill(entry, "0.004")
        stage.accept(*stage.placed())
        stage.canceled(entry)
        show(stage, "103")
        assert stage.told() == []
        assert stage.held == Decimal("0.004")

    def test_a_short_is_guarded_by_a_buy(self, stage):
        show(stage, "100", "101", "100")
        (entry,) = stage.placed()
        stage.fill(entry)
        assert stage.told() == [("place", "buy", "0.010", "market")]

    def test_a_position_whose_guard_is_refused_is_closed(self, stage, entry):
        stage.fill(entry)
        (guard,) = stage.placed()
        stage.reject(guard, RejectReason.INVALID_TRIGGER)
        (close,) = stage.placed()
        assert (close.side, close.quantity, close.spec.trigger) == (Side.SELL, Decimal("0.010"), None)
        assert close.spec.reduce_only

    def test_and_so_is_one_whose_guard_has_gone(self, stage, guard):
        stage.canceled(guard)
        assert stage.told() == [LEAVE]

    def test_a_close_that_is_refused_is_tried_again_a_second_later_and_not_at_once(self, stage, guard):
        stage.canceled(guard)
        for _ in range(3):
            (close,) = stage.placed()
            stage.reject(close, RejectReason.RATE_LIMITED)
            assert stage.told() == []
            stage.wait("0.9")
            assert stage.told() == []
            stage.wait("0.1")

    def test_a_guard_that_is_reported_filled_before_its_fills_came_is_waited_for(self, stage, guard):
        stage.receive(
            OrderReported(
                client_order_id=guard.client_order_id, state=OrderState.FILLED, filled_quantity=Decimal("0.010")
            )
        )
        show(stage, "103")
        assert stage.told() == []
        stage.fill(guard)
        assert (stage.held, stage.told()) == (0, [])


class TestLeaving:
    def test_a_cross_the_other_way_closes_and_then_enters(self, stage, guard):
        show(stage, "101")
        (close,) = stage.placed()
        assert (close.side, close.quantity, close.spec.reduce_only) == (Side.SELL, Decimal("0.010"), True)
        stage.fill(close, "0.006")
        assert stage.told() == []  # the guard stays while anything is held
        stage.fill(close, "0.004")
        assert stage.told() == [("cancel", "sell")]
        stage.canceled(guard)
        assert stage.told() == [("place", "sell", "0.010", "market")]

    def test_stopped_out_it_waits_for_the_next_cross(self, stage, guard):
        stage.fill(guard)
        show(stage, "103", "104")
        assert stage.told() == []
        show(stage, "103")
        assert stage.told() == [("place", "sell", "0.010", "market")]

    def test_a_cross_back_before_the_close_is_through_leaves_nothing_to_enter_later(self, stage, guard):
        show(stage, "101")
        (close,) = stage.placed()
        show(stage, "102")
        stage.reject(close, RejectReason.RATE_LIMITED)
        stage.wait(1)
        assert stage.told() == []  # with the trend again, and guarded
        stage.fill(guard)
        assert stage.told() == []

    def test_the_guard_may_be_quicker_than_the_close(self, stage, guard):
        show(stage, "101")
        (close,) = stage.placed()
        stage.fill(guard)
        assert stage.told() == []
        stage.reject(close, RejectReason.REDUCE_ONLY)
        assert stage.told() == [("place", "sell", "0.010", "market")]

    def test_at_the_end_what_is_held_is_closed_and_nothing_entered(self, stage, guard):
        stage.engine.stop("finished")
        close, cancel = stage.told()
        assert (close, cancel) == (LEAVE, ("cancel", "sell"))
        show(stage, "101", "102", "101")
        assert stage.told() == []

    def test_and_so_is_what_fills_after_the_end(self, stage, entry):
        stage.engine.stop("finished")
        assert stage.told() == []
        stage.fill(entry, "0.010")
        assert stage.told() == [LEAVE]


def test_a_venue_on_which_nothing_can_be_guarded_is_refused_before_anything_is_sent(make_stage):
    stage = make_stage(Trend(PARAMETERS), features=set(Feature) - {Feature.REDUCE_ONLY})
    assert "the trend follower needs reduce_only" in stage.engine.failure
    show(stage, "101", "100", "102")
    assert stage.told() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"fast": 20}, "fast, slow: found 20, 20; allowed is 0 < fast < slow"),
        ({"trail_bp": Decimal(10_000)}, "trail_bp: found 10000; allowed is above 0 and below 10000"),
        ({"interval_s": 0}, "interval_s: found 0; allowed are numbers above 0"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        TrendParameters(**changes)


class Venue:
    """Does what it likes with the orders it has, within what a venue may do."""

    def __init__(self, stage):
        self.stage = stage
        self.price = 100

    def orders(self):
        return self.stage.engine.orders.open_orders()

    def do(self, choice, which):
        orders = self.orders()
        order = orders[which % len(orders)] if orders else None
        if choice in ("up", "down"):
            self.price += 1 if choice == "up" else -1
            self.stage.candle(str(self.price))
        elif choice == "wait":
            self.stage.wait(1)
        elif order is not None:
            getattr(self, choice)(order)

    def accept(self, order):
        self.stage.accept(order)

    def reject(self, order):
        if order.state is OrderState.SENT:
            self.stage.reject(order)

    def cancel(self, order):
        self.stage.canceled(order)

    def refuse_cancel(self, order):
        if order.cancel is not None:
            self.stage.reject_cancel(order)

    def some(self, order):
        self._trade(order, Decimal("0.003"))

    def all(self, order):
        self._trade(order, order.leaves_quantity)

    def _trade(self, order, wanted):
        """As an exchange does it: what may only reduce trades no more than there is to reduce."""
        against = -self.stage.held * order.side.sign
        quantity = min(wanted, order.leaves_quantity, max(against, 0) if order.spec.reduce_only else wanted)
        if quantity > 0:
            self.stage.fill(order, quantity)
        else:
            self.stage.canceled(order)


CHOICES = ("up", "down", "wait", "accept", "reject", "cancel", "refuse_cancel", "some", "all")


@given(st.lists(st.tuples(st.sampled_from(CHOICES), st.integers(0, 3)), max_size=60))
def test_whatever_the_venue_does_a_position_is_guarded_or_being_closed(make_stage, steps):
    stage = make_stage(Trend(PARAMETERS))
    venue = Venue(stage)
    for choice, which in steps:
        venue.do(choice, which)
        orders = venue.orders()
        guards = [order for order in orders if order.spec.trigger is not None]
        closes = [order for order in orders if order.spec.reduce_only and order.spec.trigger is None]
        assert stage.engine.failure == ""
        assert len(guards) <= 1
        assert len(closes) <= 1
        assert len(orders) - len(guards) - len(closes) <= 1
        assert abs(stage.held) <= Decimal("0.010")
        if stage.held:
            covered = [order for order in guards if order.leaves_quantity >= abs(stage.held)]
            assert covered or closes or stage.clock.next_time is not None
            assert all(order.side.sign * stage.held < 0 for order in guards + closes)
