"""Symbols as instruments, in both revisions' shapes (chapters 5 and 7.1)."""

from decimal import Decimal

import pytest

from anyvenue.model.catalog import InstrumentCatalog
from anyvenue.model.enums import TradingStatus
from anyvenue.model.errors import InvalidPrice
from anyvenue_gaiaex.endpoints import GaiaExOptions, split_base
from anyvenue_gaiaex.instruments import read_symbols, shipped_sizes

A = {
    "symbols": [
        {"symbol": "BTC", "assetClass": "crypto", "maxLeverage": 100, "marginMode": "cross", "tradingHours": "24/7"},
        {
            "symbol": "xyz:AAPL",
            "displayName": "Apple Inc.",
            "assetClass": "equity",
            "maxLeverage": 20,
            "marginMode": "isolated",
            "tradingHours": "US market hours",
            "deployer": "xyz",
        },
    ],
    "count": 2,
    "timestamp": 1743508800000,
}
B = {
    "symbols": [
        {"symbol": "BTC", "assetClass": "crypto", "priceDecimals": 1, "currentPrice": "67500.0"},
        {"symbol": "ETH", "assetClass": "crypto", "priceDecimals": 2, "currentPrice": "3500.00"},
        {
            "symbol": "vntl:OPENAI",
            "displayName": "OpenAI",
            "assetClass": "preipo",
            "maxLeverage": 3,
            "marginMode": "isolated",
            "tradingHours": "24/7",
            "deployer": "vntl",
            "priceDecimals": 2,
            "currentPrice": None,
        },
    ],
    "count": 3,
    "timestamp": 1743508800000,
}
SIZES = {"BTC": 5, "ETH": 4}


def listings(data, sizes=SIZES, **named):
    found, left_out = read_symbols(data, connection="main", sizes=sizes, **named)
    return {one.instrument.venue_symbol: one for one in found}, left_out


@pytest.mark.parametrize("data", [A, B])
def test_bitcoin_reads_the_same_from_both(data):
    btc = listings(data)[0]["BTC"].instrument
    assert (btc.symbol, btc.key, btc.base, btc.quote, btc.settle) == (
        "BTC-USDC-PERP",
        "main:BTC-USDC-PERP",
        "BTC",
        "USDC",
        "USDC",
    )
    assert (btc.quantity_step, btc.min_quantity, btc.min_notional) == (Decimal("0.00001"), Decimal("0.00001"), 10)
    assert btc.status is TradingStatus.TRADING


def test_prices_keep_five_figures_and_six_decimals_less_those_of_the_size():
    eth = listings(B)[0]["ETH"].instrument  # 6 - 4 = 2 decimals
    assert eth.check_price("3500.1") == Decimal("3500.1")
    assert eth.check_price("350.12") == Decimal("350.12")
    for wrong in ("3500.12", "35.123"):
        with pytest.raises(InvalidPrice):
            eth.check_price(wrong)
    btc = listings(A)[0]["BTC"].instrument  # no priceDecimals: 6 - 5 = 1
    assert btc.check_price("9999.5") == Decimal("9999.5")
    assert btc.check_price("123456") == Decimal(123456)
    with pytest.raises(InvalidPrice):
        btc.check_price("67500.5")  # six figures


def test_the_least_of_the_caps_on_decimals_counts():
    row = {"symbol": "BTC", "priceDecimals": 2}  # the book's figure; the other page says 1
    btc = listings({"symbols": [row]})[0]["BTC"].instrument
    with pytest.raises(InvalidPrice):
        btc.check_price("123.45")


def test_a_symbol_without_size_decimals_is_listed_and_says_what_to_write():
    aapl = listings(A)[0]["xyz:AAPL"]
    assert aapl.instrument.status is TradingStatus.HALTED
    assert "[connections.main.options.size_decimals]" in aapl.refusal
    assert '"xyz:AAPL" = ' in aapl.refusal
    known = listings(A, {"xyz:AAPL": 3})[0]["xyz:AAPL"]
    assert (known.refusal, known.instrument.quantity_step) == ("", Decimal("0.001"))


def test_deployer_markets_keep_their_prefix_in_the_neutral_symbol():
    found, _ = listings(A, {"BTC": 5, "xyz:AAPL": 3})
    catalog = InstrumentCatalog(one.instrument for one in found.values())
    aapl = found["xyz:AAPL"].instrument
    assert aapl.symbol == "xyz:AAPL-USDC-PERP"
    assert catalog.resolve("xyz:AAPL-PERP") is catalog.resolve("xyz:AAPL") is catalog.resolve("xyz:AAPL-USDC-PERP")
    assert catalog.resolve("BTC-PERP").symbol == "BTC-USDC-PERP"


def test_what_an_instrument_has_no_place_for_is_kept_beside_it():
    a, b = listings(A)[0], listings(B)[0]
    assert (a["xyz:AAPL"].hours, a["xyz:AAPL"].is_isolated_only) == ("US market hours", True)
    assert (a["BTC"].hours, a["BTC"].is_isolated_only, a["BTC"].mark_price) == ("24/7", False, None)
    assert (b["BTC"].hours, b["BTC"].mark_price) == ("", Decimal("67500.0"))
    assert b["vntl:OPENAI"].mark_price is None


def test_leverage_is_the_lists_else_an_indicative_one():
    assert listings(A)[0]["BTC"].instrument.max_leverage == 100
    assert listings(B)[0]["BTC"].instrument.max_leverage == 40
    assert listings({"symbols": [{"symbol": "OP"}]})[0]["OP"].instrument.max_leverage == 3


def test_the_fee_rate_is_taken_for_both_fees():
    btc = listings(A, fee_rate=Decimal("0.00035"))[0]["BTC"].instrument
    assert (btc.maker_fee, btc.taker_fee) == (Decimal("0.00035"), Decimal("0.00035"))


def test_rows_that_cannot_be_read_are_left_out_with_a_reason():
    rows = [{"assetClass": "crypto"}, {"symbol": "PURR/USDC"}, "BTC", {"symbol": "ETH", "priceDecimals": "x"}]
    found, left_out = listings({"symbols": rows})
    assert not found
    assert set(left_out) == {"None", "PURR/USDC", "BTC", "ETH"}


def test_what_is_no_list_raises():
    with pytest.raises(KeyError):
        read_symbols({}, connection="main", sizes={})


def test_the_shipped_table_has_the_main_symbols():
    sizes = shipped_sizes()
    assert (sizes["BTC"], sizes["ETH"]) == (5, 4)
    assert all(isinstance(one, int) and 0 <= one <= 6 for one in sizes.values())


def test_options_refuse_decimals_that_cannot_be():
    with pytest.raises(ValueError, match="size_decimals"):
        GaiaExOptions(size_decimals={"BTC": 9})


def test_the_bare_host_is_found():
    assert split_base("https://openapi.gaiaex.com/v1/trade") == "https://openapi.gaiaex.com"
