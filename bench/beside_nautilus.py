"""Backtests of the same recorded stream with the same two strategies, here and in nautilus_trader, in one run.

`--peers PYTHON` names an interpreter that has nautilus_trader; without it only our side is measured. Both sides are
timed by the CPU. Theirs has every object made beforehand. Ours is timed twice: reading its tape on the way, which it
unzips and decodes, and with a tape that was read into memory beforehand, as for a sweep of parameters. Fills differ, as
the two model the queue each in its own way; the commands hardly do.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from decimal import Decimal
from pathlib import Path

import orjson
from recorded import lines_of, tape_of

from anyvenue import Order, OrderBook, Side, Strategy
from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.engine import Engine
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.simulation.sources import sources_of
from anyvenue.simulation.tape import Tape
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext

__all__ = ["numbers"]

SYMBOL = "BTC-USDT-PERP"
ROUNDS, COUNT = 5, 8000
AWAY, TOLERANCE = Decimal(5), Decimal("1.5")  # as in `nautilus_side.py`


class Looker(Strategy):
    """Reads the touch after every frame."""

    def on_start(self) -> None:
        self.frames = self.commands = 0
        self.subscribe(SYMBOL)

    def on_book(self, book: OrderBook) -> None:
        self.frames += 1
        self.touch = book.best_bid, book.best_ask


class Requoter(Looker):
    """Keeps one post-only quote a side away from the touch, and amends it when it is too far off."""

    def on_start(self) -> None:
        super().on_start()
        self.orders: dict[Side, str] = {}
        self.at: dict[Side, Decimal] = {}

    def on_book(self, book: OrderBook) -> None:
        super().on_book(book)
        bid, ask = self.touch
        if bid is not None and ask is not None:
            self.quote(Side.BUY, bid.price - AWAY)
            self.quote(Side.SELL, ask.price + AWAY)

    def quote(self, side: Side, price: Decimal) -> None:
        name = self.orders.get(side)
        order = None if name is None else self.order(name)
        if order is None or order.is_terminal:
            self.at[side] = price
            self.orders[side] = self.submit(SYMBOL, side, "0.01", price, post_only=True).client_order_id
            self.commands += 1
        elif abs(self.at[side] - price) > TOLERANCE and _is_quiet(order):
            self.at[side] = price
            self.amend(order, price=price)
            self.commands += 1


def _is_quiet(order: Order) -> bool:
    return order.is_resting and order.amend is None


def cut(count: int, folder: Path) -> Path:
    """Write a tape of the first frames alone; both sides read it."""
    tape = tape_of(SYMBOL)
    with gzip.open(str(tape.file)) as lines:
        header = orjson.loads(next(lines))
    frames = lines_of(tape)[:count]
    header |= {"frames": len(frames), "end_ns": orjson.loads(frames[-1])[0]}
    path = folder / "cut.tape.gz"
    path.write_bytes(gzip.compress(b"\n".join([orjson.dumps(header), *frames]) + b"\n"))
    return path


def backtest(strategy: Looker, path: Path, held: Tape | None = None) -> float:
    """Return the CPU seconds of one backtest, from the file or from the tape of it that is `held` in memory."""
    clock = DrivenClock(orjson.loads(gzip.decompress(path.read_bytes()).split(b"\n", 2)[1])[0])
    simulation = SimulationSettings(market=str(path), latency_in_us=0, latency_out_us=0)
    if held is not None:
        SimulatedMarket.on(clock, simulation, sources_of(simulation, [held]))
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="bench", simulation=simulation
    )
    venue = DESCRIPTOR.open(context)
    engine = Engine(strategy, connections=("main",), clock=clock, session="bench")
    start = time.process_time()
    result = run_backtest(engine, {"main": venue}, clock=clock)
    seconds = time.process_time() - start
    assert not result.failure, result.failure
    return seconds


def ours(kind: type[Looker], path: Path, held: Tape | None = None) -> dict[str, float]:
    """Return what a backtest takes here."""
    strategy = kind()
    seconds = backtest(strategy, path, held)
    return {"seconds": seconds, "frames": strategy.frames, "commands": strategy.commands}


def reading(path: Path) -> float:
    """Return the CPU seconds that it takes to read the tape alone, as a backtest does."""
    tape = Tape.open(path)
    start = time.process_time()
    for _ in tape.frames(decoded=True):
        pass
    return time.process_time() - start


def theirs(path: Path, count: int, peers: str | None) -> dict[str, dict[str, float]]:
    """Return what nautilus_trader takes, by strategy; nothing where it is not there."""
    if peers is None:
        return {}
    program = [peers, str(Path(__file__).with_name("nautilus_side.py")), str(path), str(count)]
    lines = subprocess.run(program, check=True, capture_output=True, text=True).stdout.splitlines()
    return {told["way"]: told for told in map(json.loads, lines)}


def numbers(peers: str | None = None, *, rounds: int = ROUNDS, count: int = COUNT) -> dict[str, dict[str, float]]:
    """Return, by strategy and side, the least CPU seconds and what was done in them."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        path = cut(count, Path(name))
        held = Tape.open(path).in_memory()
        frames = [frame for frame in Tape.open(path).frames() if frame[1] != "t"]
        levels = sum(len(frame[2]) + len(frame[3]) for frame in frames)
        for _ in range(rounds):
            told = theirs(path, count, peers)
            for kind in (Looker, Requoter):
                sides = {
                    "anyvenue": ours(kind, path),
                    "anyvenue, tape in memory": ours(kind, path, held),
                } | ({"nautilus_trader": told[kind.__name__]} if told else {})
                for side, figures in sides.items():
                    row = f"{kind.__name__}, {side}"
                    found[row] = min(found.get(row, figures), figures, key=lambda one: one["seconds"])
            alone = {"seconds": reading(path)}
            found["reading, anyvenue"] = min(
                found.get("reading, anyvenue", alone), alone, key=lambda one: one["seconds"]
            )
    for figures in found.values():
        figures["levels_per_second"] = levels / figures["seconds"]
        figures["tape_frames_per_second"] = count / figures["seconds"]
    return found


def main() -> None:
    """Print the table."""
    parser = ArgumentParser()
    parser.add_argument("--peers", help="a Python interpreter that has nautilus_trader")
    peers = parser.parse_args().peers
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}, CPU time")
    for row, figures in numbers(peers).items():
        print(
            f"{row:34} {figures['seconds']:8.3f} s {figures['levels_per_second']:12,.0f} level changes/s"
            f" {figures['tape_frames_per_second']:10,.0f} tape frames/s   {figures.get('commands', 0):6,.0f} commands"
        )


if __name__ == "__main__":
    main()
