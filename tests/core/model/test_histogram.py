"""Histograms of durations: what is counted comes out again, near enough."""

from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.histogram import Histogram


def of(*durations):
    histogram = Histogram("some")
    for ns in durations:
        histogram.add(ns)
    return histogram.durations()


def test_nothing_counted_is_nothing():
    assert (of().count, of().p50, of().p99, of().longest) == (0, 0, 0, 0)


def test_ranks_of_a_hundred():
    found = of(*(1000 * number for number in range(1, 101)))  # 1 to 100 us
    assert (found.name, found.count, found.longest) == ("some", 100, 100_000)
    assert abs(found.p50 - 50_000) <= 0.07 * 50_000
    assert abs(found.p90 - 90_000) <= 0.07 * 90_000
    assert abs(found.p99 - 99_000) <= 0.07 * 99_000


def test_small_ones_are_exact_and_what_a_clock_set_back_gives_is_none():
    assert of(*range(16)).p50 == 7
    assert (of(-5).p50, of(-5).longest) == (0, 0)


def test_what_takes_days_is_still_counted():
    found = of(86_400_000_000_000)
    assert (found.count, found.longest) == (1, 86_400_000_000_000)
    assert found.p50 > 2**40 * 0.9


@given(st.lists(st.integers(0, 2**40 - 1), min_size=1, max_size=50))
def test_every_rank_is_within_seven_percent_of_the_true_one(durations):
    found, ordered = of(*durations), sorted(durations)
    for rank, share in ((found.p50, 50), (found.p90, 90), (found.p99, 99)):
        true = ordered[max(1, -(-len(ordered) * share // 100)) - 1]
        assert abs(rank - true) <= 0.07 * true
    assert found.p50 <= found.p90 <= found.p99 <= found.longest == ordered[-1]
