"""Configuration: what a run needs to know, checked and typed. `config_reader` makes it from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from anyvenue.app.signal_sources import SignalSettings
from anyvenue.engine.risk import RiskLimits
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueDescriptor
from anyvenue.venue.secrets import SecretReference

__all__ = [
    "Configuration",
    "ConnectionConfig",
    "JournalConfig",
    "LogConfig",
    "LogLevel",
    "Overrides",
    "StrategyConfig",
]

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error", "critical"]


@frozen(kw_only=True)
class LogConfig:
    """`[log]`.

    Attributes:
        level: what is shown at least; where it is not said, `info`, and `warning` for a run that is simulated as
            fast as possible.
        format: `console` for people, `json` for one JSON object a line.
        levels: by logger, such as `"anyvenue.orders" = "debug"`.
    """

    level: LogLevel | None = None
    format: Literal["console", "json"] = "console"
    levels: Mapping[str, LogLevel] = field(factory=dict)


@frozen(kw_only=True)
class JournalConfig:
    """`[journal]`: reserved. There is no journal in this version."""

    enabled: bool = False


@frozen(kw_only=True)
class ConnectionConfig:
    """One `[connections.NAME]`: an account on a venue, with the adapter's own options."""

    name: str
    descriptor: VenueDescriptor
    environment: Environment
    allow_approximate: frozenset[Feature]
    credentials: Mapping[str, SecretReference]
    options: Any


@frozen(kw_only=True)
class StrategyConfig:
    """`[strategy]`: the class, what it was called, where it trades, and its parameters.

    `on_failure` says what becomes of positions when the strategy raises: `keep` or `flatten`.
    """

    name: str
    cls: type[Any]
    connections: tuple[str, ...]
    on_failure: str
    parameters: Any


@frozen(kw_only=True)
class Configuration:
    """All that a run needs to know. `connections` are those that the strategy uses, in its order."""

    source: str
    folder: Path
    connections: tuple[ConnectionConfig, ...]
    strategy: StrategyConfig
    simulation: SimulationSettings
    risk: RiskLimits
    signals: SignalSettings
    log: LogConfig
    notes: tuple[str, ...] = ()


@frozen(kw_only=True)
class Overrides:
    """What the command line changes: `--venue` and `--environment` (`V` for all, `NAME=V` for one), `--set`."""

    venues: Sequence[str] = ()
    environments: Sequence[str] = ()
    settings: Sequence[str] = ()
    simulation: Mapping[str, tuple[Any, str]] = field(factory=dict)
    """Values of `[simulation]`, each with the option that said it."""
