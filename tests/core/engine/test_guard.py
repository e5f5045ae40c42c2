"""What the engine makes itself where a venue has it not: protections, triggers and amends."""

from decimal import Decimal

import pytest

from anyvenue.engine.commands import Amend, Cancel, Place, Protect, Subscribe
from anyvenue.engine.guard_table import EMULATED
from anyvenue.engine.risk import RiskLimits
from anyvenue.model.enums import Fate, OrderState, OrderType, PriceSource, Side, TriggerKind
from anyvenue.model.errors import NotSupported, RejectReason
from anyvenue.model.market import BookSnapshot, Ticker, Trade
from anyvenue.model.order import Amendment
from anyvenue.model.order_events import (
    AmendRejected,
    CancelRejected,
    CancelUnknown,
    OrderAccepted,
    OrderCanceled,
    OrderRejected,
    OrderReported,
)
from anyvenue.model.order_spec import Protection, Trigger
from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade

BTC = "BTC-USDT-PERP"
D = Decimal
PLAIN = tuple(feature for feature in Feature if feature not in EMULATED)
"""A venue that lacks all that the engine can make."""


@pytest.fixture
def plain(make_desk):
    return make_desk(features=PLAIN)


def mark(desk, price):
    desk.receive(Ticker(instrument=desk.instrument, mark_price=D(price)))


def last(desk, price):
    trade = Trade(instrument=desk.instrument, trade_id=str(price), side=Side.BUY, price=D(price), quantity=D(1))
    desk.receive(trade)


def hold(desk, quantity, trade_id="held"):
    """Hold 1 BTC long, or short below 0."""
    side = Side.BUY if D(quantity) > 0 else Side.SELL
    order = desk.strategy.submit(BTC, side, abs(D(quantity)), "100.0")
    desk.fill(order, abs(D(quantity)), trade_id=trade_id)
    desk.taken()
    return order


def places(desk):
    return [command.order for command in desk.taken() if isinstance(command, Place)]


def channels(desk):
    return [command.subscription.channel.value for command in desk.taken() if isinstance(command, Subscribe)]


class TestTable:
    def test_what_is_made_here_is_graded_emulated_and_may_be_asked_for(self, plain):
        for feature in EMULATED:
            assert plain.engine.desk.capability(feature, plain.instrument).grade is Grade.EMULATED
            assert plain.strategy.supports(BTC, feature)

    def test_the_venues_own_comes_first(self, desk):
        assert desk.engine.desk.capability(Feature.TRAILING, desk.instrument).grade is Grade.NATIVE

    @pytest.mark.parametrize(("allowed", "grade"), [((), Grade.EMULATED), ((Feature.TRAILING,), Grade.APPROXIMATE)])
    def test_an_approximate_one_is_used_only_where_that_is_allowed(self, desk, allowed, grade):
        capabilities = Capabilities.of(native=PLAIN, trailing=Capability(Grade.APPROXIMATE, "once a second"))
        desk.engine.desk.capabilities["main"] = capabilities
        desk.engine.desk._allow_approximate["main"] = frozenset(allowed)
        assert desk.engine.desk.capability(Feature.TRAILING, desk.instrument).grade is grade

    def test_without_what_it_is_made_of_there_is_none(self, make_desk):
        desk = make_desk(features=[Feature.BOOK, Feature.LIMIT, Feature.MARKET])
        with pytest.raises(NotSupported, match="protection is absent"):
            desk.strategy.protect(BTC, stop_loss="90.0")
        blind = make_desk(features=[Feature.LIMIT, Feature.MARKET, Feature.REDUCE_ONLY])
        with pytest.raises(NotSupported, match="stop is absent"):
            blind.strategy.buy(BTC, "1", trigger=Trigger(kind=TriggerKind.STOP, price="110"))


class TestProtection:
    def test_at_the_venue_where_it_has_one(self, desk):
        hold(desk, "1")
        desk.strategy.protect(BTC, stop_loss="90.0")
        assert [type(command) for command in desk.taken()] == [Protect]

    @pytest.mark.parametrize(
        ("quantity", "levels", "misses", "hits", "side"),
        [
            ("1", {"stop_loss": "90.0"}, ["90.1", "200.0"], "90.0", Side.SELL),
            ("1", {"take_profit": "120.0"}, ["119.9", "1.0"], "120.0", Side.SELL),
            ("-1", {"stop_loss": "110.0"}, ["109.9", "1.0"], "110.0", Side.BUY),
            ("-1", {"take_profit": "80.0"}, ["80.1", "200.0"], "80.0", Side.BUY),
        ],
    )
    def test_fires_one_reduce_only_market_order_at_its_level(self, plain, quantity, levels, misses, hits, side):
        hold(plain, quantity)
        plain.strategy.protect(BTC, **levels)
        assert channels(plain) == ["ticker"]
        for price in misses:
            mark(plain, price)
        assert plain.taken() == []
        mark(plain, hits)
        (order,) = places(plain)
        spec = order.spec
        assert (spec.side, spec.quantity, spec.order_type) == (side, D(1), OrderType.MARKET)
        assert spec.reduce_only
        mark(plain, hits)  # while it is on its way
        plain.fill(order, "1", trade_id="out")
        mark(plain, hits)
        assert plain.taken() == []
        assert len(plain.engine.guards.positions) == 0

    def test_it_passes_every_limit_and_fires_while_the_run_is_ending(self, make_desk):
        desk = make_desk(features=PLAIN, risk=RiskLimits(order_rate=1, max_open_orders=1))
        hold(desk, "1")
        desk.strategy.protect(BTC, stop_loss="90.0")
        desk.engine.stop("duration")
        desk.taken()
        mark(desk, "80.0")
        assert len(places(desk)) == 1

    def test_it_goes_with_its_position(self, plain):
        hold(plain, "1")
        plain.strategy.protect(BTC, stop_loss="90.0")
        plain.fill(plain.strategy.sell(BTC, "3", "100.0"), "3", trade_id="over")
        plain.taken()
        mark(plain, "80.0")
        assert plain.taken() == []
        plain.strategy.protect(BTC, stop_loss="90.0")  # short now, and the mark is 80
        plain.taken()
        mark(plain, "90.0")
        assert [order.side for order in places(plain)] == [Side.BUY]

    def test_the_last_levels_set_are_those_that_hold(self, plain):
        hold(plain, "1")
        plain.strategy.protect(BTC, stop_loss="90.0")
        plain.strategy.protect(BTC, stop_loss="80.0")
        plain.taken()
        mark(plain, "85.0")
        assert plain.taken() == []

    def test_what_the_venue_does_not_carry_out_is_tried_again_and_then_told(self, plain, caplog):
        hold(plain, "1")
        plain.strategy.protect(BTC, stop_loss="90.0")
        plain.taken()
        for _ in range(5):
            mark(plain, "80.0")
            (order,) = places(plain)
            plain.receive(OrderRejected(client_order_id=order.client_order_id, reason=RejectReason.NO_LIQUIDITY))
        mark(plain, "80.0")
        assert plain.taken() == []
        assert "5 times. Close it by hand" in caplog.text

    def test_only_the_rest_is_closed_at_the_second_try(self, plain):
        hold(plain, "1")
        plain.strategy.protect(BTC, stop_loss="90.0")
        plain.taken()
        mark(plain, "80.0")
        (order,) = places(plain)
        plain.accept(order)
        plain.fill(order, "0.4", trade_id="out")
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        mark(plain, "80.0")
        assert [order.quantity for order in places(plain)] == [D("0.6")]

    def test_last_looks_at_trades_and_not_at_the_mark(self, plain):
        hold(plain, "1")
        protection = Protection(stop_loss="90", source=PriceSource.LAST)
        plain.engine.desk.protect(plain.instrument, protection, plain.strategy.position(BTC).side)
        assert channels(plain) == ["ticker", "trades"]
        mark(plain, "80.0")
        assert plain.taken() == []
        last(plain, "89.9")
        assert len(places(plain)) == 1

    def test_without_a_ticker_the_mid_stands_for_the_mark(self, make_desk):
        desk = make_desk(features=[feature for feature in PLAIN if feature is not Feature.TICKER])
        hold(desk, "1")
        desk.strategy.protect(BTC, stop_loss="90.0")
        assert channels(desk) == ["book"]
        desk.receive(BookSnapshot(instrument=desk.instrument, bids=[["89.8", "1"]], asks=[["90.2", "1"]]))
        assert len(places(desk)) == 1  # the mid is 90

    def test_without_a_position_it_is_refused(self, plain):
        plain.strategy.protect(BTC, stop_loss="90.0")
        assert plain.strategy.heard == [
            ("refused", "Protect", "fake: main:BTC-USDT-PERP: there is no position to protect")
        ]


def trailing(**how):
    return Trigger(kind=TriggerKind.TRAILING, source=PriceSource.MARK, **how)


class TestTriggers:
    def test_a_stop_waits_here_and_leaves_as_a_plain_order(self, plain):
        hold(plain, "1")
        trigger = Trigger(kind=TriggerKind.STOP, price="90", source=PriceSource.MARK)
        order = plain.strategy.sell(BTC, "1", reduce_only=True, trigger=trigger)
        assert (order.state, plain.strategy.open_orders()) == (OrderState.NEW, [order])
        assert places(plain) == []
        mark(plain, "90.1")
        assert places(plain) == []
        mark(plain, "90.0")
        (sent,) = places(plain)
        assert (sent.client_order_id, sent.spec.trigger, sent.spec.reduce_only) == (order.client_order_id, None, True)
        assert sent.triggered
        plain.fill(sent, "1", trade_id="out")
        assert plain.now(order).state is OrderState.FILLED
        mark(plain, "80.0")
        assert plain.taken() == []

    def test_a_trailing_sell_follows_the_best_price_by_its_trail(self, plain):
        hold(plain, "1")
        plain.strategy.sell(BTC, "1", reduce_only=True, trigger=trailing(trail="10"))
        plain.taken()
        for price in ("100.0", "120.0", "110.1"):  # it fires at 90, then at 110
            mark(plain, price)
        assert plain.taken() == []
        mark(plain, "110.0")
        assert len(places(plain)) == 1

    def test_a_trailing_buy_by_a_ratio_from_the_price_that_starts_it(self, plain):
        hold(plain, "-1")
        plain.strategy.buy(BTC, "1", reduce_only=True, trigger=trailing(trail_ratio="0.1", price="90"))
        plain.taken()
        for price in ("100.0", "130.0", "90.0", "80.0", "87.9"):  # begins at 90; the best is 80: it fires at 88
            mark(plain, price)
        assert plain.taken() == []
        mark(plain, "88.0")
        assert len(places(plain)) == 1

    def test_canceled_before_it_fires_it_never_leaves(self, plain):
        order = plain.strategy.buy(BTC, "1", trigger=trailing(trail="10"))
        plain.taken()
        plain.strategy.cancel(order)
        assert plain.now(order).state is OrderState.CANCELED
        assert plain.strategy.heard[-1] == ("order", order.client_order_id, OrderState.CANCELED)
        assert plain.strategy.open_orders() == []
        mark(plain, "100.0")
        mark(plain, "200.0")
        assert plain.taken() == []

    def test_the_end_of_the_run_is_its_end(self, plain):
        order = plain.strategy.buy(BTC, "1", trigger=trailing(trail="10"))
        plain.taken()
        plain.engine.stop("finished")
        assert (plain.now(order).state, plain.engine.is_idle) == (OrderState.CANCELED, True)

    def test_the_limits_of_the_moment_in_which_it_leaves_hold(self, make_desk):
        desk = make_desk(features=PLAIN, risk=RiskLimits(max_position=D(2)))
        stop = Trigger(kind=TriggerKind.STOP, price="110", source=PriceSource.MARK)
        order = desk.strategy.buy(BTC, "1.5", trigger=stop)
        hold(desk, "1")
        mark(desk, "110.0")
        assert places(desk) == []
        assert desk.now(order).state is OrderState.REJECTED
        assert "could reach 2.5, above max_position 2" in desk.now(order).text


class TestAmends:
    @pytest.fixture
    def order(self, plain):
        """A resting bid for 1 at 100."""
        order = plain.strategy.buy(BTC, "1", "100.0")
        plain.accept(order)
        plain.taken()
        return order

    def test_the_new_order_leaves_only_after_proof_and_for_the_rest(self, plain, order):
        plain.strategy.amend(order, price="99.0", quantity="1.5")
        assert [type(command) for command in plain.taken()] == [Cancel]
        plain.fill(order, "0.4")
        assert plain.taken() == []
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        (new,) = places(plain)
        assert (new.price, new.quantity, new.side) == (D("99.0"), D("1.1"), Side.BUY)
        # The old name stands for the new order, and that is what is told.
        assert plain.strategy.order(order).client_order_id == new.client_order_id
        assert plain.strategy.heard[-1] == ("order", new.client_order_id, OrderState.SENT)
        assert (order.client_order_id, OrderState.CANCELED) not in [page[1:] for page in plain.strategy.heard]

    def test_while_it_is_under_way_it_looks_like_any_amend(self, plain, order):
        returned = plain.strategy.amend(order, price="99.0")
        plain.fill(order, "0.4")
        (resting,) = plain.strategy.open_orders()
        for seen in (returned, plain.strategy.order(order), resting):
            assert (seen.amend, seen.cancel) == (Amendment(price=D("99.0"), quantity=None), None)
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        (new,) = plain.strategy.open_orders()
        assert (new.price, new.amend) == (D("99.0"), None)

    def test_of_several_the_last_wins_and_one_cancel_is_sent(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.strategy.amend(order, price="98.0")
        assert [type(command) for command in plain.taken()] == [Cancel]
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        assert [new.price for new in places(plain)] == [D("98.0")]

    def test_a_cancel_beats_it(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.strategy.cancel(order)
        plain.strategy.amend(order, price="98.0")
        plain.taken()
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        assert plain.taken() == []
        assert plain.now(order).state is OrderState.CANCELED

    def test_filled_meanwhile_it_is_filled(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.taken()
        plain.fill(order, "1")
        assert plain.taken() == []
        assert plain.strategy.order(order).state is OrderState.FILLED

    def test_a_refused_cancel_is_a_refused_amend(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.taken()
        plain.receive(CancelRejected(client_order_id=order.client_order_id, reason=RejectReason.OTHER, text="busy"))
        assert plain.taken() == []
        now = plain.now(order)
        assert (now.state, now.price) == (OrderState.OPEN, D("100.0"))
        assert "was refused" in now.text
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))  # a person's, later
        assert plain.taken() == []

    def test_while_the_cancel_is_unknown_nothing_leaves(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.taken()
        plain.receive(CancelUnknown(client_order_id=order.client_order_id))
        assert places(plain) == []
        assert plain.now(order).cancel is Fate.UNKNOWN
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        assert [new.price for new in places(plain)] == [D("99.0")]

    def test_one_the_venue_ended_for_its_own_reasons_is_not_replaced(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.taken()
        plain.receive(OrderCanceled(client_order_id=order.client_order_id, reason=RejectReason.LIQUIDATION))
        assert plain.taken() == []

    def test_asked_for_during_the_create_it_waits(self, plain):
        order = plain.strategy.buy(BTC, "1", "100.0")
        plain.strategy.amend(order, price="99.0")
        assert len(places(plain)) == 1
        plain.accept(order)
        assert [type(command) for command in plain.taken()] == [Cancel]

    def test_what_traded_and_is_told_only_after_the_cancel_is_given_back(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        new = places(plain)[-1]
        plain.receive(OrderAccepted(client_order_id=new.client_order_id, venue_order_id="v2"))
        plain.fill(order, "0.3", trade_id="late")
        assert [type(command) for command in plain.taken()] == [Cancel]
        plain.receive(OrderCanceled(client_order_id=new.client_order_id))
        assert [(rest.price, rest.quantity) for rest in places(plain)] == [(D("99.0"), D("0.7"))]

    def test_no_new_order_leaves_from_a_run_that_is_ending(self, plain, order):
        plain.strategy.amend(order, price="99.0")
        plain.engine.stop("finished")
        plain.taken()
        plain.receive(OrderCanceled(client_order_id=order.client_order_id))
        assert plain.taken() == []

    def test_a_venue_that_can_amend_does(self, desk):
        order = desk.strategy.buy(BTC, "1", "100.0")
        desk.accept(order)
        desk.taken()
        desk.strategy.amend(order, price="99.0")
        assert [type(command) for command in desk.taken()] == [Amend]
        desk.receive(AmendRejected(client_order_id=order.client_order_id, reason=RejectReason.OTHER))
        assert desk.now(order).state is OrderState.OPEN


def test_a_position_whose_fill_is_late_stays_protected_when_another_order_trades(plain):
    entry = plain.strategy.submit(BTC, Side.BUY, D("1"), "100.0")
    plain.receive(
        OrderReported(client_order_id=entry.client_order_id, state=OrderState.FILLED, filled_quantity=D(1)),
    )
    assert plain.strategy.position(BTC).quantity == 1
    plain.strategy.protect(BTC, stop_loss=D("90.0"))
    less = plain.strategy.submit(BTC, Side.SELL, D("0.4"), "100.0", reduce_only=True)
    plain.fill(less, "0.4", trade_id="less")  # what is booked alone is short now
    plain.taken()
    mark(plain, "90.0")
    (close,) = places(plain)
    assert (close.side, close.quantity, close.spec.reduce_only) == (Side.SELL, D("0.6"), True)
