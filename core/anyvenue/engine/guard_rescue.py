"""The rescue: what the watchdog does to an account while the engine's thread hangs, over connections of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

from anyvenue.engine.flatten import Flattening, flatten
from anyvenue.model.errors import AnyvenueError
from anyvenue.venue.clock import Clock, WallClock
from anyvenue.venue.interface import Venue

__all__ = ["VenueFactory", "rescue"]

_log = logging.getLogger("anyvenue.engine")

VenueFactory: TypeAlias = Callable[[Clock], Mapping[str, Venue]]
"""Makes the venues anew, by connection; called inside an event loop. They are not connected yet."""


def rescue(factory: VenueFactory, *, prefix: str, closes: bool) -> tuple[str, ...]:
    """Cancel the orders of one session, and with `closes` close all positions, in this thread; return what is left.

    `prefix` is what the session's client ids begin with. Only failures that no venue may raise are raised.
    """
    return asyncio.run(_rescue(factory, prefix, closes))


async def _rescue(factory: VenueFactory, prefix: str, closes: bool) -> tuple[str, ...]:
    clock = WallClock()
    venues = factory(clock)
    parts = await asyncio.gather(
        *(_rescue_one(name, venue, clock, prefix, closes) for name, venue in venues.items()), return_exceptions=True
    )
    left: list[str] = []
    for name, part in zip(venues, parts, strict=True):
        left += [f"{name}: {type(part).__name__}: {part}"] if isinstance(part, BaseException) else part
    if left:
        _log.critical("this is left, close it by hand: %s", "; ".join(left))
    return tuple(left)


async def _rescue_one(name: str, venue: Venue, clock: Clock, prefix: str, closes: bool) -> tuple[str, ...]:
    count = 0

    def new_id() -> str:
        nonlocal count
        count += 1
        return f"{prefix}w{count}"

    try:
        await venue.connect(lambda event: None)
        await venue.instruments()
        return await flatten(
            Flattening(name=name, venue=venue, clock=clock, new_id=new_id, prefix=prefix, closes=closes)
        )
    except AnyvenueError as error:
        return (f"{name}: {error}",)
    finally:
        await venue.close()
