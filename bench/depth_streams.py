"""Depth frames from the socket into the book, beside ccxt pro, cryptofeed and pybotters, each by its production code.

`--peers PYTHON` names an interpreter that has these; without it they are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path

import depth_echo
import depth_frames
import echo

__all__ = ["measure"]

CLIENTS = Path(__file__).with_name("depth_clients.py")
FLOOR = "websockets and orjson"
OURS = ("anyvenue", "anyvenue-fast", FLOOR)
THEIRS = ("ccxt", "cryptofeed", "pybotters")
STREAMS: dict[str, Callable[[int], list[bytes]]] = {
    "small": depth_frames.small,
    "33 levels": lambda count: depth_frames.from_tape(count=count),
}


def taken(client: str, python: str, folder: Path, count: int) -> dict[str, float]:
    """Return what one client says of one stream."""
    with echo.serving(depth_echo.__file__, str(folder)) as port:
        found = subprocess.run(
            [python, str(CLIENTS), client, str(port), str(count)], capture_output=True, text=True, check=False
        )
    if found.returncode:
        raise RuntimeError(f"{client} failed: {found.stderr}")
    figures: dict[str, float] = json.loads(found.stdout)
    return figures


def measure(
    peers: str | None = None, *, rounds: int = 5, count: int = 20_000
) -> dict[str, dict[str, dict[str, float]]]:
    """Return by stream and client the best `per_s` and `cpu_us` of the rounds, in which the clients take turns, and the
    share of frames for which the user's code was `called`. A stream has `count` frames, or what there is of it."""
    pythons = dict.fromkeys(OURS, sys.executable) | (dict.fromkeys(THEIRS, peers) if peers else {})
    found: dict[str, dict[str, dict[str, float]]] = {}
    for stream, make in STREAMS.items():
        frames = make(count + depth_echo.BEGUN)
        with tempfile.TemporaryDirectory() as folder:
            depth_echo.write_frames(frames, Path(folder))
            changes = len(frames) - 1 - depth_echo.BEGUN
            rows = [
                {name: taken(name, python, Path(folder), changes) for name, python in pythons.items()}
                for _ in range(rounds)
            ]
        found[stream] = {
            name: {
                "per_s": max(row[name]["per_s"] for row in rows),
                "cpu_us": min(row[name]["cpu_us"] for row in rows),
                "called": max(row[name]["called"] for row in rows),
            }
            for name in pythons
        }
    return found


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser()
    parser.add_argument("--peers", help="a Python interpreter that has ccxt, cryptofeed and pybotters")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=20_000)
    options = parser.parse_args()
    found = measure(options.peers, rounds=options.rounds, count=options.count)
    for stream, rows in found.items():
        print(f"{stream}, Python {sys.version.split()[0]}, best of {options.rounds}")
        for name, row in rows.items():
            beside = f"{row['per_s'] / rows['ccxt']['per_s']:.1f}" if "ccxt" in rows else ""
            called = f"called for {100 * row['called']:.1f} %"
            print(f"  {name:22} {row['per_s']:9,.0f} frames/s {beside:5} {row['cpu_us']:6.1f} us CPU, {called}")


if __name__ == "__main__":
    main()
