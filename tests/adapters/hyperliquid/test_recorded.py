"""Every reader against what the real venue answered; expected values are read off the recording."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anyvenue.model.enums import Liquidity, OrderState, OrderType, Side, TradingStatus
from anyvenue.model.errors import RejectReason
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue_hyperliquid import instruments, rest

FILE = Path(__file__).parents[2] / "recorded" / "hyperliquid_rest_2023_2025" / "answers.jsonl"
ANSWERS: dict[str, Any] = {
    line["request"]["type"]: line["response"] for line in map(json.loads, FILE.read_text().splitlines())
}
NOW = 1_800_000_000_000_000_000


def market(name: str, decimals: int) -> Instrument:
    row = {"name": name, "szDecimals": decimals, "maxLeverage": 20, "asset": 0, "tiers": []}
    return instruments.read_instrument(row, "main")


FOUND = {name: market(name, decimals) for name, decimals in {"BTC": 5, "ETH": 4, "DYDX": 1, "SUI": 1, "INJ": 1}.items()}
FOUND |= {"kPEPE": market("kPEPE", 0), "TON": market("TON", 1), "APE": market("APE", 1)}


def test_markets_are_numbered_by_their_place() -> None:
    rows = instruments.dex_rows(ANSWERS["meta"], 0)
    assert [(row["name"], row["asset"]) for row in rows[:3]] == [("BTC", 0), ("ETH", 1), ("ATOM", 2)]
    btc = instruments.read_instrument(rows[0], "main")
    assert (btc.symbol, btc.quantity_step, btc.max_leverage) == ("BTC-USDC-PERP", Decimal("0.00001"), 50)
    assert btc.status is TradingStatus.TRADING
    # Answers of 2023 have no margin tables: one tier, without an end.
    (tier,) = instruments.risk_tiers(instruments.read_market(rows[0]))
    assert (tier.max_leverage, tier.initial_rate, tier.maintenance_rate) == (50, Decimal("0.02"), Decimal("0.01"))


def test_a_book() -> None:
    book = rest.read_book(ANSWERS["l2Book"], FOUND["DYDX"], NOW)
    assert (book.bids[0], book.asks[0]) == (("2.111", "134.4"), ("2.1124", "352.3"))
    assert (book.ts_event, book.ts_recv) == (1_689_630_203_930_000_000, NOW)


def test_candles() -> None:
    candle = rest.read_candle(ANSWERS["candleSnapshot"][0], FOUND["kPEPE"], NOW)
    assert (candle.interval_s, candle.ts_open, candle.closed) == (3600, 1_684_699_200_000_000_000, True)
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == tuple(
        Decimal(text) for text in ("0.001601", "0.001616", "0.001601", "0.001604", "520665683.0")
    )
    running = rest.read_candle(ANSWERS["candleSnapshot"][0], FOUND["kPEPE"], 1_684_702_799_000_000_000)
    assert not running.closed


def test_open_triggers() -> None:
    rows = [
        {"order": row, "status": "open", "statusTimestamp": row["timestamp"]} for row in ANSWERS["frontendOpenOrders"]
    ]
    take, stop = (rest.read_order(row, FOUND, ZERO, None, NOW) for row in rows)
    for found in (take, stop):
        assert (found.side, found.order_type, found.reduce_only) == (Side.SELL, OrderType.MARKET, True)
        assert (found.report.state, found.report.quantity) == (OrderState.OPEN, Decimal("12.5"))
    assert (take.report.venue_order_id, stop.report.price) == ("3184595907", Decimal("9.1954"))
    assert take.report.client_order_id is None


def test_orders_that_ended() -> None:
    rows = ANSWERS["historicalOrders"]
    refused = rest.read_order(rows[0], FOUND, ZERO, None, NOW)
    assert (refused.instrument, refused.order_type) == (FOUND["TON"], OrderType.MARKET)  # immediate: as good as one
    assert (refused.report.state, refused.report.reason) == (OrderState.REJECTED, RejectReason.NO_LIQUIDITY)
    canceled = rest.read_order(rows[3], FOUND, ZERO, None, NOW).report
    assert (canceled.state, canceled.reason, canceled.filled_quantity) == (OrderState.CANCELED, None, 0)
    assert canceled.ts_event == 1_755_863_118_217_000_000


def test_fills() -> None:
    # Answers of 2023 have no `tid`; all of today's have.
    fill = rest.read_fill(ANSWERS["userFills"][1] | {"tid": 7}, FOUND, NOW)
    assert (fill.side, fill.price, fill.quantity) == (Side.SELL, Decimal("1.3167"), Decimal("3749.1"))
    assert (fill.liquidity, fill.fee, fill.trade_id) == (Liquidity.TAKER, 0, "7-189324432-1683245884863")


def test_funding_settled_and_paid() -> None:
    rate = rest.read_funding_rate(ANSWERS["fundingHistory"][0], FOUND["BTC"], NOW)
    assert (rate.rate, rate.ts_settle, rate.settled) == (Decimal("-0.00061334"), 1_683_849_600_048_000_000, True)
    payment = rest.read_payment(ANSWERS["userFunding"][0], FOUND, NOW)
    assert (payment.amount, payment.rate) == (Decimal("0.145796"), Decimal("-0.00029319"))


def test_positions_and_money() -> None:
    state = ANSWERS["clearinghouseState"]
    positions = {one.instrument.base: one for one in rest.read_positions(state, FOUND, NOW)}
    assert set(positions) == {"BTC", "ETH", "DYDX", "APE", "SUI", "INJ"} & {
        row["position"]["coin"] for row in state["assetPositions"]
    }
    btc = positions["BTC"]
    assert (btc.quantity, btc.entry_price, btc.leverage) == (Decimal("-0.00785"), Decimal("26951.0"), 20)
    assert (btc.liquidation_price, positions["ETH"].liquidation_price) == (Decimal("173198.69592357"), None)
    profit = sum(Decimal(row["position"]["unrealizedPnl"]) for row in state["assetPositions"])
    balance = rest.read_balance([state], NOW)
    assert balance.total == Decimal(state["marginSummary"]["accountValue"]) - profit
    assert (balance.currency, balance.available) == ("USDC", Decimal(state["withdrawable"]))


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("open", "0", OrderState.OPEN),
        ("triggered", "1", OrderState.PARTIALLY_FILLED),
        ("filled", "1", OrderState.FILLED),
        ("canceled", "1", OrderState.CANCELED),
        ("scheduledCancel", "0", OrderState.CANCELED),
        ("internalCancel", "0", OrderState.CANCELED),
        ("siblingFilledCanceled", "0", OrderState.CANCELED),
        ("rejected", "0", OrderState.REJECTED),
        ("badAloPxRejected", "0", OrderState.REJECTED),
        ("someNewRejected", "0", OrderState.REJECTED),
        ("badAloPxRejected", "1", OrderState.CANCELED),  # of an order that was amended after it had traded
    ],
)
def test_a_status_means_what_its_ending_says(status: str, filled: str, state: OrderState) -> None:
    assert rest.state_of(status, Decimal(filled)) is state


def test_a_status_that_is_not_known_passes_for_none() -> None:
    with pytest.raises(ValueError, match="'paused'"):
        rest.state_of("paused", ZERO)
