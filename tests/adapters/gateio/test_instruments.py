"""Contracts as the venue lists them become instruments, with every number checked by hand."""

import gzip
import re
from decimal import Decimal
from pathlib import Path

import pytest

from anyvenue.model.enums import ContractKind, TradingStatus
from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick
from anyvenue.wire.exact_json import decode
from anyvenue_gateio.instruments import contracts_request, fees_request, read_contracts, wrong_settle

RECORDED = Path(__file__).parents[2] / "recorded" / "gate_futures_20230524" / "contracts.json.gz"
NOW = 1_684_930_166 * 10**9


def read(*contracts, settle="usdt", fees=None):
    return read_contracts(contracts, settle=settle, connection="mine", now_ns=NOW, fees=fees)


def one(**changes):
    found, left_out = read(btc_usdt(**changes))
    assert left_out == {}
    return found[0]


def btc_usdt(**changes):
    """A contract of 2026, as with the decimal header (5.2)."""
    return {
        "name": "BTC_USDT",
        "type": "direct",
        "quanto_multiplier": "0.0001",
        "order_price_round": "0.1",
        "mark_price_round": "0.01",
        "order_size_min": "1",
        "order_size_max": "1000000",
        "enable_decimal": False,
        "market_order_size_max": "0",
        "order_price_deviate": "0.5",
        "leverage_min": "1",
        "leverage_max": "125",
        "maintenance_rate": "0.004",
        "maker_fee_rate": "0.0002",
        "taker_fee_rate": "0.0005",
        "funding_interval": 28800,
        "in_delisting": False,
        "status": "trading",
        "delisting_time": 0,
        "position_size": "5223816",
    } | changes


def btc_usd(**changes):
    inverse = {"name": "BTC_USD", "type": "inverse", "quanto_multiplier": "0", "order_price_round": "0.1"}
    return btc_usdt(**inverse | changes)


def test_the_recorded_list_reads_whole():
    found, left_out = read(*decode(gzip.decompress(RECORDED.read_bytes())))
    assert left_out == {}
    by_name = {instrument.venue_symbol: instrument for instrument in found}
    assert len(by_name) == 7
    common = {
        "venue": "gateio",
        "connection": "mine",
        "quote": "USDT",
        "settle": "USDT",
        "kind": ContractKind.LINEAR,
        "max_market_quantity": None,
        "min_leverage": 1,
        "maker_fee": "-0.000152",
        "taker_fee": "0.00075",
        "funding_interval_s": 28800,
        "status": TradingStatus.TRADING,
    }
    assert by_name["QUICK_USDT"] == Instrument(
        symbol="QUICK-USDT-PERP",
        venue_symbol="QUICK_USDT",
        base="QUICK",
        contract_size="0.01",
        depth_unit="0.01",
        price_rule=Tick("0.01"),
        quantity_step="0.01",
        min_quantity="0.01",
        max_quantity=10_000,  # 1,000,000 contracts of 0.01
        max_leverage=10,
        maintenance_margin_rate="0.025",
        price_band="0.1",
        **common,
    )
    assert by_name["WOO_USDT"] == Instrument(
        symbol="WOO-USDT-PERP",
        venue_symbol="WOO_USDT",
        base="WOO",
        price_rule=Tick("0.0001"),
        quantity_step=1,
        min_quantity=1,
        max_quantity=1_000_000,
        max_leverage=20,
        maintenance_margin_rate="0.025",
        price_band="0.3",
        **common,
    )
    sfp = by_name["SFP_USDT"]
    assert (sfp.max_leverage, sfp.maintenance_margin_rate, sfp.price_band) == (5, Decimal("0.1"), Decimal("0.1"))


def test_a_hundred_contracts_of_bitcoin_are_a_hundredth():
    assert one().from_contracts(100) == Decimal("0.01")


def test_a_decimal_contract_steps_by_its_smallest_order():
    instrument = one(enable_decimal=True, order_size_min="0.1", market_order_size_max="500.5")
    assert instrument.quantity_step == instrument.min_quantity == Decimal("0.00001")
    assert instrument.max_market_quantity == Decimal("0.05005")


@pytest.mark.parametrize(("smallest", "step"), [(0, "0.0001"), ("0", "0.0001"), (Decimal("0.5"), "0.00005")], ids=repr)
def test_a_smallest_order_may_be_a_number_or_cut_off_to_nothing(smallest, step):
    instrument = one(enable_decimal=True, order_size_min=smallest)
    assert instrument.quantity_step == instrument.min_quantity == Decimal(step)


@pytest.mark.parametrize(("smallest", "contracts"), [(0, 1), ("0.1", 1), (1, 1), ("10", 10)], ids=repr)
def test_any_other_contract_steps_by_whole_contracts(smallest, contracts):
    instrument = one(order_size_min=smallest)
    assert instrument.quantity_step == Decimal("0.0001")
    assert instrument.to_contracts(instrument.min_quantity) == contracts


def test_an_inverse_contract_is_one_dollar_whatever_its_multiplier_says():
    found, left_out = read(btc_usd(), settle="btc")
    assert left_out == {}
    (instrument,) = found
    assert (instrument.symbol, instrument.kind) == ("BTC-USD-PERP", ContractKind.INVERSE)
    assert (instrument.base, instrument.quote, instrument.settle) == ("BTC", "USD", "BTC")
    assert instrument.contract_size == instrument.depth_unit == instrument.quantity_step == 1
    assert instrument.from_contracts(100) == 100


def test_ones_own_fees_count_before_the_base_tier():
    instrument = read(btc_usdt(), fees={"BTC_USDT": {"maker_fee": "-0.00005", "taker_fee": "0.0003"}})[0][0]
    assert (instrument.maker_fee, instrument.taker_fee) == (Decimal("-0.00005"), Decimal("0.0003"))
    assert one().taker_fee == Decimal("0.0005")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": None}, TradingStatus.TRADING),
        ({"status": "prelaunch"}, TradingStatus.HALTED),
        ({"status": "circuit_breaker"}, TradingStatus.HALTED),
        ({"status": "suspend"}, TradingStatus.HALTED),
        ({"status": "suspend", "in_delisting": True}, TradingStatus.HALTED),
        ({"status": "something_new"}, TradingStatus.HALTED),
        ({"status": "delisting"}, TradingStatus.REDUCE_ONLY),
        ({"in_delisting": True}, TradingStatus.REDUCE_ONLY),
        ({"delisting_time": 1_684_930_166}, TradingStatus.REDUCE_ONLY),
        ({"delisting_time": 1_684_930_167}, TradingStatus.TRADING),
        ({"delisting_time": "1684930166"}, TradingStatus.REDUCE_ONLY),
    ],
    ids=str,
)
def test_orders_are_taken_by_a_contract_that_trades(changes, status):
    assert one(**changes).status is status


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "delisted"}, "it is delisted"),
        ({"in_delisting": True, "position_size": "0"}, "it is delisted"),
        ({"name": "币安人生_USDT"}, "its name is not ASCII"),
        ({"name": "BTC_USD"}, "a direct contract settled in USDT with multiplier 0.0001 is not known"),
        ({"type": "inverse"}, "an? inverse contract"),
        ({"quanto_multiplier": "0"}, "found 0; allowed are numbers above 0"),
        ({"quanto_multiplier": 0.0001}, "quanto_multiplier: found the float"),
        ({"order_price_round": "0"}, "tick: found 0"),
        ({"leverage_max": None}, "found None"),
        ({"name": None}, "None"),
    ],
    ids=str,
)
def test_what_cannot_be_traded_is_left_out_with_the_reason_and_the_rest_stays(changes, why):
    found, left_out = read(btc_usdt(**changes), btc_usdt(name="ETH_USDT"))
    assert [instrument.venue_symbol for instrument in found] == ["ETH_USDT"]
    assert list(left_out) == [str(changes.get("name", "BTC_USDT"))]
    (reason,) = left_out.values()
    assert re.search(why, reason)


def test_a_contract_without_a_field_is_left_out_by_the_fields_name():
    contract = btc_usdt()
    del contract["maintenance_rate"]
    assert read(contract)[1] == {"BTC_USDT": "no 'maintenance_rate'"}


def test_an_inverse_contract_with_a_multiplier_is_not_guessed_at():
    found, left_out = read(btc_usd(quanto_multiplier="10"), settle="btc")
    assert not found
    assert "multiplier 10" in left_out["BTC_USD"]


def test_contracts_are_asked_for_by_the_page():
    request = contracts_request("usdt", 200)
    assert (request.method, request.target) == ("GET", "/futures/usdt/contracts?limit=100&offset=200")
    assert not request.signed


def test_ones_own_fees_are_asked_for_signed():
    request = fees_request("btc")
    assert (request.method, request.target, request.signed) == ("GET", "/futures/btc/fee", True)


@pytest.mark.parametrize(("name", "settle"), [("BTC_USD", "usdt"), ("BTC-USD-PERP", "usdt"), ("ETH_USDT", "btc")])
def test_a_contract_of_another_settle_is_told_where_it_is(name, settle):
    text = wrong_settle(name, settle)
    assert text.startswith(f"this connection has settle = {settle!r}, and contracts in ")
    assert f"settle = {({'usdt': 'btc', 'btc': 'usdt'})[settle]!r}: choose" in text


@pytest.mark.parametrize(
    ("name", "settle"), [("BTC_USDT", "usdt"), ("BTC-USD-PERP", "btc"), ("BTC-PERP", "usdt"), ("x", "btc")]
)
def test_any_other_name_is_not_a_matter_of_settle(name, settle):
    assert wrong_settle(name, settle) == ""
