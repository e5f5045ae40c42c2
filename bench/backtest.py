"""Tape frames per second through the whole engine, with the quoter at work, beside decoding the same tape alone.

The tape is the recorded BTC market that ships with the package: depth and trade frames only. The quoter amends its
quotes at nearly every change of price, so that there is an order or amend for every 20 frames or fewer. It is run
twice: reading the tape on the way, and with a tape that was read into memory beforehand, as for a sweep of parameters.
"""

from __future__ import annotations

import gc
import sys
import time
from decimal import Decimal

import orjson
from recorded import lines_of, tape_of

from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.engine import Engine
from anyvenue.engine.result import RunResult
from anyvenue.engine.risk import RiskLimits
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.simulation.sources import sources_of
from anyvenue.simulation.tape import Tape
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_strategies.quoter import Quoter, QuoterParameters

__all__ = ["numbers"]

SYMBOL = "BTC-USDT-PERP"
ROUNDS = 5


def decode_alone(lines: list[bytes]) -> float:
    """Return the CPU seconds that orjson.loads takes over the whole tape."""
    gc.collect()
    start = time.process_time()
    for line in lines:
        orjson.loads(line)
    return time.process_time() - start


def backtest(start_ns: int, duration_s: float = 0, held: Tape | None = None) -> tuple[float, RunResult]:
    """Return the CPU seconds that one backtest takes, and its result.

    Opening and reading the tape is in it, unless one is `held` in memory.
    """
    clock = DrivenClock(start_ns)
    simulation = SimulationSettings(symbols=(SYMBOL,), duration_s=duration_s)
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="bench", simulation=simulation
    )
    venue = DESCRIPTOR.open(context)
    risk = RiskLimits(max_position=Decimal("0.1"), max_order_notional=Decimal(2000), price_band=Decimal("0.02"))
    strategy = Quoter(QuoterParameters(requote_bp=Decimal("0.02"), half_spread_bp=Decimal("0.7")))
    engine = Engine(strategy, connections=("main",), clock=clock, session="bench", risk=risk)
    if held is not None:
        SimulatedMarket.on(clock, simulation, sources_of(simulation, [held]))
    gc.collect()
    start = time.process_time()
    result = run_backtest(engine, {"main": venue}, clock=clock)
    return time.process_time() - start, result


def numbers(rounds: int = ROUNDS, duration_s: float = 0) -> dict[str, float]:
    """Return frames, commands and fills of a backtest, and frames per second of CPU: decoded alone, and run twice."""
    tape = tape_of(SYMBOL)
    lines = lines_of(tape)
    if duration_s:
        end_ns = tape.header.start_ns + int(duration_s * 1e9)
        lines = [line for line in lines if orjson.loads(line)[0] < end_ns]
    held = tape.in_memory()
    decoding, running, playing = [], [], []
    for _ in range(rounds):
        decoding.append(decode_alone(lines))
        seconds, result = backtest(tape.header.start_ns, duration_s)
        running.append(seconds)
        playing.append(backtest(tape.header.start_ns, duration_s, held)[0])
    return {
        "frames": len(lines),
        "orders and amends": result.orders + result.amends,
        "fills": result.fills,
        "decoded alone, frames/s": len(lines) / min(decoding),
        "whole engine, frames/s": len(lines) / min(running),
        "tape in memory, frames/s": len(lines) / min(playing),
    }


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}, CPU time")
    found = numbers()
    for row, figure in found.items():
        print(f"{row:28} {figure:>12,.0f}")
    print(f"{'frames per order or amend':28} {found['frames'] / found['orders and amends']:>12,.1f}")
    print(f"{'ratio':28} {found['decoded alone, frames/s'] / found['whole engine, frames/s']:>12,.1f}")


if __name__ == "__main__":
    main()
