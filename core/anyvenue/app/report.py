"""The report of a run as text and as JSON. Pure: the same result gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import orjson
from attrs import frozen

from anyvenue.app.figures import NOTHING, duration, latency, money, percent, plain, quantity, time_text
from anyvenue.app.text_table import text_table
from anyvenue.engine.result import InstrumentResult, RunResult
from anyvenue.model.numbers import ZERO

__all__ = [
    "LATENCY_HEAD",
    "STOPPED",
    "Totals",
    "currencies",
    "json_bytes",
    "latency_rows",
    "report_data",
    "text",
    "totals",
]

STOPPED: Final = {
    "finished": "finished",
    "duration": "its time was up",
    "interrupted": "interrupted",
    "strategy_failed": "the strategy failed",
    "trading_ended": "trading ended",
}
"""Why a run ended, in words."""

LATENCY_HEAD: Final = ("latency", "median", "90 %", "99 %", "longest", "count")
_SHARE_PLACES: Final = Decimal("0.000001")


@frozen(kw_only=True)
class Totals:
    """Sums over all instruments that settle in one currency."""

    settle: str
    turnover: Decimal
    maker_turnover: Decimal
    fees: Decimal
    funding: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal
    slippage: Decimal

    @property
    def net_pnl(self) -> Decimal:
        """Realised and unrealised profit, less fees, plus funding."""
        return self.realized_pnl + self.unrealized_pnl - self.fees + self.funding

    @property
    def maker_share(self) -> Decimal | None:
        """Part of the turnover that made liquidity; None without a fill."""
        return self.maker_turnover / self.turnover if self.turnover else None


def currencies(result: RunResult) -> list[str]:
    """Return the settle currencies of a run."""
    return sorted({row.settle for row in result.instruments})


def totals(result: RunResult, settle: str) -> Totals:
    """Return the sums of one settle currency: money of different currencies is never added."""
    rows = [row for row in result.instruments if row.settle == settle]

    def total(name: str) -> Decimal:
        return sum((getattr(row, name) for row in rows), ZERO)

    return Totals(
        settle=settle,
        turnover=total("turnover"),
        maker_turnover=total("maker_turnover"),
        fees=total("fees"),
        funding=total("funding"),
        realized_pnl=total("realized_pnl"),
        unrealized_pnl=total("unrealized_pnl"),
        slippage=total("slippage"),
    )


def report_data(result: RunResult) -> dict[str, Any]:
    """Return the report as JSON knows it: counts as numbers, exact numbers as text, times in ns and as text."""
    return {
        "strategy": result.strategy,
        "stopped": result.stopped,
        "failure": result.failure,
        "start": _time(result.ts_start),
        "end": _time(result.ts_end),
        "ts_start": result.ts_start,
        "ts_end": result.ts_end,
        "events": result.events,
        "orders": result.orders,
        "fills": result.fills,
        "amends": result.amends,
        "cancels": result.cancels,
        "canceled": result.canceled,
        "refused": result.refused,
        "unknown": result.unknown,
        "max_drawdown": plain(result.max_drawdown),
        "totals": {settle: _totals_data(totals(result, settle)) for settle in currencies(result)},
        "instruments": [_instrument_data(row) for row in result.instruments],
        "latency_ns": {
            row.name.replace(" ", "_"): {
                "count": row.count,
                "p50": row.p50,
                "p90": row.p90,
                "p99": row.p99,
                "longest": row.longest,
            }
            for row in result.latency
        },
    }


def json_bytes(result: RunResult) -> bytes:
    """Return the report as one JSON document, ended by a newline."""
    return orjson.dumps(report_data(result), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def text(result: RunResult) -> str:
    """Return the report as text for a terminal, ended by a newline."""
    settles = currencies(result)
    figures = _counts(result)
    for settle in settles:
        figures += _amounts(totals(result, settle))
    figures.append(("max drawdown", money(result.max_drawdown, settles[0] if len(settles) == 1 else ""), ""))
    width = max(len(value) for _, value, _ in figures)
    lines = _heading(result)
    lines += ["", *(f"  {name:<16}{value:>{width}}  {note}".rstrip() for name, value, note in figures)]
    lines += ["", *_table(result.instruments)]
    if result.latency:
        lines += ["", *_indented([LATENCY_HEAD, *latency_rows(result)])]
    return "\n".join(lines) + "\n"


def latency_rows(result: RunResult) -> list[tuple[str, ...]]:
    """Return the rows of the table of how long things took."""
    return [
        (row.name, *map(latency, (row.p50, row.p90, row.p99, row.longest)), f"{row.count:,}") for row in result.latency
    ]


def _time(ts: int) -> str:
    return time_text(ts, millis=True).replace(" ", "T") + "Z"


def _totals_data(row: Totals) -> dict[str, Any]:
    return {
        "net_pnl": plain(row.net_pnl),
        "realized_pnl": plain(row.realized_pnl),
        "unrealized_pnl": plain(row.unrealized_pnl),
        "fees": plain(row.fees),
        "funding": plain(row.funding),
        "turnover": plain(row.turnover),
        "maker_share": _share(row.maker_share),
        "slippage": plain(row.slippage),
    }


def _instrument_data(row: InstrumentResult) -> dict[str, Any]:
    return {
        "connection": row.connection,
        "symbol": row.symbol,
        "settle": row.settle,
        "quantity_unit": row.quantity_unit,
        "orders": row.orders,
        "fills": row.fills,
        "maker_fills": row.maker_fills,
        "volume": plain(row.volume),
        "turnover": plain(row.turnover),
        "maker_share": _share(row.maker_share),
        "net_pnl": plain(row.net_pnl),
        "realized_pnl": plain(row.realized_pnl),
        "unrealized_pnl": plain(row.unrealized_pnl),
        "fees": plain(row.fees),
        "funding": plain(row.funding),
        "slippage": plain(row.slippage),
        "inventory": plain(row.inventory),
        "inventory_max": plain(row.inventory_max),
        "inventory_min": plain(row.inventory_min),
        "mark": None if row.mark is None else plain(row.mark),
    }


def _share(share: Decimal | None) -> str | None:
    return None if share is None else plain(share.quantize(_SHARE_PLACES))


def _heading(result: RunResult) -> list[str]:
    lines = [f"{result.strategy}: {STOPPED.get(result.stopped, result.stopped)}"]
    if result.failure:
        lines.append(f"  {result.failure}")
    span = f"{time_text(result.ts_start)} to {time_text(result.ts_end)} UTC"
    lines.append(f"  {span}, {duration(result.ts_end - result.ts_start)}, {result.events:,} events")
    return lines


def _counts(result: RunResult) -> list[tuple[str, str, str]]:
    orders = [f"{result.amends:,} amends", f"{result.cancels:,} cancels", f"{result.refused:,} refused"]
    if result.unknown:
        orders.append(f"{result.unknown:,} of unknown fate")
    return [("orders", f"{result.orders:,}", ", ".join(orders)), ("fills", f"{result.fills:,}", "")]


def _amounts(row: Totals) -> list[tuple[str, str, str]]:
    def amount(value: Decimal) -> str:
        return money(value, row.settle, sign=True)

    share = f"{percent(row.maker_share)} as maker" if row.turnover else ""
    return [
        ("turnover", money(row.turnover, row.settle), share),
        ("realised PnL", amount(row.realized_pnl), ""),
        ("unrealised PnL", amount(row.unrealized_pnl), ""),
        ("fees", amount(-row.fees), "paid" if row.fees > 0 else "received as rebates" if row.fees else ""),
        ("funding", amount(row.funding), ""),
        ("net PnL", amount(row.net_pnl), ""),
        ("slippage", money(row.slippage, row.settle), "cost against the mid when orders were priced"),
    ]


def _table(rows: Sequence[InstrumentResult]) -> list[str]:
    if not rows:
        return ["  no order was sent"]
    table = [("instrument", "orders", "fills", "maker", "net PnL", "inventory", "lowest", "highest", "mark")]
    table += [
        (
            f"{row.connection}:{row.symbol}",
            f"{row.orders:,}",
            f"{row.fills:,}",
            percent(row.maker_share),
            money(row.net_pnl, row.settle, sign=True),
            quantity(row.inventory, row.quantity_unit),
            quantity(row.inventory_min),
            quantity(row.inventory_max),
            NOTHING if row.mark is None else plain(row.mark),
        )
        for row in rows
    ]
    return _indented(table)


def _indented(table: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"  {line}" for line in text_table(table)]
