"""The backtest runner: one thread, no event loop, as fast as the engine and the simulated exchange can go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anyvenue.engine.commands import Command, connection_of, perform
from anyvenue.engine.engine import Engine
from anyvenue.engine.result import RunResult
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.runner import STOP_PATIENCE_NS, open_connection, stop_when_finished
from anyvenue.engine.strategy import Strategy
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.reply import spawn
from anyvenue.simulation.simulated_market import SimulatedMarket
from anyvenue.simulation.sources import sources_of
from anyvenue.simulation.tape import Tape
from anyvenue.simulation.venue import DESCRIPTOR
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueContext
from anyvenue.venue.interface import Venue

__all__ = ["backtest", "run_backtest"]


def run_backtest(engine: Engine, venues: Mapping[str, Venue], *, clock: DrivenClock) -> RunResult:
    """Run an engine on venues simulated on `clock`, until their market data ends or the strategy stops.

    Raises what a venue raises while it is opened; afterwards failures are events, and part of the result.
    """

    def outlet(command: Command) -> None:
        connection = connection_of(command)

        def answered(outcome: Any) -> None:
            if isinstance(outcome, BaseException):
                raise outcome
            for event in outcome:
                engine.receive(event, connection)

        spawn(perform(venues[connection], command), answered)

    engine.bind(outlet)
    for name, venue in venues.items():
        _wait(clock, open_connection(engine, name, venue))
    engine.start()
    stop_when_finished(engine, venues)
    clock.run(lambda: engine.is_stopping)
    engine.stop("finished")
    deadline = clock.time_ns() + STOP_PATIENCE_NS
    while not engine.is_idle and clock.time_ns() < deadline and clock.step():
        pass
    result = engine.result()
    for venue in venues.values():
        _wait(clock, venue.close())
    return result


def backtest(
    strategy: Strategy,
    *,
    simulation: SimulationSettings | None = None,
    risk: RiskLimits | None = None,
    connections: Sequence[str] = ("main",),
    tapes: Sequence[Tape] | None = None,
) -> RunResult:
    """Backtest a strategy on the simulated market, in one call.

    Each connection is an account of its own on one exchange. `tapes` are played in place of those that the settings
    name: whoever tries many parameters reads them once, by `find_tapes` and `Tape.in_memory`. Raises FileNotFoundError
    and ValueError for a market or symbol that is not there.
    """
    settings = simulation or SimulationSettings()
    sources = sources_of(settings, tapes)
    clock = DrivenClock(min(source.start_ns for source in sources))
    SimulatedMarket.on(clock, settings, sources)
    engine = Engine(strategy, connections=connections, clock=clock, session=f"s{abs(settings.seed)}", risk=risk)
    venues = {
        name: DESCRIPTOR.open(
            VenueContext(
                connection=name,
                environment=Environment.SIMULATOR,
                clock=clock,
                session=name,
                simulation=settings,
            )
        )
        for name in connections
    }
    return run_backtest(engine, venues, clock=clock)


def _wait(clock: DrivenClock, coroutine: Any) -> None:
    outcome: list[Any] = []
    spawn(coroutine, outcome.append)
    while not outcome and clock.step():
        pass
    if not outcome:
        raise RuntimeError("the simulated venue never answered")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
