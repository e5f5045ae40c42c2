"""The HTML report: whole, self-contained, and with nothing of a stranger's text taken for markup."""

from __future__ import annotations

import re
from decimal import Decimal
from html.parser import HTMLParser

from attrs import evolve

from anyvenue.app.report_html import html
from anyvenue.engine.result import RunResult
from anyvenue.model.histogram import Durations

VOID = {"meta", "line", "path"}


class Balance(HTMLParser):
    """Checks that tags are closed in order, and keeps texts and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())


def parsed(page: str) -> Balance:
    balance = Balance()
    balance.feed(page)
    balance.close()
    assert balance.open == []
    return balance


def test_the_page_holds_figures_charts_and_fills(result: RunResult) -> None:
    page = html(result)
    texts = parsed(page).texts
    assert page.count("<svg ") == 3  # equity, price with fills, inventory
    for text in (
        "Echo",
        "+2.04",
        "Equity, USDT",
        "Price of main:BTC-USDT-PERP",
        "Inventory of main:BTC-USDT-PERP, BTC",
    ):
        assert text in texts
    assert page.count('class="mark buy"') == 1
    assert page.count('class="mark sell"') == 1
    assert "2024-08-08 00:00:20.000 buy 0.02 BTC at 50000, maker" in texts
    last = texts.index("2024-08-08 00:01:00.000")
    assert texts[last + 1 : last + 7] == ["main:BTC-USDT-PERP", "sell", "50100", "0.01 BTC", "taker", "0.01"]


def test_how_long_things_took_is_a_table_of_its_own(result: RunResult) -> None:
    row = Durations(name="wire to answer", count=1_234, p50=2_400_000, p90=3_000_000, p99=9_900_000, longest=12_000_000)
    assert "Latency" not in parsed(html(result)).texts
    texts = parsed(html(evolve(result, latency=(row,)))).texts
    last = texts.index("wire to answer")
    assert texts[last + 1 : last + 6] == ["2.4 ms", "3.0 ms", "9.9 ms", "12.0 ms", "1,234"]


def test_the_page_needs_nothing_from_outside(result: RunResult) -> None:
    page = html(result)
    assert not re.search(r"https?:|//[a-z]|<script|<link|<img|@import|url\(|src=|href=", page)
    assert "prefers-color-scheme: dark" in page
    assert html(result) == page


def test_text_of_strangers_is_only_text(result: RunResult) -> None:
    evil = '<script>alert("1")</script>&'
    [row] = result.instruments
    fills = tuple(evolve(fill, key=evil) for fill in result.fill_points)
    row = evolve(row, key=evil, symbol=evil, settle=evil, quantity_unit=evil, connection=evil)
    page = html(
        evolve(result, strategy=evil, stopped="strategy_failed", failure=evil, instruments=(row,), fill_points=fills)
    )
    assert "<script" not in page
    assert evil in parsed(page).texts


def test_a_run_in_which_nothing_happened(result: RunResult) -> None:
    page = html(evolve(result, instruments=(), equity=(), fill_points=(), orders=0, fills=0))
    texts = parsed(page).texts
    assert "Nothing to draw." in texts
    assert "<svg" not in page


def test_many_fills_are_thinned_in_the_picture_and_cut_in_the_table(result: RunResult) -> None:
    [row] = result.instruments
    fills = tuple(evolve(result.fill_points[0], ts=result.ts_start + i * 1_000_000) for i in range(5000))
    page = html(evolve(result, fill_points=fills, fills=5000, instruments=(evolve(row, fills=5000),)))
    assert page.count('class="mark') == 800
    assert "800 of 5,000 fills" in page
    assert "Last 100 of 5,000 fills" in page
    assert len(page) < 400_000


def test_equity_is_drawn_from_the_start_of_the_run_on(result: RunResult) -> None:
    early = evolve(result.equity[0], ts=result.ts_start - 1, equity=Decimal(0))
    assert html(evolve(result, equity=(early, *result.equity))) == html(result)
