"""Trades from the socket to the strategy's callback, every one delivered: beside ccxt pro, and with many instruments.

`--peers PYTHON` names an interpreter that has ccxt; without it, ccxt is left out.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import echo

__all__ = ["flat", "measure"]

CLIENTS = Path(__file__).with_name("stream_clients.py")
PAUSE_US = 500


def taken(
    client: str, python: str, *, count: int, pause_us: int, contracts: int = 1, connections: int = 1
) -> dict[str, float]:
    """Return what one client says of one stream. Each of its connections is sent `count` trades."""
    with echo.serving(echo.__file__, str(contracts), str(count), str(pause_us)) as port:
        arguments = [client, port, contracts, connections, count * connections]
        found = subprocess.run(
            [python, str(CLIENTS), *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True
        )
    figures: dict[str, float] = json.loads(found.stdout)
    return figures


def measure(
    peers: str | None = None, *, rounds: int = 5, count: int = 30_000, paced: int = 3_000
) -> dict[str, dict[str, float]]:
    """Return each client's `per_s` and `cpu_us` (best) where trades come as fast as they are taken, and `median_us`
    (the rounds' median) where they come one by one; the clients take turns."""
    names = ("anyvenue", "anyvenue-fast", *(("ccxt",) if peers else ()))
    pythons = {name: peers if name == "ccxt" and peers else sys.executable for name in names}
    full: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    slow: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name, python in pythons.items():
            full[name].append(taken(name, python, count=count, pause_us=0))
            slow[name].append(taken(name, python, count=paced, pause_us=PAUSE_US))
    return {
        name: {
            "per_s": max(row["per_s"] for row in full[name]),
            "cpu_us": min(row["cpu_us"] for row in full[name]),
            "median_us": statistics.median(row["median_us"] for row in slow[name]),
        }
        for name in names
    }


def flat(*, rounds: int = 3, count: int = 30_000) -> dict[str, float]:
    """Return the CPU time of one trade in microseconds with more and more instruments and connections."""
    shapes = {"1 instrument": (1, 1), "50 instruments": (50, 1), "500 instruments": (500, 1), "500 on 10": (500, 10)}
    return {
        name: min(
            taken(
                "anyvenue", sys.executable, count=count // connections, pause_us=0, contracts=n, connections=connections
            )["cpu_us"]
            for _ in range(rounds)
        )
        for name, (n, connections) in shapes.items()
    }


def main() -> None:
    """Print the tables."""
    parser = ArgumentParser()
    parser.add_argument("--peers", help="a Python interpreter that has ccxt")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=30_000)
    options = parser.parse_args()
    found = measure(options.peers, rounds=options.rounds, count=options.count)
    other = found.get("ccxt")
    print(f"Python {sys.version.split()[0]}, {options.rounds} rounds of {options.count:,} trades")
    for name, row in found.items():
        beside = "" if other is None else f"{row['per_s'] / other['per_s']:.1f}"
        late = "" if other is None else f"{row['median_us'] / other['median_us']:.2f}"
        print(
            f"  {name:16} {row['per_s']:9,.0f} trades/s {beside:5} {row['median_us']:7.0f} us late {late:5}"
            f" {row['cpu_us']:6.1f} us CPU"
        )
    for name, cpu_us in flat(rounds=options.rounds, count=options.count).items():
        print(f"  {name:16} {cpu_us:6.1f} us CPU a trade")


if __name__ == "__main__":
    main()
