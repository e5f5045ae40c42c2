"""The benches of books and engine, in small: that they still work, never how long it takes."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.fixture
def bench(monkeypatch):
    """Import a program of `bench`."""
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module


def figures_of(found):
    """Every number in what `numbers` returned."""
    for value in found.values():
        if isinstance(value, dict):
            yield from figures_of(value)
        else:
            yield from value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize(
    ("program", "size"),
    [
        ("hot_path", {"rounds": 1, "count": 60}),
        ("whole_books", {"rounds": 1, "count": 60}),
        ("book", {"rounds": 1, "count": 60}),
        ("engine_path", {"rounds": 1, "count": 60}),
        ("backtest", {"rounds": 1, "duration_s": 3}),
        ("beside_nautilus", {"rounds": 1, "count": 300}),
        ("startup", {"rounds": 1}),
    ],
)
def test_a_bench_measures_something(bench, program, size):
    found = list(figures_of(bench(program).numbers(**size)))
    assert found
    assert all(figure >= 0 for figure in found)


def test_the_streams_are_what_they_are_called(bench):
    frames = bench("depth_frames")
    results = [json.loads(raw)["result"] for raw in frames.small(50)]
    assert {len(result["b"]) + len(result["a"]) for result in results[1:]} == {1, 2, 3, 4}
    assert len(frames.wide(20)) == len(frames.from_tape(count=20)) == 21
    assert frames.wide(5) == frames.wide(5)
