"""The dead man's switch: venues cancel the account's orders when nothing is heard of this process any more.

It is renewed at a third of its time, from the engine's own event loop: where a callback hangs or the process is gone,
nobody renews it. A clean end disarms it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from anyvenue.engine.engine import Engine
from anyvenue.model.errors import AnyvenueError
from anyvenue.simulation.pump import Pump
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue
from anyvenue.wire.deadline import deadline, pause

__all__ = ["dead_man_armed"]

_log = logging.getLogger("anyvenue.engine")


@asynccontextmanager
async def dead_man_armed(
    engine: Engine, venues: Mapping[str, Venue], clock: Clock, pump: Pump | None = None
) -> AsyncIterator[None]:
    """Keep the switches of all venues that have one armed while the block runs, where `[risk] dead_man_s` says so.

    At the end they are disarmed if no order of ours is open; else the venues may cancel what is left. `pump` turns the
    clock meanwhile, where nobody else does.
    """
    timeout_s = engine.desk.limits.dead_man_s
    if timeout_s is None:
        yield
        return
    armed = []
    for name, venue in venues.items():
        if venue.capabilities.has(Feature.DEAD_MAN_SWITCH):
            armed.append((name, venue))
        else:
            _tell(engine, f"{name}: this venue has no dead man's switch; its orders would outlive this process")
    tasks = [asyncio.create_task(_renew(engine, name, venue, clock, timeout_s)) for name, venue in armed]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if engine.is_idle:
            disarming = asyncio.gather(*(_arm(engine, name, venue, clock, 0, timeout_s / 3) for name, venue in armed))
            await (disarming if pump is None else pump.serve(disarming))


async def _renew(engine: Engine, name: str, venue: Venue, clock: Clock, timeout_s: int) -> None:
    is_armed = True
    while True:
        was_armed, is_armed = is_armed, await _arm(engine, name, venue, clock, timeout_s, timeout_s / 3)
        if is_armed and not was_armed:
            engine.say(f"{name}: the dead man's switch is armed again")
        await pause(clock, timeout_s / 3)


async def _arm(engine: Engine, name: str, venue: Venue, clock: Clock, timeout_s: int, patience_s: float) -> bool:
    try:
        async with deadline(clock, patience_s):
            await venue.arm_dead_man_switch(timeout_s)
    except (AnyvenueError, TimeoutError, ValueError) as error:
        what = f"renewed for {timeout_s} s" if timeout_s else "disarmed"
        _tell(engine, f"{name}: the dead man's switch could not be {what}: {str(error) or type(error).__name__}")
        return False
    return True


def _tell(engine: Engine, text: str) -> None:
    _log.error("%s", text)
    engine.say(text)
