"""Exact numbers: what is taken, what is refused, and rounding that never goes the wrong way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anyvenue.model import Rounding, exact
from anyvenue.model.numbers import divide_down, is_multiple, plain, quantize_money, round_to_step

D = Decimal


class TestExact:
    @pytest.mark.parametrize(
        ("value", "number"), [("0.10", D("0.10")), (3, D(3)), (D("-7"), D(-7)), ("1e-3", D("0.001"))]
    )
    def test_text_int_and_decimal_are_taken_as_they_are(self, value, number):
        assert str(exact(value)) == str(number)

    def test_a_float_is_refused_and_told_what_to_write(self):
        with pytest.raises(TypeError, match=r"price: found the float 0\.1, .* write Decimal\('0\.1'\) or '0\.1'"):
            exact(0.1, "price")

    @pytest.mark.parametrize("value", [True, None, b"1", [1], 1j])
    def test_other_types_are_refused(self, value):
        with pytest.raises(TypeError, match=r"size: found .*; allowed are Decimal, int and str"):
            exact(value, "size")

    @pytest.mark.parametrize("value", ["", "nan", "inf", "-Infinity", "1_000", "1,5", "0x1", "one", D("nan"), D("inf")])
    def test_what_is_no_plain_finite_number_is_refused(self, value):
        with pytest.raises(ValueError, match="price: found "):
            exact(value, "price")


DIRECTIONS = [
    # value, toward zero, away, down, up, nearest (half to even)
    ("7", "5", "10", "5", "10", "5"),
    ("7.5", "5", "10", "5", "10", "10"),
    ("12.5", "10", "15", "10", "15", "10"),
    ("-7", "-5", "-10", "-10", "-5", "-5"),
    ("-7.5", "-5", "-10", "-10", "-5", "-10"),
    ("10", "10", "10", "10", "10", "10"),
    ("0", "0", "0", "0", "0", "0"),
]


class TestRounding:
    @pytest.mark.parametrize(("value", "toward", "away", "down", "up", "nearest"), DIRECTIONS)
    def test_every_direction(self, value, toward, away, down, up, nearest):
        expected = {
            Rounding.TOWARD_ZERO: toward,
            Rounding.AWAY_FROM_ZERO: away,
            Rounding.DOWN: down,
            Rounding.UP: up,
            Rounding.NEAREST: nearest,
        }
        assert {rounding: round_to_step(D(value), D(5), rounding) for rounding in Rounding} == {
            rounding: D(number) for rounding, number in expected.items()
        }

    def test_it_prints_as_a_plain_number(self):
        assert str(round_to_step(D("60000.17"), D("0.1"), Rounding.DOWN)) == "60000.1"
        assert str(round_to_step(D("1234"), D("1E+2"), Rounding.DOWN)) == "1200"
        assert str(round_to_step(D("1000"), D("10"), Rounding.NEAREST)) == "1000"
        assert str(plain(D("1E+2"))) == "100"

    def test_a_quotient_longer_than_28_digits_is_no_trap(self):
        # A hair below 4.5, whose quotient by 3 would round up to 1.5 and then on to 2.
        value = D("4.4999999999999999999999999999999999")
        assert round_to_step(value, D(3), Rounding.NEAREST) == 3
        value = D("99999999999999999999999999999999.99")
        assert round_to_step(value, D(1), Rounding.DOWN) == D("99999999999999999999999999999999")

    @given(
        st.decimals(-(10**12), 10**12, places=12),
        st.decimals("0.000001", 1000, places=6),
        st.sampled_from(Rounding),
    )
    def test_the_result_is_a_multiple_less_than_a_step_away_on_the_right_side(self, value, step, rounding):
        result = round_to_step(value, step, rounding)
        assert is_multiple(result, step)
        assert abs(result - value) < step
        if rounding is Rounding.DOWN:
            assert result <= value
        elif rounding is Rounding.UP:
            assert result >= value
        elif rounding is Rounding.TOWARD_ZERO:
            assert abs(result) <= abs(value)
        elif rounding is Rounding.AWAY_FROM_ZERO:
            assert abs(result) >= abs(value)
        else:
            assert 2 * abs(result - value) <= step
        assert round_to_step(result, step, rounding) == result
        assert "E" not in f"{result}" or abs(result) < D("0.00001")

    def test_absurd_distances_are_said_so(self):
        with pytest.raises(ValueError, match=r"found 1E\+300, which is too far from the step 0\.1"):
            round_to_step(D("1e300"), D("0.1"), Rounding.DOWN)
        assert not is_multiple(D("1e300"), D("0.1"))


class TestDivision:
    def test_money_is_cut_to_16_decimals_half_to_even(self):
        assert quantize_money(D(100) / D(60000)) == D("0.0016666666666667")
        assert quantize_money(D("0.00000000000000005")) == 0
        assert quantize_money(D("0.00000000000000015")) == D("0.0000000000000002")

    def test_large_money_is_cut_too(self):
        assert quantize_money(D("12345678901234.5")) == D("12345678901234.5")

    @given(st.decimals("0.01", 10**9, places=2), st.decimals("0.01", 10**9, places=2))
    def test_divided_down_is_never_too_much(self, value, divisor):
        assume(divisor)
        assert divide_down(value, divisor) * divisor <= value


@pytest.mark.parametrize("text", ["1e1001", "-1e999999999", "1e-1001", "0.1e-999999999"])
def test_a_number_that_would_fill_the_memory_is_refused(text):
    with pytest.raises(ValueError, match="allowed are numbers of at most 1000 digits"):
        exact(text)
