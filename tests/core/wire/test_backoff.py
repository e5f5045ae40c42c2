"""How long to wait before a connection is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from anyvenue.wire.backoff import Backoff


def whole():
    return 1.0


def test_delays_double_from_a_quarter_second_to_half_a_minute():
    backoff = Backoff(jitter=whole)
    assert [backoff.delay() for _ in range(9)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_chance_shortens_a_delay_by_up_to_half():
    chances = iter([0.0, 0.5, 1.0])
    backoff = Backoff(jitter=lambda: next(chances), first_s=4, most_s=4)
    assert [backoff.delay() for _ in range(3)] == [2.0, 3.0, 4.0]


def test_a_connection_that_lasted_starts_the_delays_anew_and_a_shorter_one_does_not():
    backoff = Backoff(jitter=whole)
    backoff.delay()
    backoff.delay()
    backoff.lasted(29.9)
    assert backoff.delay() == 1.0
    backoff.lasted(30.0)
    assert backoff.delay() == 0.25


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_no_delay_is_ever_below_half_the_first_or_above_the_most(chances):
    chance = iter(chances)
    backoff = Backoff(jitter=lambda: next(chance))
    assert all(0.125 <= backoff.delay() <= 30.0 for _ in chances)


def test_an_outage_of_days_overflows_nothing():
    backoff = Backoff(jitter=whole)
    assert {backoff.delay() for _ in range(20_000)} == {0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0}
