"""Nonces: the time, and never the same twice."""

from anyvenue.wire.nonce import Nonces

MS = 1_000_000


def test_a_nonce_is_the_time_in_milliseconds():
    assert Nonces().next(1_798_801_200_123 * MS + 999_999) == 1_798_801_200_123


def test_nonces_of_one_moment_differ_and_a_clock_that_goes_back_repeats_none():
    nonces = Nonces()
    assert [nonces.next(time * MS) for time in (50, 50, 49, 51, 60)] == [50, 51, 52, 53, 60]
