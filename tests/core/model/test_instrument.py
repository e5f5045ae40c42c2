"""Instruments: contracts both ways, sizing, values, and errors that name value, rule and instrument."""

from __future__ import annotations

import pickle
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from listed import inverse, linear

from anyvenue.model import (
    InvalidPrice,
    InvalidQuantity,
    QuantityTooSmall,
    Rounding,
    Side,
    SignificantFigures,
    Tick,
)

D = Decimal

LINEAR = linear(
    quantity_step="0.0001",
    min_quantity="0.0001",
    contract_size="0.0001",
    max_quantity="100",
    max_market_quantity="10",
    maker_fee="-0.0001",
    taker_fee="0.0005",
    maintenance_margin_rate="0.004",
)
INVERSE = inverse(
    connection="second",
    venue_symbol="BTCUSD",
    price_rule=Tick("0.5"),
    quantity_step="100",
    min_quantity="100",
    contract_size="100",
    taker_fee="0.0005",
)


class TestContracts:
    @pytest.mark.parametrize(
        ("instrument", "quantity", "contracts"),
        [
            (LINEAR, "0.01", "100"),
            (LINEAR, "1", "10000"),
            (LINEAR, "-0.5", "-5000"),
            (LINEAR, "0.00019", "1"),
            (LINEAR, "-0.00019", "-1"),
            (LINEAR, "0", "0"),
            (INVERSE, "1000", "10"),
            (INVERSE, "1099", "10"),
            (INVERSE, "-100", "-1"),
            # Decimal contract sizes: the step is a tenth of a contract.
            (evolve(LINEAR, quantity_step="0.00001", min_quantity="0.00001"), "0.00015", "1.5"),
        ],
    )
    def test_rounded_toward_zero_and_plainly_written(self, instrument, quantity, contracts):
        assert str(instrument.to_contracts(quantity)) == contracts

    @given(st.sampled_from([LINEAR, INVERSE]), st.integers(-(10**12), 10**12))
    def test_both_ways_are_exact_inverses(self, instrument, contracts):
        quantity = instrument.from_contracts(contracts)
        assert instrument.to_contracts(quantity) == contracts
        assert instrument.from_contracts(instrument.to_contracts(quantity)) == quantity
        assert "E" not in str(quantity)
        assert "E" not in str(instrument.to_contracts(quantity))

    def test_what_rounds_to_nothing_is_refused_with_the_smallest(self):
        with pytest.raises(QuantityTooSmall) as caught:
            LINEAR.to_contracts("0.00009")
        assert str(caught.value) == (
            "somewhere:BTC-USDT-PERP: quantity: found 0.00009 BTC, which is 0 contracts; "
            "the smallest order is 0.0001 BTC (1 contract)"
        )

    def test_a_step_that_is_no_decimal_part_of_a_contract_is_refused(self):
        with pytest.raises(ValueError, match="second:BTC-USD-PERP: quantity_step: found 100"):
            evolve(INVERSE, contract_size="300")


class TestQuantities:
    def test_rounding(self):
        assert LINEAR.round_quantity("0.01239") == D("0.0123")
        assert LINEAR.round_quantity("0.00009") == 0

    @pytest.mark.parametrize(
        ("instrument", "quantity", "is_market", "message"),
        [
            (LINEAR, "0", False, "found 0; allowed are quantities above 0"),
            (LINEAR, "-1", False, "found -1; allowed are quantities above 0"),
            (LINEAR, "0.00005", False, "found 0.00005 BTC; the smallest order is 0.0001 BTC (1 contract)"),
            (LINEAR, "0.01239", False, "found 0.01239 BTC; allowed is a multiple of 0.0001, such as 0.0123"),
            (LINEAR, "100.1", False, "found 100.1 BTC; allowed is at most 100 in one order"),
            (LINEAR, "10.1", True, "found 10.1 BTC; allowed is at most 10 in one market order"),
            (INVERSE, "150", False, "found 150 USD; allowed is a multiple of 100, such as 100"),
            (INVERSE, "50", False, "found 50 USD; the smallest order is 100 USD (1 contract)"),
        ],
    )
    def test_what_breaks_a_rule_is_told_value_rule_and_instrument(self, instrument, quantity, is_market, message):
        with pytest.raises(InvalidQuantity) as caught:
            instrument.check_quantity(quantity, market=is_market)
        assert str(caught.value).startswith(f"{instrument.key}: quantity: {message}")

    def test_what_keeps_them_is_returned_exact(self):
        assert LINEAR.check_quantity("0.0123") == D("0.0123")
        assert LINEAR.check_quantity("10.1") == D("10.1")
        with pytest.raises(TypeError, match="quantity: found the float"):
            LINEAR.check_quantity(0.5)

    def test_for_a_notional(self):
        # The design's own example: 600 USDT at 60000 is 0.01 BTC, 100 contracts.
        quantity = LINEAR.quantity_for_notional(600, price=60000)
        assert quantity == D("0.01")
        assert LINEAR.to_contracts(quantity) == 100
        assert LINEAR.quantity_for_notional("605.99", price=60000) == D("0.01")
        assert LINEAR.quantity_for_notional("606", price=60000) == D("0.0101")
        assert INVERSE.quantity_for_notional("650", price=60000) == 600
        # One order cannot be larger than the largest.
        assert LINEAR.quantity_for_notional(10**9, price=60000) == 100

    def test_for_a_notional_below_the_smallest_order(self):
        with pytest.raises(QuantityTooSmall) as caught:
            LINEAR.quantity_for_notional(5, price=60000)
        assert str(caught.value) == (
            "somewhere:BTC-USDT-PERP: notional: found 5 USDT, which is 0 BTC; "
            "the smallest order is 0.0001 BTC (1 contract, 6 USDT at 60000)"
        )

    def test_the_smallest_order_by_notional(self):
        # 10 USDT at 60000 is 0.000166..., so 0.0002.
        instrument = evolve(LINEAR, min_notional="10")
        assert instrument.quantity_for_notional(12, price=60000) == D("0.0002")
        with pytest.raises(QuantityTooSmall, match=r"smallest order is 0\.0002 BTC \(2 contracts, 12 USDT at 60000"):
            instrument.quantity_for_notional("11.9", price=60000)

    @pytest.mark.parametrize(
        ("stop", "quantity"), [("59000", "0.1"), ("61000", "0.1"), ("59900", "1"), ("59700", "0.3333")]
    )
    def test_for_a_risk(self, stop, quantity):
        # 100 USDT at risk over 1000 USDT of distance is 0.1 BTC; over 100 it is 1; over 300 a third.
        assert LINEAR.quantity_for_risk(100, entry=60000, stop=stop) == D(quantity)

    def test_for_a_risk_of_an_inverse_contract(self):
        # 1 USD from 50000 to 40000 loses 1/40000 - 1/50000 = 0.000005 BTC; 0.005 BTC pay for 1000 USD.
        assert INVERSE.quantity_for_risk("0.005", entry=50000, stop=40000) == 1000
        assert INVERSE.quantity_for_risk("0.004999", entry=50000, stop=40000) == 900

    def test_for_a_risk_that_buys_nothing(self):
        with pytest.raises(
            QuantityTooSmall, match="risk: found 1 USDT from 60000 to 40000, which is 0 BTC; the smallest"
        ):
            LINEAR.quantity_for_risk(1, entry=60000, stop=40000)
        with pytest.raises(InvalidPrice, match=r"stop: found 60000\.0, the entry price itself"):
            LINEAR.quantity_for_risk(1, entry=60000, stop="60000.0")

    @given(
        st.sampled_from([LINEAR, INVERSE]),
        st.decimals(1, 10**6, places=3),
        st.integers(1000, 10**6),
        st.integers(1000, 10**6),
    )
    def test_sizing_never_exceeds_what_was_allowed(self, instrument, money, entry, stop):
        try:
            quantity = instrument.quantity_for_notional(money, price=entry)
        except QuantityTooSmall:
            pass
        else:
            assert instrument.notional(quantity, entry) <= money
            assert instrument.check_quantity(quantity)
        if entry == stop:
            return
        try:
            quantity = instrument.quantity_for_risk(money, entry=entry, stop=stop)
        except QuantityTooSmall:
            return
        assert instrument.check_quantity(quantity)
        if instrument is LINEAR:
            assert abs(instrument.pnl(quantity, entry=entry, exit=stop)) <= money
        else:
            # Told without a division: quantity x |1 / entry - 1 / stop| <= money.
            assert quantity * abs(entry - stop) <= money * entry * stop


class TestPrices:
    def test_a_rounded_price_is_no_worse_for_its_side(self):
        assert LINEAR.round_price("60000.17", Side.BUY) == D("60000.1")
        assert LINEAR.round_price("60000.11", Side.SELL) == D("60000.2")
        assert LINEAR.round_price("60000.17") == D("60000.2")
        assert LINEAR.round_price("60000.15") == D("60000.2")  # half to even
        assert LINEAR.round_price("60000.17", Side.BUY, rounding=Rounding.UP) == D("60000.2")
        assert LINEAR.round_price("0.04", Side.BUY) == 0

    @given(
        st.sampled_from([LINEAR, INVERSE, evolve(LINEAR, price_rule=SignificantFigures(5, 6))]),
        st.decimals("0.0001", 10**6, places=4),
    )
    def test_never_worse_whatever_the_rule(self, instrument, price):
        assert instrument.round_price(price, Side.BUY) <= price <= instrument.round_price(price, Side.SELL)
        for side in Side:
            rounded = instrument.round_price(price, side)
            assert rounded == 0 or instrument.check_price(rounded) == rounded

    @pytest.mark.parametrize(
        ("rule", "price", "message"),
        [
            (Tick("0.1"), "60000.15", "found 60000.15; allowed is a multiple of 0.1, such as 60000.2"),
            (Tick("0.1"), "0.04", "found 0.04; allowed is a multiple of 0.1, such as 0.1"),
            (Tick("0.1"), "0", "found 0; allowed are prices above 0"),
            (Tick("0.1"), "-5", "found -5; allowed are prices above 0"),
            (
                SignificantFigures(5, 1),
                "60000.5",
                "found 60000.5; allowed is at most 5 significant figures and 1 decimals",
            ),
        ],
    )
    def test_a_price_that_breaks_the_rule(self, rule, price, message):
        with pytest.raises(InvalidPrice) as caught:
            evolve(LINEAR, price_rule=rule).check_price(price)
        assert str(caught.value).startswith(f"somewhere:BTC-USDT-PERP: price: {message}")


class TestValues:
    def test_of_a_linear_contract(self):
        assert LINEAR.quantity_unit == "BTC"
        assert LINEAR.notional("0.5", 60000) == 30000
        assert LINEAR.exposure_base("0.5", 60000) == D("0.5")
        assert LINEAR.pnl("0.5", entry=60000, exit=61000) == 500
        assert LINEAR.pnl("-0.5", entry=60000, exit=61000) == -500
        assert LINEAR.fee(D("0.5"), D(60000), maker=False) == 15
        assert LINEAR.fee(D("0.5"), D(60000), maker=True) == -3
        assert LINEAR.initial_margin(D("-0.5"), D(60000), D(10)) == 3000
        assert LINEAR.maintenance_margin(D("-0.5"), D(60000)) == 120

    def test_of_an_inverse_contract(self):
        assert INVERSE.quantity_unit == "USD"
        assert INVERSE.notional(1000, 50000) == 1000
        assert INVERSE.exposure_base(1000, 50000) == D("0.02")
        # Long 1000 USD from 40000 to 50000: 0.025 BTC became 0.02 BTC of debt.
        assert INVERSE.pnl(1000, entry=40000, exit=50000) == D("0.005")
        assert INVERSE.pnl(-1000, entry=40000, exit=50000) == D("-0.005")
        assert INVERSE.fee(D(1000), D(50000), maker=False) == D("0.00001")
        assert INVERSE.initial_margin(D(1000), D(50000), D(10)) == D("0.002")

    def test_the_venues_own_rate_is_a_floor_of_the_margin(self):
        instrument = evolve(LINEAR, initial_margin_rate="0.2")
        assert instrument.initial_margin(D("0.5"), D(60000), D(10)) == 6000

    @pytest.mark.parametrize("price", ["0", "-1"])
    def test_nothing_is_worth_anything_at_no_price(self, price):
        with pytest.raises(InvalidPrice, match="somewhere:BTC-USDT-PERP: price: found"):
            LINEAR.notional(1, price)


class TestMaking:
    @pytest.mark.parametrize("name", ["quantity_step", "min_quantity", "contract_size", "depth_unit", "max_leverage"])
    def test_sizes_are_above_zero(self, name):
        with pytest.raises(ValueError, match=f"somewhere:BTC-USDT-PERP: {name}: found 0"):
            evolve(LINEAR, **{name: "0"})

    def test_the_smallest_is_a_whole_number_of_steps(self):
        with pytest.raises(
            ValueError, match=r"min_quantity: found 0\.00015; .* multiples of the quantity step 0\.0001"
        ):
            evolve(LINEAR, min_quantity="0.00015")

    def test_a_float_is_refused(self):
        with pytest.raises(TypeError, match="found the float"):
            evolve(LINEAR, contract_size=0.0001)

    def test_the_key_names_connection_and_symbol(self):
        assert (LINEAR.connection, LINEAR.key, str(LINEAR)) == ("somewhere", "somewhere:BTC-USDT-PERP", LINEAR.key)
        assert INVERSE.key == "second:BTC-USD-PERP"
        assert evolve(LINEAR, connection="third").key == "third:BTC-USDT-PERP"

    def test_it_survives_pickling(self):
        copy = pickle.loads(pickle.dumps(INVERSE))  # noqa: S301 - our own bytes
        assert copy == INVERSE
        assert hash(copy) == hash(INVERSE)
        assert copy.key == INVERSE.key
