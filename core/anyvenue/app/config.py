"""Configuration: what a run needs to know, checked and typed. `config_reader` makes it from a TOML file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from attrs import field, frozen

from anyvenue.app.signal_sources import SignalSettings
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.risk import RiskLimits
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueDescriptor
from anyvenue.venue.secrets import SecretReference
from anyvenue.wire import fast

__all__ = [
    "Configuration",
    "ConnectionConfig",
    "JournalConfig",
    "LogConfig",
    "LogLevel",
    "Overrides",
    "StrategyConfig",
    "WireConfig",
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
        session: whether every input is logged, for `anyvenue replay`; where it is not said, it is for a run with a
            connection in `testnet` or `live`, and else not.
        session_path: the folder for that; a relative path starts at the configuration's. Where it is not said, one in
            the state folder.
        session_files: so many files are kept there, of 16 MiB each. A session that fills more cannot be replayed.
    """

    level: LogLevel | None = None
    format: Literal["console", "json"] = "console"
    levels: Mapping[str, LogLevel] = field(factory=dict)
    session: bool | None = None
    session_path: Path | None = None
    session_files: int = 64

    def __attrs_post_init__(self) -> None:
        if self.session_files < 1:
            raise ValueError(f"session_files: found {self.session_files}; allowed are whole numbers from 1")


@frozen(kw_only=True)
class JournalConfig:
    """`[journal]`: what is written down before it leaves, and survives a restart.

    Attributes:
        enabled: where it is not said, it is for a run with a connection in `testnet` or `live`, and else not.
        path: the database; a relative path starts at the configuration's folder. Where it is not said, one in the
            state folder with the names of the run's accounts.
        durability: what an order survives that has left: the end of the `process`, or also that of the `power`; for
            the latter each command waits for the drive.
        retention_days: records older than that go, once no open order, position or value needs them.
    """

    enabled: bool | None = None
    path: Path | None = None
    durability: Literal["process", "power"] = "process"
    retention_days: int = 30

    def __attrs_post_init__(self) -> None:
        if self.retention_days < 1:
            raise ValueError(f"retention_days: found {self.retention_days}; allowed are whole numbers from 1")


@frozen(kw_only=True)
class WireConfig:
    """`[wire]`: what carries everything that is sent and received.

    Attributes:
        fast: whether the extra `anyvenue[fast]` is used, uvloop and picows; where it is not said, it is where it is
            installed. A line in the log says at the start what is in use.
    """

    fast: bool | None = None

    def __attrs_post_init__(self) -> None:
        fast.check(self.fast)


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
    journal: JournalConfig = field(factory=JournalConfig)
    recovery: Recovery = field(factory=Recovery)
    wire: WireConfig = field(factory=WireConfig)
    notes: tuple[str, ...] = ()


@frozen(kw_only=True)
class Overrides:
    """What the command line changes: `--venue` and `--environment` (`V` for all, `NAME=V` for one), `--set`."""

    venues: Sequence[str] = ()
    environments: Sequence[str] = ()
    settings: Sequence[str] = ()
    simulation: Mapping[str, tuple[Any, str]] = field(factory=dict)
    """Values of `[simulation]`, each with the option that said it."""
