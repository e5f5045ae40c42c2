"""How rows get into the journal's database: at once in the engine's thread, or in groups by a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Protocol, TypeAlias

from anyvenue.engine.journal import JournalFailed
from anyvenue.model.errors import AnyvenueError

__all__ = ["DirectWriter", "GroupWriter", "Row", "Writer", "commit", "failed"]

_log = logging.getLogger("anyvenue.journal")

_MOVED_EVERY_S: Final = 1.0
_AGAIN_S: Final = 1.0
_END_PATIENCE_S: Final = 30.0
_ROWS_MAX: Final = 100_000
_PAGES_AT_LAST: Final = 10_000
"""Only so long a write-ahead log (40 MB) is moved by the engine's own connection."""

Row: TypeAlias = tuple[str, Sequence[Any]]
"""A statement and what it is about."""


class Writer(Protocol):
    """Writes rows in the order in which they are given, those of one call together or not at all."""

    def write(self, rows: Sequence[Row]) -> int:
        """Write rows; return a ticket for `durable`, 0 where they are durable already. Raises JournalFailed."""

    async def durable(self, ticket: int) -> None:
        """Return once the rows of that ticket are durable. Raises JournalFailed."""

    def close(self) -> None:
        """Write what is left and close the database."""


class DirectWriter:
    """Commits each call before it returns: it survives the end of the process, however that comes.

    What has been committed stands in the write-ahead log. A thread with a connection of its own, from `connect`, moves
    it into the database: that waits for the drive, and the engine must not.
    """

    def __init__(self, database: sqlite3.Connection, connect: Callable[[], sqlite3.Connection]) -> None:
        self._database = database
        database.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_AT_LAST}")
        self._connect = connect
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._move, name="anyvenue-journal", daemon=True)
        self._thread.start()

    def write(self, rows: Sequence[Row]) -> int:
        """Write rows. Raises JournalFailed."""
        try:
            commit(self._database, rows)
        except sqlite3.Error as error:
            raise failed(error) from error
        return 0

    async def durable(self, ticket: int) -> None:
        """They are, since `write` has returned."""

    def close(self) -> None:
        """Close the database. Safe to call twice."""
        self._done.set()
        self._thread.join()
        self._database.close()

    def _move(self) -> None:
        complaint = ""
        try:
            with closing(self._connect()) as database:
                while not self._done.wait(_MOVED_EVERY_S):
                    try:
                        database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                        complaint = ""
                    except sqlite3.Error as error:
                        complaint = self._complained(error, complaint)
        except (sqlite3.Error, AnyvenueError) as error:
            self._complained(error, complaint)

    def _complained(self, error: Exception, before: str) -> str:
        """Say why it is not moved, once. Nothing is lost: the engine's own connection does it, when it has to."""
        if str(error) != before:
            _log.warning("the journal's write-ahead log is not moved: %s", error)
        return str(error)


class GroupWriter:
    """Commits in a thread whatever has come together meanwhile: one wait for the drive serves many rows.

    `connect` opens the thread's own connection. From a failure on everything is refused, or the order of the rows would
    have a hole, until the rows that failed have been written, tried every second.
    """

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._changed = threading.Condition()
        self._queue: list[Row] = []
        self._written = self._safe = 0
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._error: Exception | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="anyvenue-journal", daemon=True)
        self._thread.start()

    def write(self, rows: Sequence[Row]) -> int:
        """Put rows in line; return their ticket. Raises JournalFailed."""
        with self._changed:
            self._check()
            if len(self._queue) > _ROWS_MAX:
                raise JournalFailed(f"{_ROWS_MAX} rows wait for the drive, which does not answer. Check it")
            self._queue.extend(rows)
            self._written += 1
            self._changed.notify()
            return self._written

    async def durable(self, ticket: int) -> None:
        """Return once the rows of that ticket are on the drive. Raises JournalFailed."""
        loop = asyncio.get_running_loop()
        while True:
            with self._changed:
                if self._safe >= ticket:
                    return
                self._check()
                waiter: asyncio.Future[None] = loop.create_future()
                self._waiting.append((loop, waiter))
            await waiter

    def close(self) -> None:
        """Write what is left and close the database. Safe to call twice."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_END_PATIENCE_S)
        if self._thread.is_alive():
            _log.critical("the journal lacks its end: the drive has not answered for %g s", _END_PATIENCE_S)

    def _check(self) -> None:
        if self._error is not None:
            raise failed(self._error) from self._error

    def _run(self) -> None:
        try:
            database = self._connect()
        except (sqlite3.Error, AnyvenueError) as error:
            self._end_group(0, error, [])
            return
        try:
            while True:
                with self._changed:
                    while not self._queue and not self._closing:
                        self._changed.wait()
                    if self._error is not None and not self._closing:
                        self._changed.wait(_AGAIN_S)
                    rows, self._queue, upto, is_last = self._queue, [], self._written, self._closing
                if not rows:
                    return
                try:
                    commit(database, rows)
                except sqlite3.Error as error:
                    self._end_group(self._safe, error, rows)
                    if is_last:
                        _log.critical("the journal lacks its last %d rows: %s", len(rows), error)
                        return
                else:
                    self._end_group(upto, None, [])
        finally:
            database.close()

    def _end_group(self, upto: int, error: Exception | None, left: Sequence[Row]) -> None:
        """Tell those who wait that all is written up to a ticket, or why it is not, and what is `left` to be."""
        with self._changed:
            self._safe, self._error = upto, error
            self._queue[:0] = left
            waiting, self._waiting = self._waiting, []
        for loop, waiter in waiting:
            with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
                loop.call_soon_threadsafe(_wake, waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def failed(error: Exception) -> JournalFailed:
    """Return what to raise where rows could not be written, and why."""
    return JournalFailed(f"the journal cannot be written: {error}. Check the drive's free space and permissions")


def commit(database: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Write rows, all or none. Raises sqlite3.Error."""
    if len(rows) == 1:
        database.execute(*rows[0])
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        for statement, alike in groupby(rows, itemgetter(0)):
            if statement.startswith("INSERT"):
                database.executemany(statement, [values for _, values in alike])
            else:
                for _, values in alike:
                    database.execute(statement, values).fetchall()  # a pragma works only as far as its rows are fetched
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
