"""The backtest runner: one thread, no event loop, as fast as the engine and the simulated exchange can go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anyvenue.engine.commands import Command, connection_of, perform
from anyvenue.engine.engine import Engine
from anyvenue.engine.result import RunResult
from anyvenue.engine.runner import STOP_PATIENCE_NS, is_finished, open_connection
from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.reply import spawn
from anyvenue.venue.interface import Venue

__all__ = ["run_backtest"]


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
    step = clock.step
    while not engine.is_stopping and not is_finished(venues) and step():
        pass
    engine.stop("finished")
    deadline = clock.time_ns() + STOP_PATIENCE_NS
    while not engine.is_idle and clock.time_ns() < deadline and step():
        pass
    result = engine.result()
    for venue in venues.values():
        _wait(clock, venue.close())
    return result


def _wait(clock: DrivenClock, coroutine: Any) -> None:
    outcome: list[Any] = []
    spawn(coroutine, outcome.append)
    while not outcome and clock.step():
        pass
    if not outcome:
        raise RuntimeError("the simulated venue never answered")
    if isinstance(outcome[0], BaseException):
        raise outcome[0]
