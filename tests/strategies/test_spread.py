"""The spread: where it quotes, that it hedges what it trades, and that neither side's loss leaves it exposed.

The hedge's book is 100.0 / 101.0 unless a test says otherwise. An edge of 100 bp puts the bid at 99.0 and the ask at
102.01, to the tick 102.1.
"""

from decimal import Decimal

import pytest
from attrs import evolve

from anyvenue.engine.commands import Amend, Cancel, Place
from anyvenue.engine.engine import Engine
from anyvenue.model import (
    BookSnapshot,
    Fill,
    NotSupported,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
    RejectReason,
    SequenceRule,
    Side,
    Ticker,
)
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.events import Disconnected
from anyvenue_strategies.spread import Spread, SpreadParameters

SECOND = 1_000_000_000
PARAMETERS = SpreadParameters(
    quantity=Decimal("0.010"), edge_bp=Decimal(100), requote_bp=Decimal(50), silence_s=10, patience_s=5
)
FUNDING = evolve(PARAMETERS, mode="funding", enter_bp=Decimal(2), leave_bp=Decimal("0.5"))


class Stage:
    """The strategy between two venues, whose words the test speaks."""

    def __init__(self, instrument_with, parameters=PARAMETERS, missing=()):
        self.clock = DrivenClock(SECOND)
        self.engine = Engine(Spread(parameters), connections=("here", "there"), clock=self.clock, session="t")
        self.commands, self._trades = [], 0
        self.engine.bind(self.commands.append)
        features = tuple(set(Feature) - set(missing))
        self.of = {name: instrument_with(connection=name) for name in ("here", "there")}
        for name, instrument in self.of.items():
            self.engine.add_connection(name, [instrument], Capabilities.of(native=features), lambda _: SequenceRule())
        self.engine.start()

    def book(self, name, bid="100.0", ask="101.0"):
        snapshot = BookSnapshot(instrument=self.of[name], bids=[[bid, "5"]], asks=[[ask, "5"]])
        self.engine.receive(snapshot, name)

    def books(self):
        self.book("there")
        self.book("here")

    def rate(self, name, rate):
        self.engine.receive(Ticker(instrument=self.of[name], funding_rate=Decimal(rate)), name)

    def wait(self, seconds):
        self.clock.run_until(self.clock.time_ns() + seconds * SECOND)

    def told(self):
        """What was asked of which side since the last look."""
        commands, self.commands[:] = list(self.commands), []
        told = []
        for command in commands:
            if isinstance(command, Place | Amend | Cancel):
                order = command.order
                what = type(command).__name__.lower()
                price = command.price if isinstance(command, Amend) else order.price
                told.append((order.instrument.connection, what, order.side.value, price and str(price)))
        return told

    def orders(self, name):
        return self.engine.orders.open_orders(self.of[name])

    def accept(self, name):
        for order in self.orders(name):
            self.engine.receive(OrderAccepted(client_order_id=order.client_order_id), name)

    def fill(self, name, side, quantity="0.010", price="100"):
        self._trades += 1
        order = next(order for order in self.orders(name) if order.side is side)
        fill = Fill(
            instrument=order.instrument,
            trade_id=str(self._trades),
            client_order_id=order.client_order_id,
            venue_order_id=None,
            side=side,
            price=Decimal(price),
            quantity=Decimal(quantity),
        )
        self.engine.receive(OrderFilled(client_order_id=order.client_order_id, fill=fill), name)

    def reject(self, name):
        (order,) = self.orders(name)
        reason = RejectReason.INSUFFICIENT_FUNDS
        self.engine.receive(OrderRejected(client_order_id=order.client_order_id, reason=reason, text="no"), name)

    def canceled(self, name):
        for order in self.orders(name):
            self.engine.receive(OrderCanceled(client_order_id=order.client_order_id), name)

    def lose(self, name):
        self.engine.receive(Disconnected(connection=name, reason="gone"), name)

    def held(self, name):
        return self.engine.portfolio.quantity(self.of[name])


@pytest.fixture
def stage(instrument_with):
    return Stage(instrument_with)


@pytest.fixture
def quoting(stage):
    """Both quotes rest."""
    stage.books()
    stage.accept("here")
    stage.told()
    return stage


def test_it_quotes_on_the_first_side_by_the_seconds_price(stage):
    stage.book("here")
    assert stage.told() == []  # the hedge's price is not known yet
    stage.book("there")
    assert stage.told() == [("here", "place", "buy", "99.0"), ("here", "place", "sell", "102.1")]
    assert all(order.spec.post_only for order in stage.orders("here"))


def test_a_quote_stays_a_tick_from_the_other_side_of_its_own_book(stage):
    stage.book("there")
    stage.book("here", "97.0", "98.0")
    assert stage.told() == [("here", "place", "buy", "97.9"), ("here", "place", "sell", "102.1")]


def test_a_quote_follows_the_hedges_price_when_it_is_off_by_enough(quoting):
    quoting.book("there", "100.1", "101.1")  # the bid belongs to 99.0 (99.099), the ask to 102.2: off by less than 0.51
    assert quoting.told() == []
    quoting.book("there", "101.0", "102.0")  # 99.99 and 103.02
    assert quoting.told() == [("here", "amend", "buy", "99.9"), ("here", "amend", "sell", "103.1")]


def test_a_fill_is_hedged_at_once_and_nothing_is_quoted_meanwhile(quoting):
    quoting.fill("here", Side.BUY)
    assert quoting.told() == [("there", "place", "sell", None), ("here", "cancel", "sell", "102.1")]
    quoting.canceled("here")
    quoting.accept("there")
    assert quoting.told() == []
    quoting.fill("there", Side.SELL)
    assert quoting.held("here") + quoting.held("there") == 0
    assert quoting.told() == [("here", "place", "buy", "99.0"), ("here", "place", "sell", "102.1")]


def test_two_fills_of_one_quote_are_never_hedged_twice(quoting):
    quoting.fill("here", Side.BUY, "0.004")
    quoting.fill("here", Side.BUY, "0.006")
    (hedge,) = quoting.orders("there")
    assert (hedge.side, hedge.quantity) == (Side.SELL, Decimal("0.004"))
    quoting.fill("there", Side.SELL, "0.004")
    assert [order.quantity for order in quoting.orders("there")] == [Decimal("0.006")]


def test_a_hedge_that_is_refused_is_tried_again_and_then_done_on_the_first_side(quoting):
    quoting.fill("here", Side.BUY)
    quoting.canceled("here")
    quoting.reject("there")
    quoting.told()
    for _ in range(4):  # a look each second, for the 5 seconds of its patience
        quoting.wait(1)
        assert quoting.told() == [("there", "place", "sell", None)]
        quoting.reject("there")
    quoting.wait(1)
    assert quoting.told() == [("here", "place", "sell", None)]


def test_a_hedge_of_unknown_fate_is_waited_for_but_not_for_ever(quoting):
    quoting.fill("here", Side.BUY)
    quoting.canceled("here")
    (hedge,) = quoting.orders("there")
    quoting.told()
    quoting.engine.receive(OrderUnknown(client_order_id=hedge.client_order_id), "there")
    quoting.wait(4)
    assert quoting.told() == []
    quoting.wait(1)
    assert quoting.told() == [("here", "place", "sell", None)]
    quoting.fill("here", Side.SELL)
    quoting.fill("there", Side.SELL)  # it was done after all
    assert ("there", "place", "buy", None) in quoting.told()


def test_with_the_second_side_lost_quotes_are_pulled_and_what_is_held_is_closed_on_the_first(quoting):
    quoting.lose("there")
    assert quoting.told() == [("here", "cancel", "buy", "99.0"), ("here", "cancel", "sell", "102.1")]
    quoting.fill("here", Side.BUY)  # it was on its way already
    assert quoting.told() == [("here", "place", "sell", None)]
    assert quoting.orders("there") == []


def test_with_the_first_side_lost_what_is_held_is_still_hedged(quoting):
    quoting.lose("here")
    quoting.told()
    quoting.fill("here", Side.BUY)
    assert quoting.told() == [("there", "place", "sell", None)]


def test_a_side_that_says_nothing_counts_as_lost_until_it_speaks(quoting):
    quoting.wait(5)
    quoting.book("here")
    quoting.wait(6)
    assert quoting.told() == [("here", "cancel", "buy", "99.0"), ("here", "cancel", "sell", "102.1")]
    quoting.canceled("here")
    quoting.books()
    assert quoting.told() == [("here", "place", "buy", "99.0"), ("here", "place", "sell", "102.1")]


def test_nothing_is_quoted_that_could_bring_the_first_side_beyond_its_limit(instrument_with):
    stage = Stage(instrument_with, evolve(PARAMETERS, max_position=Decimal("0.010")))
    stage.books()
    stage.accept("here")
    stage.fill("here", Side.BUY)
    stage.canceled("here")
    stage.fill("there", Side.SELL)
    assert [order.side for order in stage.orders("here")] == [Side.SELL]


def test_after_a_refusal_quoting_pauses_for_a_second(stage):
    stage.books()
    for order in stage.orders("here"):
        stage.engine.receive(
            OrderRejected(client_order_id=order.client_order_id, reason=RejectReason.OTHER, text="no"), "here"
        )
    stage.told()
    stage.books()
    assert stage.told() == []
    stage.wait(1)
    stage.books()
    assert len(stage.told()) == 2


class TestFunding:
    @pytest.fixture
    def stage(self, instrument_with):
        stage = Stage(instrument_with, FUNDING)
        stage.books()
        return stage

    def test_it_is_short_where_longs_pay_more_and_long_on_the_other(self, stage):
        stage.rate("here", "0.0004")
        stage.rate("there", "0.0001")  # 3 bp apart
        stage.book("here")
        assert stage.told() == [("here", "place", "sell", None)]
        stage.fill("here", Side.SELL)
        assert stage.told() == [("there", "place", "buy", None)]
        stage.fill("there", Side.BUY)
        assert (stage.held("here"), stage.held("there")) == (Decimal("-0.010"), Decimal("0.010"))
        stage.book("here")
        assert stage.told() == []

    def test_it_ends_when_the_difference_has_gone(self, stage):
        stage.rate("here", "-0.0004")
        stage.rate("there", "0.0001")
        stage.book("here")
        stage.fill("here", Side.BUY)
        stage.fill("there", Side.SELL)
        stage.told()
        stage.rate("here", "0.0000")  # 1 bp: not enough to begin, too much to end
        stage.book("here")
        assert stage.told() == []
        stage.rate("here", "0.0001")
        stage.book("here")
        assert stage.told() == [("here", "place", "sell", None)]
        stage.fill("here", Side.SELL)
        assert stage.told() == [("there", "place", "buy", None)]

    def test_nothing_is_opened_while_a_side_is_lost(self, stage):
        stage.rate("here", "0.0004")
        stage.rate("there", "0.0001")
        stage.lose("there")
        stage.book("here")
        assert stage.told() == []


def test_what_it_needs_is_asked_for_at_the_start(instrument_with):
    stage = Stage(instrument_with, missing=(Feature.POST_ONLY,))
    assert "the spread needs post_only" in stage.engine.failure
    assert NotSupported.__name__ in stage.engine.failure


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"mode": "both"}, "mode: found 'both'; allowed are quote, funding"),
        ({"quantity": Decimal(0)}, "quantity: found 0"),
        ({"edge_bp": Decimal(-1)}, "edge_bp: found -1"),
        ({"enter_bp": Decimal(1), "leave_bp": Decimal(1)}, "enter_bp: found 1; allowed is above leave_bp, 1"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(change, text):
    with pytest.raises(ValueError, match=text):
        evolve(PARAMETERS, **change)
