"""The life of an order: its table, its invariants, and races that a venue's channels make of one true story."""

from __future__ import annotations

import pickle
from contextlib import suppress
from decimal import Decimal
from itertools import permutations

import pytest
from attrs import evolve
from attrs.exceptions import FrozenInstanceError
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import linear

from anyvenue.model import (
    TRANSITIONS,
    AmendRejected,
    AmendSent,
    AmendUnknown,
    CancelRejected,
    CancelSent,
    CancelUnknown,
    Contradiction,
    Fate,
    Fill,
    Order,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReported,
    OrderSent,
    OrderSpec,
    OrderState,
    OrderTriggered,
    OrderUnknown,
    RejectReason,
    Side,
    Tick,
    order_machine,
)

NEW, SENT, OPEN = OrderState.NEW, OrderState.SENT, OrderState.OPEN
PARTIAL, FILLED = OrderState.PARTIALLY_FILLED, OrderState.FILLED
CANCELED, REJECTED, EXPIRED = OrderState.CANCELED, OrderState.REJECTED, OrderState.EXPIRED
REASON = RejectReason.OTHER

INSTRUMENT = linear(price_rule=Tick("1"), quantity_step="1", min_quantity="1")

D = Decimal
SPEC = OrderSpec(client_order_id="c1", instrument=INSTRUMENT, side=Side.BUY, quantity=D(10), price=D(100))


def new_order():
    return Order(spec=SPEC)


def test_an_order_that_is_made_as_sent_is_a_new_one_that_was_sent():
    assert Order.sent(SPEC, 7) == new_order().apply(OrderSent(ts_recv=7))


def fill(trade_id, quantity, price=100, fee=0, **times):
    return OrderFilled(
        fill=Fill(
            instrument=INSTRUMENT,
            trade_id=trade_id,
            client_order_id="c1",
            venue_order_id="v1",
            side=Side.BUY,
            price=D(price),
            quantity=D(quantity),
            fee=D(fee),
        ),
        **times,
    )


def report(state, filled, **fields):
    return OrderReported(state=state, filled_quantity=D(filled), **fields)


def after(*events, order=None):
    order = order or new_order()
    for event in events:
        order = order.apply(event)
    return order


SENT_EVENTS = (OrderSent(),)
ACCEPTED = OrderAccepted(venue_order_id="v1")

EVENTS = [
    OrderSent(),
    ACCEPTED,
    OrderRejected(reason=REASON),
    OrderUnknown(),
    fill("t1", 4),
    fill("t2", 6),
    fill("t3", 10),
    OrderTriggered(venue_order_id="v2"),
    OrderCanceled(),
    OrderExpired(),
    AmendSent(quantity=D(20), price=D(99)),
    AmendSent(quantity=D(4)),
    OrderAmended(venue_order_id="v3"),
    OrderAmended(quantity=D(4)),
    AmendRejected(reason=REASON),
    AmendUnknown(),
    CancelSent(),
    CancelRejected(reason=REASON),
    CancelUnknown(),
    report(OPEN, 0),
    report(PARTIAL, 4),
    report(FILLED, 10),
    report(FILLED, 4, quantity=D(4)),
    report(CANCELED, 4),
    report(CANCELED, 0, quantity=D(20)),
    report(EXPIRED, 0),
    report(REJECTED, 0, reason=REASON),
    report(PARTIAL, 14, quantity=D(20)),
]


def check(order):
    """What must hold of any order that can be reached."""
    filled, quantity = order.filled_quantity, order.quantity
    open_amends = [amend for amend in (order.amend, order.lost_amend) if amend is not None]
    amended = max((amend.quantity or 0 for amend in open_amends), default=0)
    if order.state in (NEW, SENT, OPEN, REJECTED):
        assert filled == 0
    if order.state is FILLED:
        assert filled == quantity
    if filled == quantity:
        # Only an amend that may still raise the quantity keeps such an order alive.
        assert order.state is FILLED or (order.state is PARTIAL and amended > quantity)
    if order.state is PARTIAL:
        assert filled > 0
    assert filled <= quantity
    assert order.booked_quantity <= filled
    assert order.leaves_quantity >= 0
    if order.state.is_terminal:
        assert order.amend is None
        assert order.create in (Fate.DONE, Fate.REFUSED)
        assert order.cancel in (None, Fate.DONE, Fate.REFUSED)
        assert not order.has_unknown_fate
        assert order.leaves_quantity == 0
    if order.state is not NEW and order.state is not SENT:
        assert order.create in (Fate.DONE, Fate.REFUSED)
    assert (order.average_price is None) == (filled == 0) or order.missing_fills


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(EVENTS), max_size=14))
def test_no_sequence_of_events_gives_an_impossible_order(events):
    order = after(OrderSent())
    for event in events:
        before = order
        try:
            order = order.apply(event)
        except Contradiction:
            continue
        check(order)
        assert order.filled_quantity >= before.filled_quantity
        assert order.state in TRANSITIONS[before.state, type(event)]
        # Said twice is said once. (A command that is sent again, and its refusal, are new facts.)
        if not isinstance(event, OrderSent | AmendSent | CancelSent):
            assert order.apply(event) == order


PLAIN_REPORTS = st.builds(
    OrderReported,
    state=st.sampled_from([OPEN, PARTIAL, FILLED, CANCELED]),
    filled_quantity=st.sampled_from([D(0), D(3), D(4), D(10), D(14)]),
    average_price=st.sampled_from([None, D(100), D(99)]),
    price=st.sampled_from([None, D(100), D("100.0"), D(99)]),
    quantity=st.sampled_from([None, D(10), D(10), D(20)]),
    sequence=st.sampled_from([None, 1, 2, 3]),
    venue_order_id=st.sampled_from([None, "v1", "v2"]),
    ts_event=st.integers(0, 3),
    ts_recv=st.integers(0, 3),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(EVENTS) | PLAIN_REPORTS, max_size=6), PLAIN_REPORTS)
def test_the_common_report_changes_by_the_short_way_what_it_does_by_the_long_one(events, last):
    order = after(OrderSent())
    for event in events:
        with suppress(Contradiction):
            order = order.apply(event)
    ways = []
    for patched in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            if patched:
                patch.setattr(order_machine, "_goes_on", lambda order, event: None)
            try:
                ways.append(order.apply(last))
            except Contradiction as error:
                ways.append(str(error))
    assert ways[0] == ways[1]


def test_a_changed_order_is_a_new_one_of_which_only_that_differs():
    order = after(OrderSent(), ACCEPTED, fill("t1", 4))
    changed = order.changed({"text": "why", "ts_recv": 5})
    assert changed == evolve(order, text="why", ts_recv=5)
    assert (order.text, hash(changed)) == ("", hash(evolve(order, text="why", ts_recv=5)))
    with pytest.raises(FrozenInstanceError):
        changed.text = "another"


def explored(depth):
    """Return orders reached, and (state, event, state after) for all steps seen, breadth first."""
    steps, seen, edge = set(), {new_order()}, {new_order()}
    for _ in range(depth):
        following = set()
        for order in edge:
            for event in EVENTS:
                try:
                    result = order.apply(event)
                except Contradiction:
                    continue
                steps.add((order.state, type(event), result.state))
                following.add(result)
        edge = following - seen
        seen |= edge
    return seen, steps


@pytest.fixture(scope="module")
def exploration():
    return explored(4)


def test_every_entry_of_the_table_can_be_reached_and_no_other(exploration):
    _, steps = exploration
    table = {(state, event, result) for (state, event), results in TRANSITIONS.items() for result in results}
    assert steps == table


def test_what_is_not_in_the_table_is_a_contradiction(exploration):
    orders, _ = exploration
    by_state = {order.state: order for order in orders}
    assert set(by_state) == set(OrderState)
    for state, order in by_state.items():
        for event in EVENTS:
            if (state, type(event)) not in TRANSITIONS:
                with pytest.raises(Contradiction, match="Look the order up"):
                    order.apply(event)


class TestCreate:
    def test_a_plain_life(self):
        order = after(OrderSent(ts_recv=1))
        assert (order.state, order.create, order.is_open, order.is_resting) == (SENT, Fate.IN_FLIGHT, True, False)
        order = after(OrderAccepted(venue_order_id="v1", ts_event=5, ts_recv=6), order=order)
        assert (order.state, order.create, order.venue_order_id) == (OPEN, Fate.DONE, "v1")
        assert (order.ts_event, order.ts_recv) == (5, 6)
        order = after(fill("t1", 4, price=100, fee="0.2"), fill("t2", 6, price=99, fee="-0.1"), order=order)
        assert order.state is FILLED
        assert order.fees == D("0.1")
        assert order.average_price == D("99.4")  # (4 x 100 + 6 x 99) / 10
        assert order.leaves_quantity == 0

    def test_refused_before_it_left(self):
        order = after(OrderRejected(reason=RejectReason.RISK_LIMIT, text="too big"))
        assert (order.state, order.reason, order.text) == (REJECTED, RejectReason.RISK_LIMIT, "too big")
        assert order.create is Fate.REFUSED

    def test_an_unknown_create_is_settled_by_evidence(self):
        order = after(OrderSent(), OrderUnknown(text="timeout"))
        assert (order.state, order.has_unknown_fate) == (SENT, True)
        assert after(ACCEPTED, order=order).create is Fate.DONE
        assert after(fill("t1", 4), order=order).state is PARTIAL
        assert after(report(CANCELED, 0), order=order).state is CANCELED
        assert after(OrderRejected(reason=REASON), order=order).create is Fate.REFUSED

    def test_a_late_unknown_does_not_unsettle_it(self):
        assert not after(OrderSent(), ACCEPTED, OrderUnknown()).has_unknown_fate

    def test_a_look_up_brings_back_what_was_thought_refused(self):
        order = after(OrderSent(), OrderRejected(reason=REASON, text="no"), report(OPEN, 0, venue_order_id="v1"))
        assert (order.state, order.reason, order.text, order.create) == (OPEN, None, "", Fate.DONE)
        assert order.venue_order_id == "v1"

    @pytest.mark.parametrize(
        "reply",
        [CancelRejected(reason=REASON), CancelUnknown(), AmendRejected(reason=REASON), AmendUnknown(), OrderCanceled()],
    )
    def test_replies_to_what_was_sent_before_the_refusal_was_known(self, reply):
        order = after(OrderSent(), CancelSent(), AmendSent(price=D(99)), OrderRejected(reason=REASON), reply)
        assert order.state is REJECTED
        assert order.cancel is Fate.REFUSED

    def test_a_refused_order_that_traded_must_be_looked_up(self):
        with pytest.raises(Contradiction, match=r"order c1 is rejected \(0 of 10 filled\); OrderFilled cannot follow"):
            after(OrderSent(), OrderRejected(reason=REASON), fill("t1", 4))


class TestFills:
    def test_in_any_order_with_the_acknowledgement_they_end_the_same(self):
        events = (OrderAccepted(venue_order_id="v1"), fill("t1", 4, price=101), fill("t2", 6), report(FILLED, 10))
        ends = {after(OrderSent(), *order) for order in permutations(events)}
        assert len(ends) == 1
        end = ends.pop()
        assert (end.state, end.booked_quantity, end.booked_value) == (FILLED, 10, 1004)

    def test_in_any_order_with_a_cancel_they_end_the_same(self):
        events = (OrderAccepted(venue_order_id="v1"), fill("t1", 4), fill("t2", 3), OrderCanceled())
        ends = {after(OrderSent(), CancelSent(), *order) for order in permutations(events)}
        assert {(end.state, end.filled_quantity, end.cancel, end.create) for end in ends} == {
            (CANCELED, D(7), Fate.DONE, Fate.DONE)
        }

    def test_one_told_again_changes_nothing(self):
        order = after(OrderSent(), fill("t1", 4))
        assert after(fill("t1", 4), order=order) == order

    def test_more_than_was_ordered_cannot_be(self):
        with pytest.raises(Contradiction, match="11 would be filled"):
            after(OrderSent(), fill("t1", 4), fill("t2", 7))

    def test_the_last_one_turns_canceled_into_filled(self):
        order = after(OrderSent(), ACCEPTED, CancelSent(), fill("t1", 4), OrderCanceled(), fill("t2", 6))
        assert order.state is FILLED

    def test_what_the_venue_says_may_run_ahead(self):
        order = after(OrderSent(), report(PARTIAL, 6, average_price=D(101)), fill("t1", 4, price=100))
        assert (order.filled_quantity, order.booked_quantity, order.missing_fills) == (6, 4, 2)
        assert order.average_price == 101
        order = after(fill("t2", 2, price=103), order=order)
        assert (order.state, order.missing_fills) == (PARTIAL, 0)
        assert order.average_price == 101  # (4 x 100 + 2 x 103) / 6

    def test_an_older_report_takes_nothing_back(self):
        order = after(OrderSent(), report(PARTIAL, 6, average_price=D(101), sequence=7))
        assert after(report(OPEN, 0, sequence=6), order=order) == order
        order = after(report(PARTIAL, 4, average_price=D(100)), order=order)
        assert (order.state, order.filled_quantity, order.average_price) == (PARTIAL, 6, 101)

    @pytest.mark.parametrize(("quantity", "price"), [(0, 100), (-1, 100), (1, 0), (1, -5)])
    def test_a_fill_of_nothing_is_none(self, quantity, price):
        with pytest.raises(ValueError, match=r"somewhere:BTC-USDT-PERP: fill t1: .* above 0"):
            fill("t1", quantity, price)


class TestAmend:
    def test_done_as_asked(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(price=D(99), quantity=D(20)))
        assert (order.amend.price, order.amend.quantity, order.amend.fate) == (99, 20, Fate.IN_FLIGHT)
        assert (order.price, order.quantity) == (100, 10)
        order = after(OrderAmended(), order=order)
        assert (order.price, order.quantity, order.amend) == (99, 20, None)

    def test_done_otherwise_than_asked(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(price=D(99)), OrderAmended(price=D(98), quantity=D(9)))
        assert (order.price, order.quantity, order.amend) == (98, 9, None)

    def test_a_replaced_order_keeps_its_former_id(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(price=D(99)), OrderAmended(venue_order_id="v2"))
        assert (order.venue_order_id, order.former_ids) == ("v2", ("v1",))
        order = after(fill("t1", 4, venue_order_id="v1"), order=order)
        assert (order.venue_order_id, order.former_ids) == ("v2", ("v1",))

    def test_refused_or_unknown(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(price=D(99)))
        assert after(AmendRejected(reason=REASON), order=order).amend is None
        unknown = after(AmendUnknown(), order=order)
        assert unknown.has_unknown_fate
        assert after(report(OPEN, 0, price=D(99)), order=unknown).amend is None
        assert after(report(OPEN, 0, price=D(100)), order=unknown).has_unknown_fate

    def test_full_by_the_old_quantity_stays_open_until_the_raise_is_settled(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)), fill("t1", 4), fill("t2", 6))
        assert (order.state, order.leaves_quantity) == (PARTIAL, 0)
        assert after(OrderAmended(), order=order).leaves_quantity == 10
        assert after(AmendRejected(reason=REASON), order=order).state is FILLED

    def test_a_rest_that_is_canceled_proves_the_raise(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)), fill("t3", 10), OrderCanceled())
        assert (order.state, order.filled_quantity, order.quantity) == (CANCELED, 10, 20)
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)), fill("t3", 10), report(CANCELED, 10))
        assert (order.state, order.filled_quantity, order.quantity) == (CANCELED, 10, 20)

    def test_an_amend_lost_by_the_end_is_proven_by_late_fills(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(price=D(99), quantity=D(20)), AmendUnknown(), OrderCanceled())
        assert (order.amend, order.lost_amend.quantity, order.has_unknown_fate) == (None, 20, False)
        assert after(fill("t1", 4), order=order).quantity == 10
        for last in (
            fill("t1", 15),
            fill("t3", 10),
            report(CANCELED, 14),
            OrderAmended(),
            report(CANCELED, 0, quantity=D(20)),
        ):
            late = after(last, order=order)
            assert (late.state, late.quantity) == (CANCELED, 20)
        full = after(fill("t1", 20), order=order)
        assert (full.state, full.quantity, full.price) == (FILLED, 20, 99)
        refused = after(AmendRejected(reason=REASON), order=order)
        assert after(fill("t3", 10), order=refused).state is FILLED
        with pytest.raises(Contradiction):
            after(fill("t1", 15), order=refused)

    def test_a_venue_that_says_filled_ends_it_whatever_amend_is_open(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)), AmendUnknown(), report(FILLED, 10))
        assert (order.state, order.quantity, order.amend) == (FILLED, 10, None)

    def test_trading_more_than_before_proves_the_amend(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(price=D(99), quantity=D(20)), fill("t1", 15))
        assert (order.state, order.price, order.quantity, order.amend) == (PARTIAL, 99, 20, None)
        # So a cancel that comes now ends it short of full, and a late refusal is beside the point.
        assert after(OrderCanceled(), order=order).state is CANCELED
        assert after(AmendRejected(reason=REASON), order=order).quantity == 20
        assert after(fill("t2", 5), order=order).state is FILLED

    def test_a_report_proves_it_too(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)), report(PARTIAL, 15))
        assert (order.quantity, order.amend, order.filled_quantity) == (20, None, 15)

    def test_not_more_than_was_asked_for(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)))
        with pytest.raises(Contradiction, match="21 would be filled"):
            after(fill("t1", 21), order=order)

    def test_lowered_to_what_is_filled_it_is_full(self):
        order = after(OrderSent(), ACCEPTED, fill("t1", 4), AmendSent(quantity=D(4)), OrderAmended())
        assert (order.state, order.quantity) == (FILLED, 4)

    def test_lowered_below_what_is_filled_there_is_no_more(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(4)), fill("t1", 6), OrderAmended(quantity=D(4)))
        assert (order.state, order.quantity) == (FILLED, 6)

    def test_an_unknown_amend_is_not_forgotten_when_another_is_sent(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)), AmendUnknown(), AmendSent(price=D(99)))
        order = after(OrderAmended(price=D(99)), order=order)
        assert (order.price, order.quantity, order.amend) == (99, 10, None)
        assert order.has_unknown_fate
        assert after(fill("t1", 15), order=order).quantity == 20
        assert not after(report(OPEN, 0, quantity=D(20)), order=order).has_unknown_fate
        assert after(fill("t3", 10), order=order).state is PARTIAL
        assert after(fill("t3", 10), report(FILLED, 10), order=order).state is FILLED

    def test_a_venue_that_says_filled_at_the_lower_quantity(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(4)), fill("t1", 4), report(FILLED, 4))
        assert (order.state, order.quantity, order.amend) == (FILLED, 4, None)

    def test_an_earlier_amend_told_again_does_not_settle_the_open_one(self):
        order = after(
            OrderSent(),
            ACCEPTED,
            AmendSent(quantity=D(12)),
            OrderAmended(quantity=D(12), ts_event=5),
            AmendSent(quantity=D(20)),
            OrderAmended(quantity=D(20), ts_event=8),
            AmendSent(quantity=D(30)),
            OrderAmended(quantity=D(12), ts_event=5),
        )
        assert order.quantity == 20
        assert order.amend.quantity == 30

    def test_an_older_report_does_not_take_an_amend_back(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(price=D(99), quantity=D(20)), OrderAmended(ts_event=8))
        late = after(report(OPEN, 0, price=D(100), quantity=D(10), ts_event=7), order=order)
        assert (late.price, late.quantity) == (99, 20)
        fresh = after(report(OPEN, 0, price=D(98), quantity=D(15), ts_event=9), order=order)
        assert (fresh.price, fresh.quantity) == (98, 15)

    def test_a_smaller_total_than_has_traded_is_an_older_one(self):
        order = after(OrderSent(), ACCEPTED, AmendSent(quantity=D(20)), OrderAmended(), fill("t1", 15))
        for event in (report(OPEN, 0, quantity=D(10)), OrderAmended(quantity=D(10))):
            late = after(event, order=order)
            assert (late.state, late.quantity, late.filled_quantity) == (PARTIAL, 20, 15)


class TestCancel:
    def test_refused_because_the_order_had_filled(self):
        order = after(OrderSent(), ACCEPTED, CancelSent(), CancelRejected(reason=RejectReason.UNKNOWN_ORDER))
        assert (order.state, order.cancel) == (OPEN, Fate.REFUSED)
        assert after(fill("t3", 10), order=order).state is FILLED

    def test_an_open_cancel_is_settled_by_the_end(self):
        order = after(OrderSent(), ACCEPTED, CancelSent(), CancelUnknown())
        assert order.has_unknown_fate
        assert after(OrderCanceled(), order=order).cancel is Fate.DONE
        assert after(fill("t3", 10), order=order).cancel is Fate.REFUSED
        assert after(OrderExpired(), order=order).cancel is Fate.REFUSED

    def test_why_the_venue_did_it(self):
        order = after(OrderSent(), ACCEPTED, OrderCanceled(reason=RejectReason.SELF_TRADE, text="stp"))
        assert (order.reason, order.text) == (RejectReason.SELF_TRADE, "stp")

    def test_an_ended_order_takes_no_command(self):
        order = after(OrderSent(), ACCEPTED, OrderCanceled())
        for command in (CancelSent(), AmendSent(price=D(99)), OrderSent()):
            with pytest.raises(Contradiction):
                after(command, order=order)


class TestReports:
    def test_a_report_that_is_not_full_is_not_filled(self):
        with pytest.raises(Contradiction, match="only 9 of 10 is filled"):
            after(OrderSent(), report(FILLED, 9))

    def test_a_refusal_of_what_has_traded(self):
        with pytest.raises(Contradiction):
            after(OrderSent(), fill("t1", 4), report(REJECTED, 0))

    def test_a_late_live_report_does_not_revive_an_ended_order(self):
        ended = after(OrderSent(), ACCEPTED, fill("t1", 4), OrderCanceled())
        late = after(report(PARTIAL, 4, quantity=D(20), price=D(99)), order=ended)
        assert (late.state, late.quantity, late.price) == (CANCELED, 10, 100)
        full = after(OrderSent(), fill("t3", 10))
        assert after(report(PARTIAL, 4, quantity=D(20)), order=full).state is FILLED

    def test_an_ended_order_that_traded_more_than_was_known(self):
        ended = after(OrderSent(), ACCEPTED, OrderCanceled())
        assert after(report(CANCELED, 4), order=ended).missing_fills == 4
        assert after(report(FILLED, 10), order=ended).state is FILLED
        raised = after(report(CANCELED, 14, quantity=D(20)), order=ended)
        assert (raised.state, raised.quantity, raised.filled_quantity) == (CANCELED, 20, 14)
        with pytest.raises(Contradiction):
            after(report(CANCELED, 14), order=ended)

    @pytest.mark.parametrize("state", [NEW, SENT])
    def test_a_venue_knows_no_new_or_sent(self, state):
        with pytest.raises(ValueError, match="OPEN or later"):
            report(state, 0)

    def test_a_negative_fill_is_no_report(self):
        with pytest.raises(ValueError, match="filled_quantity: found -1"):
            report(OPEN, -1)

    def test_an_id_is_kept_and_others_remembered(self):
        order = after(OrderSent(), ACCEPTED, report(OPEN, 0, venue_order_id="v9"))
        assert (order.venue_order_id, order.former_ids) == ("v1", ("v9",))

    def test_a_trigger_that_fires(self):
        order = after(OrderSent(), ACCEPTED, OrderTriggered(venue_order_id="v2"))
        assert (order.triggered, order.state, order.venue_order_id, order.former_ids) == (True, OPEN, "v2", ("v1",))


def test_an_order_survives_pickling_and_shows_what_matters():
    order = after(OrderSent(), ACCEPTED, fill("t1", 4))
    copy = pickle.loads(pickle.dumps(order))  # noqa: S301 - our own bytes
    assert copy == order
    assert hash(copy) == hash(order)
    assert "PARTIALLY_FILLED" in repr(order)


# One true story: a venue that does what it is told, and tells of it by three channels (replies, the order stream, the
# fill stream), each in order but in no order to the others, with replies lost and news told twice.


class TrueVenue:
    def __init__(self, *, sequenced):
        self.state, self.filled, self.price, self.quantity = None, 0, 100, 10
        self.time = self.sequence = 0
        self.sequenced = sequenced
        self.replies, self.reports, self.fills = [], [], []

    @property
    def is_live(self):
        return self.state in (OPEN, PARTIAL)

    def report(self):
        return report(
            self.state,
            self.filled,
            price=D(self.price),
            quantity=D(self.quantity),
            sequence=self.sequence if self.sequenced else None,
            ts_event=self.time,
            venue_order_id="v1",
        )

    def changed(self):
        self.sequence += 1
        self.time += 10
        self.reports.append(self.report())

    def reply(self, event, lost, unknown):
        self.replies.append(unknown if lost else event)

    def create(self, lost):
        self.state = OPEN
        self.changed()
        self.reply(OrderAccepted(venue_order_id="v1", ts_event=self.time), lost, OrderUnknown())

    def trade(self, quantity):
        quantity = min(quantity, self.quantity - self.filled)
        if not self.is_live or not quantity:
            return
        self.filled += quantity
        self.state = FILLED if self.filled == self.quantity else PARTIAL
        self.changed()
        self.fills.append(fill(f"t{self.sequence}", quantity, price=self.price, ts_event=self.time))

    def amend(self, price, quantity, lost):
        if not self.is_live or quantity <= self.filled:
            self.reply(AmendRejected(reason=REASON), lost, AmendUnknown())
            return
        self.price, self.quantity = price, quantity
        self.changed()
        amended = OrderAmended(price=D(price), quantity=D(quantity), ts_event=self.time)
        self.reply(amended, lost, AmendUnknown())

    def cancel(self, lost):
        if not self.is_live:
            self.reply(CancelRejected(reason=REASON), lost, CancelUnknown())
            return
        self.state = CANCELED
        self.changed()
        self.reply(OrderCanceled(ts_event=self.time), lost, CancelUnknown())


STEPS = st.one_of(
    st.tuples(st.just("trade"), st.integers(1, 6)),
    st.tuples(st.just("amend"), st.integers(95, 105), st.integers(1, 25), st.booleans()),
    st.tuples(st.just("cancel"), st.booleans()),
    st.tuples(st.just("hear"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("hear"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("hear"), st.integers(0, 2), st.booleans()),
)


@settings(max_examples=400, deadline=None)
@given(steps=st.lists(STEPS, max_size=40), lost=st.booleans(), sequenced=st.booleans(), reports=st.booleans())
def test_a_true_story_is_understood_however_it_is_told(steps, lost, sequenced, reports):
    venue, order = TrueVenue(sequenced=sequenced), after(OrderSent())
    venue.create(lost)
    channels = [venue.replies, venue.fills, venue.reports if reports else []]

    def hear(channel, twice=False):
        nonlocal order
        if channel:
            event = channel.pop(0)
            for _ in range(1 + twice):
                order = order.apply(event)
                check(order)

    for step, *arguments in steps:
        if step == "hear":
            hear(channels[arguments[0]], arguments[1])
        elif step == "trade":
            venue.trade(*arguments)
        elif step == "cancel" and order.is_open:
            order = order.apply(CancelSent())
            venue.cancel(*arguments)
        elif step == "amend" and order.is_open and order.amend is None and not venue.replies:
            price, quantity, is_lost = arguments
            if (price, quantity) != (order.price, order.quantity):
                order = order.apply(AmendSent(price=D(price), quantity=D(quantity)))
                venue.amend(price, quantity, is_lost)
    for channel in channels:
        while channel:
            hear(channel)
    order = order.apply(venue.report())
    check(order)
    assert (order.state, order.filled_quantity) == (venue.state, venue.filled)
    assert order.missing_fills == 0
    assert (order.price, order.quantity) == (venue.price, venue.quantity)


def test_a_refused_command_says_why_until_the_next_one_is_sent():
    refused = after(*SENT_EVENTS, ACCEPTED, AmendSent(price=D(99)), AmendRejected(reason=REASON, text="not there"))
    assert (refused.state, refused.reason, refused.text) == (OPEN, REASON, "not there")
    again = after(CancelSent(), order=refused)
    assert (again.reason, again.text) == (None, "")
    late = after(CancelRejected(reason=RejectReason.ORDER_CLOSED, text="gone"), order=again)
    assert (late.cancel, late.reason, late.text) == (Fate.REFUSED, RejectReason.ORDER_CLOSED, "gone")
