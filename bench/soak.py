"""A soak of Gate's order books: frames by the million from the simulator to the adapter, over a wire that fails.

Several connections (obu of 50 and of 400 levels, order_book_update) follow three markets that move all the time, while
frames are lost, doubled, reordered and cut, connections break, and snapshots fail. Whenever the wire is quiet every
book that says it is in step is compared with the simulator's own public book at that book's id, level by level; now and
then the faults pause, and then it must have the newest id too.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from attrs import Factory, define

from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.book_side import Level
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.depth_sync import Action
from anyvenue.model.market import BookDelta, BookSnapshot
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import host
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.events import Channel, Disconnected, StreamStale, Subscription, VenueEvent
from anyvenue.wire.deadline import pause
from anyvenue_gateio.endpoints import GateOptions
from anyvenue_gateio.simulator.dialect import GateDialect
from anyvenue_gateio.venue import GateVenue

START_NS: Final = 1_704_067_200_000_000_000
BEAT_NS: Final = 20_000_000
QUIET_NS: Final = 12_000_000
"""After a beat every frame has arrived by then, and no other has left."""
MARKETS: Final = {"BTC-USDT-PERP": 450, "ETH-USDT-PERP": 120, "SOL-USDT-PERP": 60}
"""Levels a side of the outside world's books, about."""
STREAMS: Final = (("obu", 50),) * 3 + (("obu", 400),) + (("updates", 100),) * 2
"""One connection for each; the faults of each are its own."""
TROUBLE_BEATS, CALM_BEATS = 200, 12
"""The faults pause for so long after so long; a calm has two frames of the slow streams."""
TRUTHS_KEPT: Final = 200
FAULTS: Final = (
    *(
        {"on": "ws_out", "match": match, effect: value, "probability": probability}
        for match in ("futures.obu", "futures.order_book_update")
        for effect, value, probability in (
            ("drop", True, 0.002),
            ("duplicate", True, 0.005),
            ("reorder", 1, 0.001),
            ("reorder", 3, 0.001),
            ("corrupt", True, 0.001),
            ("disconnect", True, 0.0003),
        )
    ),
    {"on": "http", "path": "*/order_book", "status": 502, "probability": 0.1},
    {"on": "http", "path": "*/order_book", "lose_reply": True, "probability": 0.02},
)

Truth = tuple[list[Level], list[Level]]


@define
class Figures:
    """What was seen. `wrong` says where a book that called itself in step was not what the simulator's book was."""

    frames: int = 0
    compared: int = 0
    current: int = 0
    counts: Counter[str] = Factory(Counter)
    wrong: list[str] = Factory(list)

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            frames=self.frames + other.frames,
            compared=self.compared + other.compared,
            current=self.current + other.current,
            counts=self.counts + other.counts,
            wrong=self.wrong + other.wrong,
        )

    def __str__(self) -> str:
        return (
            f"{self.frames:,} frames, {self.compared:,} comparisons ({self.current:,} in a calm), "
            f"{len(self.wrong)} wrong; {', '.join(f'{name} {count:,}' for name, count in sorted(self.counts.items()))}"
        )


class Market:
    """One moving book of the outside world, in ticks and contracts."""

    def __init__(self, stage: Stage, symbol: str, levels: int, chance: random.Random) -> None:
        self.symbol = symbol
        self.truths: dict[int, Truth] = {}
        self._stage = stage
        self._chance = chance
        self._listing = stage.market.listing(symbol)
        self._tick = self._listing.instrument.price_rule.step_at(Decimal(1))
        self._reach = levels * 3 // 2
        self._mid = 600_000 if symbol.startswith("BTC") else 60_000
        self._books: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for distance in range(1, self._reach):
            for side, sign in ((0, -1), (1, 1)):
                if chance.random() < 2 / 3:
                    self._books[side][self._mid + sign * distance] = chance.randrange(1, 5_000)
        self._tell(*(list(book.items()) for book in self._books), snapshot=True)

    def move(self) -> None:
        """Change some levels; at times the price goes, and once in a while the whole book is another one."""
        chance = self._chance
        jump = 0 if chance.random() < 0.8 else int(chance.gauss(0, 3 if chance.random() < 0.95 else 60))
        self._mid += jump
        changes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for side, sign in ((0, -1), (1, 1)):
            book, changed = self._books[side], changes[side]
            for price in [p for p in book if not 0 < (p - self._mid) * sign < self._reach] if jump else ():
                changed[price] = 0
            for _ in range(chance.randrange(1, 6) + abs(jump)):
                price = self._mid + sign * (1 + int(self._reach * chance.random() ** 3))
                changed[price] = 0 if chance.random() < 0.4 else chance.randrange(1, 5_000)
            for price, size in changed.items():
                if size:
                    book[price] = size
                else:
                    book.pop(price, None)
        self._tell(*(list(change.items()) for change in changes), snapshot=False)

    def _tell(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]], *, snapshot: bool) -> None:
        lower, upper = ([(format(price * self._tick, "f"), str(size)) for price, size in side] for side in (bids, asks))
        exchange = self._stage.exchange

        def job() -> None:
            now = self._stage.clock.time_ns()
            exchange.apply_depth(self.symbol, lower, upper, snapshot=snapshot, ts_event=now)
            if snapshot:
                self._listing.tell_snapshot(now)
            else:
                self._listing.tell_delta(*self._listing.overlaid(lower, upper), now)

        self._stage.market.do(job)
        self.truths[self._listing.last_id] = exchange.book(self.symbol).levels(400)
        if len(self.truths) > TRUTHS_KEPT:
            del self.truths[next(iter(self.truths))]

    @property
    def newest(self) -> int:
        """The id of the book as it is."""
        return self._listing.last_id


class Follower:
    """One connection of the adapter and its books, kept as sessions and engines keep them."""

    def __init__(self, context: VenueContext, depth: int, figures: Figures) -> None:
        self.venue = GateVenue(context)
        self.depth = depth
        self.keepers: dict[str, BookKeeper] = {}
        self._figures = figures
        self._wishes: dict[str, Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, symbols: tuple[str, ...]) -> None:
        """Connect and follow these markets."""
        await self.venue.connect(self._hear)
        for instrument in await self.venue.instruments():
            if instrument.symbol in symbols:
                self.keepers[instrument.symbol] = BookKeeper(instrument, self.venue.depth_rule(instrument))
                wish = Subscription(channel=Channel.BOOK, instrument=instrument, depth=self.depth)
                self._wishes[instrument.symbol] = wish
                await self.venue.subscribe(wish)

    def _hear(self, event: VenueEvent) -> None:
        match event:
            case BookDelta() | BookSnapshot():
                self._figures.frames += 1
                keeper = self.keepers[event.instrument.symbol]
                if isinstance(event, DecodedDelta):  # as the engine tells them apart
                    action = keeper.on_decoded(event)
                elif isinstance(event, BookDelta):
                    action = keeper.on_delta(event)
                else:
                    action = keeper.on_snapshot(event)
                if action is Action.RESYNC:
                    self._figures.counts["resyncs"] += 1
                    task = asyncio.get_running_loop().create_task(
                        self.venue.resync(self._wishes[event.instrument.symbol])
                    )
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            case Disconnected(reason=reason):
                self._figures.counts["disconnects"] += 1
                for keeper in self.keepers.values():
                    keeper.reset(reason, event.ts_recv)
            case StreamStale(instrument=instrument, reason=reason):
                self.keepers[instrument.symbol].reset(reason, event.ts_recv)
            case _:
                pass

    def compare(self, market: Market, *, must_be_current: bool) -> None:
        """Hold one book against the simulator's, where it says that it is in step."""
        keeper, figures = self.keepers[market.symbol], self._figures
        book, number = keeper.book, keeper.sync.last_id
        where = f"{market.symbol} {type(self.venue).__name__} {self.depth} at id {number}"
        if not book.is_synced:
            figures.counts["out of step"] += 1
            return
        figures.compared += 1
        truth = market.truths.get(number)
        if truth is None:
            figures.wrong.append(f"{where}: there never was a book of this id, or long ago")
        elif (book.bids(self.depth), book.asks(self.depth)) != tuple(side[: self.depth] for side in truth):
            figures.wrong.append(f"{where}: other levels")
        if must_be_current:
            figures.current += 1
            newest = market.truths[market.newest]
            if truth is None or any(a[: self.depth] != b[: self.depth] for a, b in zip(truth, newest, strict=True)):
                figures.wrong.append(f"{where}: it calls itself in step, but the newest is {market.newest}")


async def soak(
    frames: int, *, seed: int = 1, report: Callable[[Figures], None] = lambda figures: None, enough: int = 10
) -> Figures:
    """Run until so many depth frames have come, or `enough` comparisons were wrong; `report` is called as it goes."""
    clock, figures = DrivenClock(START_NS), Figures()
    symbols = tuple(MARKETS)
    settings = SimulationSettings(market="synthetic", symbols=symbols, seed=seed)

    def context(name: str, book: str) -> VenueContext:
        return VenueContext(
            connection=name,
            environment=Environment.SIMULATOR,
            clock=clock,
            session="soak",
            options=GateOptions(book=book),
            simulation=settings,
        )

    async def run() -> None:
        hosted = await host(context("nobody", "obu"), GateDialect)
        clock.run_until(START_NS)
        hosted.stage.market.finish()  # the markets are moved by this soak alone
        for symbol in symbols:
            for number in (1, 2, 3):
                hosted.stage.exchange.cancel_all(f"maker {number} of {symbol}", symbol)
        chance = random.Random(seed)
        markets = [Market(hosted.stage, symbol, levels, chance) for symbol, levels in MARKETS.items()]
        followers = [
            Follower(context(f"{book}{depth} {number}", book), depth, figures)
            for number, (book, depth) in enumerate(STREAMS)
        ]
        try:
            for follower in followers:
                await follower.start(symbols)
            await _beats(frames, clock, markets, followers, hosted.gateway, figures, seed, report, enough)
        finally:
            for follower in followers:
                await follower.venue.close()

    await Pump(clock).serve(run())
    return figures


async def _beats(
    frames: int,
    clock: DrivenClock,
    markets: list[Market],
    followers: list[Follower],
    gateway: Any,
    figures: Figures,
    seed: int,
    report: Callable[[Figures], None],
    enough: int,
) -> None:
    trouble, calm = FaultPlan.parse(list(FAULTS), seed=str(seed), start_ns=clock.time_ns()), FaultPlan()
    beat, reported = 0, time.monotonic()
    while figures.frames < frames and len(figures.wrong) < enough:
        beat += 1
        phase = beat % (TROUBLE_BEATS + CALM_BEATS)
        is_over = phase >= TROUBLE_BEATS + CALM_BEATS - 5  # by then there was a frame of each stream
        gateway.faults = trouble if phase < TROUBLE_BEATS else calm
        for market in markets:
            market.move()
        next_beat = clock.time_ns() // BEAT_NS + 1
        await pause(clock, (next_beat * BEAT_NS + QUIET_NS - clock.time_ns()) / 1e9)
        for follower in followers:
            if follower.depth == 50 or next_beat % 5 == 0:
                for market in markets:
                    follower.compare(market, must_be_current=is_over)
        if time.monotonic() - reported > 10:
            reported = time.monotonic()
            report(figures)
    counts: Counter[str] = Counter()
    for rule, strikes in zip(trouble.rules, trouble.counts, strict=True):
        effect = next(name for name in rule.to_json() if name not in ("on", "match", "path", "probability"))
        counts[f"fault {effect}"] += strikes
    figures.counts += counts


def main() -> None:
    """Run it from the command line; exit with 1 where any comparison was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=10, help="each has its own seed, and so another simulator")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what the faults bring about is told by the thousand
    started, done = time.perf_counter(), Figures()

    def tell(figures: Figures) -> None:
        seconds, whole = time.perf_counter() - started, done + figures
        print(f"{seconds:7.0f} s  {whole.frames / seconds:6,.0f} frames/s  {whole}", flush=True)

    for seed in range(given.seed, given.seed + given.parts):
        done += asyncio.run(soak(given.frames // given.parts, seed=seed, report=tell))
    tell(Figures())
    for line in done.wrong:
        print(line)
    sys.exit(bool(done.wrong))


if __name__ == "__main__":
    main()
