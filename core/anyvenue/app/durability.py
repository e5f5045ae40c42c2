"""What a run leaves behind on disk: where its journal and its session log are, and how they are opened."""

from __future__ import annotations

import os
from pathlib import Path

from attrs import evolve

from anyvenue.app.config import Configuration
from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.engine.journal import AccountLocked, Journal, JournalUnreadable, NoJournal
from anyvenue.engine.journal_sqlite import SqliteJournal
from anyvenue.engine.recovered import Recovered
from anyvenue.engine.session_log import SessionLog, setting
from anyvenue.simulation.clock import DrivenClock
from anyvenue.venue.clock import Clock
from anyvenue.venue.descriptor import Environment

__all__ = ["journal_path", "opened_journal", "opened_log", "outliving", "session_folder", "state_folder"]

_REAL = frozenset({Environment.TESTNET, Environment.LIVE})


def state_folder() -> Path:
    """Return where state is kept: `$XDG_STATE_HOME/anyvenue`, else `~/.local/state/anyvenue`."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "anyvenue"


def journal_path(configuration: Configuration) -> Path:
    """Return where the journal is: as configured, else in the state folder under the names of the run's accounts."""
    chosen = configuration.journal.path
    if chosen is not None:
        return configuration.folder / chosen
    return state_folder() / "journal" / f"{'+'.join(_accounts(configuration))}.db"


def session_folder(configuration: Configuration) -> Path:
    """Return where session logs are."""
    chosen = configuration.log.session_path
    return state_folder() / "sessions" if chosen is None else configuration.folder / chosen


def opened_journal(configuration: Configuration, clock: Clock, session: str) -> Journal:
    """Return the run's journal, begun. Raises ConfigError where it cannot be had, as a refusal where it is in use."""
    settings = configuration.journal
    if not (_is_real(configuration) if settings.enabled is None else settings.enabled):
        return NoJournal()
    try:
        return SqliteJournal(
            journal_path(configuration),
            session=session,
            now_ns=clock.time_ns(),
            clock=clock,
            accounts=_accounts(configuration),
            lock_folder=state_folder() / "locks",
            # On a driven clock nothing is sent that the power could cut off, and waiting would not stop the clock.
            durability="process" if isinstance(clock, DrivenClock) else settings.durability,
            retention_days=settings.retention_days,
        )
    except AccountLocked as error:
        raise _refused(configuration, str(error), refusal=True) from None
    except JournalUnreadable as error:
        raise _refused(configuration, str(error)) from None
    except OSError as error:
        raise _refused(configuration, f"{error.filename} cannot be opened: {error.strerror}") from None


def opened_log(configuration: Configuration, session: str) -> SessionLog | None:
    """Return the run's session log; None where it has none."""
    settings = configuration.log
    if not (_is_real(configuration) if settings.session is None else settings.session):
        return None
    folder, name, number = session_folder(configuration), session, 1
    while any(folder.glob(f"{name}-*")):  # a simulated session has the same name each time
        number += 1
        name = f"{session}.{number}"
    about = {
        "configuration": configuration.source,
        "folder": str(configuration.folder.resolve()),
        "venues": {c.name: [c.descriptor.name, c.environment.value] for c in configuration.connections},
        "simulation": setting(configuration.simulation),
    }
    return SessionLog(folder, name, about=about, files=settings.session_files)


def outliving(recovered: Recovered, configuration: Configuration) -> Recovered:
    """Return what is left of the sessions before: accounts that are simulated begin anew in each."""
    real = {connection.name for connection in configuration.connections if connection.environment in _REAL}
    if len(real) == len(configuration.connections):
        return recovered
    return evolve(
        recovered,
        orders=tuple(order for order in recovered.orders if order.instrument.connection in real),
        positions=tuple(position for position in recovered.positions if position.instrument.connection in real),
        trade_ids=frozenset(trade for trade in recovered.trade_ids if trade[0].partition(":")[0] in real),
    )


def _is_real(configuration: Configuration) -> bool:
    return any(connection.environment in _REAL for connection in configuration.connections)


def _accounts(configuration: Configuration) -> list[str]:
    return sorted(f"{c.descriptor.name}-{c.environment.value}-{c.name}" for c in configuration.connections)


def _refused(configuration: Configuration, text: str, *, refusal: bool = False) -> ConfigError:
    return ConfigError([Problem(place=configuration.source, key="journal", text=text, refusal=refusal)])
