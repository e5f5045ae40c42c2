"""Public data over REST (fact sheet, chapters 5 and 9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anyvenue.model.enums import Side

BTC = "BTC-USDT-PERP"


def public(gate: Any, path: str, settle: str = "usdt", *, decimal: bool = True, **query: Any) -> Any:
    answer = gate.call("GET", f"/futures/{settle}{path}", query, signed=False, decimal=decimal)
    return answer if answer.status >= 400 else answer.json


def trade(gate: Any, price: str, quantity: str, side: Side = Side.BUY) -> None:
    listing = gate.stage.market.listing(BTC)
    gate.do(lambda: listing.tell_trade("77", side, price, quantity, gate.clock.time_ns()))


def test_contracts_are_listed_by_settle_and_page_by_page(gate: Any) -> None:
    names = [contract["name"] for contract in public(gate, "/contracts")]
    assert names == ["BTC_USDT", "ETH_USDT", "SOL_USDT", "币安人生_USDT", "OLDCOIN_USDT"]
    assert [contract["name"] for contract in public(gate, "/contracts", limit=2, offset=3)] == names[3:]
    assert [contract["name"] for contract in public(gate, "/contracts", "btc")] == ["BTC_USD"]


def test_a_contract_says_its_terms(gate: Any) -> None:
    contract = public(gate, "/contracts/ETH_USDT")
    wanted = {
        "type": "direct",
        "quanto_multiplier": "0.01",
        "order_price_round": "0.01",
        "order_size_min": "0.1",
        "enable_decimal": True,
        "funding_interval": 28800,
        "funding_next_apply": 1704067200 + 28800,
        "in_delisting": False,
        "status": "trading",
        "mark_price": "3000",
    }
    assert {name: contract[name] for name in wanted} == wanted
    assert public(gate, "/contracts/ETH_USDT", decimal=False)["order_size_min"] == 0
    assert public(gate, "/contracts/BTC_USDT", decimal=False)["order_size_min"] == 1
    inverse = public(gate, "/contracts/BTC_USD", "btc")
    assert (inverse["type"], inverse["quanto_multiplier"]) == ("inverse", "0")
    delisting = public(gate, "/contracts/OLDCOIN_USDT")
    assert (delisting["in_delisting"], delisting["status"]) == (True, "delisting")
    assert Decimal(delisting["position_size"]) > 0


def test_a_contract_under_the_wrong_settle_is_not_found(gate: Any) -> None:
    assert public(gate, "/contracts/BTC_USDT", "btc").label == "CONTRACT_NOT_FOUND"
    assert public(gate, "/contracts/币安人生_USDT")["name"] == "币安人生_USDT"


def test_the_book_has_an_id_where_it_is_asked_for(gate: Any) -> None:
    book = public(gate, "/order_book", contract="BTC_USDT", with_id="true", limit=1)
    assert book["id"] == gate.stage.market.listing(BTC).last_id
    assert book["asks"] == [{"p": "60000.1", "s": "1000"}]
    assert book["bids"] == [{"p": "59999.9", "s": "1000"}]
    assert isinstance(book["current"], float)
    assert "id" not in public(gate, "/order_book", contract="BTC_USDT")


def test_the_book_is_merged_outwards(gate: Any) -> None:
    book = public(gate, "/order_book", contract="BTC_USDT", interval="1")
    assert book["asks"] == [{"p": "60001", "s": "6000"}]
    assert book["bids"] == [{"p": "59999", "s": "6000"}]


def test_trades_have_the_takers_sign_and_seconds_everywhere(gate: Any) -> None:
    gate.wait(100)
    trade(gate, "60000.1", "0.01", Side.SELL)
    (told,) = public(gate, "/trades", contract="BTC_USDT", limit=1)
    assert (told["size"], told["price"]) == ("-100", "60000.1")
    assert told["create_time_ms"] == told["create_time"] == 1704067300


def test_old_trades_are_found_and_paged(gate: Any) -> None:
    gate.wait(10)
    for price in ("60000.1", "60000.2", "60000.3"):
        trade(gate, price, "0.01")
        gate.wait(40_000)
    prices = [row["price"] for row in public(gate, "/trades", contract="BTC_USDT", limit=2, offset=1)]
    assert prices == ["60000.2", "60000.1"]
    within = public(gate, "/trades", contract="BTC_USDT", **{"from": 1704067210, "to": 1704107210})
    assert [row["price"] for row in within][:2] == ["60000.2", "60000.1"]


def test_candles_are_made_of_trades(gate: Any) -> None:
    gate.wait(3600)
    trade(gate, "60000", "0.01")
    gate.wait(5)
    trade(gate, "60100", "0.02")
    row = public(gate, "/candlesticks", contract="BTC_USDT", interval="1m", limit=1)[-1]
    wanted = {"t": 1704070800, "o": "60000", "h": "60100", "l": "60000", "c": "60100", "v": "300"}
    assert {name: row[name] for name in wanted} == wanted
    assert "v" not in public(gate, "/candlesticks", contract="mark_BTC_USDT", interval="1m", limit=1)[-1]


def test_candles_take_a_limit_or_a_range(gate: Any) -> None:
    both = public(gate, "/candlesticks", contract="BTC_USDT", limit=10, **{"from": 1704067200})
    assert both.label == "INVALID_PARAM_VALUE"
    assert public(gate, "/candlesticks", contract="BTC_USDT", limit=2001).status == 400
    old = public(gate, "/candlesticks", contract="BTC_USDT", interval="1m", **{"from": 1, "to": 100})
    assert "10000" in old.json["message"]
    assert public(gate, "/candlesticks", contract="BTC_USDT", interval="2m").status == 400


def test_a_ticker_shows_the_best_prices(gate: Any) -> None:
    (ticker,) = public(gate, "/tickers", contract="BTC_USDT")
    assert (ticker["lowest_ask"], ticker["lowest_size"]) == ("60000.1", "1000")
    assert (ticker["highest_bid"], ticker["mark_price"]) == ("59999.9", "60000")
    assert len(public(gate, "/tickers")) == 5
    empty = public(gate, "/tickers", contract="SOL_USDT")[0]
    assert empty["lowest_ask"] == ""


def test_funding_is_told_one_by_one_and_in_a_batch(gate: Any) -> None:
    assert public(gate, "/funding_rate", contract="BTC_USDT") == []
    answer = gate.call("POST", "/futures/usdt/funding_rates", None, {"contracts": ["BTC_USDT"]}, signed=False)
    assert answer.json == [{"contract": "BTC_USDT", "data": []}]


def test_tiers_are_told_by_contract_and_by_table(gate: Any) -> None:
    (tier,) = public(gate, "/risk_limit_tiers", contract="BTC_USDT")
    assert (tier["tier"], tier["leverage_max"], tier["maintenance_rate"]) == (1, "100", "0.005")
    assert public(gate, "/risk_limit_tiers", limit=1)[0]["contract"] == "BTC_USDT"
    table = gate.get("/positions/BTC_USDT")["risk_limit_table"]
    assert public(gate, "/risk_limit_table", table_id=table) == [tier]


def test_a_needed_parameter_is_missed(gate: Any) -> None:
    for path in ("/order_book", "/trades", "/candlesticks", "/funding_rate", "/contract_stats", "/premium_index"):
        assert public(gate, path).label == "MISSING_REQUIRED_PARAM"
    assert public(gate, "/liq_orders", **{"from": 1, "to": 4000}).label == "INVALID_PARAM_VALUE"
    assert public(gate, "/liq_orders", contract="BTC_USDT") == []


def test_the_time_is_the_venues(gate: Any) -> None:
    answer = gate.call("GET", "/spot/time", signed=False)
    assert answer.json == {"server_time": 1704067200000}
    gate.dialect.stage.skew_ns = 5_000_000_000
    assert gate.call("GET", "/spot/time", signed=False).json == {"server_time": 1704067205000}


def test_what_clients_ask_as_they_start_is_answered(gate: Any) -> None:
    assert gate.call("GET", "/spot/currencies", signed=False).json[0]["currency"] == "USDT"
    assert gate.call("GET", "/spot/currency_pairs", signed=False).json == []
    assert gate.call("GET", "/account/detail").json["key"] == {"mode": 1}
    assert gate.call("GET", "/unified/accounts").status == 400


def test_the_wrong_method_is_not_allowed(gate: Any) -> None:
    answer = gate.call("DELETE", "/futures/usdt/tickers")
    assert (answer.status, answer.label) == (405, "METHOD_NOT_ALLOWED")
