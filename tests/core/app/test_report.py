"""The report as text and as JSON, against texts worked out by hand."""

from __future__ import annotations

import json
from decimal import Decimal

import orjson
from attrs import evolve

from anyvenue.app.report import json_bytes, text, totals
from anyvenue.engine.result import RunResult
from anyvenue.model.histogram import Durations

# Net: 1.00 + 1.50 - 0.4505 - 0.01 = 2.0395. Maker share: 1000 / 1501 = 66.6 %.
TEXT = """\
Echo: finished
  2024-08-08 00:00:00 to 2024-08-08 00:01:30 UTC, 1 min 30 s, 12,345 events

  orders                      3  4 amends, 1 cancels, 0 refused
  fills                       2
  turnover        1,501.00 USDT  66.6 % as maker
  realised PnL       +1.00 USDT
  unrealised PnL     +1.50 USDT
  fees               -0.45 USDT  paid
  funding            -0.01 USDT
  net PnL            +2.04 USDT
  slippage           -0.30 USDT  cost against the mid when orders were priced
  max drawdown        0.75 USDT

  instrument          orders  fills   maker     net PnL  inventory  lowest  highest   mark
  main:BTC-USDT-PERP       3      2  66.6 %  +2.04 USDT   0.01 BTC       0     0.02  50150
"""

JSON = """\
{
  "strategy": "Echo",
  "stopped": "finished",
  "failure": "",
  "start": "2024-08-08T00:00:00.000Z",
  "end": "2024-08-08T00:01:30.000Z",
  "ts_start": 1723075200000000000,
  "ts_end": 1723075290000000000,
  "events": 12345,
  "orders": 3,
  "fills": 2,
  "amends": 4,
  "cancels": 1,
  "canceled": 1,
  "refused": 0,
  "unknown": 0,
  "max_drawdown": "0.75",
  "totals": {
    "USDT": {
      "net_pnl": "2.0395",
      "realized_pnl": "1",
      "unrealized_pnl": "1.5",
      "fees": "0.4505",
      "funding": "-0.01",
      "turnover": "1501",
      "maker_share": "0.666223",
      "slippage": "-0.3"
    }
  },
  "instruments": [
    {
      "connection": "main",
      "symbol": "BTC-USDT-PERP",
      "settle": "USDT",
      "quantity_unit": "BTC",
      "orders": 3,
      "fills": 2,
      "maker_fills": 1,
      "volume": "0.03",
      "turnover": "1501",
      "maker_share": "0.666223",
      "net_pnl": "2.0395",
      "realized_pnl": "1",
      "unrealized_pnl": "1.5",
      "fees": "0.4505",
      "funding": "-0.01",
      "slippage": "-0.3",
      "inventory": "0.01",
      "inventory_max": "0.02",
      "inventory_min": "0",
      "mark": "50150"
    }
  ],
  "latency_ns": {}
}
"""


def test_text(result: RunResult) -> None:
    assert text(result) == TEXT


def test_json(result: RunResult) -> None:
    assert json_bytes(result).decode() == JSON


LATENCY = (
    Durations(name="frame to callback done", count=12_345, p50=8_300, p90=12_900, p99=120_400, longest=999_400),
    Durations(name="wire to answer", count=3, p50=2_400_000, p90=99_960_000, p99=1_200_000_000, longest=61_000_000_000),
)


def test_how_long_things_took_is_told_of_a_run_on_the_walls_clock(result: RunResult) -> None:
    measured = evolve(result, latency=LATENCY)
    assert (
        text(measured).removeprefix(TEXT)
        == """
  latency                 median     90 %    99 %  longest   count
  frame to callback done  8.3 us  12.9 us  120 us   999 us  12,345
  wire to answer          2.4 ms   100 ms   1.2 s   61.0 s       3
"""
    )
    assert orjson.loads(json_bytes(measured))["latency_ns"]["wire_to_answer"] == {
        "count": 3,
        "p50": 2_400_000,
        "p90": 99_960_000,
        "p99": 1_200_000_000,
        "longest": 61_000_000_000,
    }


def test_a_failure_and_unknown_fates_are_told(result: RunResult) -> None:
    failed = evolve(result, stopped="strategy_failed", failure="on_book: ValueError: no", unknown=2)
    lines = text(failed).splitlines()
    assert lines[:2] == ["Echo: the strategy failed", "  on_book: ValueError: no"]
    assert "  orders                      3  4 amends, 1 cancels, 0 refused, 2 of unknown fate" in lines
    assert json.loads(json_bytes(failed))["failure"] == "on_book: ValueError: no"


def test_a_run_without_an_order(result: RunResult) -> None:
    nothing = evolve(result, instruments=(), orders=0, fills=0, max_drawdown=Decimal(0))
    assert text(nothing).endswith("  max drawdown    0.00000000\n\n  no order was sent\n")
    assert json.loads(json_bytes(nothing))["totals"] == {}


def test_money_of_two_currencies_is_not_added(result: RunResult) -> None:
    [row] = result.instruments
    inverse = evolve(row, key="main:BTC-USD-PERP", symbol="BTC-USD-PERP", settle="BTC", quantity_unit="USD")
    unfilled = evolve(inverse, turnover=Decimal(0), maker_turnover=Decimal(0), mark=None)
    both = evolve(result, instruments=(row, unfilled))
    assert totals(both, "USDT").net_pnl == row.net_pnl
    assert totals(both, "BTC").maker_share is None
    told = text(both)
    assert "\n  turnover         0.00000000 BTC\n" in told
    assert "\n  turnover          1,501.00 USDT  66.6 % as maker\n" in told
    assert json.loads(json_bytes(both))["totals"]["BTC"]["maker_share"] is None
    assert json.loads(json_bytes(both))["instruments"][1]["mark"] is None
