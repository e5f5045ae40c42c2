"""Depth frames to the best bid and ask, and to the top 10, in ours and in other libraries' books, in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import depth_frames
import orjson
from hot_path import best, by_floats, drain, timed_once, top
from peer_env import Peer
from tables import Table

__all__ = ["books"]

LIBRARIES = ("ccxt pro", "cryptofeed", "nautilus_trader")
READS: dict[int, Callable[..., object]] = {1: best, 10: top}


def books(rounds: int, count: int) -> Table:
    """Return each library's time for a frame as a ratio to `orjson.loads` of the bytes that it read."""
    streams = {
        "small": depth_frames.small(count),
        "33 levels": depth_frames.from_tape(count=count),
        "400-level book": depth_frames.wide(count),
    }
    rows: dict[str, list[str]] = {name: [] for name in ("anyvenue", *LIBRARIES)}
    for levels in READS:
        for frames in streams.values():
            for name, ratio in _one(frames, levels, rounds).items():
                rows[name].append(f"{ratio:.1f}")
    heads = [f"{stream}, {'best' if levels == 1 else 'top 10'}" for levels in READS for stream in streams]
    return Table(["CPU time, in A", *heads], [[name, *cells] for name, cells in rows.items()])


def _one(frames: list[bytes], levels: int, rounds: int) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    with ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "frames"
        file.write_bytes(b"\n".join(frames))
        peers = {name: stack.enter_context(Peer("books.py", name, str(levels), str(file))) for name in LIBRARIES}
        for _ in range(rounds):
            found.setdefault("floor", []).append(timed_once(lambda: drain(map(orjson.loads, frames[1:]))))
            found.setdefault("ours", []).append(timed_once(lambda: by_floats(frames, READS[levels])))
            for name, peer in peers.items():
                for work in ("floor", "book"):
                    found.setdefault(f"{name} {work}", []).append(peer.once(work))
    least = {name: min(times) for name, times in found.items()}
    ratios = {"anyvenue": least["ours"] / least["floor"]}
    return ratios | {name: least[f"{name} book"] / least[f"{name} floor"] for name in LIBRARIES}
