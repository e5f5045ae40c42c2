"""Which orders are asked about, when, and what of earlier answers still counts."""

from decimal import Decimal

import pytest
from listed import linear

from anyvenue.model.enums import OrderState, Side
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendSent, AmendUnknown, OrderAccepted, OrderReported, OrderSent, OrderUnknown
from anyvenue.model.order_spec import OrderSpec
from anyvenue.venue.doubts import Doubts
from anyvenue.venue.evidence import Verdict
from anyvenue.venue.evidence_answers import NEVER_NS, Answer, LookUp

SECOND = 1_000_000_000

BTC = linear(venue="fake", connection="main", venue_symbol="BTC")


def sent():
    spec = OrderSpec(client_order_id="av-1", instrument=BTC, side=Side.BUY, quantity="1", price="100", ts_created=1)
    return Order(spec=spec).apply(OrderSent())


def lost():
    return sent().apply(OrderUnknown())


def answer(seconds, found=None):
    return Answer(look_up=LookUp.ORDER, asked_ns=seconds * SECOND, report=found)


def report():
    return OrderReported(state=OrderState.OPEN, filled_quantity=Decimal(0))


@pytest.fixture
def doubts():
    return Doubts(lambda: 1.0)  # whole pauses


def test_an_unknown_fate_is_asked_about_at_once_and_missing_fills_a_little_later(doubts):
    doubts.add(lost(), 5 * SECOND)
    assert doubts.due(5 * SECOND) == ["av-1"]
    doubts.drop("av-1")
    assert not doubts.due(5 * SECOND)
    doubts.add(sent().apply(OrderReported(state=OrderState.FILLED, filled_quantity=Decimal(1))), 5 * SECOND)
    assert not doubts.due(6 * SECOND - 1)
    assert doubts.due(6 * SECOND) == ["av-1"]


def test_pauses_grow_and_end_at_five_minutes(doubts):
    doubt = doubts.add(lost(), 0)
    pauses = []
    for _ in range(12):
        doubt.postpone(Verdict(unknown="why"), 0, can_be_asked=True)
        pauses.append(doubt.due_ns / SECOND)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_a_person_is_told_after_four_tries_and_whenever_the_number_has_doubled(doubts):
    doubt = doubts.add(lost(), 0)
    told = [n for n in range(1, 40) if doubt.postpone(Verdict(unknown="why"), 0, can_be_asked=True)]
    assert told == [4, 8, 16, 32]


def test_nobody_is_told_before_the_time_from_which_on_it_can_be_settled(doubts):
    doubt = doubts.add(lost(), 0)
    later = Verdict(unknown="it may still arrive", again_ns=60 * SECOND)
    assert not any(doubt.postpone(later, 0, can_be_asked=True) for _ in range(9))
    assert doubt.due_ns == 60 * SECOND
    assert doubt.postpone(later, 60 * SECOND, can_be_asked=True)
    never = Verdict(unknown="it may arrive at any time", again_ns=NEVER_NS)
    assert any(doubt.postpone(never, 61 * SECOND, can_be_asked=True) for _ in range(20))


def test_where_nothing_can_be_asked_a_person_is_told_at_once_and_once(doubts):
    doubt = doubts.add(lost(), 0)
    assert [doubt.postpone(Verdict(unknown="why"), 0, can_be_asked=False) for _ in range(9)] == [True] + [False] * 8


def test_by_when_a_command_had_left_is_counted_from_when_it_was_first_seen_unknown(doubts):
    doubts.add(lost(), 7)
    assert doubts.add(lost(), 9).sent_by.create_ns == 7
    resting = lost().apply(OrderAccepted())
    assert doubts.add(resting, 10).sent_by.create_ns is None
    first = resting.apply(AmendSent(price=Decimal(101))).apply(AmendUnknown())
    assert doubts.add(first, 11).sent_by.amend_ns == 11
    assert doubts.add(first, 12).sent_by.amend_ns == 11
    second = first.apply(AmendSent(price=Decimal(102))).apply(AmendUnknown())
    assert doubts.add(second, 13).sent_by.amend_ns == 13


def test_answers_that_did_not_find_it_count_on_until_it_is_found(doubts):
    doubt = doubts.add(lost(), 0)
    assert doubt.evidence([answer(1)]) == [answer(1)]
    assert doubt.evidence([answer(2)]) == [answer(1), answer(2)]
    found = [answer(3, report())]
    assert doubt.evidence(found) == found
    assert doubt.evidence([answer(4)]) == [answer(4)]


def test_memory_of_answers_is_bounded(doubts):
    doubt = doubts.add(lost(), 0)
    for number in range(50):
        kept = doubt.evidence([answer(number)])
    assert [each.asked_ns // SECOND for each in kept] == [46, 47, 48, 49]


def test_all_can_be_hurried(doubts):
    doubt = doubts.add(lost(), 0)
    doubt.postpone(Verdict(unknown="why"), 0, can_be_asked=True)
    doubts.hurry(1)
    assert doubts.due(1) == ["av-1"]
