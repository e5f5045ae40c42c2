"""The circuit breaker: it opens on failures in a row, lets probes through, and is never stuck."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from anyvenue.model.errors import NotSent
from anyvenue.simulation.clock import DrivenClock
from anyvenue.wire.breaker import Breaker

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND  # 2023-11-14 22:13:20 UTC


def passes(breaker, *, urgent=False):
    try:
        breaker.check(urgent)
    except NotSent:
        return False
    return True


def opened(**settings):
    clock = DrivenClock(START)
    breaker = Breaker(clock, failures=2, cool_s=5.0, most_s=15.0, **settings)
    breaker.failed("first")
    after(clock, 60)
    breaker.failed("second")
    return breaker, clock


def after(clock, seconds):
    clock.run_until(clock.time_ns() + int(seconds * SECOND))


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not_count_them_together():
    breaker = Breaker(DrivenClock(), failures=2)
    breaker.failed("one")
    breaker.succeeded()
    breaker.failed("one again")
    assert breaker.state == "closed"
    assert passes(breaker)
    breaker.failed("two")
    assert breaker.state == "open"
    assert not passes(breaker)


def test_it_says_since_when_and_why_and_when_it_is_tried_again():
    breaker, clock = opened()
    after(clock, 1)
    with pytest.raises(NotSent) as error:
        breaker.check()
    assert "since 2023-11-14 22:13:20 UTC" in error.value.text
    assert "second" in error.value.text
    assert "tried at 2023-11-14 22:14:25 UTC" in error.value.text


def test_urgent_requests_pass_an_open_breaker_and_their_success_closes_it():
    breaker, _ = opened()
    assert passes(breaker, urgent=True)
    breaker.succeeded()
    assert breaker.state == "closed"
    assert passes(breaker)


def test_after_the_cool_down_one_probe_passes_and_no_second():
    breaker, clock = opened()
    after(clock, 4.999)
    assert not passes(breaker)
    after(clock, 0.001)
    assert passes(breaker)
    assert breaker.state == "half-open"
    assert not passes(breaker)
    assert passes(breaker, urgent=True)


def test_each_probe_that_fails_doubles_the_cool_down_up_to_the_most():
    breaker, clock = opened()
    for cool_s in (5, 10, 15, 15):
        after(clock, cool_s - 0.001)
        assert not passes(breaker)
        after(clock, 0.001)
        assert passes(breaker)
        breaker.failed("still down")
        assert breaker.state == "open"


def test_a_success_makes_the_next_cool_down_short_again():
    breaker, clock = opened()
    after(clock, 5)
    assert passes(breaker)
    breaker.failed("down")
    after(clock, 10)
    assert passes(breaker)
    breaker.succeeded()
    breaker.failed("down")
    breaker.failed("down")
    after(clock, 5)
    assert passes(breaker)


def test_urgent_requests_that_fail_while_it_is_open_do_not_lengthen_the_cool_down():
    breaker, clock = opened()
    for _ in range(10):
        assert passes(breaker, urgent=True)
        breaker.failed("down")
    after(clock, 5)
    assert passes(breaker)


def test_a_probe_of_which_nothing_is_heard_is_followed_by_another():
    breaker, clock = opened()
    after(clock, 5)
    assert passes(breaker)
    after(clock, 5)
    assert passes(breaker)


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"cool_s": 0}, {"cool_s": 9, "most_s": 8}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match="allowed are"):
        Breaker(DrivenClock(), **wrong)


class AnyCourse(RuleBasedStateMachine):
    """Whatever happens in whatever order."""

    def __init__(self):
        super().__init__()
        self.clock = DrivenClock(START)
        self.breaker = Breaker(self.clock, failures=3, cool_s=2.0, most_s=8.0)
        self.failures = 0  # in a row
        self.held_back_since = None  # when it was opened, or its last probe passed

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 5.0, 8.0]))
    def time_passes(self, seconds):
        after(self.clock, seconds)

    @rule()
    def a_request_comes(self):
        passed = passes(self.breaker)
        now = self.clock.time_ns()
        if self.failures < 3:
            assert passed
        elif passed:
            assert now - self.held_back_since >= 2 * SECOND
            self.held_back_since = now
        else:
            assert now - self.held_back_since < 8 * SECOND

    @rule()
    def an_urgent_request_comes(self):
        assert passes(self.breaker, urgent=True)

    @rule()
    def one_succeeds(self):
        self.breaker.succeeded()
        self.failures = 0

    @rule()
    def one_fails(self):
        self.failures += 1
        was_probing = self.breaker.state == "half-open"
        self.breaker.failed("down")
        if self.failures == 3 or was_probing:
            self.held_back_since = self.clock.time_ns()

    @precondition(lambda self: self.failures >= 3)
    @rule()
    def the_longest_cool_down_passes(self):
        after(self.clock, 8)
        assert passes(self.breaker)
        self.held_back_since = self.clock.time_ns()

    @invariant()
    def it_is_closed_as_long_as_there_were_fewer_failures_in_a_row(self):
        assert (self.breaker.state == "closed") == (self.failures < 3)


TestAnyCourse = AnyCourse.TestCase
TestAnyCourse.settings = settings(max_examples=50, stateful_step_count=30)
