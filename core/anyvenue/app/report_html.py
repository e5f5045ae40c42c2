"""The report of a run as one page of HTML that needs nothing from outside: no script, no font, no address."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from typing import Final

from anyvenue.app.charts import Chart, Mark, Series, svg, thin
from anyvenue.app.figures import NOTHING, duration, money, percent, plain, quantity, time_text
from anyvenue.app.report import LATENCY_HEAD, STOPPED, Totals, currencies, latency_rows, totals
from anyvenue.engine.result import FillPoint, InstrumentResult, RunResult
from anyvenue.model.enums import Side

__all__ = ["html"]

_FILLS_LISTED: Final = 100
_MARKS_MAX: Final = 800


def html(result: RunResult) -> str:
    """Return the page."""
    settles = currencies(result)
    amounts = [totals(result, settle) for settle in settles]
    sections = [
        _header(result),
        _tiles(result, amounts),
        _equity(result, settles),
        *(_instrument(result, row) for row in result.instruments),
        _figures(result, amounts),
        _instruments_table(result),
        _latency(result),
        _fills_table(result),
    ]
    title = f"{escape(result.strategy)}: run report"
    return _PAGE.format(title=title, style=_STYLE, body="\n".join(section for section in sections if section))


def _header(result: RunResult) -> str:
    span = f"{time_text(result.ts_start)} to {time_text(result.ts_end)} UTC"
    facts = f"{span} &middot; {duration(result.ts_end - result.ts_start)} &middot; {result.events:,} events"
    failed = f'<p class="failure">{escape(result.failure)}</p>' if result.failure else ""
    stopped = escape(STOPPED.get(result.stopped, result.stopped))
    return f"<header><h1>{escape(result.strategy)}</h1><p>{facts} &middot; {stopped}</p>{failed}</header>"


def _tiles(result: RunResult, amounts: Sequence[Totals]) -> str:
    tiles = [
        (f"Net PnL, {row.settle}", money(row.net_pnl, row.settle, sign=True).rsplit(" ", 1)[0], _tone(row.net_pnl))
        for row in amounts
    ]
    tiles += [
        ("Orders", f"{result.orders:,}", ""),
        ("Fills", f"{result.fills:,}", ""),
        ("Maker share", " / ".join(percent(row.maker_share) for row in amounts) or NOTHING, ""),
        ("Max drawdown", money(result.max_drawdown, _only(amounts)).rsplit(" ", 1)[0], ""),
    ]
    items = "".join(f'<div><dt>{escape(n)}</dt><dd class="{tone}">{escape(v)}</dd></div>' for n, v, tone in tiles)
    return f'<dl class="tiles">{items}</dl>'


def _equity(result: RunResult, settles: Sequence[str]) -> str:
    points = [(point.ts, float(point.equity)) for point in result.equity if point.ts >= result.ts_start]
    base = points[0][1] if points else None
    unit = f", {settles[0]}" if len(settles) == 1 else ""
    line = Series(points, "equity", filled=True)
    chart = Chart(label=f"Equity over time{unit}", series=[line], base=base, span=_span(result))
    return _figure(f"Equity{unit}", "Balance and unrealised profit; the dashed line is the start.", svg(chart))


def _instrument(result: RunResult, row: InstrumentResult) -> str:
    fills = [fill for fill in result.fill_points if fill.key == row.key]
    name = f"{row.connection}:{row.symbol}"
    marks = thin([_mark(fill, row) for fill in fills], _MARKS_MAX)
    prices = [(ts, float(price)) for ts, price in row.prices]
    if not prices:
        prices = [(fill.ts, float(fill.price)) for fill in fills]
    drawn = f"{len(marks):,} of {row.fills:,} fills" if len(marks) < row.fills else f"{row.fills:,} fills"
    key = '<span class="buy">&#9650; buys</span> <span class="sell">&#9660; sells</span>'
    span = _span(result)
    price = Chart(
        label=f"Mid price of {name} with fills", series=[Series(prices, "price")], marks=marks, span=span, height=320
    )
    parts = [_figure(f"Price of {name}", f"Mid price and {drawn}: {key}", svg(price))]
    if fills:
        line = Series(_inventory(fills, result), "inventory", stepped=True, filled=True)
        inventory = Chart(label=f"Inventory of {name}", series=[line], base=0.0, span=span)
        parts.append(_figure(f"Inventory of {name}, {row.quantity_unit}", "Position after each fill.", svg(inventory)))
    return "\n".join(parts)


def _span(result: RunResult) -> tuple[int, int]:
    times = [result.ts_start, result.ts_end, *(fill.ts for fill in result.fill_points)]
    return min(times), max(times)


def _mark(fill: FillPoint, row: InstrumentResult) -> Mark:
    text = (
        f"{time_text(fill.ts, millis=True)} {fill.side.value} {quantity(fill.quantity, row.quantity_unit)} "
        f"at {plain(fill.price)}, {fill.liquidity.value}"
    )
    return Mark(fill.ts, float(fill.price), fill.side is Side.BUY, text)


def _inventory(fills: Sequence[FillPoint], result: RunResult) -> list[tuple[int, float]]:
    start, end = _span(result)
    before = fills[0].position_after - fills[0].quantity * fills[0].side.sign
    after = [(fill.ts, float(fill.position_after)) for fill in fills]
    return [(start, float(before)), *after, (end, after[-1][1])]


def _figures(result: RunResult, amounts: Sequence[Totals]) -> str:
    counts = [
        ("Orders sent", f"{result.orders:,}"),
        ("Amends", f"{result.amends:,}"),
        ("Cancels", f"{result.cancels:,}"),
        ("Canceled", f"{result.canceled:,}"),
        ("Refused", f"{result.refused:,}"),
        ("Of unknown fate", f"{result.unknown:,}"),
        ("Fills", f"{result.fills:,}"),
    ]
    for row in amounts:
        counts += [
            ("Turnover", money(row.turnover, row.settle)),
            ("Maker share of it", percent(row.maker_share)),
            ("Realised PnL", money(row.realized_pnl, row.settle, sign=True)),
            ("Unrealised PnL", money(row.unrealized_pnl, row.settle, sign=True)),
            ("Fees" if row.fees >= 0 else "Fees, received as rebates", money(-row.fees, row.settle, sign=True)),
            ("Funding", money(row.funding, row.settle, sign=True)),
            ("Net PnL", money(row.net_pnl, row.settle, sign=True)),
            ("Slippage, cost against the mid", money(row.slippage, row.settle)),
        ]
    counts.append(("Max drawdown", money(result.max_drawdown, _only(amounts))))
    return _section("Figures", _table((), counts), "narrow")


def _instruments_table(result: RunResult) -> str:
    if not result.instruments:
        return ""
    head = ("Instrument", "Orders", "Fills", "Volume", "Maker", "Fees", "Net PnL", "Inventory", "Lowest", "Highest")
    rows = [
        (
            f"{row.connection}:{row.symbol}",
            f"{row.orders:,}",
            f"{row.fills:,}",
            quantity(row.volume, row.quantity_unit),
            percent(row.maker_share),
            money(-row.fees, row.settle, sign=True),
            money(row.net_pnl, row.settle, sign=True),
            quantity(row.inventory),
            quantity(row.inventory_min),
            quantity(row.inventory_max),
        )
        for row in result.instruments
    ]
    return _section("Instruments", _table(head, rows))


def _latency(result: RunResult) -> str:
    if not result.latency:
        return ""
    head = tuple(name.capitalize() for name in LATENCY_HEAD)
    return _section("Latency", _table(head, latency_rows(result)))


def _fills_table(result: RunResult) -> str:
    last = result.fill_points[-_FILLS_LISTED:][::-1]
    if not last:
        return ""
    units = {row.key: row.quantity_unit for row in result.instruments}
    head = ("Time, UTC", "Instrument", "Side", "Price", "Quantity", "Liquidity", "Position after")
    rows = [
        (
            time_text(fill.ts, millis=True),
            fill.key,
            fill.side.value,
            plain(fill.price),
            quantity(fill.quantity, units.get(fill.key, "")),
            fill.liquidity.value,
            quantity(fill.position_after),
        )
        for fill in last
    ]
    title = f"Last {len(last):,} of {result.fills:,} fills" if len(last) < result.fills else "Fills"
    return _section(title, _table(head, rows, [fill.side.value for fill in last]))


def _section(title: str, content: str, style: str = "") -> str:
    return f'<section><h2>{escape(title)}</h2><div class="scroll {style}">{content}</div></section>'


def _figure(title: str, caption: str, drawing: str) -> str:
    """`caption` and `drawing` are HTML already."""
    head = f"<h2>{escape(title)}</h2><figcaption>{caption}</figcaption>"
    return f'<figure>{head}<div class="scroll">{drawing}</div></figure>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], classes: Sequence[str] = ()) -> str:
    parts = ["<table>"]
    if head:
        parts.append("<thead><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in head) + "</tr></thead>")
    for index, row in enumerate(rows):
        kind = f' class="{classes[index]}"' if classes else ""
        parts.append(f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
    return "".join(parts) + "</table>"


def _only(amounts: Sequence[Totals]) -> str:
    return amounts[0].settle if len(amounts) == 1 else ""


def _tone(value: Decimal) -> str:
    return "up" if value > 0 else "down" if value < 0 else ""


_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

_STYLE: Final = """
:root { --paper: #ffffff; --card: #f6f7f9; --ink: #1b2430; --soft: #5d6978; --rule: #e1e5ea; --axis: #aab3be;
  --equity: #2a62c9; --inventory: #7a4fc0; --price: #6b7785; --buy: #0a8f6c; --sell: #d2491f; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #12161c; --card: #1a2029; --ink: #e4e9f0; --soft: #98a4b3; --rule: #2a323d; --axis: #54606f;
    --equity: #7aa7ff; --inventory: #b794f0; --price: #93a0b0; --buy: #3ccf9f; --sell: #ff8a5f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { margin: 0; font-size: 26px; letter-spacing: -0.01em; }
h2 { margin: 0; font-size: 16px; }
header p { margin: 4px 0 0; color: var(--soft); }
header .failure { color: var(--sell); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(160px, 1fr)); gap: 12px; margin: 22px 0 8px; }
.tiles div { background: var(--card); border-radius: 10px; padding: 12px 16px; }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 2px 0 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.up { color: var(--buy); } .down { color: var(--sell); }
figure, section { margin: 30px 0 0; }
figcaption { color: var(--soft); font-size: 13px; }
figcaption .buy, tr.buy td:nth-child(3) { color: var(--buy); }
figcaption .sell, tr.sell td:nth-child(3) { color: var(--sell); }
svg { display: block; width: 100%; min-width: 640px; height: auto; }
svg .grid { stroke: var(--rule); } svg .axis, svg .notch { stroke: var(--axis); }
svg .base { stroke: var(--soft); stroke-dasharray: 4 4; }
svg .tick { fill: var(--soft); font-size: 12px; font-variant-numeric: tabular-nums; }
svg .line { fill: none; stroke-width: 1.6; stroke-linejoin: round; }
svg .area { stroke: none; opacity: 0.13; }
svg .line.equity { stroke: var(--equity); } svg .area.equity { fill: var(--equity); }
svg .line.inventory { stroke: var(--inventory); } svg .area.inventory { fill: var(--inventory); }
svg .line.price { stroke: var(--price); stroke-width: 1.2; }
svg .mark { stroke: var(--paper); stroke-width: 0.7; }
svg .mark.buy { fill: var(--buy); } svg .mark.sell { fill: var(--sell); }
.empty { color: var(--soft); }
.scroll { overflow-x: auto; margin-top: 8px; }
.narrow { max-width: 520px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; font-size: 13px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
"""
