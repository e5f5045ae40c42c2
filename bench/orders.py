"""An order from the strategy's call to its acknowledged event, beside other clients, against a bare server, in one run.

`--peers PYTHON` names an interpreter that has ccxt; without it, ccxt is left out.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from echo import serving
from order_clients import OURS

__all__ = ["measure"]

CLIENTS = Path(__file__).with_name("order_clients.py")
OTHERS = ("aiohttp", "httpx", "gate-api")
CCXT = ("ccxt-rest", "ccxt-ws")


def measure(
    peers: str | None = None, *, rounds: int = 15, count: int = 300, clients: Sequence[str] = ()
) -> dict[str, dict[str, float]]:
    """Return each client's `median_us` (of the rounds' medians) and `cpu_us` (the least); the clients take turns.

    `peers` is the interpreter that the clients other than ours run in; those of ccxt are left out without it.
    """
    names = clients or (*OURS, *OTHERS, *(CCXT if peers else ()))
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with ExitStack() as stack:
        port = stack.enter_context(serving())
        running = {}
        for name in names:
            python = sys.executable if name in OURS or peers is None else peers
            client = stack.enter_context(
                subprocess.Popen(
                    [python, str(CLIENTS), name, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            assert client.stdin is not None
            stack.callback(client.stdin.close)
            running[name] = client
        for name, client in running.items():
            assert client.stdout is not None
            assert client.stdout.readline() == "ready\n", name
        for _ in range(rounds):
            for name, client in running.items():
                print(count, file=client.stdin, flush=True)
                assert client.stdout is not None
                found[name].append(json.loads(client.stdout.readline()))
    return {
        name: {
            "median_us": statistics.median(row["median_us"] for row in rows),
            "cpu_us": min(row["cpu_us"] for row in rows),
        }
        for name, rows in found.items()
    }


def main() -> None:
    """Print the table."""
    parser = ArgumentParser()
    parser.add_argument("--peers", help="a Python interpreter that has ccxt, aiohttp, httpx and gate-api")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("clients", nargs="*")
    options = parser.parse_args()
    found = measure(options.peers, rounds=options.rounds, count=options.count, clients=options.clients)
    print(f"Python {sys.version.split()[0]}, {options.rounds} rounds of {options.count} orders")
    print(f"  {'':24} {'median':>10} {'CPU':>10}   beside ccxt's")
    for name, row in found.items():
        beside = found.get("ccxt-ws" if "-ws" in name else "ccxt-rest")
        ratio = "" if beside is None else f"{row['median_us'] / beside['median_us']:.2f}"
        print(f"  {name:24} {row['median_us']:7.0f} us {row['cpu_us']:7.0f} us   {ratio}")


if __name__ == "__main__":
    main()
