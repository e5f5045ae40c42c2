"""Putting a run together: secrets fetched, venues made, the strategy given to an engine. Nothing is connected yet."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from anyvenue.app.config import Configuration, ConnectionConfig
from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.app.durability import opened_journal, opened_log, outliving
from anyvenue.engine.engine import Engine
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.model.errors import AnyvenueError
from anyvenue.simulation.opening import open_venue
from anyvenue.venue.clock import Clock, WallClock
from anyvenue.venue.descriptor import Environment, VenueContext
from anyvenue.venue.interface import Venue
from anyvenue.venue.secrets import Secret, SecretSource

__all__ = ["NEEDS_KEYS", "built", "credentials", "fetched", "fresh_session", "made_venues", "seeded_session"]

NEEDS_KEYS: Final = frozenset({Environment.TESTNET, Environment.LIVE})
"""The environments in which secrets are fetched."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def credentials(
    connection: ConnectionConfig, configuration: Configuration, clock: Clock | None = None
) -> SecretSource | None:
    """Fetch a connection's secrets where its environment needs keys, else None. Raises ConfigError.

    Old ones are warned of, by the clock (without one, the wall's).
    """
    if connection.environment not in NEEDS_KEYS:
        return None
    key = f"connections.{connection.name}.credentials"
    if wrong := connection.descriptor.check_credentials(connection.credentials):
        raise ConfigError([Problem(place=configuration.source, key=key, text=wrong)])
    source = SecretSource(
        connection.credentials, owner=connection.name, clock=clock or WallClock(), folder=configuration.folder
    )
    problems = [
        Problem(place=configuration.source, key=f"{key}.{name}", text=str(error))
        for name, error in source.fetch().items()
    ]
    if problems:
        raise ConfigError(problems)
    return source


def fetched(configuration: Configuration, clock: Clock) -> dict[str, SecretSource]:
    """Fetch the secrets of all connections that need some, by the connections' names. Raises ConfigError."""
    sources = {
        connection.name: credentials(connection, configuration, clock) for connection in configuration.connections
    }
    return {name: source for name, source in sources.items() if source is not None}


def made_venues(
    configuration: Configuration, clock: Clock, session: str, secrets: Mapping[str, Mapping[str, Secret]] | None = None
) -> dict[str, Venue]:
    """Return the venues of a configuration; nothing is connected yet. Raises ConfigError.

    `secrets` are those that `fetched` gave, for a caller that will reload them; else they are fetched here.
    """
    secrets = fetched(configuration, clock) if secrets is None else secrets
    venues = {}
    for connection in configuration.connections:
        context = VenueContext(
            connection=connection.name,
            environment=connection.environment,
            clock=clock,
            session=session,
            options=connection.options,
            credentials=secrets.get(connection.name),
            simulation=configuration.simulation,
            allow_approximate=connection.allow_approximate,
        )
        with _blamed_on(configuration, f"connections.{connection.name}", ValueError, OverflowError):
            venues[connection.name] = open_venue(connection.descriptor, context)
    return venues


def built(
    configuration: Configuration,
    clock: Clock,
    session: str,
    secrets: Mapping[str, SecretSource] | None = None,
    *,
    override_halt: bool = False,
) -> tuple[Engine, dict[str, Venue]]:
    """Return engine and venues of a configuration; nothing is connected yet. Raises ConfigError.

    Its journal and its session log are open: `Engine.close` ends them.
    """
    strategy = configuration.strategy
    venues = made_venues(configuration, clock, session, secrets)
    with _blamed_on(configuration, "strategy", Exception):
        made = strategy.cls(strategy.parameters)
    with ExitStack() as opened:
        journal = opened_journal(configuration, clock, session)
        opened.callback(lambda: journal.close(clock.time_ns(), clean=False))
        log = opened_log(configuration, session)
        if log is not None:
            opened.callback(log.close)
        engine = Engine(
            made,
            connections=strategy.connections,
            clock=clock,
            session=session,
            risk=configuration.risk,
            on_failure=strategy.on_failure,
            allow_approximate={c.name: c.allow_approximate for c in configuration.connections},
            override_halt=override_halt,
            journal=journal,
            log=log,
        )
        if isinstance(journal, SqliteJournal):
            engine.recover(outliving(journal.recovered, configuration))
        opened.pop_all()  # from here on the engine closes them
    return engine, venues


@contextmanager
def _blamed_on(configuration: Configuration, key: str, *errors: type[Exception]) -> Iterator[None]:
    """Tell what someone else's code raises about its configuration as a mistake of that."""
    try:
        yield
    except (ConfigError, AnyvenueError):
        raise
    except errors as error:
        text = f"cannot be made: {type(error).__name__}: {error}"
        raise ConfigError([Problem(place=configuration.source, key=key, text=text)]) from error


def fresh_session(now_ns: int) -> str:
    """Return a text for client order ids that no other run will have: the time in milliseconds and a bit of chance."""
    return _base36(now_ns // 1_000_000) + _base36(1296 + int.from_bytes(os.urandom(2)) % 1296)[-2:]


def seeded_session(seed: int) -> str:
    """Return the text for client order ids of a simulated run: the same each time."""
    return f"s{_base36(abs(seed))}"


def _base36(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 36)
        text = _DIGITS[digit] + text
        if not number:
            return text
