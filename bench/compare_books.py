"""Depth frames to the best bid and ask, and to the top 10, in ours and in other libraries' books."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path

import depth_frames
import hot_path
from peer_env import Peer
from tables import Table

__all__ = ["books"]

LIBRARIES = ("ccxt pro", "cryptofeed", "nautilus_trader")
READS = {1: "to best bid and ask", 10: "to the top 10"}


def books(rounds: int, count: int) -> Table:
    """Return each library's time for a frame as a ratio to `orjson.loads` of the bytes that it read."""
    streams = {
        "small": depth_frames.small(count),
        "33 levels": depth_frames.from_tape(count=count),
        "400 levels": depth_frames.wide(count),
    }
    rows: dict[str, list[str]] = {name: [name] for name in ("anyvenue", *LIBRARIES)}
    heads = ["time of a frame, in A"]
    ours = {stream: hot_path.measure(frames, rounds) for stream, frames in streams.items()}
    for levels, way in READS.items():
        for stream, frames in streams.items():
            heads.append(f"{stream}, {way.removeprefix('to ')}")
            rows["anyvenue"].append(f"{ours[stream][way] / ours[stream]['orjson.loads']:.1f}")
            for name, ratio in _theirs(frames, levels, rounds).items():
                rows[name].append(f"{ratio:.1f}")
    return Table(heads, list(rows.values()))


def _theirs(frames: list[bytes], levels: int, rounds: int) -> dict[str, float]:
    found: dict[str, dict[str, float]] = {name: {} for name in LIBRARIES}
    with ExitStack() as stack:
        file = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "frames"
        file.write_bytes(b"\n".join(frames))
        peers = {name: stack.enter_context(Peer("books.py", name, str(levels), str(file))) for name in LIBRARIES}
        for _ in range(rounds):
            for name, peer in peers.items():
                for work in peer.works:
                    took = peer.once(work)
                    found[name][work] = min(took, found[name].get(work, took))
    return {name: times["book"] / times["floor"] for name, times in found.items()}
