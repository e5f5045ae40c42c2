"""An order that is put in another one's place, told as one."""

from __future__ import annotations

from decimal import Decimal

from anyvenue.model.enums import OrderState
from anyvenue.model.numbers import ZERO
from anyvenue.model.order_events import OrderReported
from anyvenue.venue.replaced import KEPT_MAX, Replaced, moved


def report(venue_id: str, state: OrderState, filled: str = "0") -> OrderReported:
    return OrderReported(
        client_order_id="avx-1",
        venue_order_id=venue_id,
        state=state,
        filled_quantity=Decimal(filled),
        price=Decimal(5),
        quantity=Decimal(10),
        ts_event=3,
    )


def test_what_was_never_amended_ends_when_its_id_does() -> None:
    replaced = Replaced()
    assert not replaced.goes_on(report("1", OrderState.CANCELED), 0)
    assert (replaced.before("avx-1", "1"), replaced.is_new("avx-1", "2"), "avx-1" in replaced) == (ZERO, False, False)


def test_the_end_of_an_id_is_no_end_while_an_amend_is_under_way_or_done() -> None:
    replaced = Replaced()
    replaced.begin("avx-1", "1", Decimal(2), until_ns=100)
    assert replaced.goes_on(report("1", OrderState.CANCELED, "3"), 99)  # one more had traded meanwhile
    assert replaced.is_new("avx-1", "2")
    replaced.end("avx-1", "2")
    assert (replaced.is_new("avx-1", "2"), replaced.before("avx-1", "2")) == (False, 3)
    assert replaced.goes_on(report("1", OrderState.CANCELED, "3"), 1000)  # late, or told again
    assert not replaced.goes_on(report("2", OrderState.FILLED, "10"), 1000)


def test_an_amend_that_came_to_nothing_or_is_too_old_holds_no_end_back() -> None:
    for ends in (True, False):
        replaced = Replaced()
        replaced.begin("avx-1", "1", ZERO, until_ns=100)
        if ends:
            replaced.end("avx-1")
        assert not replaced.goes_on(report("1", OrderState.CANCELED), 100)


def test_what_traded_adds_up_over_several_amends() -> None:
    replaced = Replaced()
    replaced.begin("avx-1", "1", Decimal(2), until_ns=100)
    replaced.end("avx-1", "2")
    replaced.goes_on(report("2", OrderState.PARTIALLY_FILLED, "5"), 0)
    replaced.begin("avx-1", "2", Decimal(6), until_ns=100)  # of which one was seen as a fill only
    replaced.end("avx-1", "3")
    assert [replaced.before("avx-1", venue_id) for venue_id in "123"] == [0, 2, 6]


def test_the_oldest_are_forgotten() -> None:
    replaced = Replaced()
    for number in range(KEPT_MAX + 1):
        replaced.begin(f"avx-{number}", "1", ZERO, until_ns=0)
    assert ("avx-0" in replaced, f"avx-{KEPT_MAX}" in replaced) == (False, True)


def test_the_event_of_a_move_has_the_terms_of_its_report() -> None:
    event = moved(report("2", OrderState.OPEN))
    assert (event.client_order_id, event.venue_order_id, event.price, event.quantity) == ("avx-1", "2", 5, 10)
    assert event.ts_event == 3
