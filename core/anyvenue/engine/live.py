"""The live runner: an engine on any venues, under asyncio.

Market data reaches the engine straight from the venue's sink. Each command is carried out by a task with a deadline,
begun as soon as the engine sends it; what it comes to goes back in as events. On a driven clock (venues simulated in
this process) a pump turns the clock, and the run is as deterministic as a backtest.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from anyvenue.engine.commands import Command, connection_of, failure_events, perform
from anyvenue.engine.engine import Engine
from anyvenue.engine.guard_run import guarded, patience_ns, sweep
from anyvenue.engine.journal import JournalFailed, only_reduces
from anyvenue.engine.latency import Latency
from anyvenue.engine.reconcile import Reconciler
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.result import RunResult
from anyvenue.engine.runner import open_connection, stop_when_finished
from anyvenue.model.errors import AnyvenueError, NotSent, OutcomeUnknown
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.venue.clock import Clock
from anyvenue.venue.interface import Venue
from anyvenue.wire.deadline import Deadlines
from anyvenue.wire.eager import EagerTasks
from anyvenue.wire.sending import watch_sending

__all__ = ["run_live"]

_log = logging.getLogger("anyvenue.engine")

COMMAND_DEADLINE_S = 15.0
"""After this long without an answer a command's outcome is unknown."""
CLOSE_S = 10.0
"""A venue that is not closed after so long is left as it is: its orders are settled by then, and the run is over."""
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
    recovery: Recovery | None = None,
    seed: int = 0,
    rescue: Callable[[], object] | None = None,
) -> RunResult:
    """Run an engine until `stop` is set, `duration_s` has passed on the clock (0: no end), or the market data ends.

    On a DrivenClock `speed` is seconds of market per second, 0 as fast as possible. With `recovery` the engine is kept
    in step with what its venues say, from before the strategy's start on; `seed` spreads the times of that. `rescue` is
    called in another thread when a callback hangs.

    At the end every open order of ours is canceled before the venues are closed; where positions are closed too, the
    venues are asked whether they are. Raises what a venue raises while it is opened.
    """
    carrier = _Carrier(engine, venues, None if isinstance(clock, DrivenClock) else Deadlines(clock, COMMAND_DEADLINE_S))
    engine.bind(carrier.send)
    if not isinstance(clock, DrivenClock):
        engine.latency = Latency(clock)
    pump = Pump(clock, speed) if isinstance(clock, DrivenClock) else None
    wait_until = _poll_until if pump is None else pump.run_until
    memory = ExitStack()
    try:
        for name, venue in venues.items():
            opening = open_connection(engine, name, venue)
            if not await _done_before(stop, opening if pump is None else pump.serve(opening)):
                engine.stop_reason = "interrupted"
                return engine.result()
        if recovery is not None:
            learning = Reconciler(engine, venues, clock, recovery, seed=seed).begin(carrier.start)
            if not await _done_before(stop, learning if pump is None else pump.serve(learning)):
                engine.stop_reason = "interrupted"
                return engine.result()
        async with guarded(engine, venues, clock, pump, rescue):
            if pump is None:
                memory.enter_context(_memory_set_aside())
            try:
                engine.start()
                stop_when_finished(engine, venues)
                if duration_s > 0:
                    end_ns = clock.time_ns() + int(duration_s * _SECOND_NS)
                    clock.call_at(end_ns, lambda: engine.stop("duration"))
                await wait_until(lambda: engine.is_stopping or stop.is_set() or carrier.broken)
                engine.stop("interrupted" if stop.is_set() else "finished")
                begun = clock.time_ns()
                await wait_until(
                    lambda: engine.is_idle or clock.time_ns() >= begun + patience_ns(engine) or carrier.broken
                )
            except Exception:
                if engine.fault is None:
                    raise
                # It is raised below, once no order is left behind.
            if engine.flattens or carrier.broken:
                sweeping = sweep(engine, venues, clock)
                await (sweeping if pump is None else pump.serve(sweeping))
        if not engine.is_idle:
            _log.error("orders of unknown fate remain: %s", [o.client_order_id for o in engine.orders.open_orders()])
        carrier.raise_if_broken()
        return engine.result()
    finally:
        memory.close()
        carrier.abandon()
        for name, venue in venues.items():
            await _closed(name, venue, None if pump else CLOSE_S)


async def _closed(name: str, venue: Venue, seconds: float | None) -> None:
    """Close a venue. What goes wrong with one keeps no other open."""
    try:
        async with asyncio.timeout(seconds):
            await venue.close()
    except TimeoutError:
        _log.error("%s: not closed after %g s; it is left as it is", name, seconds)
    except Exception:  # noqa: BLE001 - whatever an adapter raises, the others are to be closed
        _log.exception("%s: it could not be closed in order", name)


@contextmanager
def _memory_set_aside() -> Iterator[None]:
    """Keep the garbage collector from going through all that stands already: each time it would take tens of
    milliseconds, in which nothing else is done. What others have set aside stays so at the end.
    """
    gc.collect()
    is_ours = not gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        if is_ours:
            gc.unfreeze()


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
    """Carries commands to venues, each in a task, and what they come to back to the engine."""

    def __init__(self, engine: Engine, venues: Mapping[str, Venue], deadlines: Deadlines | None) -> None:
        self._engine = engine
        self._venues = venues
        self._deadlines = deadlines
        self._deadline: Callable[[], AbstractContextManager[None]] = (
            nullcontext if deadlines is None else deadlines.begin
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._eager = EagerTasks(self._failed)
        # On a driven clock a command leaves once its event is handled to the end, as in a backtest.
        self._begin = self.start if deadlines is None else self._eager.start
        self._error: BaseException | None = None

    @property
    def broken(self) -> bool:
        """Whether the engine itself raised: a fault of ours, which ends the run."""
        return self._error is not None or self._engine.fault is not None

    def send(self, command: Command) -> None:
        """Let a command leave, once the journal has it."""
        latency = self._engine.latency
        self._begin(self._carry(command, self._engine.ticket, 0 if latency is None else latency.leaving()))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Have something done beside everything else. An error of it is a fault of ours."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._landed)

    async def _carry(self, command: Command, ticket: int, called_ns: int) -> None:
        connection = connection_of(command)
        sending = watch_sending()
        unwritten = await self._unwritten(ticket) if ticket else None
        if unwritten is not None and not only_reduces(command):
            events = failure_events(command, unwritten)
        else:
            try:
                with self._deadline():
                    events = await perform(self._venues[connection], command)
            except TimeoutError:
                late = OutcomeUnknown(f"no answer within {COMMAND_DEADLINE_S} s", venue=connection)
                events = failure_events(command, late)
        if self._engine.is_busy:  # it never left: an answer of its own, once what asked for it has returned
            await asyncio.sleep(0)
        latency = self._engine.latency
        answered_ns = 0 if latency is None else latency.time_ns()
        for event in events:
            self._engine.receive(event, connection)
        if latency is not None:  # after what the answer brings about has left
            latency.answered(command, called_ns, sending, events, answered_ns)

    async def _unwritten(self, ticket: int) -> AnyvenueError | None:
        """Wait for the journal; return what kept it from being written."""
        try:
            with self._deadline():
                await self._engine.journal.durable(ticket)
        except JournalFailed as error:
            return error
        except TimeoutError:
            return NotSent(f"the journal was not written within {COMMAND_DEADLINE_S} s")
        return None

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    def _failed(self, error: BaseException) -> None:
        self._error = self._error or error

    def raise_if_broken(self) -> None:
        """Raise what the engine raised."""
        error = self._error or self._engine.fault
        if error is not None:
            raise error

    def abandon(self) -> None:
        """Cancel what is still on its way."""
        if self._deadlines is not None:
            self._deadlines.stop()
        self._eager.cancel()
        for task in self._tasks:
            task.cancel()
