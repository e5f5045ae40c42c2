"""Price rules, by examples from venues' own documents."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model import Rounding, SignificantFigures, Tick

D = Decimal


class TestTick:
    def test_it_allows_whole_ticks(self):
        assert Tick("0.1").allows(D("60000.1"))
        assert Tick("0.1").allows(D("60000.10"))
        assert not Tick("0.1").allows(D("60000.15"))
        assert Tick("0.25").allows(D("1.75"))
        assert not Tick("0.25").allows(D("1.8"))

    def test_a_tick_may_be_large(self):
        tick = Tick(D("1E+1"))
        assert str(tick) == "a multiple of 10"
        assert str(tick.round(D(61234), Rounding.DOWN)) == "61230"

    @pytest.mark.parametrize("size", ["0", "-0.1", "nan"])
    def test_it_is_above_zero(self, size):
        with pytest.raises(ValueError, match="tick: found"):
            Tick(size)

    def test_it_is_exact(self):
        with pytest.raises(TypeError, match="tick: found the float"):
            Tick(0.1)


class TestSignificantFigures:
    """Five figures and at most 6 - (decimals of a size) decimals; whole numbers always."""

    @pytest.mark.parametrize(
        ("size_decimals", "price", "is_allowed"),
        [
            (1, "1234.5", True),
            (1, "1234.56", False),
            (0, "0.001234", True),
            (0, "0.0012345", False),
            (0, "123456", True),
            (0, "12345.6", False),
            (1, "0.01234", True),
            (1, "0.012345", False),
            # By the same rule: the decimals bind before the figures do, and the other way round.
            (0, "0.000001", True),
            (0, "0.0000011", False),
            (5, "60000", True),
            (5, "60000.5", False),
            (5, "9999.9", True),
            (5, "99999.9", False),
            (5, "100001", True),
            (2, "0.1234", True),
            (2, "0.12345", False),
            (0, "1.2345", True),
            (0, "1.23450", True),
            (0, "1.23456", False),
        ],
    )
    def test_what_is_allowed(self, size_decimals, price, is_allowed):
        assert SignificantFigures(5, 6 - size_decimals).allows(D(price)) is is_allowed

    @pytest.mark.parametrize(
        ("price", "step"),
        [
            ("123456", "1"),
            ("99999", "1"),
            ("10000", "1"),
            ("9999.9", "0.1"),
            ("1000", "0.1"),
            ("999.99", "0.01"),
            ("1", "0.0001"),
            ("0.5", "0.00001"),
            ("0.05", "0.000001"),
            ("0.005", "0.000001"),
        ],
    )
    def test_the_step_changes_at_powers_of_ten(self, price, step):
        assert SignificantFigures(5, 6).step_at(D(price)) == D(step)

    @pytest.mark.parametrize(
        ("price", "down", "up", "nearest"),
        [
            ("12345.6", "12345", "12346", "12346"),
            ("123456.7", "123456", "123457", "123457"),
            ("1234.56", "1234.5", "1234.6", "1234.6"),
            ("9999.96", "9999.9", "10000", "10000"),
            ("99999.6", "99999", "100000", "100000"),
            ("0.999996", "0.99999", "1", "1"),
            ("0.0123456", "0.012345", "0.012346", "0.012346"),
            ("0.0000014", "0.000001", "0.000002", "0.000001"),
            ("1234.5", "1234.5", "1234.5", "1234.5"),
        ],
    )
    def test_rounding(self, price, down, up, nearest):
        rule = SignificantFigures(5, 6)
        assert rule.round(D(price), Rounding.DOWN) == D(down)
        assert rule.round(D(price), Rounding.UP) == D(up)
        assert rule.round(D(price), Rounding.NEAREST) == D(nearest)

    @given(
        st.decimals("0.0000001", 1_000_000, places=7), st.integers(1, 6), st.integers(0, 8), st.sampled_from(Rounding)
    )
    def test_what_is_rounded_is_allowed_and_stays(self, price, figures, decimals, rounding):
        rule = SignificantFigures(figures, decimals)
        rounded = rule.round(price, rounding)
        assert rule.allows(rounded)
        assert rule.round(rounded, rounding) == rounded
        if rounding is Rounding.DOWN:
            assert rounded <= price
        if rounding is Rounding.UP:
            assert rounded >= price
        if rounded and rounded != rounded.to_integral_value():
            # Told by its digits, not by the rule: strip the zeros that say nothing and count.
            digits = f"{rounded:f}".rstrip("0")
            assert len(digits.partition(".")[2]) <= decimals
            assert len(digits.replace(".", "").lstrip("0")) <= figures

    def test_it_says_what_it_allows(self):
        assert str(SignificantFigures(5, 6)) == "at most 5 significant figures and 6 decimals (whole numbers always)"
