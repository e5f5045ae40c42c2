"""Launching: from a checked configuration to an engine on opened venues, run to its end.

Where every connection is the exchange simulated in this process, time is driven, and a run is the same each time.
Any real venue among them puts the whole run on the wall's clock.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from types import FrameType
from typing import Any, Final

from attrs import evolve, field, frozen

from anyvenue.app.assemble import NEEDS_KEYS, built, fetched, fresh_session, made_venues, seeded_session
from anyvenue.app.config import Configuration
from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.app.control_socket import serve_control
from anyvenue.app.signal_sources import SignalSettings, schedule_file, serve_signals
from anyvenue.app.watch import Shower, watching
from anyvenue.engine.backtest import run_backtest
from anyvenue.engine.engine import Engine, EngineView
from anyvenue.engine.guard_rescue import rescue
from anyvenue.engine.live import run_live
from anyvenue.engine.orders import OUR_PREFIX
from anyvenue.engine.result import RunResult
from anyvenue.engine.risk_loss import halt_in_force
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.sources import sources_of
from anyvenue.venue.clock import Clock, WallClock
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.interface import Venue
from anyvenue.venue.secrets import SecretSource
from anyvenue.venue.secrets.hangup import is_ours, reloaded_by_hangup

__all__ = ["SIMULATED", "Launch", "backtest", "is_driven", "launch", "market_span", "prepare", "prepare_backtest"]

SIMULATED: Final = "simulated"
"""The venue that is simulated in this process."""

STOPPING: Final = "stopping: orders are being canceled; once more to stop at once"
_HEARD: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_DEFAULT: Final = {signal.SIGINT: signal.default_int_handler}
_SECOND_NS: Final = 1_000_000_000


@frozen(kw_only=True)
class Launch:
    """A run that is ready to start.

    `end_ns` is None where no end is known; `served` are the signals that come while it runs; `rescue` is for the
    watchdog, None where no account outlives this process.
    """

    engine: Engine
    venues: Mapping[str, Venue]
    clock: Clock
    duration_s: float
    speed: float
    start_ns: int
    end_ns: int | None
    served: SignalSettings
    secrets: Mapping[str, SecretSource] = field(factory=dict)
    rescue: Callable[[], object] | None = None

    @property
    def ts(self) -> int:
        """The run's time."""
        return self.engine.now

    @property
    def events(self) -> int:
        """How many events there have been."""
        return self.engine.events

    def view(self) -> EngineView:
        """Return what a live view shows, with how much of the run is done where an end is known."""
        view = self.engine.view()
        return evolve(view, progress=self.progress) if view.progress is None else view

    @property
    def progress(self) -> float | None:
        """How much of the run is done, 0 to 1; None where no end is known."""
        if self.end_ns is None or self.end_ns <= self.start_ns:
            return None
        return min(1.0, max(0.0, (self.engine.now - self.start_ns) / (self.end_ns - self.start_ns)))


def is_driven(configuration: Configuration) -> bool:
    """Tell whether the whole run is simulated in this process."""
    return all(connection.descriptor.name == SIMULATED for connection in configuration.connections)


def market_span(settings: SimulationSettings, start_ns: int | None = None) -> tuple[int, int | None]:
    """Return when a simulated market begins and ends, in nanoseconds; None where it never does.

    It begins with its data, or at `start_ns` where that is later. Raises FileNotFoundError and ValueError for a market
    or symbol that is not there.
    """
    sources = sources_of(settings)
    start = max(start_ns or 0, min(source.start_ns for source in sources))
    ends = [source.end_ns for source in sources if source.end_ns is not None]
    end = max(ends) if len(ends) == len(sources) else None
    if settings.duration_s > 0:
        limit = start + int(settings.duration_s * _SECOND_NS)
        end = limit if end is None else min(end, limit)
    return start, end


async def launch(
    configuration: Configuration,
    *,
    duration_s: float | None,
    shower: Shower | None,
    say: Callable[[str], None],
    override_halt: bool = False,
) -> RunResult:
    """Run a configuration until it ends, `duration_s` is over, or a signal asks to stop. Raises what opening raises.

    `duration_s` overrides the configuration's for real venues; a driven run has its own in the settings already.
    `override_halt` starts in spite of a loss limit that was hit.
    """
    ready = prepare(configuration, duration_s, override_halt=override_halt)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.callback(ready.engine.close)
        loop = asyncio.get_running_loop()
        reloads = bool(ready.secrets) and is_ours()
        stack.enter_context(_stopped_by_signals(lambda: loop.call_soon_threadsafe(stop.set), say))
        if reloads:
            stack.enter_context(reloaded_by_hangup(ready.secrets.values()))
        stack.enter_context(_flattened_by_signal(loop, ready.engine))
        if not is_driven(configuration):
            await stack.enter_async_context(serve_control(ready.engine, configuration.source))
        await stack.enter_async_context(serve_signals(ready.engine, ready.served, configuration.folder))
        if shower is not None:
            await stack.enter_async_context(watching(ready.view, shower))
        return await run_live(
            ready.engine,
            ready.venues,
            clock=ready.clock,
            stop=stop,
            duration_s=ready.duration_s,
            speed=ready.speed,
            recovery=None if is_driven(configuration) else configuration.recovery,
            seed=ready.start_ns,
            rescue=ready.rescue,
        )


def prepare(configuration: Configuration, duration_s: float | None = None, *, override_halt: bool = False) -> Launch:
    """Make engine and venues; nothing is connected yet. Must be called inside the event loop.

    Raises ConfigError, a refusal where a loss limit was hit and `override_halt` is not said.
    """
    settings = configuration.simulation
    if is_driven(configuration):
        return prepare_backtest(configuration)
    clock = WallClock()
    if duration_s is None:
        has_real = any(connection.environment in NEEDS_KEYS for connection in configuration.connections)
        duration_s = 0.0 if has_real else settings.duration_s
    now = clock.time_ns()
    secrets = fetched(configuration, clock)
    session = fresh_session(now)
    engine, venues = built(configuration, clock, session, secrets, override_halt=override_halt)
    if not override_halt and (halt := halt_in_force(engine.journal, configuration.risk, now)) is not None:
        text = f"{halt}. Trading does not start again by itself; to start all the same use --override-halt"
        engine.close()
        raise ConfigError([Problem(place=configuration.source, key="risk", text=text, refusal=True)])
    end = now + int(duration_s * _SECOND_NS) if duration_s > 0 else None
    return Launch(
        engine=engine,
        venues=venues,
        clock=clock,
        duration_s=duration_s,
        speed=0.0,
        start_ns=now,
        end_ns=end,
        served=configuration.signals,
        secrets=secrets,
        rescue=_rescuer(configuration, engine, session, secrets),
    )


def prepare_backtest(configuration: Configuration, start_ns: int | None = None) -> Launch:
    """Make engine and venues on a driven clock that begins with the market, or at `start_ns`."""
    settings = configuration.simulation
    begin, end = market_span(settings, start_ns)
    clock = DrivenClock(begin)
    engine, venues = built(configuration, clock, seeded_session(settings.seed))
    _schedule_signals(engine, configuration)
    return Launch(
        engine=engine,
        venues=venues,
        clock=clock,
        duration_s=0.0,
        speed=settings.speed,
        start_ns=begin,
        end_ns=end,
        served=evolve(configuration.signals, file=None),
    )


def backtest(ready: Launch, say: Callable[[str], None]) -> RunResult:
    """Run what `prepare_backtest` made, as fast as it goes, in this thread."""
    clock = ready.clock
    if not isinstance(clock, DrivenClock):
        raise TypeError("a backtest needs a driven clock: make it by prepare_backtest")
    with _stopped_by_signals(lambda: clock.call_at(0, lambda: ready.engine.stop("interrupted")), say):
        try:
            return run_backtest(ready.engine, ready.venues, clock=clock)
        finally:
            ready.engine.close()


def _schedule_signals(engine: Engine, configuration: Configuration) -> None:
    """On a driven clock the signals of a file are known beforehand."""
    settings = configuration.signals
    if settings.file is None:
        return
    try:
        schedule_file(engine, settings.path(configuration.folder))
    except OSError as error:
        engine.close()
        text = f'found "{settings.file}"; it cannot be read: {error.strerror}'
        raise ConfigError([Problem(place=configuration.source, key="signals.file", text=text)]) from None


def _rescuer(
    configuration: Configuration, engine: Engine, session: str, secrets: Mapping[str, SecretSource]
) -> Callable[[], object] | None:
    """Return what flattens the real accounts from another thread; None where there are none."""
    real = tuple(c for c in configuration.connections if c.environment in NEEDS_KEYS)
    if not real:
        return None
    alone = evolve(configuration, connections=real)
    return partial(
        rescue,
        lambda clock: made_venues(alone, clock, session, {name: dict(source) for name, source in secrets.items()}),
        prefix=f"{OUR_PREFIX}{session}-",
        closes=engine.ending.closes_on_failure,
    )


@contextmanager
def _flattened_by_signal(loop: asyncio.AbstractEventLoop, engine: Engine) -> Iterator[None]:
    """Let SIGUSR1, on systems that have it, be the kill switch."""
    number = getattr(signal, "SIGUSR1", None)
    if number is None:
        yield
        return
    former = signal.signal(
        number, lambda number, frame: loop.call_soon_threadsafe(engine.flatten, "asked for by SIGUSR1")
    )
    try:
        yield
    finally:
        signal.signal(number, former)


@contextmanager
def _stopped_by_signals(stop: Callable[[], object], say: Callable[[str], None]) -> Iterator[None]:
    """Let the first signal call `stop`, between two steps of the interpreter; a second one ends the process.

    These are not the event loop's handlers: the second signal has to work while a callback keeps the loop from turning.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        restore({number: _DEFAULT.get(number, signal.SIG_DFL) for number in before})
        stop()
        say(STOPPING)

    def restore(handlers: Mapping[signal.Signals, Any]) -> None:
        for number, handler in handlers.items():
            signal.signal(number, handler)

    formers = {number: signal.getsignal(number) for number in _HEARD}
    # SIGHUP is ignored under nohup, and stays so.
    before = {n: former for n, former in formers.items() if (n.name, former) != ("SIGHUP", signal.SIG_IGN)}
    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        restore(before)
