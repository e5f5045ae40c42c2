"""Times that stand up to a busy machine: work is done in short chunks, again and again; each chunk's best counts."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

__all__ = ["CHUNK", "best_of", "chunked"]

CHUNK = 50


def best_of(rows: Mapping[str, Callable[[], Iterator[object]]], rounds: int) -> dict[str, float]:
    """Return the seconds of each row: a row makes a new iterator, and each step of it is one chunk of its work.

    The rows take turns, and what a step costs is the least that it cost in any round. What an iterator does before its
    first `yield` is not counted.
    """
    best: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, start in rows.items():
            times, steps = [], start()
            gc.collect()
            next(steps)
            before = time.perf_counter()
            for _ in steps:
                now = time.perf_counter()
                times.append(now - before)
                before = time.perf_counter()
            best[name] = [min(pair) for pair in zip(times, best.get(name, times), strict=True)]
    return {name: sum(times) for name, times in best.items()}


def chunked(frames: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Cut frames into chunks."""
    return [frames[start : start + CHUNK] for start in range(0, len(frames), CHUNK)]
