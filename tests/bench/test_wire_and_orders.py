"""The benches of the wire and of the order path run, and measure what they say; how fast, they tell only by hand."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Import a program of the folder `bench`."""
    monkeypatch.syspath_prepend(str(BENCH))

    def imported(name: str) -> ModuleType:
        return importlib.import_module(name)

    return imported


def test_orders_are_placed_by_every_way_of_ours_and_by_others(load):
    pytest.importorskip("picows")
    clients = ["anyvenue-rest", "anyvenue-ws-journal", "anyvenue-ws-fast", "aiohttp"]
    found = load("orders").measure(rounds=1, count=3, clients=clients)
    assert set(found) == set(clients)
    assert all(row["median_us"] > 0 and row["cpu_us"] > 0 for row in found.values())


def test_trades_are_taken_by_both_sets_of_libraries(load):
    pytest.importorskip("picows")
    found = load("streams").measure(rounds=1, count=40, paced=10)
    assert set(found) == {"anyvenue", "anyvenue-fast"}
    assert all(row["per_s"] > 0 and row["median_us"] > 0 for row in found.values())


def test_depth_frames_are_taken_by_both_sets_of_libraries_and_each_is_called_back_for(load):
    pytest.importorskip("picows")
    found = load("depth_streams").measure(rounds=1, count=40)
    for rows in found.values():
        assert set(rows) == {"anyvenue", "anyvenue-fast", "websockets and orjson"}
        assert all(row["per_s"] > 0 and row["called"] == 1 for row in rows.values())


def test_many_instruments_are_heard_in_one_process(load):
    streams = load("streams")
    found = streams.taken("anyvenue", streams.sys.executable, count=120, pause_us=0, contracts=120, connections=2)
    assert found["cpu_us"] > 0


def test_an_orders_updates_all_reach_the_strategy(load):
    assert load("engine_path").order_update(rounds=1, count=20) > 0


def test_an_accounts_news_all_reach_the_strategy(load):
    found = load("account_updates").numbers(rounds=1, count=40)
    assert len(found) == 4
    assert all(figure > 0 for figure in found.values())
