"""All that is measured beside other libraries, in one run, as tables; `--write` puts them into docs/performance.md.

The other libraries are installed into an environment of their own, bench/.peers, the first time.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

import beside_nautilus
import depth_streams
import orders
import startup
import streams
from compare_books import books
from peer_env import peer_python
from tables import Table

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
OURS = ("anyvenue", "orjson", "msgspec", "httpx", "httptools", "websockets", "uvloop", "picows")
THEIRS = ("ccxt", "cryptofeed", "pybotters", "nautilus_trader", "gate-api", "aiohttp")
IMPORTS = ("ccxt.pro", "cryptofeed", "nautilus_trader.live.node", "aiohttp")
VERSIONS = (
    "import sys; from importlib.metadata import version; print(*(f'{n} {version(n)}' for n in sys.argv[1:]), sep=', ')"
)


def book_table(peers: str, short: bool) -> Table:
    """Return what a depth frame takes on its way into a book that is read."""
    return books(2, 100) if short else books(10, 1000)


def order_table(peers: str, short: bool) -> Table:
    """Return what an order takes from the call to the acknowledged event, beside ccxt's way of the same kind."""
    found = orders.measure(peers, rounds=2 if short else 10, count=20 if short else 300)
    rows = []
    for name, row in found.items():
        ccxt = found["ccxt-ws" if "-ws" in name else "ccxt-rest"]
        cells = [(f"{row[key]:.0f} us", f"{row[key] / ccxt[key]:.2f}") for key in ("median_us", "cpu_us")]
        rows.append([name, *cells[0], *cells[1]])
    return Table(["an order, one after the other", "median", "to ccxt's", "CPU", "to ccxt's"], rows)


def stream_table(peers: str, short: bool) -> Table:
    """Return what trades take from the socket to the strategy's callback, beside ccxt pro."""
    found = streams.measure(peers, **({"rounds": 1, "count": 2000, "paced": 100} if short else {"rounds": 3}))
    rows = []
    for name, row in found.items():
        many, late = (row[key] / found["ccxt"][key] for key in ("per_s", "median_us"))
        rows.append([name, f"{row['per_s']:,.0f}", f"{many:.1f}", f"{row['median_us']:.0f} us", f"{late:.2f}"])
    return Table(["trades, each called back for", "per second", "to ccxt's", "median lateness", "to ccxt's"], rows)


def depth_stream_table(peers: str, short: bool) -> Table:
    """Return what depth frames take from the socket into the book, beside others and one that only decodes them."""
    found = depth_streams.measure(peers, **({"rounds": 1, "count": 200} if short else {"rounds": 3}))
    rows, heads = [], ["depth frames, each into the book"]
    for stream in found:
        heads += [f"{stream}, per second", "to ccxt's", "CPU", "to ccxt's"]
    for name in found["small"]:
        cells = []
        for stream in found.values():
            row, ccxt = stream[name], stream["ccxt"]
            cells += [f"{row['per_s']:,.0f}", f"{row['per_s'] / ccxt['per_s']:.1f}"]
            cells += [f"{row['cpu_us']:.1f} us", f"{row['cpu_us'] / ccxt['cpu_us']:.2f}"]
        rows.append([name, *cells, f"{100 * found['small'][name]['called']:.1f} %"])
    return Table([*heads, "called back"], rows)


def backtest_table(peers: str, short: bool) -> Table:
    """Return the backtests of the same two strategies over the same stream, beside nautilus_trader."""
    found = beside_nautilus.numbers(peers, rounds=1 if short else 3, count=1000 if short else 8000)
    rows = []
    for name, row in found.items():
        other = found.get(f"{name.partition(',')[0]}, nautilus_trader", row)
        beside = row["levels_per_second"] / other["levels_per_second"]
        rows.append([name, f"{row['seconds']:.3f} s", f"{row['levels_per_second']:,.0f}", f"{beside:.2f}"])
    return Table(["a backtest", "CPU", "level changes/s", "to nautilus_trader's"], rows)


def start_table(peers: str, short: bool) -> Table:
    """Return what starts cost, ours and the imports of others, each beside its own interpreter that does nothing."""
    rounds = 1 if short else startup.ROUNDS
    found = startup.numbers(rounds)
    alone = found["python -c pass"][0]
    # Memory is left out: a child is charged with what this process had when it began. `startup.py` alone tells it.
    rows = [[name, f"{ms:.0f} ms", f"{ms / alone:.1f}"] for name, (ms, _) in found.items()]
    with tempfile.TemporaryDirectory() as folder:
        for name in IMPORTS:
            runs = [startup.measure(("-c", f"import {name}"), Path(folder), peers) for _ in range(rounds)]
            ms = min(ms for ms, _ in runs)
            rows.append([f"import {name}", f"{ms:.0f} ms", f"{ms / alone:.1f}"])
    return Table(["a start", "CPU", "to python -c pass"], rows)


def told_of(python: str, names: tuple[str, ...]) -> str:
    """Return the versions of distributions."""
    return subprocess.run([python, "-c", VERSIONS, *names], check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Print the tables; write them where that is asked for."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="small sizes: the figures mean nothing, but all of it runs"
    )
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    options = parser.parse_args()
    peers, short = str(peer_python()), options.short
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    ours, theirs = told_of(sys.executable, OURS), told_of(peers, THEIRS)
    parts = [f"CPython {platform.python_version()} on {machine}. Ours: {ours}. Theirs: {theirs}."]
    print(parts[0], flush=True)
    for table in (book_table, depth_stream_table, stream_table, order_table, backtest_table, start_table):
        parts.append(table(peers, short).markdown())
        print(f"\n{parts[-1]}", flush=True)
    if options.write:
        page, text = PAGE.read_text(), "\n\n".join(parts)
        PAGE.write_text(re.sub(r"(?s)(?<=<!-- measured -->\n\n).*?(?=\n\n<!-- end -->)", lambda _: text, page))


if __name__ == "__main__":
    main()
