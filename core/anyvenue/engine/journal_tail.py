"""The journal's tail: rows that are safe from the end of the process before they are in its database.

A commit of SQLite's costs several times what appending to a file does, and an order must not wait for it. The file
holds what is written into the database soon after, and is empty then.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import orjson

from anyvenue.engine import journal_store as store
from anyvenue.engine.journal_writer import Row, commit

__all__ = ["Tail", "absorb", "records_left"]

_log = logging.getLogger("anyvenue.journal")

_STATEMENTS: Final = (store.INSERT_RECORD, store.INSERT_TRADE, store.INSERT_INSTRUMENT)
"""What a row may be, by the number that stands for it in the file."""
_NUMBERS: Final = {statement: number for number, statement in enumerate(_STATEMENTS)}


class Tail:
    """The file beside a database, for whoever holds the journal's lock. Each append is a line with its checksum."""

    def __init__(self, database: Path) -> None:
        self._file = os.open(_path(database), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = 0
        self._is_torn = False
        """Whether half a line stands at its end."""

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows, all or none. Raises OSError."""
        # What a row holds as bytes is JSON, and stands in the line as such.
        packed = orjson.dumps([(_NUMBERS[statement], *values) for statement, values in rows], default=orjson.Fragment)
        line = b"%08x %s\n" % (crc32(packed), packed)
        if self._is_torn:
            os.ftruncate(self._file, self._size)
            self._is_torn = False
        written = os.write(self._file, line)
        if written < len(line):
            self._is_torn = True
            raise OSError(f"the drive took {written} of {len(line)} bytes")
        self._size += len(line)

    def clear(self) -> None:
        """Forget all: it is in the database. Raises OSError."""
        os.ftruncate(self._file, 0)
        self._size, self._is_torn = 0, False

    def close(self) -> None:
        """Close the file. Safe to call twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def absorb(database: sqlite3.Connection, path: Path) -> None:
    """Take into the database of `path` what a process that was killed has left in the tail, and empty that.

    Raises sqlite3.Error and OSError; the tail is left as it is then.
    """
    (known,) = database.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()
    (session,) = database.execute("SELECT coalesce(max(id), 0) FROM sessions").fetchone()
    if left := list(_left(path, known, session)):
        commit(database, left)
        _log.info("%d rows that the run before had not written into %s yet are there now", len(left), path)
    if _path(path).is_file():
        os.truncate(_path(path), 0)


def records_left(path: Path, known: int, session: int) -> Iterator[store.Record]:
    """Return the records behind the one with the id `known` that stand in the tail alone, oldest first.

    `session` is the last one of the database.
    """
    left = _left(path, known, session)
    return (store.Record(*values) for statement, values in left if statement == store.INSERT_RECORD)


def _path(database: Path) -> Path:
    return database.with_name(f"{database.name}-tail")


def _left(path: Path, known: int, session: int) -> Iterator[Row]:
    """Return the rows of all lines whose records are not known, up to the first that is not whole: the power may have
    gone while it was written.

    A session is in its database before it writes a tail. What is of a later one was left beside another database, which
    was deleted since, or replaced by an older copy: here it would be of orders and instruments that nobody knows.
    """
    if not _path(path).is_file():
        return
    for line in _path(path).read_bytes().splitlines():
        checksum, _, packed = line.partition(b" ")
        if checksum != b"%08x" % crc32(packed):
            return
        rows = [(_STATEMENTS[number], [*map(_unpacked, values)]) for number, *values in orjson.loads(packed)]
        # The rows of a line are in the database all, or none.
        new = [values for statement, values in rows if statement == store.INSERT_RECORD and values[0] > known]
        if any(values[1] > session for values in new):
            _log.warning("%s was left by another database than %s: it is not read", _path(path), path)
            return
        if new:
            yield from rows


def _unpacked(value: Any) -> Any:
    """Return a row's value: of JSON its bytes as they were. Versions before had written them as a text in a list."""
    match value:
        case [str(text)]:
            return text.encode()
        case list() | dict():
            return orjson.dumps(value)
        case _:
            return value
