"""Waiting by a clock that is an argument: deadlines and pauses, on the wall's time and on a driven one alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyvenue.venue.clock import Clock

__all__ = ["deadline", "pause"]

_SECOND_NS = 1_000_000_000


@asynccontextmanager
async def deadline(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError in the body when `seconds` have passed on the clock."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as timeout:
        timer = clock.call_at(clock.time_ns() + int(seconds * _SECOND_NS), lambda: timeout.reschedule(loop.time()))
        try:
            yield
        finally:
            timer.cancel()


async def pause(clock: Clock, seconds: float) -> None:
    """Wait until `seconds` have passed on the clock."""
    passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def ring() -> None:
        if not passed.done():
            passed.set_result(None)

    timer = clock.call_at(clock.time_ns() + int(seconds * _SECOND_NS), ring)
    try:
        await passed
    finally:
        timer.cancel()
