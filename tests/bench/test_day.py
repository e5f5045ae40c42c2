"""A day of faults, for some minutes, and that what an engine would believe wrongly is found out."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anyvenue.engine.orders import OrderManager
from anyvenue.engine.portfolio import Portfolio
from anyvenue.model.book_side import Level
from anyvenue.model.order import Order


@pytest.fixture
def day(script: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The bench, in a hurry: two calms in five minutes, and something of the greater sort every half minute."""
    module = script("day")
    for name, value in (("CYCLE_S", 150), ("CALM_S", 75), ("EPISODES_S", 30)):
        monkeypatch.setattr(module, name, value)
    return module


def passed(day: Any, folder: Path, venue: str = "gateio", seed: int = 1) -> Any:
    """Return what five minutes came to."""
    run = day.Day(venue, 0.08, folder, seed)
    asyncio.run(run.run())
    return run.figures


@pytest.mark.parametrize(("venue", "seed"), [("gateio", 1), ("gateio", 2), ("gaiaex", 1)])
def test_after_every_calm_engine_and_venue_are_of_one_mind(day: Any, tmp_path: Path, venue: str, seed: int) -> None:
    figures = passed(day, tmp_path, venue, seed)
    counts = figures.counts
    assert figures.wrong == []
    assert counts["comparisons"] == 2
    assert counts["single faults"] > 60
    assert sum(count for name, count in counts.items() if name.startswith("episode")) > 0
    assert counts["fates compared"] > 20
    assert counts["fills at the venue"] > 10


def test_a_fill_that_is_not_booked_is_found_out(day: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book, seen = Portfolio.book, []

    def careless(self: Portfolio, fill: Any) -> Any:
        seen.append(fill)
        return self.position(fill.instrument, fill.position_side) if len(seen) == 5 else book(self, fill)

    monkeypatch.setattr(Portfolio, "book", careless)
    monkeypatch.setattr("anyvenue.engine.reconcile_positions.PositionCheck._compare", lambda self, *_, **__: None)
    assert "position:" in " ".join(passed(day, tmp_path).wrong)


def test_an_order_whose_end_is_not_believed_is_found_out(
    day: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, lied = OrderManager.apply, []

    def forgetful(self: OrderManager, order: Order, event: Any) -> Order:
        if order.client_order_id not in lied:
            order = apply(self, order, event)
            if order.is_resting and not lied:
                lied.append(order.client_order_id)
        return order

    monkeypatch.setattr(OrderManager, "apply", forgetful)
    wrong = passed(day, tmp_path).wrong
    assert lied
    assert any(lied[0] in text for text in wrong)


def test_a_level_of_the_book_that_differs_is_found_out(
    day: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = day.Beside.compare

    def compare(self: Any, where: str) -> None:
        book = type(self._exchange.book(self._target.symbol))
        levels = book.levels
        monkeypatch.setattr(book, "levels", lambda view, n: ([Level(Decimal(1), Decimal(1))], levels(view, n)[1]))
        exchange(self, where)
        monkeypatch.setattr(book, "levels", levels)

    monkeypatch.setattr(day.Beside, "compare", compare)
    assert "the book begins" in " ".join(passed(day, tmp_path).wrong)
