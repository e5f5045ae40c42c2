"""`anyvenue replay`: a logged session through its strategy again, and where the two differ first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
import click
import orjson

from anyvenue.app.cli import ExitCode
from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.app.durability import state_folder
from anyvenue.app.figures import time_text
from anyvenue.app.plugins import InstalledPlugins, Plugins
from anyvenue.app.structure import Structurer
from anyvenue.app.toml_source import KeyPath, TomlSource
from anyvenue.engine.journal import JournalUnreadable
from anyvenue.engine.replay import Difference, Replayed, replay_session, setup_of
from anyvenue.engine.replay_reader import segments, session_lines
from anyvenue.engine.risk import RiskLimits
from anyvenue.engine.session_log import Setup
from anyvenue.engine.strategy import Strategy
from anyvenue.venue.registry import PluginError

__all__ = ["replay", "replayed"]

T = TypeVar("T")

_TEXT_MAX = 300
_PARAMETERS: KeyPath = ("strategy", "parameters")


def replay(session: str, *, strategy: str | None, settings: Sequence[str], as_json: bool) -> ExitCode:
    """Replay a session and print what it came to. Raises ConfigError."""
    result = replayed(session, strategy=strategy, settings=settings)
    if as_json:
        click.echo(orjson.dumps(attrs.asdict(result)).decode())
    else:
        click.echo("\n".join(_told(result)))
    return ExitCode.OK if result.difference is None else ExitCode.FAILED


def replayed(
    session: str, *, strategy: str | None = None, settings: Sequence[str] = (), plugins: Plugins | None = None
) -> Replayed:
    """Replay a session, perhaps with another strategy or other settings. Raises ConfigError."""
    path = Path(session)
    if path.parent == Path() and not path.is_file():
        path = state_folder() / "sessions" / session
    try:
        files = segments(path)
        with click.progressbar(
            length=sum(file.stat().st_size for file in files), file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as bar:
            lines = session_lines(files, bar.update)
            setup = setup_of(lines)
            made, risk = _made(setup, strategy, settings, plugins or InstalledPlugins())
            return replay_session(lines, setup, made, risk)
    except JournalUnreadable as error:
        raise ConfigError([Problem(place=session, key="", text=str(error))]) from None


def _made(setup: Setup, strategy: str | None, settings: Sequence[str], plugins: Plugins) -> tuple[Strategy, RiskLimits]:
    source = TomlSource("the session", "")
    source.tables = {"strategy": {"parameters": setup.parameters}, "risk": setup.risk or {}}
    for setting in settings:
        source.change_by(setting)
    for key in source.tables:
        if key not in ("strategy", "risk"):
            text = "cannot be changed; allowed are strategy.parameters and risk"
            raise ConfigError([Problem(place="--set", key=key, text=text)])
    try:
        cls = plugins.strategy(strategy or setup.strategy, Path(setup.about.get("folder", "")))
    except PluginError as error:
        raise ConfigError([Problem(place="--strategy", key="", text=str(error))]) from None
    parameters: Any = _structured(source, source.tables["strategy"]["parameters"], cls.Parameters, _PARAMETERS)
    return cls(parameters), _structured(source, source.tables["risk"], RiskLimits, ("risk",))


def _structured(source: TomlSource, value: object, cls: type[T], path: KeyPath) -> T:
    made = Structurer().structure(value, cls, path)
    if isinstance(made, list):
        raise ConfigError(
            Problem(place=source.place(mistake.path), key=".".join(map(str, mistake.path)), text=mistake.text)
            for mistake in made
        )
    return made


def _told(result: Replayed) -> list[str]:
    """Return what a replay came to, for people."""
    counts = f"{result.inputs:,} inputs, {result.commands:,} commands"
    cut = "" if result.whole else "; the log has no end: what came after its last flush is not in it"
    if result.difference is None:
        return [f"the same: {counts}{cut}"]
    return [f"a difference after {counts}", *_shown(result.difference), *_failed(result)]


def _shown(difference: Difference) -> list[str]:
    lines = ["", "the last inputs before it:"]
    for entry in difference.inputs:
        when = time_text(entry.ts, millis=True)
        connection = f" {entry.connection}" if entry.connection else ""
        lines.append(f"  {entry.number:>9,}  {when}{connection}  {_cut(entry.text)}")
    return [
        *lines,
        "",
        f"then:  {difference.logged or 'no command'}",
        f"now:   {difference.found or 'no command'}",
    ]


def _failed(result: Replayed) -> list[str]:
    return ["", f"the strategy failed in {result.failure}"] if result.failure else []


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 3]}..."
