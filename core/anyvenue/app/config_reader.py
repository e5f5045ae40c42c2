"""Reading a configuration: a TOML file and the command line's changes become one checked `Configuration`.

Everything that can be known to be wrong before a connection is opened is found here, all of it at once. Nothing is
opened and no secret is fetched: that is `assemble`'s part.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

from attrs import evolve, field, frozen

from anyvenue.app.config import (
    Configuration,
    ConnectionConfig,
    JournalConfig,
    LogConfig,
    Overrides,
    StrategyConfig,
    WireConfig,
)
from anyvenue.app.config_errors import ConfigError, Problem, listed, near
from anyvenue.app.plugins import Plugins
from anyvenue.app.signal_sources import SignalSettings
from anyvenue.app.structure import Structurer, describe
from anyvenue.app.toml_source import KeyPath, TomlSource
from anyvenue.engine.reconcile_settings import Recovery
from anyvenue.engine.risk import RiskLimits
from anyvenue.model.errors import UnknownInstrument
from anyvenue.model.numbers import exact
from anyvenue.venue.capabilities import Feature
from anyvenue.venue.descriptor import Environment, SimulationSettings, VenueDescriptor
from anyvenue.venue.registry import PluginError
from anyvenue.venue.secrets import SecretReference

__all__ = ["ConnectionTable", "StrategyTable", "load", "read"]

T = TypeVar("T")


@frozen(kw_only=True)
class ConnectionTable:
    """`[connections.NAME]`: an account on a venue, under a name of its own.

    Attributes:
        adapter: the venue, as `anyvenue venues` lists it.
        environment: where market data comes from and orders go.
        allow_live: whether `live` may be used: it trades real money.
        allow_approximate: capabilities to be used although the venue has them only approximately.
        credentials: references to the secrets that `testnet` and `live` need, by the adapter's names for them.
        options: the adapter's own, each adapter's in a table of its name.
    """

    adapter: str
    environment: Environment = Environment.SIMULATOR
    allow_live: bool = False
    allow_approximate: frozenset[Feature] = frozenset()
    credentials: Mapping[str, SecretReference] = field(factory=dict)
    options: Mapping[str, Any] = field(factory=dict)


@frozen(kw_only=True)
class StrategyTable:
    """`[strategy]`: what trades, and where.

    Attributes:
        class_: the name of an installed strategy, or `module:Class`; a module may lie beside the configuration.
        connections: those it trades on, in its order; where they are not said, all, in the order of the file.
        on_failure: what becomes of positions when the strategy raises.
        parameters: the strategy's own.
    """

    class_: str
    connections: tuple[str, ...] | None = None
    on_failure: Literal["keep", "flatten"] = "keep"
    parameters: Mapping[str, Any] = field(factory=dict)


_TABLES: Final = ("connections", "strategy", "simulation", "risk", "recovery", "signals", "log", "journal", "wire")
_NEEDED: Final = ("connections", "strategy")


def read(path: Path, overrides: Overrides, plugins: Plugins) -> Configuration:
    """Read a configuration file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([Problem(place=str(path), key="", text=f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(place=str(path), key="", text="is not UTF-8 text")]) from None
    return load(text, str(path), path.parent, overrides, plugins)


def load(text: str, name: str, folder: Path, overrides: Overrides, plugins: Plugins) -> Configuration:
    """Read a configuration from its text; `name` stands for it in messages. Raises ConfigError."""
    source = TomlSource(name, text)
    _override(source, overrides)
    loader = _Loader(source, folder, plugins)
    configuration = loader.configuration()
    if configuration is None or loader.problems:
        raise ConfigError(loader.problems)
    return configuration


def _override(source: TomlSource, overrides: Overrides) -> None:
    for setting in overrides.settings:
        source.change_by(setting)
    connections = source.tables.get("connections")
    names = list(connections) if isinstance(connections, dict) else []
    for option, key, values in (
        ("--venue", "adapter", overrides.venues),
        ("--environment", "environment", overrides.environments),
    ):
        for said in values:
            target, equals, value = said.rpartition("=")
            if equals and target not in names:
                text = f'found "{target}"; connections are {listed(names)}.{near(target, names)}'
                raise ConfigError([Problem(place=f"{option} {said}", key="", text=text)])
            for connection in [target] if equals else names:
                source.change(("connections", connection, key), value, f"{option} {said}")
    for key, (value, option) in overrides.simulation.items():
        source.change(("simulation", key), value, option)


class _Loader:
    """Goes through the tables and gathers problems; a part that has any is None."""

    def __init__(self, source: TomlSource, folder: Path, plugins: Plugins) -> None:
        self.problems: list[Problem] = []
        self._notes: list[str] = []
        self._source = source
        self._folder = folder
        self._plugins = plugins
        self._structurer = Structurer(folder)
        self._only_tapes = True

    def configuration(self) -> Configuration | None:
        tables = self._source.tables
        self._check_tables(tables)
        connections = self._connections(tables.get("connections"))
        strategy = self._strategy(tables["strategy"], tuple(connections)) if "strategy" in tables else None
        made = [connection for connection in connections.values() if connection is not None]
        # Behind a venue's own simulator there are more instruments than tapes.
        self._only_tapes = not made or any(connection.descriptor.simulator is None for connection in made)
        simulation = self._simulation(tables.get("simulation", {}))
        risk = self._structure(tables.get("risk", {}), RiskLimits, ("risk",))
        signals = self._structure(tables.get("signals", {}), SignalSettings, ("signals",))
        log = self._structure(tables.get("log", {}), LogConfig, ("log",))
        journal = self._structure(tables.get("journal", {}), JournalConfig, ("journal",))
        recovery = self._structure(tables.get("recovery", {}), Recovery, ("recovery",))
        wire = self._structure(tables.get("wire", {}), WireConfig, ("wire",))
        if (
            recovery is None
            or wire is None
            or journal is None
            or strategy is None
            or simulation is None
            or risk is None
            or signals is None
            or log is None
        ):
            return None
        for name in risk.connections:
            if name not in strategy.connections:
                text = f"no such connection; the strategy's are {listed(strategy.connections)}."
                self._problem(("risk", "connections", name), text + near(name, strategy.connections))
        used = [connections.get(connection) for connection in strategy.connections]
        return Configuration(
            source=self._source.name,
            folder=self._folder,
            connections=tuple(connection for connection in used if connection is not None),
            strategy=strategy,
            simulation=simulation,
            risk=risk,
            signals=signals,
            log=log,
            journal=journal,
            recovery=recovery,
            wire=wire,
            notes=tuple(self._notes),
        )

    def _check_tables(self, tables: Mapping[str, Any]) -> None:
        for key in tables:
            if key not in _TABLES:
                self._problem((key,), f"unknown key; allowed are {listed(_TABLES)}.{near(key, _TABLES)}")
        for key in _NEEDED:
            if key not in tables:
                self._problem((key,), "not given, and there is no default")

    def _connections(self, tables: Any) -> dict[str, ConnectionConfig | None]:
        """Return the connections by name, in the order of the file; one with a mistake is None."""
        if tables is None:
            return {}
        if not isinstance(tables, Mapping):
            self._problem(("connections",), f"found {describe(tables)}; allowed is a table")
            return {}
        if not tables:
            self._problem(("connections",), 'found none; add one, such as [connections.main] adapter = "simulated"')
        return {name: self._connection(name, table) for name, table in tables.items()}

    def _connection(self, name: str, table: Any) -> ConnectionConfig | None:
        path: KeyPath = ("connections", name)
        connection = self._structure(table, ConnectionTable, path)
        if connection is None:
            return None
        try:
            descriptor = self._plugins.venue(connection.adapter)
        except PluginError as error:
            self._problem((*path, "adapter"), str(error))
            return None
        self._check_environment(descriptor, connection, path)
        options = self._options(descriptor, connection.options, path)
        if options is None:
            return None
        return ConnectionConfig(
            name=name,
            descriptor=descriptor,
            environment=connection.environment,
            allow_approximate=connection.allow_approximate,
            credentials=connection.credentials,
            options=options,
        )

    def _check_environment(self, descriptor: VenueDescriptor, connection: ConnectionTable, path: KeyPath) -> None:
        wanted = connection.environment
        if wanted not in descriptor.environments:
            has = listed(environment.value for environment in Environment if environment in descriptor.environments)
            text = f'found "{wanted.value}"; {descriptor.name} has {has}'
            self._problem((*path, "environment"), text)
        elif wanted is Environment.LIVE and not connection.allow_live:
            text = (
                "live trades real money and is not allowed yet; "
                f"to allow it add the line `allow_live = true` to [{_dotted(path)}]"
            )
            self._problem((*path, "environment"), text, refusal=True)

    def _options(self, descriptor: VenueDescriptor, tables: Mapping[str, Any], path: KeyPath) -> Any:
        installed = self._plugins.venue_names()
        for adapter, found in tables.items():
            if adapter == descriptor.name:
                continue
            if not isinstance(found, Mapping):
                place = _dotted((*path, "options", descriptor.name))
                text = f"found {describe(found)}; allowed is a table. Options go under {place}"
                self._problem((*path, "options", adapter), text)
            elif adapter not in installed:
                place = self._source.place((*path, "options", adapter))
                self._notes.append(
                    f"{place}: {_dotted((*path, 'options', adapter))} is ignored: no venue of that name is installed."
                    f"{near(adapter, installed)} Options go under {_dotted((*path, 'options'))}.ADAPTER."
                )
        table = tables.get(descriptor.name, {})
        return self._structure(table, descriptor.options, (*path, "options", descriptor.name))

    def _strategy(self, table: Any, connections: tuple[str, ...]) -> StrategyConfig | None:
        path: KeyPath = ("strategy",)
        strategy = self._structure(table, StrategyTable, path)
        if strategy is None:
            return None
        wanted = connections if strategy.connections is None else strategy.connections
        for index, name in enumerate(wanted):
            if name not in connections:
                text = f'found "{name}"; connections are {listed(connections)}.{near(name, connections)}'
                self._problem((*path, "connections", index), text)
            elif name in wanted[:index]:
                self._problem((*path, "connections", index), f'found "{name}" twice; allowed is once')
        if connections and not wanted:
            self._problem((*path, "connections"), f"found none; connections are {listed(connections)}")
        try:
            cls = self._plugins.strategy(strategy.class_, self._folder)
        except PluginError as error:
            self._problem((*path, "class"), str(error))
            return None
        parameters: Any = self._structure(strategy.parameters, cls.Parameters, (*path, "parameters"))
        if parameters is None:
            return None
        return StrategyConfig(
            name=strategy.class_, cls=cls, connections=wanted, on_failure=strategy.on_failure, parameters=parameters
        )

    def _simulation(self, table: Any) -> SimulationSettings | None:
        made = self._structurer.structure(table, SimulationSettings, ("simulation",))
        while isinstance(made, list):
            # The class's own check names one key at a time: without those the others are checked too.
            wrong = {mistake.path[1] for mistake in made if len(mistake.path) > 1}
            for mistake in made:
                self._problem(mistake.path, mistake.text)
            if not isinstance(table, Mapping) or not wrong & set(table) or "market" in wrong:
                return None
            table = {key: value for key, value in table.items() if key not in wrong}
            made = self._structurer.structure(table, SimulationSettings, ("simulation",))
        settings = made
        for key, least in _LEAST.items():
            if getattr(settings, key) < least:
                self._problem(("simulation", key), f"found {getattr(settings, key)}; allowed is {least} or more")
        for key, most in _MOST.items():
            if getattr(settings, key) > most:
                self._problem(("simulation", key), f"found {getattr(settings, key)}; allowed is {most} or less")
        for key in ("balance", "maker_fee", "taker_fee"):
            value = getattr(settings, key)
            if value is not None and not _is_number(value, above_zero=key == "balance"):
                allowed = "a number above 0" if key == "balance" else "a number"
                self._problem(("simulation", key), f'found "{value}"; allowed is {allowed}, in quotes')
        self._check_market(settings)
        return settings

    def _check_market(self, settings: SimulationSettings) -> None:
        from anyvenue.simulation.sources import sources_of

        try:
            sources_of(settings if self._only_tapes else evolve(settings, symbols=()))
        except UnknownInstrument as error:
            self._problem(("simulation", "symbols"), str(error).removeprefix("symbols: "))
        except (OSError, ValueError) as error:
            self._problem(("simulation", "market"), str(error).removeprefix("market: "))

    def _structure(self, value: object, cls: type[T], path: KeyPath) -> T | None:
        made = self._structurer.structure(value, cls, path)
        if not isinstance(made, list):
            return made
        for mistake in made:
            self._problem(mistake.path, mistake.text)
        return None

    def _problem(self, path: KeyPath, text: str, *, refusal: bool = False) -> None:
        place = self._source.place(path)
        self.problems.append(Problem(place=place, key=_dotted(path), text=text, refusal=refusal))


def _is_number(text: str, *, above_zero: bool) -> bool:
    try:
        return exact(text) > 0 or not above_zero
    except ValueError:
        return False


_LEAST: Final = {
    "latency_in_us": 0,
    "latency_out_us": 0,
    "latency_jitter_us": 0,
    "leverage": 1,
    "speed": 0,
    "duration_s": 0,
}

_HOUR_US: Final = 3_600_000_000
_MOST: Final = {
    "latency_in_us": _HOUR_US,
    "latency_out_us": _HOUR_US,
    "latency_jitter_us": _HOUR_US,
    "duration_s": 1_000_000_000,
}


def _dotted(path: KeyPath) -> str:
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            shown = part if part.replace("_", "").replace("-", "").isalnum() else f'"{part}"'
            text += f".{shown}" if text else shown
    return text
