"""The journal's database: its tables, how one of an older version is brought up to date, and what is read from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

import orjson
from attrs import frozen

from anyvenue.engine.codec import CODEC_VERSION, InstrumentTable, check_version, instrument_of
from anyvenue.engine.journal import JournalUnreadable

__all__ = [
    "INSERT_INSTRUMENT",
    "INSERT_RECORD",
    "INSERT_TRADE",
    "Durability",
    "Kind",
    "Record",
    "Session",
    "begin_session",
    "connect",
    "instruments",
    "last_state",
    "open_to_read",
    "outdated",
    "readable",
    "records",
    "sessions",
    "trades",
]

Durability: TypeAlias = Literal["process", "power"]
"""What an acknowledged record survives: the end of the process, or also that of the power."""

Kind: TypeAlias = Literal["intent", "event", "decision", "value", "state", "end"]

INSERT_RECORD: Final = "INSERT INTO records (id, session, ts, kind, connection, data) VALUES (?, ?, ?, ?, ?, ?)"
INSERT_TRADE: Final = "INSERT INTO trades (id, instrument, trade_id) VALUES (?, ?, ?)"
INSERT_INSTRUMENT: Final = "INSERT INTO instruments (ref, data) VALUES (?, ?)"

_APPLICATION_ID: Final = 0x616E7976
_MIGRATIONS: Final = (
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, ts INTEGER NOT NULL, program TEXT NOT NULL, codec INTEGER NOT NULL
    );
    CREATE TABLE instruments (ref TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE records (
        id INTEGER PRIMARY KEY, session INTEGER NOT NULL, ts INTEGER NOT NULL, kind TEXT NOT NULL,
        connection TEXT NOT NULL, data BLOB NOT NULL
    );
    CREATE INDEX states ON records (id) WHERE kind = 'state';
    CREATE TABLE trades (id INTEGER PRIMARY KEY, instrument TEXT NOT NULL, trade_id TEXT NOT NULL);
    """,
)
"""Each brings the database from the version that is its index to the next. None is ever changed, only added."""


@frozen
class Record:
    """One row: what happened at `ts`, over `connection` where it came or went over one; `data` is JSON."""

    id: int
    session: int
    ts: int
    kind: Kind
    connection: str
    data: bytes


@frozen
class Session:
    """One run that wrote into the journal."""

    id: int
    name: str
    ts: int
    program: str


def connect(path: Path, durability: Durability = "process") -> sqlite3.Connection:
    """Open the database for writing, made or brought up to date where it has to be. Raises JournalUnreadable."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with readable(path):
        path.touch(mode=0o600)
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            database.execute("PRAGMA auto_vacuum = INCREMENTAL")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA journal_size_limit = 16777216")
            if durability == "power":
                # On macOS a plain fsync leaves the data in the drive's cache.
                for pragma in ("synchronous = FULL", "fullfsync = ON", "checkpoint_fullfsync = ON"):
                    database.execute(f"PRAGMA {pragma}")
            else:
                database.execute("PRAGMA synchronous = NORMAL")
            _migrate(database, path)
        except BaseException:
            database.close()
            raise
        return database


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open the database to look at, also while another process writes it. Raises JournalUnreadable."""
    if not path.is_file():
        raise JournalUnreadable(f"found no journal at {path}")
    with readable(path):
        database = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
        try:
            _check_origin(database, path)
            version = _version(database)
            if version != len(_MIGRATIONS):
                raise _other_version(path, version)
            _check_codec(database, path)
        except BaseException:
            database.close()
            raise
        return database


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Tell what SQLite says of a file that is none of its own, or damaged, as JournalUnreadable."""
    try:
        yield
    except sqlite3.Error as error:
        raise JournalUnreadable(f"the journal {path} cannot be read: {error}") from error


def _version(database: sqlite3.Connection) -> int:
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _check_origin(database: sqlite3.Connection, path: Path) -> None:
    found = database.execute("PRAGMA application_id").fetchone()[0]
    if found != _APPLICATION_ID:
        raise JournalUnreadable(f"{path} is a database, but no journal")


def _check_codec(database: sqlite3.Connection, path: Path) -> None:
    for (version,) in database.execute("SELECT DISTINCT codec FROM sessions"):
        check_version(version, f"the journal {path}")


def _other_version(path: Path, version: int) -> JournalUnreadable:
    return JournalUnreadable(
        f"the journal {path} has version {version}; this program reads version {len(_MIGRATIONS)}"
        + (". A newer version of it wrote this" if version > len(_MIGRATIONS) else "")
    )


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    is_new = not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if not is_new:
        _check_origin(database, path)
    version = _version(database)
    if version > len(_MIGRATIONS):
        raise _other_version(path, version)
    for number in range(version, len(_MIGRATIONS)):
        # One transaction: a process that ends in the middle of it has changed nothing.
        database.executescript(
            f"BEGIN IMMEDIATE; {_MIGRATIONS[number]} PRAGMA application_id = {_APPLICATION_ID}; "
            f"PRAGMA user_version = {number + 1}; COMMIT;"
        )
    _check_codec(database, path)


def instruments(database: sqlite3.Connection, table: InstrumentTable) -> None:
    """Read the instruments into a table."""
    for ref, data in database.execute("SELECT ref, data FROM instruments"):
        table.put(ref, instrument_of(orjson.loads(data)))


def sessions(database: sqlite3.Connection) -> list[Session]:
    """Return the sessions, oldest first."""
    return [Session(*row) for row in database.execute("SELECT id, name, ts, program FROM sessions ORDER BY id")]


def records(database: sqlite3.Connection, first_id: int = 0) -> Iterator[Record]:
    """Return the records from an id on, oldest first."""
    query = "SELECT id, session, ts, kind, connection, data FROM records WHERE id >= ? ORDER BY id"
    return (Record(*row) for row in database.execute(query, (first_id,)))


def last_state(database: sqlite3.Connection) -> int:
    """Return the id of the last record of how everything stood, 0 where there is none."""
    return int(database.execute("SELECT coalesce(max(id), 0) FROM records WHERE kind = 'state'").fetchone()[0])


def trades(database: sqlite3.Connection) -> Iterator[tuple[int, str, str]]:
    """Return the fills that were booked: the record's id, the instrument's key, the trade id."""
    return iter(database.execute("SELECT id, instrument, trade_id FROM trades ORDER BY id"))


def begin_session(database: sqlite3.Connection, name: str, now_ns: int, program: str) -> int:
    """Write down that a session begins; return its id."""
    row = (name, now_ns, program, CODEC_VERSION)
    cursor = database.execute("INSERT INTO sessions (name, ts, program, codec) VALUES (?, ?, ?, ?)", row)
    return int(cursor.lastrowid or 0)


def outdated(database: sqlite3.Connection, before_id: int, before_ns: int, most: int) -> tuple[int, bool]:
    """Return up to which id the oldest `most` records are too old, 0 for none, and whether that is all of them."""
    query = "SELECT id, ts FROM records WHERE id < ? ORDER BY id LIMIT ?"
    rows = database.execute(query, (before_id, most)).fetchall()
    old = [id_ for id_, ts in rows if ts < before_ns]
    return max(old, default=0), len(old) == most
