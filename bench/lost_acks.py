"""The acknowledgement of every tenth create is lost, and nothing is sent twice: thousands of orders beside the ledger.

A strategy places and cancels as fast as the venue lets it. The venue carries every order out; of every tenth it is
never heard: the answer is lost, or the connection breaks before it, or (where orders go by WebSocket) its frame is left
out. Afterwards every order of the simulator is held against every order that was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen
from beside import ACCOUNT, TARGETS, Beside, Figures, Scene, Told

from anyvenue import Fill, Order, Side, Strategy
from anyvenue.engine.engine import Engine
from anyvenue.engine.live import run_live
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.simulation.server.faults import FaultPlan

SECOND: Final = 1_000_000_000
LOST_EVERY: Final = 10
OPEN_MAX: Final = 12
"""Where so many orders rest the oldest is canceled."""
QUIET_S: Final = 90
"""After the last create: the reconciliation makes a round within a minute."""


@frozen(kw_only=True)
class Way:
    """How orders go: to which venue, with which options, how many a second, and how an acknowledgement is lost."""

    venue: str
    a_second: int
    faults: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any] = {}


_LOST: Final = {"on": "http", "method": "POST", "every": LOST_EVERY}
WAYS: Final = {
    "gateio": Way(venue="gateio", a_second=20, faults=({**_LOST, "path": "*/orders", "lose_reply": True},)),
    "gateio, broken": Way(venue="gateio", a_second=20, faults=({**_LOST, "path": "*/orders", "reset": "after"},)),
    "gateio, by WebSocket": Way(
        venue="gateio",
        a_second=20,
        options={"order_entry": "websocket"},
        # An acknowledgement and a result come of each create: of every tenth the result is gone.
        faults=({"on": "ws_out", "match": '"futures.order_place"', "drop": True, "every": 2 * LOST_EVERY},),
    ),
    "gaiaex": Way(venue="gaiaex", a_second=4, faults=({**_LOST, "path": "*/order", "lose_reply": True},)),
    "gaiaex, broken": Way(venue="gaiaex", a_second=4, faults=({**_LOST, "path": "*/order", "reset": "after"},)),
    "gaiaex, half of the updates left out": Way(
        venue="gaiaex",
        a_second=4,
        faults=(
            {**_LOST, "path": "*/order", "lose_reply": True},
            {"on": "ws_out", "match": "positions", "drop": True, "probability": 0.5},
        ),
    ),
}


class Placer(Strategy):
    """Places so many orders, some to trade and most to rest; cancels the oldest where many rest."""

    told: Told
    symbol: str
    left: int
    pause_s: Decimal
    chance: random.Random

    def on_start(self) -> None:
        """Begin when there is a book."""
        self.subscribe(self.symbol)
        self.set_timer("place", every_s=self.pause_s)

    def on_timer(self, name: str) -> None:
        """Place one more."""
        book, instrument = self.book(self.symbol), self.instrument(self.symbol)
        if not self.left or not book.is_synced or book.mid is None:
            return
        self.left -= 1
        held = self.position(instrument).quantity
        side = (
            Side.SELL if held > Decimal("0.1") else Side.BUY if held < Decimal("-0.1") else self.chance.choice([*Side])
        )
        away = Decimal(self.chance.choice(("-0.001", "0.0001", "0.002", "0.004")))  # below 0: it trades at once
        order = self.submit(instrument, side, "0.01", instrument.round_price(book.mid * (1 - side.sign * away), side))
        self.told.sent[order.client_order_id] = None
        resting = [order for order in self.open_orders(instrument) if order.is_resting and order.cancel is None]
        if len(resting) > OPEN_MAX:
            self.cancel(resting[0])

    def on_order(self, order: Order) -> None:
        """Whatever becomes of it: it is never placed anew."""

    def on_fill(self, fill: Fill) -> None:
        """Note it."""
        self.told.take(fill)


async def lose(way: Way, creates: int, seed: int = 1) -> Figures:
    """Place so many orders that way; return what came of it."""
    figures, target = Figures(), TARGETS[way.venue]
    scene = await Scene.of(target, seed, latency_jitter_us=3000, speed=0.2)
    clock, stop = scene.clock, asyncio.Event()
    strategy = Placer()
    strategy.told, strategy.symbol, strategy.left = Told(), target.symbol, creates
    strategy.pause_s, strategy.chance = Decimal(1) / way.a_second, random.Random(f"acks {seed}")
    engine = Engine(strategy, connections=(ACCOUNT,), clock=clock, session="acks")
    beside = Beside(engine, scene, strategy.told, figures)
    plan = FaultPlan.parse(list(way.faults), seed="acks", start_ns=clock.time_ns())
    scene.hosted.gateway.faults = plan

    def look() -> None:
        if strategy.left:
            clock.call_at(clock.time_ns() + SECOND, look)
        else:
            clock.call_at(clock.time_ns() + 2 * SECOND, calm)

    def calm() -> None:
        figures.counts["acknowledgements lost"] = plan.counts[0]
        scene.hosted.gateway.faults = FaultPlan()
        clock.call_at(clock.time_ns() + QUIET_S * SECOND, lambda: beside.at_rest(end))

    def end(is_at_rest: bool) -> None:
        exchange = scene.hosted.stage.exchange
        ended = exchange.order_history(ACCOUNT)
        figures.counts["creates"] = len(strategy.told.sent)
        figures.counts["orders at the venue"] = len(ended) + len(exchange.open_orders(ACCOUNT))
        figures.counts["duplicates"] = 0
        if not is_at_rest:
            figures.wrong.append("it never comes to rest")
        beside.compare("at the end")
        stop.set()

    clock.call_at(clock.time_ns() + SECOND, look)
    venue = target.venue(scene.context(ACCOUNT, **way.options))
    await run_live(engine, {ACCOUNT: venue}, clock=clock, stop=stop, recovery=Recovery(), seed=seed)
    return figures


def main() -> None:
    """Run it from the command line; exit with 1 where anything was sent twice, or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--creates", type=int, default=5_000, help="each way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--venue", choices=sorted({way.venue for way in WAYS.values()}), help="else all")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    wrong = False
    for name, way in WAYS.items():
        if given.venue not in (None, way.venue):
            continue
        began = time.monotonic()
        figures = asyncio.run(lose(way, given.creates, given.seed))
        print(f"{name}: {time.monotonic() - began:.0f} s: {figures}", flush=True)
        for line in figures.wrong:
            print(f"  DIFFERENCE {line}")
        for line in figures.unknown[:5]:
            print(f"  unknown: {line}")
        wrong = wrong or bool(figures.wrong)
    sys.exit(wrong)


if __name__ == "__main__":
    main()
