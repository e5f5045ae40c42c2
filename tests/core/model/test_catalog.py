"""Symbols and the catalog that finds instruments by them."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from anyvenue.model import (
    ContractKind,
    Instrument,
    InstrumentCatalog,
    Symbol,
    Tick,
    UnknownInstrument,
    format_symbol,
    parse_symbol,
)


def instrument(base, quote="USDT", *, settle=None, kind=ContractKind.LINEAR, venue_symbol=None, connection="main"):
    return Instrument(
        symbol=format_symbol(base, quote),
        venue="somewhere",
        connection=connection,
        venue_symbol=venue_symbol or f"{base}_{quote}",
        base=base,
        quote=quote,
        settle=settle or (quote if kind is ContractKind.LINEAR else base),
        kind=kind,
        price_rule=Tick("0.1"),
        quantity_step="1",
        min_quantity="1",
    )


class TestSymbols:
    @pytest.mark.parametrize(
        ("text", "symbol"),
        [
            ("BTC-USDT-PERP", Symbol("BTC", "USDT")),
            ("BTC-PERP", Symbol("BTC")),
            ("xyz:TSLA-USDC-PERP", Symbol("xyz:TSLA", "USDC")),
            ("1000PEPE-USDT-PERP", Symbol("1000PEPE", "USDT")),
            ("A-B-USDT-PERP", Symbol("A-B", "USDT")),
        ],
    )
    def test_taken_apart_and_put_together(self, text, symbol):
        assert parse_symbol(text) == symbol
        assert str(symbol) == text

    @pytest.mark.parametrize(
        "text",
        ["", "BTC", "BTC_USDT", "BTC-USDT", "-PERP", "PERP", "BTC--PERP", "-USDT-PERP", "B C-USDT-PERP", "btc-perp"],
    )
    def test_anything_else_is_refused(self, text):
        with pytest.raises(UnknownInstrument, match="allowed are BASE-QUOTE-PERP and BASE-PERP"):
            parse_symbol(text)

    @pytest.mark.parametrize(("base", "quote"), [("", "USDT"), ("BTC", ""), ("BTC", "US-DT"), ("B C", "USDT")])
    def test_what_could_not_be_parsed_back_is_not_made(self, base, quote):
        with pytest.raises(ValueError, match="symbol: found"):
            format_symbol(base, quote)

    @given(
        st.text(st.characters(codec="ascii", exclude_categories=("Z", "Cc")), min_size=1),
        st.text(st.characters(codec="ascii", exclude_categories=("Z", "Cc"), exclude_characters="-"), min_size=1),
    )
    def test_what_is_made_is_parsed_back(self, base, quote):
        assert parse_symbol(format_symbol(base, quote)) == Symbol(base, quote)


BTC_USDT, BTC_USDC = instrument("BTC"), instrument("BTC", "USDC")
BTC_USD = instrument("BTC", "USD", kind=ContractKind.INVERSE)
ETH_USDC, ETH_EUR = instrument("ETH", "USDC"), instrument("ETH", "EUR")
SOL_USD = instrument("SOL", "USD", settle="USDC")
CATALOG = InstrumentCatalog([BTC_USD, BTC_USDC, BTC_USDT, ETH_EUR, ETH_USDC, SOL_USD])


class TestCatalog:
    @pytest.mark.parametrize(
        ("name", "found"),
        [
            ("BTC-USDT-PERP", BTC_USDT),
            ("main:BTC-USDT-PERP", BTC_USDT),
            ("BTC_USDC", BTC_USDC),
            ("BTC-USD-PERP", BTC_USD),
            ("BTC-PERP", BTC_USDT),
            ("ETH-PERP", ETH_USDC),
            ("SOL-PERP", SOL_USD),
        ],
    )
    def test_found_by_any_name(self, name, found):
        assert CATALOG.resolve(name) is found
        assert name in CATALOG

    def test_the_main_contract_is_never_an_inverse_one(self):
        with pytest.raises(UnknownInstrument, match="BTC-USD-PERP"):
            InstrumentCatalog([BTC_USD]).resolve("BTC-PERP")

    def test_other_settlements_go_by_name(self):
        assert InstrumentCatalog([instrument("X", "JPY"), instrument("X", "EUR")]).resolve("X-PERP").quote == "EUR"

    def test_a_misspelt_name_gets_near_ones_and_the_count(self):
        with pytest.raises(UnknownInstrument) as caught:
            CATALOG.resolve("btc-usdt-prep")
        message = str(caught.value)
        assert message.startswith("instrument: found 'btc-usdt-prep'; did you mean BTC-USDT-PERP")
        assert message.endswith("(6 instruments listed)")
        assert "btc-usdt-prep" not in CATALOG

    def test_a_name_like_none_gets_some_that_there_are(self):
        with pytest.raises(UnknownInstrument, match="nothing is near it among the 6 instruments listed, such as BTC-"):
            CATALOG.resolve("qqqq")
        with pytest.raises(UnknownInstrument, match=r"nothing is near it among the 0 instruments listed$"):
            InstrumentCatalog([]).resolve("BTC-PERP")

    @pytest.mark.parametrize("name", ["BTC-USDT-PERP", "BTC_USDT", "BTC-PERP"])
    def test_one_name_for_several_is_told_how_to_choose(self, name):
        both = InstrumentCatalog([BTC_USDT, evolve(BTC_USDT, connection="second")])
        with pytest.raises(
            UnknownInstrument, match="which is any of main:BTC-USDT-PERP, second:BTC-USDT-PERP; write one"
        ):
            both.resolve(name)
        assert both.resolve("second:BTC-USDT-PERP").connection == "second"

    def test_a_venues_own_name_goes_before_the_short_form(self):
        odd = instrument("BTC", "USDC", venue_symbol="BTC-PERP")
        assert InstrumentCatalog([BTC_USDT, odd]).resolve("BTC-PERP") is odd

    def test_one_key_is_one_instrument(self):
        with pytest.raises(ValueError, match="two instruments with the key main:BTC-USDT-PERP"):
            InstrumentCatalog([BTC_USDT, evolve(BTC_USDT, venue_symbol="other")])

    def test_it_can_be_looked_through(self):
        assert len(CATALOG) == 6
        assert set(CATALOG) == {BTC_USD, BTC_USDC, BTC_USDT, ETH_EUR, ETH_USDC, SOL_USD}
        assert 5 not in CATALOG
        assert repr(CATALOG) == "InstrumentCatalog(6 instruments)"
