"""What durability costs: an intent in the journal beside none, a backtest with its inputs logged beside one without."""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median, quantiles

from recorded import tape_of

from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.commands import Place
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal import Journal, NoJournal
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.session_log import SessionLog
from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import OrderSent
from anyvenue.model.order_spec import OrderSpec
from anyvenue.model.pricing import Tick
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.clock import Clock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue_strategies.quoter import Quoter, QuoterParameters

SYMBOL = "BTC-USDT-PERP"
ROUNDS = 5
INTENTS = 5_000
WAITED = 300
TOGETHER = 20

BTC = Instrument(
    symbol=SYMBOL,
    venue="bench",
    venue_symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    settle="USDT",
    price_rule=Tick("0.1"),
    quantity_step="0.001",
    min_quantity="0.001",
)


def order(number: int) -> Order:
    """Return an order as it is when its intent is written down."""
    spec = OrderSpec(
        client_order_id=f"avbench-{number}", instrument=BTC, side=Side.BUY, quantity=Decimal("0.01"), price=Decimal(100)
    )
    return Order(spec=spec).apply(OrderSent())


def written(journal: Journal) -> list[float]:
    """Return the seconds that each intent took in the engine's thread."""
    commands, times = [Place(order(number)) for number in range(INTENTS)], []
    gc.collect()
    for command in commands:
        start = time.perf_counter()
        journal.intent(command, 0)
        times.append(time.perf_counter() - start)
    journal.close(0, clean=True)
    return times


async def waited(journal: Journal, together: int) -> list[float]:
    """Return the seconds from an intent to its acknowledgement, so many at a time."""

    async def one(number: int) -> float:
        start = time.perf_counter()
        await journal.durable(journal.intent(Place(order(number)), 0))
        return time.perf_counter() - start

    times: list[float] = []
    for first in range(0, WAITED, together):
        times += await asyncio.gather(*(one(number) for number in range(first, first + together)))
    journal.close(0, clean=True)
    return times


def backtest(start_ns: int, log: SessionLog | None, journal: Journal | None) -> tuple[float, int, int]:
    """Return the seconds of the engine's thread that one backtest takes, its inputs and its commands."""
    clock = DrivenClock(start_ns)
    context = VenueContext(
        connection="main",
        environment=Environment.SIMULATOR,
        clock=clock,
        session="bench",
        simulation=SimulationSettings(symbols=(SYMBOL,)),
    )
    venue = DESCRIPTOR.open(context)
    strategy = Quoter(QuoterParameters(requote_bp=Decimal("0.02"), half_spread_bp=Decimal("0.7")))
    engine = Engine(strategy, connections=("main",), clock=clock, session="bench", log=log, journal=journal)
    gc.collect()
    start = time.thread_time()
    result = run_backtest(engine, {"main": venue}, clock=clock)
    seconds = time.thread_time() - start
    engine.close()
    return seconds, result.events, result.orders + result.amends + result.cancels


def main() -> None:
    """Print the tables."""
    print(f"Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = 0

        def journal(durability: str, clock: Clock | None = None) -> Journal:
            nonlocal count
            count += 1
            path = folder / f"{count}.db"
            return SqliteJournal(path, session="bench", now_ns=0, clock=clock, durability=durability)  # type: ignore[arg-type]

        none = median(written(NoJournal()))
        rows: dict[str, Callable[[], list[float]]] = {
            "no journal": lambda: written(NoJournal()),
            "process: in the engine's thread": lambda: written(journal("process")),
            "process: by the tail, as in a run": lambda: written(journal("process", DrivenClock(0))),
            "power: in the engine's thread": lambda: written(journal("power")),
            "power: until acknowledged, alone": lambda: asyncio.run(waited(journal("power"), 1)),
            f"power: the same, {TOGETHER} at a time": lambda: asyncio.run(waited(journal("power"), TOGETHER)),
        }
        process = median(written(journal("process")))
        print(f"{'an intent':34} {'median':>10} {'99 %':>10} {'worst':>10}   process = 1")
        for label, work in rows.items():
            times = work()
            middle, high = median(times), quantiles(times, n=100)[98]
            print(
                f"  {label:32} {middle * 1e6:7.1f} us {high * 1e6:7.1f} us {max(times) * 1e6:7.0f} us"
                f"   {middle / process:.3g}"
            )
        print(f"  (an empty call: {none * 1e6:.2f} us)")

        start_ns = tape_of(SYMBOL).header.start_ns
        plain = min(backtest(start_ns, None, None) for _ in range(ROUNDS))
        logged = min(backtest(start_ns, SessionLog(folder / "logs", f"b{n}"), None) for n in range(ROUNDS))
        kept = min(backtest(start_ns, None, journal("process")) for _ in range(ROUNDS))
        seconds, events, commands = plain
        size = sum(file.stat().st_size for file in (folder / "logs").glob("b0-*"))
        print(f"a backtest of {events:,} events and {commands:,} commands, CPU of the engine's thread")
        for label, (took, _, _) in {"plain": plain, "with session log": logged, "with journal": kept}.items():
            print(f"  {label:32} {took / events * 1e6:7.2f} us an event   {took / seconds:.2f}")
        print(f"  the session log has {size / events:.1f} bytes an event")


if __name__ == "__main__":
    main()
