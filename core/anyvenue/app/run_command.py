"""`anyvenue run` and `anyvenue backtest`: from a configuration's name to a printed report and an exit code."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from attrs import evolve

from anyvenue.app import launch, logs
from anyvenue.app.cli import ExitCode
from anyvenue.app.config import Configuration, Overrides
from anyvenue.app.config_reader import read
from anyvenue.app.figures import time_text
from anyvenue.app.line_view import LineView, ProgressLine
from anyvenue.app.plugins import InstalledPlugins, Plugins
from anyvenue.app.report import json_bytes, text
from anyvenue.app.shipped import find
from anyvenue.app.watch import Shower, watched_from_beside
from anyvenue.engine.result import RunResult
from anyvenue.wire import fast

__all__ = ["backtest", "exit_code", "load", "run"]

_log = logging.getLogger("anyvenue.app")

_SECOND_NS: Final = 1_000_000_000
_US_NS: Final = 1_000
_CODES: Final = {
    "finished": ExitCode.OK,
    "duration": ExitCode.OK,
    "interrupted": ExitCode.INTERRUPTED,
    "flattened": ExitCode.INTERRUPTED,
}


def run(
    config: str,
    *,
    settings: Sequence[str],
    venues: Sequence[str],
    environments: Sequence[str],
    speed: float | None,
    duration: float | None,
    as_json: bool,
    report: Path | None,
    quiet: bool,
    override_halt: bool = False,
) -> ExitCode:
    """Run a configuration and print its report. Raises ConfigError and what opening a venue raises."""
    _check_report(report)
    simulation: dict[str, tuple[Any, str]] = {}
    if speed is not None:
        simulation["speed"] = speed, f"--speed {speed:g}"
    if duration is not None:
        simulation["duration_s"] = duration, f"--duration {duration:g}"
    overrides = Overrides(venues=venues, environments=environments, settings=settings, simulation=simulation)
    configuration = load(config, overrides)
    shower = None if quiet else _shower(configuration)
    hurried = launch.is_driven(configuration) and not configuration.simulation.speed
    # A picture on the terminal shows what happens; order lines would only push it around.
    level = "warning" if quiet or hurried or not isinstance(shower, LineView) else "info"
    with logs.configured(configuration.log, level=level):
        running = launch.launch(
            configuration, duration_s=duration, shower=shower, say=_say, override_halt=override_halt
        )
        fast.choose(configuration.wire.fast)
        _log.info("sent and received by %s", fast.in_use())
        # A clock that is driven needs the loop that can tell when nothing is left to do.
        factory = None if launch.is_driven(configuration) else fast.loop_factory()
        with asyncio.Runner(loop_factory=factory) as runner:
            result = runner.run(running)
    return _publish(result, as_json=as_json, report=report)


def backtest(
    config: str,
    *,
    settings: Sequence[str],
    start: str | None,
    end: str | None,
    data: Path | None,
    as_json: bool,
    report: Path | None,
    quiet: bool,
) -> ExitCode:
    """Run a configuration on simulated venues only, and print its report. Raises ConfigError."""
    _check_report(report)
    simulation: dict[str, tuple[Any, str]] = {"speed": (0.0, "backtest")}
    if data is not None:
        simulation["market"] = str(data), f"--data {data}"
    overrides = Overrides(
        venues=[launch.SIMULATED], environments=["simulator"], settings=settings, simulation=simulation
    )
    start_ns, end_ns = _time("--from", start), _time("--to", end)
    configuration = load(config, overrides)
    begin = _checked_span(configuration, start_ns, end_ns)
    if end_ns is not None:
        simulation["duration_s"] = (end_ns - begin) / _SECOND_NS, f"--to {end}"
        configuration = load(config, overrides)
    if configuration.signals.stdin or configuration.signals.webhook is not None:
        _say("note: a backtest takes signals from signals.file only")
    ready = launch.prepare_backtest(configuration, start_ns)
    with logs.configured(configuration.log, level="warning"):
        result = _watched(ready, quiet=quiet)
    return _publish(result, as_json=as_json, report=report)


def load(config: str, overrides: Overrides, plugins: Plugins | None = None) -> Configuration:
    """Read the configuration that `config` names, and say what is to be noted about it. Raises ConfigError."""
    plugins = plugins or InstalledPlugins()
    configuration = read(find(config, plugins), overrides, plugins)
    for note in configuration.notes:
        _say(f"note: {note}")
    return configuration


def exit_code(result: RunResult) -> ExitCode:
    """Return what a run's end says to a script."""
    return ExitCode.FAILED if result.failure else _CODES.get(result.stopped, ExitCode.FAILED)


def _checked_span(configuration: Configuration, start_ns: int | None, end_ns: int | None) -> int:
    """Return when a backtest begins. Raises UsageError for times at which there is no data."""
    first, last = launch.market_span(evolve(configuration.simulation, duration_s=0.0))
    begin = max(first, start_ns or first)
    for option, ts, least in (("--from", start_ns, None), ("--to", end_ns, begin)):
        if ts is not None and ((least is not None and ts <= least) or (last is not None and ts > last)):
            span = f"{time_text(first if least is None else begin)} to {time_text(last) if last else 'any time'}"
            raise click.UsageError(f"{option}: found {time_text(ts)}; the data goes from {span}")
    return begin


def _watched(ready: launch.Launch, *, quiet: bool) -> RunResult:
    if quiet:
        return launch.backtest(ready, _say)
    line = ProgressLine(sys.stderr)
    try:
        with watched_from_beside(lambda: line.show(ready)):
            return launch.backtest(ready, _say)
    finally:
        line.close()


def _shower(configuration: Configuration) -> Shower:
    if not sys.stderr.isatty():
        return LineView(sys.stderr)
    from rich.console import Console

    from anyvenue.app.live_view import TerminalView

    connections = ", ".join(f"{c.name}: {c.descriptor.name}" for c in configuration.connections)
    return TerminalView(Console(stderr=True), title=f"{configuration.strategy.name} on {connections}")


def _publish(result: RunResult, *, as_json: bool, report: Path | None) -> ExitCode:
    click.echo(json_bytes(result) if as_json else text(result), nl=False)
    if result.failure:
        _say(f"the run failed: {result.failure}")
    if report is None:
        return exit_code(result)
    from anyvenue.app.report_html import html

    try:
        report.write_text(html(result), encoding="utf-8")
    except OSError as error:
        _say(f"error: --report: {report} cannot be written: {error.strerror}")
        return ExitCode.FAILED
    _say(f"report: {report}")
    return exit_code(result)


def _check_report(report: Path | None) -> None:
    if report is None:
        return
    if report.is_dir():  # an empty name is the folder itself
        raise click.UsageError(f"--report: found the folder {report}; allowed is a file, such as report.html")
    if not report.parent.is_dir():
        raise click.UsageError(f"--report: found {report}; there is no folder {report.parent}")


def _time(option: str, said: str | None) -> int | None:
    """Return a time in nanoseconds since the epoch; without a zone it is UTC."""
    if said is None:
        return None
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        allowed = "2024-08-08 or 2024-08-08T23:56:00, UTC where no zone is given"
        raise click.UsageError(f"{option}: found {said!r}; allowed are times such as {allowed}") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    since = moment - epoch
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * _US_NS


def _say(message: str) -> None:
    click.echo(message, err=True)
