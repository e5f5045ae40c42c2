"""Tape frames per second through the whole engine, with the quoter at work, beside decoding the same tape alone.

The tape is the recorded BTC market that ships with the package: depth and trade frames only. The quoter amends its
quotes at nearly every change of price, so that there is an order or amend for every 20 frames or fewer.
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
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_strategies.quoter import Quoter, QuoterParameters

SYMBOL = "BTC-USDT-PERP"
ROUNDS = 5


def decode_alone(lines: list[bytes]) -> float:
    """Return the seconds that orjson.loads takes over the whole tape."""
    gc.collect()
    start = time.perf_counter()
    for line in lines:
        orjson.loads(line)
    return time.perf_counter() - start


def backtest(start_ns: int) -> tuple[float, RunResult]:
    """Return the seconds that one backtest takes, opening and reading the tape included, and its result."""
    clock = DrivenClock(start_ns)
    simulation = SimulationSettings(symbols=(SYMBOL,))
    context = VenueContext(
        connection="main", environment=Environment.SIMULATOR, clock=clock, session="bench", simulation=simulation
    )
    venue = DESCRIPTOR.open(context)
    risk = RiskLimits(max_position=Decimal("0.1"), max_order_notional=Decimal(2000), price_band=Decimal("0.02"))
    strategy = Quoter(QuoterParameters(requote_bp=Decimal("0.02"), half_spread_bp=Decimal("0.7")))
    engine = Engine(strategy, connections=("main",), clock=clock, session="bench", risk=risk)
    gc.collect()
    start = time.perf_counter()
    result = run_backtest(engine, {"main": venue}, clock=clock)
    return time.perf_counter() - start, result


def main() -> None:
    """Print the table."""
    tape = tape_of(SYMBOL)
    lines = lines_of(tape)
    frames = len(lines)
    decoding = min(decode_alone(lines) for _ in range(ROUNDS))
    runs = [backtest(tape.header.start_ns) for _ in range(ROUNDS)]
    seconds, result = min(runs, key=lambda run: run[0])
    work = result.orders + result.amends
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}")
    print(f"frames                   {frames:>12,}")
    print(f"orders and amends        {work:>12,}   one for every {frames / work:.1f} frames; {result.fills} fills")
    print(f"decoding alone           {frames / decoding:>12,.0f} frames/s")
    print(f"whole engine             {frames / seconds:>12,.0f} frames/s")
    print(f"ratio                    {seconds / decoding:>12.1f} times decoding alone")


if __name__ == "__main__":
    main()
