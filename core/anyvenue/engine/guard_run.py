"""What guards a live run from beside the engine: the watchdog, the dead man's switch, and a last look at its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from anyvenue.engine.dead_man import dead_man_armed
from anyvenue.engine.engine import Engine
from anyvenue.engine.flatten import Flattening, flatten
from anyvenue.engine.runner import STOP_PATIENCE_NS
from anyvenue.engine.watchdog import Watchdog
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue

__all__ = ["guarded", "patience_ns", "sweep"]

_log = logging.getLogger("anyvenue.engine")

FLATTEN_PATIENCE_NS = 10_000_000_000
"""How long a run that is to end flat waits for its orders to end, before the venues are asked what there is."""


@asynccontextmanager
async def guarded(
    engine: Engine,
    venues: Mapping[str, Venue],
    clock: Clock,
    pump: Pump | None,
    rescue: Callable[[], object] | None,
) -> AsyncIterator[None]:
    """Guard the engine while the block runs. `rescue` is called in another thread when a callback hangs.

    `pump` is what turns a driven clock.
    """
    loop = asyncio.get_running_loop()

    def on_hang() -> None:
        loop.call_soon_threadsafe(engine.stop, "hung")  # for the moment in which the callback does return
        if rescue is not None:
            rescue()

    with Watchdog(engine, hang_s=engine.desk.limits.hang_s, rescue=on_hang):
        async with dead_man_armed(engine, venues, clock, pump):
            yield


def patience_ns(engine: Engine) -> int:
    """Return how long an ending run waits for its orders to end."""
    return FLATTEN_PATIENCE_NS if engine.flattens else STOP_PATIENCE_NS


async def sweep(engine: Engine, venues: Mapping[str, Venue], clock: Clock) -> None:
    """Have the venues confirm that all is gone, and do what is left to do by their word.

    The kill switch closes all that the accounts hold; else it is what this run has held.
    """
    held = frozenset(position.instrument.key for position in engine.portfolio.positions())
    for name, venue in venues.items():
        left = await flatten(
            Flattening(
                name=name,
                venue=venue,
                clock=clock,
                new_id=engine.orders.next_id,
                closes=bool(engine.flattens) or engine.ending.closes_on_failure,
                instruments=None if engine.flattens == "flattened" else held,
                say=engine.say,
            )
        )
        for text in left:
            _log.critical("%s. Close it by hand", text)
