"""How figures are written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.app.figures import duration, money, percent, plain, quantity, time_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0"),
        ("-0.000", "0"),
        ("1E+3", "1000"),
        ("1E-10", "0.0000000001"),
        ("1.500", "1.5"),
        ("100", "100"),
        ("-12.340", "-12.34"),
    ],
)
def test_plain_digits(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_plain_digits_are_exact(value: Decimal) -> None:
    assert Decimal(plain(value)) == value
    assert "E" not in plain(value)


@pytest.mark.parametrize(
    ("value", "currency", "sign", "text"),
    [
        ("1234.565", "USDT", False, "1,234.56 USDT"),  # half to even
        ("1234.575", "USDT", True, "+1,234.58 USDT"),
        ("-0.001", "USDT", True, "0.00 USDT"),
        ("-5", "USDC", True, "-5.00 USDC"),
        ("0.123456785", "BTC", True, "+0.12345678 BTC"),
        ("1", "", False, "1.00000000"),
    ],
)
def test_money(value: str, currency: str, sign: bool, text: str) -> None:
    assert money(Decimal(value), currency, sign=sign) == text


def test_quantities_and_shares() -> None:
    assert quantity(Decimal("0.0100"), "BTC") == "0.01 BTC"
    assert quantity(Decimal(1) / 3) == "0.33333333"
    assert percent(Decimal("0.6666")) == "66.7 %"
    assert percent(Decimal(1)) == "100.0 %"
    assert percent(None) == "-"


def test_times_are_utc() -> None:
    assert time_text(1_723_075_200_123_456_789) == "2024-08-08 00:00:00"
    assert time_text(1_723_075_200_123_456_789, millis=True) == "2024-08-08 00:00:00.123"
    assert time_text(-1, millis=True) == "1969-12-31 23:59:59.999"


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0 ms"),
        (850_000_000, "850 ms"),
        (12_500_000_000, "12.5 s"),
        (200_000_000_000, "3 min 20 s"),
        (7_500_000_000_000, "2 h 05 min"),
        (183_600_000_000_000, "2 d 03 h"),
    ],
)
def test_spans_of_time(ns: int, text: str) -> None:
    assert duration(ns) == text
