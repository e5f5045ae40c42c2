"""Runs that are killed at random instants, a few of them, and that what is wrong afterwards would be seen."""

from __future__ import annotations

import copy
import importlib.util
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import evolve

ROOT = Path(__file__).resolve().parents[2]
KILLS = 5

Again = Callable[..., str]


@pytest.fixture(scope="module")
def bench() -> Any:
    """The bench, which is a script and no module of a package."""
    spec = importlib.util.spec_from_file_location("crash", ROOT / "bench" / "crash.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["crash"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["crash"]


@pytest.fixture(scope="module")
def crash(bench: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Return a bench that has killed a few runs at a venue and compared."""
    bench.LAST_RUN_S = 5.0  # what is in doubt is settled within 4 s

    def crash(venue: str) -> Any:
        made = bench.Crash(
            venue, tmp_path_factory.mktemp(venue), seed=9
        )  # whose GaiaEx books an order each time it comes
        made.run(KILLS)
        return made

    return crash


@pytest.fixture(scope="module")
def crashed(crash: Callable[[str], Any]) -> Any:
    """A bench that has killed a few runs and compared."""
    return crash("gateio")


@pytest.fixture
def again(bench: ModuleType, crashed: Any, tmp_path: Path) -> Again:
    """Return what compares once more, after a change to a copy of what was booked and of the journal.

    `terms` are those of a venue that differs from Gate in them.
    """

    def again(change: Callable[[Any, sqlite3.Connection], object], **terms: Any) -> str:
        journal = Path(shutil.copy(crashed.journal, tmp_path / "journal.db"))
        booked, figures = copy.deepcopy(crashed.booked), bench.Figures()
        with closing(sqlite3.connect(journal, isolation_level=None)) as database:
            change(booked, database)
        bench.compare(journal, booked, evolve(bench.TARGETS["gateio"], **terms), figures)
        assert sum(figures.faults.values()) == len(figures.wrong)
        return "\n".join(figures.wrong)

    return again


def test_nothing_is_lost_doubled_or_made_up(crashed: Any) -> None:
    figures = crashed.figures
    assert figures.wrong == figures.unknown == []
    assert figures.counts["kills"] == KILLS
    assert figures.counts["intents"] >= figures.counts["orders"] > KILLS
    assert figures.counts["fills"] > 0


def test_neither_is_it_where_the_venue_can_be_asked_about_nothing(crash: Callable[[str], Any]) -> None:
    figures = crash("gaiaex").figures
    assert figures.wrong == []
    assert figures.counts["kills"] == KILLS
    assert figures.counts["intents"] >= figures.counts["orders"] > KILLS


def test_what_is_as_it_was_is_not_wrong(again: Again) -> None:
    assert again(lambda booked, database: None) == ""


def test_an_order_that_was_sent_twice_is_found_out(again: Again) -> None:
    def twice(booked: Any, database: sqlite3.Connection) -> None:
        booked.orders["again"] = next(iter(booked.orders.values()))

    assert "at the venue 2 times" in again(twice)


@pytest.mark.parametrize("more", [0, 1])
def test_where_an_amend_makes_another_order_one_more_than_that_is_found_out(
    bench: ModuleType, crashed: Any, again: Again, more: int
) -> None:
    name, amends = bench.Written.read(crashed.journal).amends.most_common(1)[0]
    called = bench.TARGETS["gateio"].named(name)

    def anew(booked: Any, database: sqlite3.Connection) -> None:
        first = next(order for order in booked.orders.values() if order["client_id"] == called)
        for number in range(amends + more):
            booked.orders[f"anew {number}"] = first | {"filled": "0", "state": "canceled"}

    found = again(anew, amends_anew=True)
    assert found == (f"{called}: at the venue {amends + 2} times" if more else "")


def test_an_order_that_nobody_wrote_down_is_found_out(again: Again) -> None:
    def made_up(booked: Any, database: sqlite3.Connection) -> None:
        booked.orders["new"] = next(iter(booked.orders.values())) | {"client_id": "t-avnobody-1"}

    assert again(made_up) == "t-avnobody-1: at the venue, not in the journal"


def test_an_order_that_is_left_open_is_found_out(again: Again) -> None:
    def left_open(booked: Any, database: sqlite3.Connection) -> None:
        next(iter(booked.orders.values()))["state"] = "open"

    assert "left open at the venue" in again(left_open)


def test_an_order_whose_end_nobody_heard_is_found_out(again: Again) -> None:
    def forget(booked: Any, database: sqlite3.Connection) -> None:
        database.execute(
            "DELETE FROM records WHERE kind = 'event' AND CAST(data AS TEXT) LIKE '%\"state\":\"canceled\"%'"
        )

    assert "canceled at the venue, open in the journal" in again(forget)


def test_a_fill_that_is_missing_is_found_out(again: Again) -> None:
    def lose(booked: Any, database: sqlite3.Connection) -> None:
        booked.fills.popitem()

    assert "None at the venue" in again(lose)


def test_a_position_that_differs_is_found_out(again: Again) -> None:
    def move(booked: Any, database: sqlite3.Connection) -> None:
        booked.positions["ETH-USDT-PERP"] = booked.positions.get("ETH-USDT-PERP", 0) + 1

    assert "positions:" in again(move)
