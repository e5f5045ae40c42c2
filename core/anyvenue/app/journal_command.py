"""`anyvenue journal show` and `anyvenue journal export`: what a journal holds, for people and for other programs."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from anyvenue.app.config import Overrides
from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.app.config_reader import read
from anyvenue.app.durability import journal_path
from anyvenue.app.plugins import InstalledPlugins
from anyvenue.app.shipped import find
from anyvenue.engine import journal_store as store
from anyvenue.engine.journal_tail import records_left

__all__ = ["export", "show"]

_TEXT_MAX = 100
_LINE = "{:<23}  {:<12}  {:<8}  {:<10}  {}"


def show(journal: str, *, session: str | None, as_json: bool) -> Iterator[str]:
    """Return the lines of a journal, oldest record first. Raises ConfigError and JournalUnreadable."""
    path = _path(journal)
    records = _records(path, session)
    if as_json:
        yield from (orjson.dumps(record).decode() for record in records)
        return
    yield f"{path}"
    # A journal may be long: it is told as it is read, in columns of a width that nearly always is enough.
    yield _LINE.format("time", "session", "kind", "connection", "record")
    for record in records:
        when, told = _time(record["ts"]), _told(record["data"])
        yield _LINE.format(when, record["session"], record["kind"], record["connection"], told).rstrip()


def export(journal: str, file: Path, *, session: str | None) -> str:
    """Write a journal to a file; return what to tell about it. Raises ConfigError and JournalUnreadable."""
    path, count = _path(journal), 0
    records = _records(path, session)
    try:
        with file.open("wb") as out:
            for instrument in _instruments(path):
                out.write(orjson.dumps(instrument) + b"\n")
            for record in records:
                out.write(orjson.dumps(record) + b"\n")
                count += 1
    except OSError as error:
        text = f"{file} cannot be written: {error.strerror}"
        raise ConfigError([Problem(place="journal export", key="", text=text)]) from None
    return f"{count} records: {file}"


def _path(journal: str) -> Path:
    """Return the database that is meant: a file of one, or that of a configuration."""
    path = Path(journal)
    if path.is_file() and path.suffix != ".toml":
        return path
    plugins = InstalledPlugins()
    return journal_path(read(find(journal, plugins), Overrides(), plugins))


def _instruments(path: Path) -> Iterator[dict[str, Any]]:
    with closing(store.open_to_read(path)) as database, store.readable(path):
        for ref, data in database.execute("SELECT ref, data FROM instruments ORDER BY ref"):
            yield {"kind": "instrument", "ref": ref, "data": orjson.loads(data)}


def _records(path: Path, session: str | None) -> Iterator[dict[str, Any]]:
    with closing(store.open_to_read(path)) as database, store.readable(path):
        sessions = store.sessions(database)
        names = {found.id: found.name for found in sessions}
        wanted = sessions[-1].name if session == "last" and sessions else session
        if wanted is not None and wanted not in names.values():
            text = f"found {wanted!r}; sessions are {', '.join(names.values()) or '(none)'}"
            raise ConfigError([Problem(place="--session", key="", text=text)])
        for record in _all_records(database, path, max(names, default=0)):
            if wanted is None or names[record.session] == wanted:
                yield {
                    "id": record.id,
                    "ts": record.ts,
                    "session": names[record.session],
                    "kind": record.kind,
                    "connection": record.connection,
                    "data": orjson.loads(record.data),
                }


def _all_records(database: sqlite3.Connection, path: Path, last_session: int) -> Iterator[store.Record]:
    """Return what is in the database, and what a run that was killed, or is under way, has in the tail alone."""
    known = 0
    for record in store.records(database):
        known = record.id
        yield record
    yield from records_left(path, known, last_session)


def _time(ts_ns: int) -> str:
    moment = datetime.fromtimestamp(ts_ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ts_ns // 1_000_000 % 1000:03}"


def _told(data: Any) -> str:
    """Return a record in a line: what it is, and its fields as far as there is room."""
    if not isinstance(data, list):
        return _cut(_fields(data))
    tag, content = data
    return _cut(f"{tag} {_fields(content)}")


def _fields(content: dict[str, Any]) -> str:
    shown = ((name, value) for name, value in _flat(content).items() if not name.startswith("ts_"))
    return " ".join(f"{name}={_word(value)}" for name, value in shown if value not in (None, "", "0", []))


def _flat(content: dict[str, Any]) -> dict[str, Any]:
    """Tell an order, its specification and a fill by what is in them."""
    inner = [name for name in ("spec", "order", "fill") if isinstance(content.get(name), dict)]
    flat: dict[str, Any] = {}
    for name in inner:
        flat |= _flat(content[name])
    return flat | {name: value for name, value in content.items() if name not in inner}


def _word(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_MAX else f"{text[: _TEXT_MAX - 3]}..."
