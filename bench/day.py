"""A day of faults: the quoter on a venue's simulator for 24 simulated hours, with one fault a second.

Adapter and simulator are joined in memory, and one driven clock is the time of both. Requests, answers and frames are
lost, delayed, doubled, reordered, cut and refused; connections break and go silent; there are maintenance, rate limits,
a server's clock that is off, funding that leaps, halts, delistings and liquidations. Every quarter of an hour the
faults pause for so long that the engine has had a look at everything; then all it believes is compared with what the
simulator has booked, and memory, tasks and records are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from beside import ACCOUNT, START_NS, TARGETS, Beside, Figures, Scene, Target, Told, state_of_process

from anyvenue import Fill, MarginMode, Order
from anyvenue.engine import engine as engine_module
from anyvenue.engine import orders
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.risk import ConnectionLimits, RiskLimits
from anyvenue.model.enums import TradingStatus
from anyvenue.simulation import trade_record
from anyvenue.simulation.exchange import Exchange
from anyvenue.simulation.server.fault_rule import Rule
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import Hosted
from anyvenue_gateio.simulator import account_book, order_file
from anyvenue_strategies.quoter import Quoter, QuoterParameters

SECOND: Final = 1_000_000_000
HOUR: Final = 3600 * SECOND
TAPE_SPEED: Final = 0.2
"""Seconds of the recorded market a second: about 16 depth frames. More would only cost time."""
CYCLE_S, CALM_S = 900, 90
"""So often the faults pause, and for so long: the reconciliation makes a round within a minute."""
DRAWN_AT_ONCE: Final = 3
"""So many single faults are drawn each second: a third of them finds something to strike."""
PENDING_MAX: Final = 12
"""A fault waits for what it is to strike; where so many wait, the oldest is given up."""
EPISODES_S: Final = 240
"""So long, on average, to the next draw of something of the greater sort; draws of earlier cycles go on beside it."""
RETENTION_DAYS: Final = 1 / 24
"""The journal forgets what is older and not needed: an hour, so that it can be seen within a day."""


class Bot(Quoter):
    """The quoter, in isolated margin, whose orders and fills are noted."""

    told: Told

    def on_start(self) -> None:
        """Quote, and keep a liquidation from taking more than the position's margin."""
        super().on_start()
        self.set_leverage(self._instrument, 10, MarginMode.ISOLATED)

    def submit(self, *terms: Any, **more: Any) -> Order:
        """Note what is sent."""
        order = super().submit(*terms, **more)
        self.told.sent[order.client_order_id] = None
        return order

    def on_fill(self, fill: Fill) -> None:
        """Note it."""
        self.told.take(fill)


@frozen(kw_only=True)
class Episode:
    """Something that lasts: faults that strike all the time meanwhile, and what is done at its begin and its end."""

    name: str
    seconds: float
    rules: tuple[Rule, ...] = ()
    skew_s: float = 0.0
    begin: Callable[[], object] = lambda: None
    end: Callable[[], object] = lambda: None


class Trouble:
    """Draws what goes wrong, and sets it in the simulator: a fault each second, and episodes."""

    def __init__(self, hosted: Hosted, target: Target, figures: Figures, seed: int) -> None:
        self._hosted = hosted
        self._stage = hosted.stage
        self._clock = hosted.stage.clock
        self._target = target
        self._counts = figures.counts
        self._chance = random.Random(f"trouble {seed}")
        self._pending: list[Rule] = []
        self._episode: Episode | None = None
        self._is_on = False
        self._rules = _single_faults(target)

    def start(self) -> None:
        """Let things go wrong."""
        self._is_on = True
        self._tick(self._clock.time_ns())
        self._await_episode()

    def pause(self) -> None:
        """Let nothing go wrong any more; what goes on ends."""
        self._is_on = False
        self._end_episode()
        self._pending.clear()
        self._set()

    # One fault a second

    def _tick(self, begun_ns: int) -> None:
        if not self._is_on:
            return
        self._collect()
        chance = self._chance
        sorts = list(self._rules.values())
        for _, rules in chance.choices(sorts, [weight for weight, _ in sorts], k=DRAWN_AT_ONCE):
            self._pending.append(chance.choice(rules))
            if len(self._pending) > PENDING_MAX:
                self._pending.pop(0)
                self._counts["single faults that met nothing"] += 1
        self._counts["seconds of trouble"] += 1
        self._set()
        self._clock.call_at(begun_ns + SECOND, lambda: self._tick(begun_ns + SECOND))

    def _collect(self) -> None:
        """Count what has struck, and forget the single faults that have."""
        plan = self._hosted.gateway.faults
        for rule, strikes in zip(plan.rules, plan.counts, strict=True):
            if strikes:
                self._counts["faults"] += strikes
                self._counts[f"fault {_name(rule)}"] += strikes
                if rule in self._pending:
                    self._pending.remove(rule)
                    self._counts["single faults"] += 1

    def _set(self) -> None:
        self._collect()
        episode = self._episode
        rules = [*(() if episode is None else episode.rules), *self._pending]
        now = self._clock.time_ns()
        self._hosted.gateway.faults = FaultPlan(
            rules, str(now), now, clock_skew_s=0.0 if episode is None else episode.skew_s
        )

    # What lasts

    def _await_episode(self) -> None:
        wait_ns = round(self._chance.expovariate(1 / EPISODES_S) * SECOND)
        self._clock.call_at(self._clock.time_ns() + wait_ns, self._begin_episode)

    def _begin_episode(self) -> None:
        if not self._is_on:
            return
        if self._episode is None:
            kinds = self._episodes()
            self._episode = episode = self._chance.choice(kinds)()
            self._counts[f"episode {episode.name}"] += 1
            self._stage.market.do(episode.begin)
            self._set()
            self._clock.call_at(
                self._clock.time_ns() + round(episode.seconds * SECOND),
                lambda: self._end_episode(episode),
            )
        self._await_episode()

    def _end_episode(self, only: Episode | None = None) -> None:
        episode = self._episode
        if episode is None or (only is not None and only is not episode):
            return
        self._collect()
        self._episode = None
        self._stage.market.do(episode.end)
        self._set()

    def _episodes(self) -> list[Callable[[], Episode]]:
        chance, symbol, exchange = self._chance, self._target.symbol, self._stage.exchange
        steering, gateway = self._stage.steering(symbol), self._hosted.gateway

        def status(wanted: TradingStatus) -> Callable[[], None]:
            return lambda: exchange.set_status(symbol, wanted)

        def maintenance() -> Episode:
            return Episode(
                name="maintenance",
                seconds=chance.uniform(10, 90),
                rules=(Rule.parse({"on": "http", "status": 503}), Rule.parse({"on": "ws_in", "disconnect": True})),
                begin=gateway.disconnect,
            )

        def skew() -> Episode:
            return Episode(name="clock skew", seconds=chance.uniform(60, 300), skew_s=chance.uniform(-90, 90))

        def limits() -> Episode:
            rule = {"on": "http", "status": 429, "body": '{"label": "TOO_MANY_REQUESTS"}'}
            return Episode(name="rate limits", seconds=chance.uniform(2, 15), rules=(Rule.parse(rule),))

        def stale_book() -> Episode:
            rule = {"on": "ws_out", "match": self._target.public, "drop": True}
            return Episode(name="stale book", seconds=chance.uniform(5, 40), rules=(Rule.parse(rule),))

        def silence() -> Episode:
            rules = tuple(Rule.parse({"on": "ws_out", "match": text, "drop": True}) for text in self._target.private)
            return Episode(name="account's stream silent", seconds=chance.uniform(5, 60), rules=rules)

        def slowness() -> Episode:
            rule = {"on": "http", "delay_s": round(chance.uniform(0.5, 4.0), 2)}
            return Episode(name="slow venue", seconds=chance.uniform(5, 60), rules=(Rule.parse(rule),))

        def disconnect() -> Episode:
            return Episode(name="all sockets broken", seconds=1, begin=gateway.disconnect)

        def funding() -> Episode:
            usual = steering.funding_rate

            def begin() -> None:
                steering.funding_rate = Decimal(chance.choice(("0.01", "-0.01", "0.003")))
                steering.settle_now()

            def end() -> None:
                steering.funding_rate = usual

            return Episode(name="funding spike", seconds=5, begin=begin, end=end)

        def halt() -> Episode:
            return Episode(
                name="halt",
                seconds=chance.uniform(5, 60),
                begin=status(TradingStatus.HALTED),
                end=status(TradingStatus.TRADING),
            )

        def delisting() -> Episode:
            def close() -> None:
                """The venue itself closes what is held, and does so at the end of a delisting."""
                exchange.set_status(symbol, TradingStatus.REDUCE_ONLY)
                exchange.cancel_all(ACCOUNT, symbol)
                if exchange.position(ACCOUNT, symbol).quantity:
                    exchange.close_position(ACCOUNT, symbol)
                exchange.set_status(symbol, TradingStatus.TRADING)

            return Episode(
                name="delisting",
                seconds=chance.uniform(20, 120),
                begin=status(TradingStatus.REDUCE_ONLY),
                end=close,
            )

        def liquidation() -> Episode:
            held = exchange.position(ACCOUNT, symbol).quantity
            mark = exchange.mark_price(symbol) or Decimal(60_000)
            instrument = next(one for one in self._stage.instruments if one.symbol == symbol)
            far = instrument.round_price(mark * Decimal("0.8" if held > 0 else "1.2"))
            if held:
                self._counts["liquidations"] += 1
            return Episode(
                name="mark price leaps by a fifth",
                seconds=3,
                begin=lambda: steering.hold(far, far),
                end=lambda: steering.hold(None, None),
            )

        def own() -> Episode:
            name, begins, ends = chance.choice(self._target.own)
            steer = gateway.dialect.steer
            return Episode(
                name=name, seconds=chance.uniform(5, 60), begin=lambda: steer(begins), end=lambda: steer(ends)
            )

        ours = [maintenance, skew, limits, stale_book, silence, slowness, disconnect, own]
        return [*ours, funding, halt, delisting, liquidation]


def _name(rule: Rule) -> str:
    told = rule.to_json()
    effect = next(name for name in told if name not in ("on", "method", "path", "match", "times", "body"))
    return f"{told['on']} {effect}"


def _single_faults(target: Target) -> dict[str, tuple[int, list[Rule]]]:
    """Return the faults of one strike, each sort with its weight."""

    def rules(*terms: dict[str, Any]) -> list[Rule]:
        return [Rule.parse({**each, "times": 1}) for each in terms]

    http: list[dict[str, Any]] = [
        {"lose_request": True},
        {"lose_reply": True},
        {"reset": "before"},
        {"reset": "after"},
        {"delay_s": 0.3},
        {"delay_s": 3.0},
        {"delay_s": 8.0, "lose_reply": True},
        {"status": 500},
        {"status": 502},
        {"status": 504},
        {"status": 429, "body": '{"label": "TOO_MANY_REQUESTS"}'},
        {"status": 503},
    ]
    frames: list[dict[str, Any]] = [
        {"drop": True},
        {"duplicate": True},
        {"reorder": 1},
        {"reorder": 3},
        {"corrupt": True},
        {"delay_s": 0.5},
        {"delay_s": 4.0},
    ]
    writing = ("POST", "PUT", "DELETE")
    return {
        "orders": (
            14,
            rules(*({"on": "http", "method": m, "path": target.orders, **one} for m in writing for one in http)),
        ),
        "looks": (8, rules(*({"on": "http", "method": "GET", **one} for one in http))),
        "private": (33, rules(*({"on": "ws_out", "match": text, **one} for text in target.private for one in frames))),
        "public": (40, rules(*({"on": "ws_out", "match": target.public, **one} for one in frames))),
        "breaks": (2, rules({"on": "ws_out", "disconnect": True}, {"on": "ws_in", "disconnect": True})),
        "half open": (1, rules({"on": "ws_out", "stall": True})),
        "requests by socket": (2, rules({"on": "ws_in", "drop": True}, {"on": "ws_in", "delay_s": 2.0})),
    }


class Day:
    """One run: venue, engine, trouble, comparisons."""

    def __init__(self, name: str, hours: float, folder: Path, seed: int) -> None:
        self.figures = Figures()
        self.states: list[tuple[float, dict[str, int]]] = []
        """After how many simulated hours, and how large everything was."""
        self.result: Any = None
        self._target = TARGETS[name]
        self._end_ns = START_NS + round(hours * HOUR)
        self._folder = folder
        self._seed = seed
        self._stop = asyncio.Event()

    async def run(self, report: Callable[[Day], None] = lambda day: None, *, enough: int = 40) -> None:
        """Run it, until so much is wrong; `report` is called after each comparison."""
        target = self._target
        scene = await Scene.of(target, self._seed, latency_jitter_us=3000, speed=TAPE_SPEED)
        clock, hosted = scene.clock, scene.hosted
        self._report, self._enough, self._hosted = report, enough, hosted
        strategy = Bot(
            QuoterParameters(
                instrument=target.symbol,
                half_spread_bp=Decimal("0.05"),
                max_position=Decimal("0.1"),
                skew_bp=Decimal("0.5"),
                requote_bp=Decimal("0.1"),
            )
        )
        strategy.told = Told()
        journal = self._folder / "journal.db"
        self._engine = engine = Engine(
            strategy,
            connections=(ACCOUNT,),
            clock=clock,
            session="day",
            risk=RiskLimits(
                max_position=Decimal("0.2"),
                price_band=Decimal("0.05"),
                connections={ACCOUNT: ConnectionLimits(order_rate=20)},
            ),
            journal=SqliteJournal(
                journal, session="day", now_ns=clock.time_ns(), clock=clock, retention_days=RETENTION_DAYS
            ),
        )
        self._journal = journal
        self._beside = Beside(engine, scene, strategy.told, self.figures)
        self._trouble = Trouble(hosted, target, self.figures, self._seed)
        clock.call_at(START_NS + 60 * SECOND, lambda: self._cycle(START_NS + 60 * SECOND))
        try:
            self.result = await run_live(
                engine,
                {ACCOUNT: target.venue(scene.context(ACCOUNT))},
                clock=clock,
                stop=self._stop,
                recovery=Recovery(),
                seed=self._seed,
            )
        finally:
            engine.close()
        if self.result.failure:
            self.figures.wrong.append(f"the strategy failed: {self.result.failure}")
        if left := hosted.stage.exchange.open_orders(ACCOUNT):
            self.figures.wrong.append(f"{len(left)} orders are left open at the end")

    # The rhythm

    def _cycle(self, begun_ns: int) -> None:
        """Begin a quarter of an hour."""
        self._trouble.start()
        clock = self._hosted.stage.clock
        clock.call_at(begun_ns + (CYCLE_S - CALM_S) * SECOND, self._trouble.pause)
        clock.call_at(begun_ns + CYCLE_S * SECOND, lambda: self._beside.at_rest(self._judge))

    def _judge(self, is_at_rest: bool) -> None:
        """Compare, and go on."""
        now, engine = self._hosted.stage.clock.time_ns(), self._engine
        if engine.is_stopping:
            self.figures.wrong.append(f"the run ends by itself: {engine.stop_reason} {engine.failure}")
            return
        hours = (now - START_NS) / HOUR
        if not is_at_rest:
            self.figures.wrong.append(f"hour {hours:.2f}: it never comes to rest")
        self._beside.compare(f"hour {hours:.2f}")
        self.states.append((hours, state_of_process(engine, self._journal)))
        self._report(self)
        if now >= self._end_ns or len(self.figures.wrong) >= self._enough:
            self._stop.set()
        else:
            self._cycle(now)


def keep_less(kept: int) -> None:
    """Let engine and simulator remember so few ended orders and fills: their memory is full after some hours then."""
    orders.ENDED_ORDERS_KEPT = engine_module.TRADES_KEPT = trade_record.TRADES_KEPT = account_book._KEPT = (
        order_file._KEPT
    ) = kept
    Exchange.__init__.__kwdefaults__["history_limit"] = kept


def main() -> None:
    """Run it from the command line; exit with 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venue", choices=tuple(TARGETS), default="gateio")
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kept", type=int, help="so few ended orders, fills and trades are remembered")
    parser.add_argument("--verbose", action="store_true", help="show what is logged")
    given = parser.parse_args()
    if not given.verbose:
        logging.disable(logging.CRITICAL)  # what the faults bring about is told by the thousand
    else:
        logging.basicConfig(level=logging.WARNING)
    if given.kept:
        keep_less(given.kept)
    began, shown = time.monotonic(), 0

    def tell(day: Day) -> None:
        nonlocal shown
        for line in day.figures.wrong[shown:]:
            print(f"DIFFERENCE {line}")
        shown = len(day.figures.wrong)
        hours, state = day.states[-1]
        sizes = ", ".join(f"{name} {size:,}" for name, size in state.items())
        seen = f"{day.figures.counts['faults']:,} faults, {shown} differences"
        print(f"{time.monotonic() - began:6.0f} s  hour {hours:5.2f}  {sizes}  {seen}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        day = Day(given.venue, given.hours, Path(folder), given.seed)
        asyncio.run(day.run(tell))
    for line in day.figures.unknown:
        print(f"unknown: {line}")
    for line in day.figures.wrong[shown:]:
        print(f"DIFFERENCE {line}")
    print(f"{time.monotonic() - began:6.0f} s  {day.figures}")
    print(f"orders {day.result.orders:,}, amends {day.result.amends:,}, cancels {day.result.cancels:,}")
    sys.exit(bool(day.figures.wrong))


if __name__ == "__main__":
    main()
