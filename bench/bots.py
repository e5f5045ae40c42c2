"""Twenty bots, each with an account and keys of its own, place and cancel as fast as the venue allows.

One process has all twenty; the simulator counts how near to its rate limits anybody came, and how often it had to
refuse. In memory, on a driven clock, every bot really reaches the rate, whatever the machine: once held back by the
risk limits, as they are where nothing is configured, and once by the adapter alone. Over loopback, in real time, with
the simulator in a process of its own, the machine decides how fast it goes, and what is looked at is whether memory,
tasks, sockets and descriptors stay as they are.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import orjson
from attrs import evolve
from beside import START_NS, TARGETS, Target

from anyvenue import Fate, Order, OrderState, Side, Strategy
from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.risk import ConnectionLimits, RiskLimits
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.server.hosting import host
from anyvenue.venue.clock import Clock, WallClock
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.interface import Venue
from anyvenue.venue.secrets import Secret

BOTS: Final = 20
QUANTITY: Final = "0.001"
PRICE: Final = Decimal(60_000)
"""Below the recorded market: nothing trades."""
TICK_S: Final = Decimal("0.008")
"""Each bot wants to place so often: 125 times a second, a quarter more than Gate takes."""
REST: Final = {True: 90, False: 1}
"""So many orders of a bot rest before it cancels them, all at once: Gate lets a hundred rest in a contract."""
ON_THEIR_WAY: Final = {True: 99, False: 4}
"""So many orders of a bot are there at most; over loopback each request takes a connection."""
LOOK_S: Final = 15
LOOK_NS: Final = LOOK_S * 1_000_000_000
NO_LIMIT: Final = 1_000_000
PATIENCE_S: Final = 60.0

Report = Callable[[Mapping[str, int]], None]
Limits = Mapping[str, Mapping[str, int]]
"""As the simulator counts: of each rule its limit, the most in one window, and how many were refused."""


class Bots(Strategy):
    """One bot on each connection: places far from the market, and cancels what rests."""

    symbol: str
    most: int
    rest: int
    counts: Counter[str]

    def on_start(self) -> None:
        """Begin."""
        self._placed = dict.fromkeys(self.connections, 0)
        self._resting: dict[str, list[Order]] = {connection: [] for connection in self.connections}
        self.set_timer("tick", every_s=TICK_S)

    def on_timer(self, name: str) -> None:
        """Place one more with each."""
        for connection in self.connections:
            if self._placed[connection] < self.most:
                instrument = self.instrument(self.symbol, on=connection)
                order = self.submit(instrument, Side.BUY, QUANTITY, PRICE)
                self._placed[connection] += not order.is_terminal
                self.counts["wishes"] += 1

    def on_order(self, order: Order) -> None:
        """Cancel what rests."""
        if order.is_terminal:
            self._placed[order.instrument.connection] -= 1
            refused_here = order.state is OrderState.REJECTED and "order_rate" in order.text
            self.counts["held back by the risk limits" if refused_here else order.state.value] += 1
            if order.reason is not None and not refused_here:
                self.counts[f"because of {order.reason.value}"] += 1
        elif order.is_resting and order.cancel is None:
            self.counts["created"] += 1
            resting = self._resting[order.instrument.connection]
            resting.append(order)
            if len(resting) >= self.rest:
                for each in resting:
                    self.cancel(each)
                resting.clear()
        elif order.cancel is Fate.REFUSED:
            self.counts["cancel refused"] += 1
            self.cancel(order)


def _engine(target: Target, names: Sequence[str], clock: Clock, *, by_adapter: bool) -> tuple[Engine, Bots]:
    strategy = Bots()
    strategy.symbol, strategy.counts = target.symbol, Counter()
    is_driven = isinstance(clock, DrivenClock)
    strategy.most, strategy.rest = ON_THEIR_WAY[is_driven], REST[is_driven]
    limits = {name: ConnectionLimits(order_rate=NO_LIMIT) for name in names} if by_adapter else {}
    return Engine(
        strategy, connections=names, clock=clock, session="bots", risk=RiskLimits(connections=limits)
    ), strategy


async def in_memory(
    venue: str,
    seconds: float,
    *,
    bots: int = BOTS,
    by_adapter: bool = False,
    seed: int = 1,
    report: Report = lambda state: None,
) -> tuple[Counter[str], Limits]:
    """Run them on a driven clock, simulator and all; return what they did and what the simulator counted."""
    target, clock = TARGETS[venue], DrivenClock(START_NS)
    names = [f"bot{number}" for number in range(1, bots + 1)]
    settings = SimulationSettings(symbols=(target.symbol,), seed=seed, latency_jitter_us=5000, speed=0.01)

    def context(name: str) -> VenueContext:
        return VenueContext(
            connection=name,
            environment=Environment.SIMULATOR,
            clock=clock,
            session="bots",
            options=target.options,
            simulation=settings,
        )

    engine, strategy = _engine(target, names, clock, by_adapter=by_adapter)
    hosted = await host(context(names[0]), target.dialect)
    venues = {name: target.venue(context(name)) for name in names}

    def look() -> None:
        report(_state(strategy))
        clock.call_at(clock.time_ns() + LOOK_NS, look)

    clock.call_at(clock.time_ns() + LOOK_NS, look)
    await run_live(engine, venues, clock=clock, stop=asyncio.Event(), duration_s=seconds)
    return strategy.counts, hosted.gateway.dialect.steer({})["limits"]


# Over loopback

ANYVENUE: Final = (sys.executable, "-c", "from anyvenue.app.cli import main; main(prog_name='anyvenue')")


@contextmanager
def _simulator(venue: str, symbol: str, seed: int) -> Iterator[Mapping[str, Any]]:
    settings = (f"simulation.seed={seed}", f'simulation.symbols=["{symbol}"]', "simulation.speed=0.01")
    words = [word for setting in settings for word in ("--set", setting)]
    command = (*ANYVENUE, "sim", venue, "--port", "0", "--accounts", str(BOTS), "--json", *words)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield orjson.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def _state(strategy: Bots) -> dict[str, int]:
    """Return what must not grow."""
    gc.collect()
    open_files = [str(name.readlink()) for name in Path("/proc/self/fd").iterdir() if name.is_symlink()]
    return {
        "rss_kb": int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024,
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(open_files),
        "sockets": sum(target.startswith("socket:") for target in open_files),
        "objects": len(gc.get_objects()),
        "created": strategy.counts["created"],
    }


async def over_loopback(
    told: Mapping[str, Any],
    about: Mapping[str, Any],
    venue: str,
    seconds: float,
    report: Report,
) -> Counter[str]:
    """Run them against a simulator that says where it is; return what they did."""
    target, clock = TARGETS[venue], WallClock()
    accounts: deque[Mapping[str, Any]] = deque(told["accounts"])
    rest_url, ws_url = told["urls"]["rest"], told["urls"]["ws_usdt" if venue == "gateio" else "ws"]

    def opened(account: Mapping[str, Any]) -> Venue:
        secrets = {"key": account["key"], "secret": account["secret"]}
        address = about.get("accounts", {}).get(account["name"], {}).get("address")
        secrets |= {} if address is None else {"address": address}
        return target.venue(
            VenueContext(
                connection=account["name"],
                environment=Environment.TESTNET if venue == "gateio" else Environment.LIVE,
                clock=clock,
                session="bots",
                options=evolve(target.options, rest_url=rest_url, ws_url=ws_url),
                credentials={name: Secret(text) for name, text in secrets.items()},
            )
        )

    venues = {account["name"]: opened(account) for account in accounts}
    engine, strategy = _engine(target, list(venues), clock, by_adapter=False)

    async def look() -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            report(_state(strategy))

    looking = asyncio.ensure_future(look())
    try:
        await run_live(engine, venues, clock=clock, stop=asyncio.Event(), duration_s=seconds)
    finally:
        looking.cancel()
    return strategy.counts


def main() -> None:
    """Run it from the command line; exit with 1 where a limit was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venue", choices=tuple(TARGETS), default="gateio")
    parser.add_argument("--memory-seconds", type=float, default=10.0, help="of simulated time, each way; 0 for none")
    parser.add_argument("--seconds", type=float, default=600.0, help="of real time over loopback; 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, refused = time.monotonic(), 0

    def show(state: Mapping[str, int]) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {dict(state)}", flush=True)

    def tell(what: str, counts: Mapping[str, int], limits: Limits) -> None:
        nonlocal refused
        refused += sum(rule["refused"] for rule in limits.values())
        print(f"{time.monotonic() - began:6.0f} s  {what}: {dict(counts)}")
        for name, rule in limits.items():
            print(f"          {name}: {rule['most']} of {rule['limit']} in a window at most, {rule['refused']} refused")
        sys.stdout.flush()

    for by_adapter in (False, True) if given.memory_seconds else ():
        what = f"in memory, {given.memory_seconds:g} s, held back by {'the adapter' if by_adapter else 'risk limits'}"
        work = in_memory(given.venue, given.memory_seconds, by_adapter=by_adapter, seed=given.seed, report=show)
        tell(what, *asyncio.run(work))
    if given.seconds:
        with (
            _simulator(given.venue, TARGETS[given.venue].symbol, given.seed) as told,
            httpx.Client(base_url=told["control"], trust_env=False, timeout=PATIENCE_S) as control,
        ):
            counts = asyncio.run(
                over_loopback(
                    told,
                    control.get("/venue").json(),
                    given.venue,
                    given.seconds,
                    show,
                )
            )
            tell(f"over loopback, {given.seconds:g} s", counts, control.get("/venue").json()["limits"])
    sys.exit(bool(refused))


if __name__ == "__main__":
    main()
