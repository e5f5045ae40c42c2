"""The command line: what can be asked for. What is done about it is imported only when it is asked for.

Standard output bears results and nothing else; views, notes and logs go to standard error.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["ExitCode", "main"]

Function = TypeVar("Function", bound=Callable[..., Any])


class ExitCode(IntEnum):
    """What a command's exit code says to a script."""

    OK = 0
    FAILED = 1
    USAGE = 2
    REFUSED = 3
    INTERRUPTED = 130


EXIT_CODES = """\b
Exit codes:
  0    it went well
  1    the run failed: the strategy raised, a venue was lost
  2    the command or the configuration is wrong
  3    refused to start: a guard says no, such as live trading without allow_live
  130  interrupted (Ctrl-C)
"""


REPLAY_CODES = """\b
Exit codes:
  0    the same commands, to the end of the log
  1    a difference: it is shown
  2    the command is wrong, or the log cannot be read
"""


class _Group(click.Group):
    """Turns what commands raise into a message and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(ExitCode.INTERRUPTED)
        except Exception as error:
            code = _code_of(error)
            if code is None:
                raise
            text = str(error)
            click.echo(f"error: {text}" if "\n" not in text else f"error: several problems\n{text}", err=True)
            ctx.exit(code)


def _code_of(error: Exception) -> ExitCode | None:
    """Return the code for an error that has told all there is to tell; None for one that needs a traceback."""
    from anyvenue.app.config_errors import ConfigError
    from anyvenue.model.errors import AnyvenueError, InvalidOrder, NotSupported, UnknownInstrument
    from anyvenue.simulation.tape import BrokenTape
    from anyvenue.venue.registry import PluginError

    match error:
        case ConfigError():
            return ExitCode.REFUSED if error.is_refusal else ExitCode.USAGE
        case PluginError() | InvalidOrder() | UnknownInstrument():
            return ExitCode.USAGE
        case NotSupported():
            return ExitCode.REFUSED
        case AnyvenueError() | BrokenTape():
            return ExitCode.FAILED
        case _:
            return None


@click.group(cls=_Group, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="anyvenue")
def main() -> None:
    """Trade crypto perpetual futures: one strategy, any venue."""


def _configuration_options(command: Function) -> Function:
    for option in reversed(
        (
            click.argument("config"),
            click.option(
                "--set",
                "settings",
                metavar="KEY=VALUE",
                multiple=True,
                help="Change one key of the configuration, such as risk.order_rate=5.",
            ),
        )
    ):
        command = option(command)
    return command


def _venue_options(command: Function) -> Function:
    for option in reversed(
        (
            click.option(
                "--venue",
                "venues",
                metavar="[NAME=]ADAPTER",
                multiple=True,
                help="Use this adapter for all connections, or for the connection NAME.",
            ),
            click.option(
                "--environment",
                "environments",
                metavar="[NAME=]ENVIRONMENT",
                multiple=True,
                help="simulator, paper, testnet or live, for all connections or for one.",
            ),
        )
    ):
        command = option(command)
    return command


def _report_options(command: Function) -> Function:
    for option in reversed(
        (
            click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
            click.option(
                "--report",
                type=click.Path(dir_okay=False, writable=True, path_type=Path),
                metavar="FILE.html",
                help="Write the report as an HTML page too.",
            ),
            click.option("--quiet", "-q", is_flag=True, help="Show no progress, and log warnings only."),
        )
    ):
        command = option(command)
    return command


@main.command(epilog=EXIT_CODES)
@_configuration_options
@_venue_options
@click.option("--speed", type=click.FloatRange(min=0), help="Seconds of market per second; 0 as fast as possible.")
@click.option("--duration", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this long; 0 never.")
@click.option("--override-halt", is_flag=True, help="Start although a loss limit halted an earlier run.")
@_report_options
@click.pass_context
def run(ctx: click.Context, /, config: str, **options: Any) -> None:
    """Run the strategy of CONFIG: a TOML file, or the name of a shipped strategy."""
    from anyvenue.app.run_command import run

    ctx.exit(run(config, **options))


@main.command(epilog=EXIT_CODES)
@_configuration_options
@click.option("--from", "start", metavar="TIME", help="Begin here: 2024-08-08, or 2024-08-08T23:56:00 (UTC).")
@click.option("--to", "end", metavar="TIME", help="End here.")
@click.option(
    "--data", type=click.Path(exists=True, path_type=Path), help="A tape, or a folder of tapes, to trade against."
)
@_report_options
@click.pass_context
def backtest(ctx: click.Context, /, config: str, **options: Any) -> None:
    """Run CONFIG on recorded data: every connection simulated in this process, as fast as it goes."""
    from anyvenue.app.run_command import backtest

    ctx.exit(backtest(config, **options))


@main.command(epilog=EXIT_CODES)
@_configuration_options
@_venue_options
@click.pass_context
def flatten(ctx: click.Context, /, config: str, **options: Any) -> None:
    """The kill switch: cancel our orders and close all positions on the accounts of CONFIG.

    Asks the process that runs CONFIG, if there is one, then the venues themselves. Exit code 0: all is flat.
    """
    from anyvenue.app.flatten_command import flatten

    ctx.exit(flatten(config, **options))


@main.command(epilog=EXIT_CODES)
@_configuration_options
@_venue_options
def check(config: str, **options: Any) -> None:
    """Check CONFIG and print what it would run. Nothing is connected, nothing is traded."""
    from anyvenue.app.check_command import check

    click.echo(check(config, **options), nl=False)


@main.group()
def journal() -> None:
    """Look at a journal: what was intended, what happened, what was decided."""


def _journal_options(command: Function) -> Function:
    command = click.option("--session", metavar="NAME", help="This session only; `last` for the last one.")(command)
    return click.argument("journal", metavar="CONFIG-or-PATH")(command)


@journal.command()
@_journal_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def show(journal: str, session: str | None, as_json: bool) -> None:
    """Print a journal as a table, also while it is being written. It is a database, or what CONFIG would write."""
    from anyvenue.app.journal_command import show

    for line in show(journal, session=session, as_json=as_json):
        click.echo(line)


@journal.command()
@_journal_options
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def export(journal: str, session: str | None, file: Path) -> None:
    """Write a journal to FILE, one JSON object a line, with the instruments that the records name."""
    from anyvenue.app.journal_command import export

    click.echo(export(journal, file, session=session), err=True)


@main.command(epilog=REPLAY_CODES)
@click.argument("session")
@click.option("--strategy", metavar="NAME", help="Replay with this strategy: a name, or module:Class.")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change a parameter or a limit, such as strategy.parameters.levels=3.",
)
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
@click.pass_context
def replay(ctx: click.Context, /, session: str, **options: Any) -> None:
    """Run the inputs of a logged SESSION through its strategy again: it must send the same commands.

    SESSION is a name in the folder of session logs, or the path of one of its files.
    """
    from anyvenue.app.replay_command import replay

    ctx.exit(replay(session, **options))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def venues(as_json: bool) -> None:
    """List the installed venues and what each can do."""
    from anyvenue.app.listing import venues_json, venues_text

    click.echo(venues_json() if as_json else venues_text(), nl=False)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def strategies(as_json: bool) -> None:
    """List the installed strategies and their parameters."""
    from anyvenue.app.listing import strategies_json, strategies_text

    click.echo(strategies_json() if as_json else strategies_text(), nl=False)


@main.command()
@click.argument("venue")
@click.option("--environment", default="simulator", metavar="ENVIRONMENT", help="simulator, paper, testnet or live.")
@click.option("--json", "as_json", is_flag=True, help="Print as JSON.")
def instruments(venue: str, environment: str, as_json: bool) -> None:
    """List the instruments of VENUE."""
    from anyvenue.app.instruments_command import instruments

    click.echo(instruments(venue, environment, as_json=as_json), nl=False)


@main.command(epilog=EXIT_CODES)
@click.argument("adapter")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Listen here; 0 (default): any that is free.")
@click.option("--accounts", type=click.IntRange(0, 1000), default=2, show_default=True, help="Open so many accounts.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON once it accepts connections.")
@click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Change the simulated market, such as simulation.market=synthetic or simulation.seed=7.",
)
@click.option(
    "--faults",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="What is to go wrong on the wire.",
)
@click.pass_context
def sim(ctx: click.Context, /, adapter: str, **options: Any) -> None:
    """Serve the simulator of ADAPTER on this machine, for any client of that venue.

    It speaks the venue's own protocol over HTTP and WebSocket on 127.0.0.1, with made-up accounts and keys, until
    Ctrl-C or SIGTERM: both are a good end (0). On a second port it can be controlled: faults, prices, more accounts.
    """
    from anyvenue.app.sim_command import sim

    ctx.exit(sim(adapter, **options))


@main.group()
def new() -> None:
    """Make an adapter or a strategy to begin with: it works, and is yours to change."""


def _new_options(command: Function) -> Function:
    folder = click.Path(file_okay=False, path_type=Path)
    command = click.option("--directory", type=folder, default=".", help="Make its folder in this one.")(command)
    return click.argument("name")(command)


@new.command()
@_new_options
def adapter(name: str, directory: Path) -> None:
    """Make an adapter for the venue NAME: a distribution of its own, a simulator, and the conformance test."""
    from anyvenue.app.new_command import new

    click.echo(new("adapter", name, directory), nl=False)


@new.command()
@_new_options
def strategy(name: str, directory: Path) -> None:
    """Make the strategy NAME: one file, its configuration, and a test on recorded data."""
    from anyvenue.app.new_command import new

    click.echo(new("strategy", name, directory), nl=False)


@main.command(epilog=EXIT_CODES)
@click.argument("venue")
@click.option("--instrument", default="BTC-PERP", show_default=True, help="Trade this in the tests.")
@click.option("--option", "options", metavar="KEY=VALUE", multiple=True, help="Set one of the adapter's options.")
@click.option("--allow", metavar="FEATURE", multiple=True, help="Test an approximate capability like any other.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of all that the simulator draws by chance.")
@click.option("--only", metavar="TEXT", default="", help="Only behaviours with this in their names (as pytest's -k).")
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report as JSON too.",
)
@click.option(
    "--html",
    "html_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write the report as an HTML page too.",
)
@click.pass_context
def conformance(ctx: click.Context, /, venue: str, **options: Any) -> None:
    """Test whether VENUE does what every venue has to do, against its simulator.

    Exit code 0 means that nothing failed. What the venue declares absent is skipped, and what cannot be found out
    is listed as unproven. It needs pytest: install anyvenue[testing].
    """
    from anyvenue.app.conformance_command import conformance

    ctx.exit(conformance(venue, **options))
