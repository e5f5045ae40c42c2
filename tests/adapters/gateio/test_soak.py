"""The soak of the order books, for a few seconds, and that it would see a book that is kept wrongly."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from anyvenue.model.depth_sync import APPLY, DROP, DepthSync

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def bench() -> Any:
    """The bench, which is a script and no module of a package."""
    spec = importlib.util.spec_from_file_location("soak", ROOT / "bench" / "soak.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["soak"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["soak"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_book_is_ever_wrong_while_it_says_it_is_in_step(bench: ModuleType, seed: int) -> None:
    figures = asyncio.run(bench.soak(3_000, seed=seed))
    assert figures.wrong == []
    assert figures.compared > 2_000
    assert figures.current > 0
    assert figures.counts["resyncs"] > 0


def test_a_book_that_takes_what_comes_after_a_gap_is_found_out(bench: ModuleType, monkeypatch: Any) -> None:
    decide = DepthSync._join

    def careless(self: DepthSync, delta: Any) -> Any:
        if delta.first_id > self.last_id + 1:
            self.last_id = delta.last_id
            return APPLY
        return decide(self, delta)

    monkeypatch.setattr(DepthSync, "_join", careless)
    assert "other levels" in " ".join(asyncio.run(bench.soak(4_000, seed=1)).wrong)


def test_a_book_that_stays_behind_and_says_nothing_is_found_out(bench: ModuleType, monkeypatch: Any) -> None:
    monkeypatch.setattr(DepthSync, "_join", lambda self, delta: DROP)  # what does not fit is passed over
    assert "the newest is" in " ".join(asyncio.run(bench.soak(4_000, seed=1)).wrong)
