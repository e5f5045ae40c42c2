"""What answers prove about an order: every row of the rule, and its soundness against a venue that is made up."""

from decimal import Decimal
from math import inf

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import linear

from anyvenue.model.enums import Fate, OrderState, OrderType, Side, TriggerKind
from anyvenue.model.errors import RejectReason
from anyvenue.model.fill import Fill
from anyvenue.model.order import Order
from anyvenue.model.order_events import (
    AmendRejected,
    AmendSent,
    AmendUnknown,
    CancelRejected,
    CancelSent,
    CancelUnknown,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderReported,
    OrderSent,
    OrderUnknown,
)
from anyvenue.model.order_spec import OrderSpec, Trigger
from anyvenue.venue.evidence import decide, estimate, is_in_doubt
from anyvenue.venue.evidence_answers import Answer, LookUp, SentBy
from anyvenue.venue.interface import Retention

SECOND = 1_000_000_000
MADE = 1_000 * SECOND
"""When the order was made. Everything below is seconds after that."""

BTC = linear(venue="fake", connection="main", venue_symbol="BTC")

# As a venue that we trade on has it: an expiry header of 5 s; 60 s by client id and 600 s by its own for what ended
# unfilled, an hour and half a year for what traded.
MEMORY = Retention(
    create_window_s=5,
    settle_s=3,
    finds_open=True,
    lists_open=True,
    unfilled_s=600,
    filled_s=15_552_000,
    unfilled_by_client_id_s=60,
    filled_by_client_id_s=3_600,
    names_fills=True,
)


def at(seconds):
    return MADE + int(seconds * SECOND)


def new(**changes):
    spec = OrderSpec(
        client_order_id="avtest-1", instrument=BTC, side=Side.BUY, quantity="1", price="100", ts_created=MADE, **changes
    )
    return Order(spec=spec).apply(OrderSent(client_order_id="avtest-1", ts_recv=MADE))


def lost(**changes):
    return new(**changes).apply(OrderUnknown(client_order_id="avtest-1"))


def resting(seconds=1):
    return new().apply(OrderAccepted(client_order_id="avtest-1", venue_order_id="v1", ts_recv=at(seconds)))


def report(state=OrderState.OPEN, filled="0", seconds=0, **changes):
    return OrderReported(
        client_order_id="avtest-1",
        venue_order_id="v1",
        state=state,
        filled_quantity=Decimal(filled),
        ts_recv=at(seconds),
        **changes,
    )


def fill(quantity="1", trade_id="t1", client_order_id="avtest-1"):
    return Fill(
        instrument=BTC,
        trade_id=trade_id,
        client_order_id=client_order_id,
        venue_order_id="v1",
        side=Side.BUY,
        price=Decimal(100),
        quantity=Decimal(quantity),
    )


def by_id(seconds, found=None, *, by_client_id=True):
    return Answer(look_up=LookUp.ORDER, asked_ns=at(seconds), report=found, by_client_id=by_client_id)


def listed(seconds, found=None):
    return Answer(look_up=LookUp.OPEN_ORDERS, asked_ns=at(seconds), report=found)


def past(seconds, found=None, since=-60):
    return Answer(look_up=LookUp.HISTORY, asked_ns=at(seconds), report=found, since_ns=at(since))


def trades(seconds, *fills, since=-60):
    return Answer(look_up=LookUp.FILLS, asked_ns=at(seconds), fills=fills, since_ns=at(since))


def nothing(seconds):
    """Every look-up at one time, and none has it."""
    return [by_id(seconds), listed(seconds), past(seconds), trades(seconds)]


AT_ONCE = SentBy(create_ns=at(0), amend_ns=at(0))


def judged(order, answers, memory=MEMORY, sent_by=AT_ONCE):
    verdict = decide(order, answers, memory, sent_by)
    for event in verdict.events:
        order = order.apply(event)
    return order, verdict


# Unknown create


@pytest.mark.parametrize(
    ("answers", "state", "word"),
    [
        ([], OrderState.SENT, "not proven"),
        # The window of 5 s and the 3 s until everything shows are not over.
        (nothing(7), OrderState.SENT, "not proven"),
        (nothing(8), OrderState.REJECTED, ""),
        # Not in every list that would have it.
        ([by_id(8), past(8), trades(8)], OrderState.SENT, "not proven"),
        ([listed(8), past(8), trades(8)], OrderState.SENT, "not proven"),
        # By client id what traded is found for an hour: that it is not says that it did not trade.
        ([by_id(8), listed(8)], OrderState.REJECTED, ""),
        # By client id what ended unfilled is forgotten after 60 s; the history goes on to 600 s.
        ([by_id(61), listed(61)], OrderState.CANCELED, ""),
        ([by_id(61), listed(61), past(64)], OrderState.REJECTED, ""),
        (nothing(601), OrderState.CANCELED, ""),
        # After an hour only the fills say that it did not trade, asked for once everything has had time to show.
        ([by_id(3_601), listed(3_601)], OrderState.SENT, "how much"),
        ([by_id(3_601), listed(3_601), trades(3_602)], OrderState.SENT, "how much"),
        ([by_id(3_601), listed(3_601), trades(3_604)], OrderState.CANCELED, ""),
        ([by_id(3_601), listed(3_601), trades(3_604, since=1)], OrderState.SENT, "how much"),
        # After half a year nobody knows.
        ([*nothing(15_552_001), trades(15_552_010)], OrderState.SENT, "how much"),
        # It arrived after all.
        ([by_id(9, report(seconds=9))], OrderState.OPEN, ""),
        ([by_id(9, report(OrderState.FILLED, "1", 9)), trades(9, fill())], OrderState.FILLED, ""),
        ([by_id(9, report(OrderState.CANCELED, "0", 9))], OrderState.CANCELED, ""),
        ([by_id(9), listed(9), past(9, report(OrderState.EXPIRED, "0", 9))], OrderState.EXPIRED, ""),
        ([listed(2, report(seconds=2))], OrderState.OPEN, ""),
        # A fill is proof that it came, whatever was not found.
        ([*nothing(8), trades(12, fill("0.4"))], OrderState.CANCELED, ""),
        ([*nothing(8), trades(12, fill("1"))], OrderState.FILLED, ""),
    ],
)
def test_a_create_of_unknown_fate(answers, state, word):
    order, verdict = judged(lost(), answers)
    assert order.state is state
    assert (word in verdict.unknown) if word else not verdict.unknown


def test_never_placed_is_a_rejection_and_forgotten_is_not():
    never, _ = judged(lost(), nothing(8))
    assert (never.state, never.reason) == (OrderState.REJECTED, RejectReason.NOT_SENT)
    forgotten, _ = judged(lost(), nothing(601))
    assert forgotten.state is OrderState.CANCELED
    assert "whether it ever came" in forgotten.text


def test_nothing_is_proven_for_a_venue_that_declares_nothing():
    for seconds in (8, 100, 1_000_000):
        order, verdict = judged(lost(), nothing(seconds), Retention())
        assert order.state is OrderState.SENT
        assert "nothing says" in verdict.unknown


def test_nothing_is_proven_while_the_create_is_under_way():
    assert judged(new(), nothing(100), sent_by=SentBy())[0].state is OrderState.SENT


def test_the_window_counts_from_when_it_had_left_at_the_latest():
    late = SentBy(create_ns=at(15))
    assert judged(lost(), nothing(22), sent_by=late)[0].state is OrderState.SENT
    assert judged(lost(), nothing(23), sent_by=late)[0].state is OrderState.REJECTED
    assert decide(lost(), nothing(7), MEMORY, late).again_ns == at(15 + 5 + 3)


def test_a_history_that_does_not_reach_back_to_the_create_excludes_nothing():
    answers = [by_id(61), listed(61), past(61, since=1)]
    assert judged(lost(), answers)[0].state is OrderState.CANCELED


def test_fills_without_client_ids_say_nothing_of_an_order_whose_venue_id_is_not_known():
    answers = [by_id(3_601), listed(3_601), trades(3_604)]
    assert judged(lost(), answers, evolve(MEMORY, names_fills=False))[0].state is OrderState.SENT


def test_an_order_with_a_trigger_is_judged_only_where_the_venue_says_that_it_can_be():
    trigger = Trigger(kind=TriggerKind.STOP, price="99")
    order, verdict = judged(lost(trigger=trigger), nothing(8))
    assert order.state is OrderState.SENT
    assert "trigger" in verdict.unknown
    assert judged(lost(trigger=trigger), nothing(8), evolve(MEMORY, triggers=True))[0].state is OrderState.REJECTED


def test_an_order_of_which_nobody_knows_when_it_was_made_is_not_called_ended():
    order = Order(spec=evolve(lost().spec, ts_created=0)).apply(OrderSent()).apply(OrderUnknown())
    assert judged(order, nothing(8))[0].state is OrderState.SENT


def test_seen_alive_after_it_was_not_found_it_is_alive():
    answers = [*nothing(8), by_id(20, report(seconds=20))]
    order, verdict = judged(lost(), answers)
    assert order.state is OrderState.OPEN
    assert not verdict.unknown


# An order that rests, and is missing


def test_a_resting_order_is_gone_only_where_both_lists_miss_it_and_its_trades_are_known():
    order = resting(seconds=1)
    assert judged(order, [by_id(3, by_client_id=False), listed(3)])[0].is_resting  # it may not show yet
    assert judged(order, [listed(100)])[0].is_resting
    # Found by its id for half a year had it traded, so it did not.
    gone, _ = judged(order, [by_id(100, by_client_id=False), listed(100)])
    assert (gone.state, gone.filled_quantity) == (OrderState.CANCELED, 0)


def test_a_resting_order_that_is_listed_needs_nothing():
    order, verdict = judged(resting(), [listed(100, report(seconds=100))])
    assert order.is_resting
    assert not verdict.unknown
    assert not verdict.events


def test_a_part_filled_order_ends_with_the_fills_that_were_found():
    order = resting().apply(OrderFilled(client_order_id="avtest-1", fill=fill("0.2", "t1"), ts_recv=at(2)))
    answers = [by_id(100, by_client_id=False), listed(100)]
    assert judged(order, answers)[0].is_resting  # what more of it traded is not known
    gone, _ = judged(order, [*answers, trades(103, fill("0.2", "t1"), fill("0.5", "t2"))])
    assert (gone.state, gone.booked_quantity) == (OrderState.CANCELED, Decimal("0.7"))


# Unknown cancel, unknown amend


def test_a_cancel_of_unknown_fate_is_settled_by_the_orders_end():
    order = resting().apply(CancelSent()).apply(CancelUnknown())
    ended, verdict = judged(order, [by_id(9, report(OrderState.CANCELED, "0", 9), by_client_id=False)])
    assert (ended.state, ended.cancel, verdict.unknown) == (OrderState.CANCELED, Fate.DONE, "")


def test_a_cancel_of_unknown_fate_stays_so_while_the_order_is_seen_open_and_the_report_is_told():
    order = resting().apply(CancelSent()).apply(CancelUnknown())
    same, verdict = judged(order, [by_id(9, report(seconds=9), by_client_id=False)])
    assert same.cancel is Fate.UNKNOWN
    assert "cancel" in verdict.unknown
    assert len(verdict.events) == 1  # the engine sends the cancel again on it


def amended():
    return resting().apply(AmendSent(price=Decimal(101), ts_recv=at(2))).apply(AmendUnknown())


@pytest.mark.parametrize(
    ("price", "seconds", "is_open", "in_force"),
    [("101", 3, False, 101), ("100", 3, True, 100), ("100", 8, False, 100), ("102", 8, True, 102)],
)
def test_an_amend_of_unknown_fate_is_settled_by_price_and_quantity(price, seconds, is_open, in_force):
    answer = by_id(seconds, report(price=Decimal(price), quantity=Decimal(1), seconds=seconds), by_client_id=False)
    order, verdict = judged(amended(), [answer])
    assert (order.amend is not None) is is_open
    assert order.price == in_force
    assert bool(verdict.unknown) is is_open


def test_an_amend_that_did_not_arrive_is_refused_with_that_reason():
    answer = by_id(9, report(price=Decimal(100), quantity=Decimal(1), seconds=9), by_client_id=False)
    _, verdict = judged(amended(), [answer])
    (refused,) = verdict.events
    assert isinstance(refused, AmendRejected)
    assert refused.reason is RejectReason.NOT_SENT


def test_an_amend_of_an_order_with_a_trigger_is_refused_only_where_the_venue_says_that_it_can_be_judged():
    trigger = Trigger(kind=TriggerKind.STOP, price="99")
    order = new(trigger=trigger).apply(OrderAccepted(venue_order_id="v1", ts_recv=at(1)))
    order = order.apply(AmendSent(price=Decimal(101), ts_recv=at(2))).apply(AmendUnknown())
    answer = by_id(60, report(price=Decimal(100), quantity=Decimal(1), seconds=60), by_client_id=False)
    assert judged(order, [answer])[0].amend is not None
    assert judged(order, [answer], evolve(MEMORY, triggers=True))[0].amend is None


def test_a_report_that_does_not_tell_the_price_settles_no_amend():
    assert judged(amended(), [by_id(9, report(seconds=9), by_client_id=False)])[0].amend is not None


# Fills


def test_fills_are_missing_until_booked_equals_reported():
    order = resting().apply(report(OrderState.FILLED, "1", 5))
    assert is_in_doubt(order)
    some, verdict = judged(order, [trades(6, fill("0.4", "t1"))])
    assert "0.6" in verdict.unknown
    whole, verdict = judged(some, [trades(8, fill("0.4", "t1"), fill("0.6", "t2"))])
    assert (whole.missing_fills, verdict.unknown) == (0, "")
    assert [event.fill.trade_id for event in verdict.events] == ["t2"]


def test_a_refused_cancel_of_an_order_that_the_venue_does_not_know_is_a_doubt():
    order = resting().apply(CancelSent())
    gone = order.apply(CancelRejected(reason=RejectReason.UNKNOWN_ORDER))
    assert is_in_doubt(gone)
    assert not is_in_doubt(order.apply(CancelRejected(reason=RejectReason.RATE_LIMITED)))


def test_what_cannot_be_true_is_said_and_changes_nothing():
    order, verdict = judged(resting(), [trades(9, fill("3"))])
    assert order == resting()
    assert "cannot follow" in verdict.unknown


def test_the_report_of_another_order_says_nothing_of_this_one():
    other = evolve(report(OrderState.CANCELED, "0", 9), client_order_id="avtest-2", venue_order_id="v2")
    order, verdict = judged(lost(), [by_id(9, other)])
    assert order == lost()
    assert "answered with avtest-2" in verdict.unknown
    named = evolve(report(OrderState.CANCELED, "0", 9), client_order_id=None)
    assert judged(lost(), [by_id(9, named)])[0].state is OrderState.CANCELED


def test_an_estimate_makes_up_the_venues_own_sum():
    order = resting().apply(OrderFilled(client_order_id="avtest-1", fill=fill("0.4", "t1")))
    order = order.apply(report(OrderState.FILLED, "1", average_price=Decimal(94)))
    guess = estimate(order, at(9))
    # 1 at 94 on average, of which 0.4 at 100: the other 0.6 cost 54, that is 90 each.
    assert (guess.price, guess.quantity, guess.estimated) == (Decimal(90), Decimal("0.6"), True)
    assert not order.apply(OrderFilled(client_order_id="avtest-1", fill=guess)).missing_fills
    assert estimate(resting(), at(9)) is None
    market = Order(
        spec=OrderSpec(
            client_order_id="m", instrument=BTC, side=Side.BUY, quantity="1", order_type=OrderType.MARKET, ts_created=1
        )
    ).apply(OrderSent())
    assert estimate(market.apply(report(OrderState.FILLED, "1")), at(9)) is None


# Against a venue that is made up: an order comes or not, trades, ends; each look-up lags and forgets as declared.


class World:
    """The truth about one order, in seconds since it was made, and what look-ups say of it."""

    def __init__(self, memory, arrives, ends, fills):
        self.memory, self.arrives, self.ends, self.fills = memory, arrives, ends, fills

    @property
    def filled(self):
        return sum((Decimal(q) for _, q in self.fills), Decimal(0))

    def may_live(self, seconds):
        """Whether it is open then, or still to come."""
        return self.arrives is not None and (self.ends is None or seconds < self.ends)

    def seen(self, seconds, reach_s):
        """The report of a look-up that sees the venue as it was at `seconds` and forgets after `reach_s`."""
        if self.arrives is None or seconds < self.arrives:
            return None
        if self.ends is None or seconds < self.ends:
            filled = sum((Decimal(q) for t, q in self.fills if t <= seconds), Decimal(0))
            state = OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
            return report(state, filled, seconds)
        if seconds - self.ends > reach_s:
            return None
        state = OrderState.FILLED if self.filled == 1 else OrderState.CANCELED
        return report(state, self.filled, seconds)

    def answer(self, look_up, asked, lag):
        memory, seconds = self.memory, asked - lag
        is_filled = self.filled > 0
        if look_up is LookUp.ORDER:
            reach = memory.filled_by_client_id_s if is_filled else memory.unfilled_by_client_id_s
            return by_id(asked, self.seen(seconds, reach + lag))
        if look_up is LookUp.HISTORY:
            found = self.seen(seconds, (memory.filled_s if is_filled else memory.unfilled_s) + lag)
            return past(asked, found if found is not None and found.state.is_terminal else None)
        if look_up is LookUp.OPEN_ORDERS:
            found = self.seen(seconds, 0)
            return listed(asked, None if found is None or found.state.is_terminal else found)
        told = (
            fill(q, f"t{n}") for n, (t, q) in enumerate(self.fills) if t <= seconds and asked - t <= memory.filled_s
        )
        return trades(asked, *told)


MEMORIES = [
    MEMORY,
    evolve(MEMORY, finds_open=False),
    evolve(MEMORY, lists_open=False),
    evolve(MEMORY, filled_s=40, filled_by_client_id_s=20, unfilled_s=20, unfilled_by_client_id_s=10),
    evolve(MEMORY, filled_by_client_id_s=0, unfilled_by_client_id_s=0),
    evolve(MEMORY, create_window_s=inf),
    evolve(MEMORY, settle_s=0),
    Retention(),
]


@st.composite
def worlds(draw):
    memory = draw(st.sampled_from(MEMORIES))
    latest = min(memory.create_window_s, 30)
    arrives = draw(st.none() | st.integers(0, int(latest)))
    fills, ends = [], None
    if arrives is not None:
        ends = draw(st.none() | st.integers(arrives, arrives + 90))
        until = arrives + 90 if ends is None else ends
        sizes = draw(st.sampled_from([[], ["0.3"], ["0.3", "0.7"], ["1"]]))
        fills = sorted((draw(st.integers(arrives, until)), size) for size in sizes)
        if sum(map(Decimal, sizes)) == 1:
            ends = fills[-1][0]
    world = World(memory, arrives, ends, fills)
    asked = draw(
        st.lists(
            st.tuples(st.sampled_from(LookUp), st.integers(0, 150), st.integers(0, int(memory.settle_s))), max_size=8
        )
    )
    return world, [world.answer(*question) for question in asked]


@settings(max_examples=600, deadline=None)
@given(worlds())
def test_whatever_is_asked_and_when_nothing_untrue_is_decided(drawn):
    world, answers = drawn
    order, verdict = judged(lost(), answers, world.memory)
    last = max((answer.asked_ns for answer in answers), default=at(0))
    now = (last - MADE) / SECOND
    if order.is_terminal:
        assert not world.may_live(now)
        assert order.filled_quantity == world.filled
    if order.state is OrderState.REJECTED:
        assert world.arrives is None
        assert not world.fills
    assert order.filled_quantity <= world.filled
    assert not any(isinstance(event, OrderRejected) for event in verdict.events if world.fills)


@settings(max_examples=600, deadline=None)
@given(worlds())
def test_an_order_that_is_known_to_have_come_is_not_called_ended_before_it_is(drawn):
    world, answers = drawn
    if world.arrives is None:
        return
    since = [answer for answer in answers if answer.asked_ns >= at(world.arrives)]
    order, _ = judged(resting(world.arrives), since, world.memory)
    last = max((answer.asked_ns for answer in since), default=at(0))
    if order.is_terminal:
        assert not world.may_live((last - MADE) / SECOND)
        assert order.filled_quantity == world.filled
        assert order.state is not OrderState.REJECTED


@settings(max_examples=600, deadline=None)
@given(worlds(), st.data())
def test_more_answers_take_nothing_back(drawn, data):
    world, answers = drawn
    kept = data.draw(st.lists(st.sampled_from(answers), unique_by=id) if answers else st.just([]))
    few, _ = judged(lost(), kept, world.memory)
    more, _ = judged(lost(), answers, world.memory)
    if few.is_terminal:
        assert more.is_terminal
        assert more.filled_quantity == few.filled_quantity
    assert few.state is OrderState.SENT or more.state is not OrderState.SENT
    if few.state is OrderState.REJECTED:
        assert more.state is OrderState.REJECTED


@settings(max_examples=200, deadline=None)
@given(worlds())
def test_asked_in_time_about_everything_it_is_always_settled(drawn):
    world, _ = drawn
    if world.memory is not MEMORY:
        return
    asked = [world.answer(look_up, seconds, 0) for seconds in (40, 44) for look_up in LookUp]
    _, verdict = judged(lost(), asked, world.memory)
    assert not verdict.unknown


def test_a_cancel_told_by_nobody_is_canceled_not_refused():
    order = resting().apply(CancelSent()).apply(CancelUnknown())
    gone, verdict = judged(order, [by_id(100, by_client_id=False), listed(100)])
    assert (gone.state, gone.cancel) == (OrderState.CANCELED, Fate.DONE)
    assert isinstance(verdict.events[-1], OrderCanceled)
