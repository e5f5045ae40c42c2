"""`anyvenue sim`: a venue's simulator as a server of its own, for any client that speaks the venue's protocol."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson
from attrs import frozen

from anyvenue.app.cli import ExitCode
from anyvenue.app.config_errors import ConfigError, Problem, listed
from anyvenue.app.plugins import InstalledPlugins, Plugins
from anyvenue.app.structure import Structurer
from anyvenue.app.toml_source import TomlSource
from anyvenue.simulation.server.dialect import Dialect
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import Server
from anyvenue.venue.descriptor import SimulationSettings
from anyvenue.venue.registry import PluginError

__all__ = ["sim"]

_HEARD: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_TABLE: Final = "simulation"
_SHOWN: Final = 8
"""So many instruments are named."""


@frozen(kw_only=True)
class _Wanted:
    adapter: str
    dialect: type[Dialect]
    settings: SimulationSettings
    port: int
    accounts: int
    faults: Any
    as_json: bool


def sim(
    adapter: str,
    *,
    port: int,
    accounts: int,
    settings: Sequence[str],
    faults: Path | None,
    as_json: bool,
    plugins: Plugins | None = None,
) -> ExitCode:
    """Serve an adapter's simulator until Ctrl-C or SIGTERM. Raises ConfigError, PluginError, UsageError."""
    plugins = plugins or InstalledPlugins()
    descriptor = plugins.venue(adapter)
    if descriptor.simulator is None:
        others = listed(name for name in plugins.venue_names() if _has_simulator(plugins, name))
        raise click.UsageError(f"found the venue {adapter!r}, which brings no simulator; those that do are {others}")
    wanted = _Wanted(
        adapter=adapter,
        dialect=descriptor.simulator(),
        settings=_settings(settings),
        port=port,
        accounts=accounts,
        faults=_faults(faults),
        as_json=as_json,
    )
    return asyncio.run(_serve(wanted))


def _has_simulator(plugins: Plugins, name: str) -> bool:
    try:
        return plugins.venue(name).simulator is not None
    except PluginError:
        return False


async def _serve(wanted: _Wanted) -> ExitCode:
    from anyvenue.simulation.server.control import Control

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _HEARD:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup, and it stays so
            loop.add_signal_handler(number, stop.set)
    server = _server(wanted)
    try:
        await server.start(wanted.port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        click.echo(f"error: --port: found {wanted.port}; it cannot be listened on: {reason}", err=True)
        return ExitCode.FAILED
    about = _about(wanted, server)
    control = Control(server.gateway, server.real_time, about)
    try:
        await control.start()
        told = {**about, "accounts": _accounts(server), "control": control.url, "pid": os.getpid()}
        click.echo(orjson.dumps(told) if wanted.as_json else _text(told))
        await stop.wait()
    finally:
        await control.stop()
        await server.stop()
    return ExitCode.OK


def _server(wanted: _Wanted) -> Server:
    """Make the server with its accounts and its faults. Raises ConfigError for a market that is not there."""
    try:
        server = Server(wanted.dialect, wanted.settings)
    except FileNotFoundError as error:
        text = str(error).removeprefix("market: ")
        raise ConfigError([Problem(place="--set", key=f"{_TABLE}.market", text=text)]) from None
    for number in range(1, wanted.accounts + 1):
        server.stage.open_account(f"account{number}")
    if wanted.faults is not None:
        start_ns = server.stage.clock.time_ns()
        server.gateway.faults = FaultPlan.parse(wanted.faults, seed=str(wanted.settings.seed), start_ns=start_ns)
    return server


def _about(wanted: _Wanted, server: Server) -> dict[str, Any]:
    return {
        "adapter": wanted.adapter,
        "urls": server.urls,
        "instruments": [instrument.venue_symbol for instrument in server.stage.instruments],
    }


def _accounts(server: Server) -> list[dict[str, Any]]:
    """Describe the accounts, with their credentials by the names that the adapter has for them too."""
    from anyvenue.simulation.server.control import described_key

    named = server.gateway.dialect.credentials_of
    return [
        {**described_key(key), "credentials": {name: value.reveal() for name, value in named(key).items()}}
        for key in server.stage.keys
    ]


def _settings(assignments: Sequence[str]) -> SimulationSettings:
    """Read `--set simulation.KEY=VALUE`. Raises ConfigError with all mistakes."""
    source = TomlSource("--set", "")
    for assignment in assignments:
        source.change_by(assignment)
    problems = [
        Problem(place=source.place((table,)), key=table, text=f"unknown here; allowed is {_TABLE}.KEY=VALUE")
        for table in source.tables
        if table != _TABLE
    ]
    made = Structurer().structure(source.tables.get(_TABLE, {}), SimulationSettings, (_TABLE,))
    if isinstance(made, SimulationSettings) and not problems:
        return made
    mistakes = made if isinstance(made, list) else []
    problems += [Problem(place=source.place(m.path), key=".".join(map(str, m.path)), text=m.text) for m in mistakes]
    raise ConfigError(problems)


def _faults(file: Path | None) -> Any:
    """Read a fault plan. Raises ConfigError where it is none."""
    if file is None:
        return None
    try:
        plan = orjson.loads(file.read_bytes())
        FaultPlan.parse(plan)
    except OSError as error:
        raise ConfigError(
            [Problem(place=f"--faults {file}", key="", text=f"cannot be read: {error.strerror}")]
        ) from None
    except ValueError as error:
        raise ConfigError([Problem(place=f"--faults {file}", key="", text=str(error))]) from None
    return plan


def _text(told: Mapping[str, Any]) -> str:
    """Return for people what there is to connect to."""
    instruments = told["instruments"]
    more = f" and {len(instruments) - _SHOWN} more" if len(instruments) > _SHOWN else ""
    rows = [
        *told["urls"].items(),
        ("control", told["control"]),
        ("instruments", ", ".join(instruments[:_SHOWN]) + more),
    ]
    for account in told["accounts"]:
        names = max(len(name) for name in account["credentials"])
        shown = [f"{name:{names}}  {value}" for name, value in account["credentials"].items()]
        rows += zip([account["name"], *[""] * len(shown)], shown, strict=False)
    width = max(len(name) for name, _ in rows)
    return "\n".join(
        (
            f"{told['adapter']}, simulated on this machine. Ctrl-C ends it.",
            "",
            *(f"  {name:{width}}  {value}" for name, value in rows),
            "",
            "Give these URLs to a client in place of the venue's own, with an account's credentials. For a look at it:",
            f"  curl {told['control']}/market",
        )
    )
