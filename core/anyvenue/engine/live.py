"""The live runner: an engine on any venues, under asyncio.

Market data reaches the engine straight from the venue's sink. Each command is a task with a deadline; what it comes
to goes back in as events. On a driven clock (venues simulated in this process) a pump turns the clock, and the run
is as deterministic as a backtest.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from anyvenue.engine.commands import Command, connection_of, failure_events, perform
from anyvenue.engine.engine import Engine
from anyvenue.engine.result import RunResult
from anyvenue.engine.runner import STOP_PATIENCE_NS, open_connection, stop_when_finished
from anyvenue.engine.watchdog import Watchdog
from anyvenue.model.errors import OutcomeUnknown
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue

__all__ = ["run_live"]

_log = logging.getLogger("anyvenue.engine")

COMMAND_DEADLINE_S = 15.0
"""After this long without an answer a command's outcome is unknown."""
POLL_S = 0.05
_SECOND_NS = 1_000_000_000


async def run_live(
    engine: Engine,
    venues: Mapping[str, Venue],
    *,
    clock: Clock,
    stop: asyncio.Event,
    duration_s: float = 0,
    speed: float = 0,
) -> RunResult:
    """Run an engine until `stop` is set, `duration_s` has passed on the clock (0: no end), or the market data ends.

    On a DrivenClock `speed` is seconds of market per second, 0 as fast as possible. At the end every open order of
    ours is canceled before the venues are closed. Raises what a venue raises while it is opened.
    """
    carrier = _Carrier(engine, venues, None if isinstance(clock, DrivenClock) else COMMAND_DEADLINE_S)
    engine.bind(carrier.send)
    pump = Pump(clock, speed) if isinstance(clock, DrivenClock) else None
    wait_until = _poll_until if pump is None else pump.run_until
    try:
        for name, venue in venues.items():
            opening = open_connection(engine, name, venue)
            if not await _done_before(stop, opening if pump is None else pump.serve(opening)):
                engine.stop_reason = "interrupted"
                return engine.result()
        with Watchdog(engine):
            engine.start()
            stop_when_finished(engine, venues)
            if duration_s > 0:
                end_ns = clock.time_ns() + int(duration_s * _SECOND_NS)
                clock.call_at(end_ns, lambda: engine.stop("duration"))
            await wait_until(lambda: engine.is_stopping or stop.is_set() or carrier.broken)
            engine.stop("interrupted" if stop.is_set() else "finished")
            deadline = clock.time_ns() + STOP_PATIENCE_NS
            await wait_until(lambda: engine.is_idle or clock.time_ns() >= deadline or carrier.broken)
        if not engine.is_idle:
            _log.error("orders of unknown fate remain: %s", [o.client_order_id for o in engine.orders.open_orders()])
        carrier.raise_if_broken()
        return engine.result()
    finally:
        carrier.abandon()
        for venue in venues.values():
            await venue.close()


async def _done_before(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Await `work`; where `stop` is set first, give it up and return False. Raises what it raises."""
    working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((working, stopped), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
            return True
        return False
    finally:
        working.cancel()
        stopped.cancel()
        await asyncio.gather(working, stopped, return_exceptions=True)


async def _poll_until(predicate: Callable[[], bool]) -> None:
    # What ends a run (a callback, a signal, the last order) has no event in common to wait for.
    while not predicate():  # noqa: ASYNC110
        await asyncio.sleep(POLL_S)


class _Carrier:
    """Carries commands to venues, one task each, and what they come to back to the engine."""

    def __init__(self, engine: Engine, venues: Mapping[str, Venue], deadline_s: float | None) -> None:
        self._engine = engine
        self._venues = venues
        self._deadline_s = deadline_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None

    @property
    def broken(self) -> bool:
        """Whether the engine itself raised: a fault of ours, which ends the run."""
        return self._error is not None

    def send(self, command: Command) -> None:
        """Let a command leave."""
        task = asyncio.get_running_loop().create_task(self._carry(command))
        self._tasks.add(task)
        task.add_done_callback(self._landed)

    async def _carry(self, command: Command) -> None:
        connection = connection_of(command)
        try:
            async with asyncio.timeout(self._deadline_s):
                events = await perform(self._venues[connection], command)
        except TimeoutError:
            late = OutcomeUnknown(f"no answer within {self._deadline_s} s", venue=connection)
            events = failure_events(command, late)
        for event in events:
            self._engine.receive(event, connection)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._error = self._error or task.exception()

    def raise_if_broken(self) -> None:
        """Raise what the engine raised."""
        if self._error is not None:
            raise self._error

    def abandon(self) -> None:
        """Cancel what is still on its way."""
        for task in self._tasks:
            task.cancel()
