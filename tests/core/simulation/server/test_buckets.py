"""The rate limits of a simulated venue, at times worked out by hand."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.simulation.server.buckets import BucketRule, Buckets, Standing

SECOND = 1_000_000_000


def test_a_window_begins_with_the_first_request_and_tells_when_it_ends():
    buckets = Buckets([BucketRule("orders", 3, 10)])
    assert buckets.take("orders", "a", now_ns=7 * SECOND) == Standing(True, 2, 3, 17 * SECOND)
    assert buckets.take("orders", "a", now_ns=16 * SECOND) == Standing(True, 1, 3, 17 * SECOND)
    assert buckets.take("orders", "a", now_ns=17 * SECOND) == Standing(True, 2, 3, 27 * SECOND)


def test_a_refused_request_uses_nothing():
    buckets = Buckets([BucketRule("orders", 3, 1)])
    assert buckets.take("orders", "a", 2, now_ns=0).remaining == 1
    assert buckets.take("orders", "a", 2, now_ns=1) == Standing(False, 1, 3, SECOND)
    assert buckets.take("orders", "a", 1, now_ns=2) == Standing(True, 0, 3, SECOND)
    assert not buckets.take("orders", "a", 1, now_ns=3).allowed


def test_a_refused_request_begins_no_window():
    buckets = Buckets([BucketRule("orders", 3, 1)])
    assert buckets.take("orders", "a", 4, now_ns=0) == Standing(False, 3, 3, SECOND)
    assert buckets.take("orders", "a", 1, now_ns=SECOND // 2).reset_ns == SECOND + SECOND // 2


def test_weight_0_only_looks():
    buckets = Buckets([BucketRule("orders", 3, 1)])
    assert buckets.take("orders", "a", 0, now_ns=0) == Standing(True, 3, 3, SECOND)
    buckets.take("orders", "a", 3, now_ns=5)
    assert buckets.take("orders", "a", 0, now_ns=6) == Standing(True, 0, 3, SECOND + 5)


def test_identities_and_rules_are_counted_apart():
    buckets = Buckets([BucketRule("orders", 1, 1), BucketRule("public", 1, 0.5)])
    assert buckets.take("orders", "a", now_ns=0).allowed
    assert buckets.take("orders", "b", now_ns=0).allowed
    assert buckets.take("public", "a", now_ns=0) == Standing(True, 0, 1, SECOND // 2)
    assert not buckets.take("orders", "a", now_ns=0).allowed


def test_windows_that_are_over_are_forgotten():
    buckets = Buckets([BucketRule("orders", 5, 1)])
    for number in range(100):
        buckets.take("orders", str(number), now_ns=number * SECOND // 10)
    # The last request came at 9.9 s; windows begun at 9.0 s or later are not over, begun at 8.9 s they are.
    assert list(buckets._buckets["orders"].windows) == [str(number) for number in range(90, 100)]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda b: b.take("order", "a", now_ns=0), "found the rule 'order'; there are orders"),
        (lambda b: b.take("orders", "a", -1, now_ns=0), "weight: found -1; allowed are whole numbers from 0"),
        (lambda _: Buckets([BucketRule("x", 1, 1), BucketRule("x", 2, 1)]), "found the rule 'x' twice"),
        (lambda _: BucketRule("x", 0, 1), "'limit' must be >= 1"),
        (lambda _: BucketRule("x", 1, 0), "'per_s' must be > 0"),
    ],
)
def test_misuse_says_what_is_allowed(call, text):
    with pytest.raises(ValueError, match=text):
        call(Buckets([BucketRule("orders", 1, 1)]))


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("ab"), st.integers(1, 4)), max_size=80))
def test_each_window_that_allowed_requests_open_holds_at_most_the_limit(requests):
    """Windows are told apart by their end; each begins with its first allowed request."""
    buckets, now, used = Buckets([BucketRule("orders", 5, 1e-6)]), 0, {}
    for gap, identity, weight in requests:
        now += gap
        standing = buckets.take("orders", identity, weight, now_ns=now)
        assert now < standing.reset_ns <= now + 1000
        if standing.allowed:
            window = used.setdefault((identity, standing.reset_ns), deque())
            window.append((now, weight))
            assert window[0][0] == standing.reset_ns - 1000
            assert sum(each for _, each in window) == 5 - standing.remaining <= 5


def test_it_is_known_how_near_to_a_limit_anybody_came_and_how_often_it_was_passed():
    buckets = Buckets([BucketRule("orders", 3, 1), BucketRule("cancels", 5, 1), BucketRule("reads", 9, 1)])
    assert buckets.used() == {}
    buckets.take("orders", "a", 2, now_ns=0)
    buckets.take("orders", "b", 1, now_ns=0)
    buckets.take("orders", "a", 1, now_ns=2 * SECOND)
    buckets.take("cancels", "a", 5, now_ns=2 * SECOND)
    buckets.take("cancels", "a", 1, now_ns=2 * SECOND)
    assert buckets.used() == {
        "orders": {"limit": 3, "most": 2, "refused": 0},
        "cancels": {"limit": 5, "most": 5, "refused": 1},
    }
