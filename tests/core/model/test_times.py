"""Times become nanoseconds, exactly, whatever unit they come in."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model.times import unix_ns

NS = 1_000_000_000


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        ("2024-08-08T23:54:16Z", 1_723_161_256 * NS),
        ("2024-08-09T01:54:16.505+02:00", 1_723_161_256 * NS + 505_000_000),
        ("2024-08-08T23:54:16.000001Z", 1_723_161_256 * NS + 1000),
        (1723161256, 1_723_161_256 * NS),
        ("1723161256", 1_723_161_256 * NS),
        (Decimal("1723161256.000000001"), 1_723_161_256 * NS + 1),
        (1723161256505, 1_723_161_256 * NS + 505_000_000),
        (1723161256505001, 1_723_161_256 * NS + 505_001_000),
        (1723161256505001001, 1_723_161_256 * NS + 505_001_001),
        (0, 0),
    ],
    ids=repr,
)
def test_the_unit_is_told_by_the_size(value, ns):
    assert unix_ns(value, "ts") == ns


@given(st.integers(10**17, 2**63 - 1))
def test_not_a_nanosecond_is_lost(ns):
    assert unix_ns(str(ns), "ts") == ns


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("yesterday", "ts: found 'yesterday'; allowed are ISO 8601"),
        ("2024-08-08T23:54:16", "ts: found '2024-08-08T23:54:16', without a zone"),
        (-1, "ts: found -1; allowed are"),
        (2**63, "ts: found 9223372036854775808"),
        ("1.2.3", "ts: found the text '1.2.3'"),
        (1723161256.5, "ts: found the float 1723161256.5, which is not exact"),
        (True, r"ts: found True \(bool\)"),
        (["2024"], "ts: found"),
    ],
    ids=repr,
)
def test_what_is_no_time_is_refused(value, said):
    with pytest.raises((TypeError, ValueError), match=said):
        unix_ns(value, "ts")
