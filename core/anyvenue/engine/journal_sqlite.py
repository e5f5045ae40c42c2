"""The journal of one engine in one SQLite database: written ahead, bounded, locked to one process for each account."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import orjson

from anyvenue.engine import journal_store as store
from anyvenue.engine.codec import Codec, InstrumentTable, instrument_fields
from anyvenue.engine.codec_plain import plain, unplain
from anyvenue.engine.commands import (
    Amend,
    Cancel,
    Command,
    EngineEvent,
    Place,
    Resync,
    Subscribe,
    Unsubscribe,
    connection_of,
)
from anyvenue.engine.journal import JournalFailed, only_reduces
from anyvenue.engine.journal_lock import FileLock
from anyvenue.engine.journal_recovery import recover, state_of
from anyvenue.engine.journal_store import Durability, Kind
from anyvenue.engine.journal_tail import Tail, absorb
from anyvenue.engine.journal_writer import DirectWriter, GroupWriter, Row, Writer, commit, failed
from anyvenue.engine.recovered import Recovered
from anyvenue.model.enums import OrderState
from anyvenue.model.instrument import Instrument
from anyvenue.model.order import Order
from anyvenue.model.order_events import AmendSent, CancelSent, OrderFilled
from anyvenue.model.position import Position
from anyvenue.venue.clock import Clock, Timer

__all__ = ["SqliteJournal"]

_log = logging.getLogger("anyvenue.journal")

STATE_EVERY: Final = 10_000
"""After so many records a new one says how everything stands: a start reads no more than that."""
ROWS_WAIT_NS: Final = 10_000_000
"""So long at most rows wait to be written into the database together."""
ROWS_WAIT: Final = 64
"""So many may wait."""
ROWS_KEPT: Final = 10_000
"""So many are kept while the drive takes none."""
AGAIN_NS: Final = 1_000_000_000
"""So long a drive that took nothing is left alone."""
TRADES_KEPT: Final = 50_000
_STREAMS: Final = (Subscribe, Unsubscribe, Resync)
"""Nothing has to be known of these when a run is over."""
PRUNED_AT_ONCE: Final = 1_000
_PRUNE_EVERY_NS: Final = 60_000_000_000
_DAY_NS: Final = 86_400_000_000_000

_PRUNE: Final = "DELETE FROM records WHERE id <= ?"
_PRUNE_TRADES: Final = "DELETE FROM trades WHERE id <= (SELECT id FROM trades ORDER BY id DESC LIMIT 1 OFFSET ?)"
_SHRINK: Final = "PRAGMA incremental_vacuum(100)"


class SqliteJournal:
    """See `anyvenue.engine.journal.Journal`. It is open, and the session begun, once it is made.

    `power` needs the wall's clock: a clock that is driven does not wait for a drive.

    Everything is written in the order in which it is told here. Without a `clock` it is at once. With one, intents and
    events wait for each other: until the next decision or value, which is written at once, with all that came before
    it, or ROWS_WAIT_NS, or until there are ROWS_WAIT rows. An intent is in the tail before that, with every event
    before it (where `power` is asked for, on its way to the drive): nothing has left since the last record that is
    safe, so that a process which ends then is like one that ended before it heard what is lost.

    While the drive takes nothing, what cannot be refused is kept, ROWS_KEPT rows of it, and written in its order once
    the drive takes it, tried every AGAIN_NS. What is more than that is lost, and told; how everything stands is written
    in its place.

    `recovered` is what the sessions before left. `accounts` are locked by files in `lock_folder`, the database by one
    beside it. Records older than `retention_days` go once they are not needed to recover.

    Raises AccountLocked, and JournalUnreadable for a database of another version, or none of ours, or a damaged one.
    """

    def __init__(
        self,
        path: Path,
        *,
        session: str,
        now_ns: int,
        clock: Clock | None = None,
        accounts: Sequence[str] = (),
        lock_folder: Path | None = None,
        durability: Durability = "process",
        retention_days: float = 30,
    ) -> None:
        self.path = path
        self._clock = clock
        self._timer: Timer | None = None
        self._waiting: list[Row] = []
        self._tail: Tail | None = None
        self._in_tail = 0
        """How many of the rows that wait are safe there."""
        self._retention_ns = round(retention_days * _DAY_NS)
        self._now = now_ns
        self._prune_at = 0
        self._new: list[Row] = []
        self._complaint = ""
        self._again_ns = 0
        """Nothing is written before: the drive has just refused it."""
        self._lost = 0
        self._closed = False
        self._locks: list[FileLock] = []
        try:
            for account in sorted(set(accounts)):
                folder = lock_folder or path.parent
                self._locks.append(FileLock(folder / f"{account}.lock", f"the account {account}"))
            self._locks.append(FileLock(path.with_name(f"{path.name}.lock"), f"the journal {path}"))
            self._open(session, durability)
        except BaseException:
            self._release()
            raise

    def _open(self, session: str, durability: Durability) -> None:
        with ExitStack() as undo:
            database = self._database = store.connect(self.path)
            undo.callback(database.close)
            with store.readable(self.path):
                table = InstrumentTable(self._added)
                absorb(database, self.path)
                store.instruments(database, table)
                self._codec = Codec(table)
                self.recovered: Recovered = recover(database, self._codec)
                self._values = {name: plain(value) for name, value in self.recovered.values.items()}
                self._id = int(database.execute("SELECT coalesce(max(id), 0) FROM records").fetchone()[0])
                self._session = store.begin_session(database, session, self._now, f"anyvenue {version('anyvenue')}")
            if self._clock is not None and durability == "process":
                self._tail = Tail(self.path)
                undo.callback(self._tail.close)
            connect = partial(store.connect, self.path, durability)
            self._writer: Writer = GroupWriter(connect) if durability == "power" else DirectWriter(database, connect)
            undo.callback(self._writer.close)
            self._last_state = self._since_state = 0
            if self.recovered.sessions:
                self._write_state(self.recovered.orders, self.recovered.positions)
            self._prune()
            undo.pop_all()

    # The journal

    @property
    def values(self) -> Mapping[str, Any]:
        """All that is remembered, by name."""
        return {name: unplain(value) for name, value in self._values.items()}

    def intent(self, command: Command, now_ns: int) -> int:
        """Write down a command before it is sent; return its ticket. Raises JournalFailed."""
        if isinstance(command, _STREAMS):
            return 0
        rows: Sequence[Row] = ()
        try:
            kept = command if isinstance(command, Place) else _kept(command, now_ns)
            data = self._encoded(self._codec.encode, kept)
            rows = self._rows("intent", now_ns, connection_of(command), data)
            if self._tail is None or self._clock is None or len(self._waiting) >= ROWS_WAIT:
                return self._write(rows)
            self._keep(self._tail, rows)
            self._wait(self._clock, rows)
            self._in_tail = len(self._waiting)
            return 0
        except JournalFailed as error:
            if not only_reduces(command):
                raise
            self._complain(error)
            if rows:
                self._hold(rows)
            return 0

    def event(self, event: EngineEvent, now_ns: int, connection: str = "") -> None:
        """Write down what `connection` told."""
        trade: Row | None = None
        if isinstance(event, OrderFilled):
            trade = store.INSERT_TRADE, (self._id + 1, event.fill.instrument.key, event.fill.trade_id)
        try:
            rows = self._rows("event", now_ns, connection, self._encoded(self._codec.encode, event), trade)
        except JournalFailed as error:
            self._complain(error)
            return
        if self._clock is None or len(self._waiting) >= ROWS_WAIT:
            self._write_or_hold(rows)
        else:
            self._wait(self._clock, rows)

    def decision(self, what: str, text: str, now_ns: int) -> None:
        """Write down what was decided here."""
        self._try("decision", now_ns, {"what": what, "text": text})

    def remember(self, name: str, value: Any) -> None:
        """Keep a value by name over a restart; None forgets it."""
        kept = plain(value)
        if kept == self._values.get(name):
            return
        if value is None:
            self._values.pop(name, None)
        else:
            self._values[name] = kept
        self._try("value", self._now, {"name": name, "value": kept})

    def recall(self, name: str) -> Any:
        """Return what is remembered by that name, None where nothing is."""
        return unplain(self._values.get(name))

    def settle(
        self, orders: Sequence[Order], positions: Sequence[Position], now_ns: int, *, must: bool = False
    ) -> None:
        """Write down how everything stands, every so many records, and let old records go."""
        self._now = now_ns
        if must:
            self._since_state = STATE_EVERY  # until it is written
        if self._timer is None:
            self._write_waiting()  # what could not be written before
        if self._is_resting:
            return
        try:
            if self._since_state >= STATE_EVERY:
                self._write_state([order for order in orders if order.state is not OrderState.NEW], positions)
            self._prune()
        except (JournalFailed, sqlite3.Error) as error:
            self._complain(error)

    async def durable(self, ticket: int) -> None:
        """Return once the intent of that ticket is durable. Raises JournalFailed."""
        if ticket:
            await self._writer.durable(ticket)

    def close(self, now_ns: int, *, clean: bool) -> None:
        """End the session and let the next process in. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._clock = None  # nothing waits any more
        if self._timer is not None:
            self._timer.cancel()
        self._again_ns = min(self._again_ns, now_ns)  # once more, however short it is since
        self._try("end", now_ns, {"clean": clean})
        self._writer.close()
        if self._waiting:
            self._leave()
        self._database.close()
        if self._tail is not None:
            self._tail.close()
        self._release()

    # Writing

    def _added(self, ref: str, instrument: Instrument) -> None:
        self._new.append((store.INSERT_INSTRUMENT, (ref, orjson.dumps(instrument_fields(instrument)))))

    def _write(self, rows: Sequence[Row]) -> int:
        """Write one record's rows, and what waits before them, all or none. Raises JournalFailed."""
        if self._is_resting:
            raise JournalFailed(self._complaint)
        try:
            ticket = self._writer.write([*self._waiting, *rows])
        except JournalFailed as error:
            self._again_ns = self._now + AGAIN_NS
            self._complain(error)
            raise
        self._noted()
        self._written()
        return ticket

    @property
    def _is_resting(self) -> bool:
        """Whether the drive has just refused, and is left alone; not for longer where the clock is set back."""
        return 0 < self._again_ns - self._now <= AGAIN_NS

    def _write_or_hold(self, rows: Sequence[Row]) -> None:
        """Write one record's rows, where not now, then as soon as the drive takes them."""
        try:
            self._write(rows)
        except JournalFailed:
            self._hold(rows)

    def _hold(self, rows: Sequence[Row]) -> None:
        """Have one record's rows wait for the drive, as long as there is room.

        There is always room for a fill: it would be booked again. Hardly an order leaves meanwhile, so they are few.
        """
        if len(self._waiting) < ROWS_KEPT or rows[-1][0] is store.INSERT_TRADE:
            self._waiting += rows
            self._noted()
            return
        if not self._lost:
            _log.critical("the journal cannot be written, and %d rows wait already: what comes now is lost", ROWS_KEPT)
        self._lost += 1
        self._since_state = STATE_EVERY

    def _keep(self, tail: Tail, rows: Sequence[Row]) -> None:
        """Make rows safe, and those that wait before them. Raises JournalFailed."""
        try:
            tail.append([*self._waiting[self._in_tail :], *rows])
        except OSError as error:
            raise failed(error) from error

    def _wait(self, clock: Clock, rows: Sequence[Row]) -> None:
        """Have rows written with what comes next, or soon."""
        self._waiting += rows
        self._noted()
        if self._timer is None:
            self._timer = clock.call_at(clock.time_ns() + ROWS_WAIT_NS, self._write_waiting)

    def _write_waiting(self) -> None:
        self._timer = None
        if not self._waiting or self._is_resting:
            return
        try:
            self._writer.write(self._waiting)
        except JournalFailed as error:
            self._again_ns = self._now + AGAIN_NS
            self._complain(error)  # they wait for the next attempt
        else:
            self._written()

    def _written(self) -> None:
        """What waited is in the database."""
        if self._again_ns:
            _log.warning("the journal is written again; %d records came meanwhile that it lacks", self._lost)
            self._again_ns, self._complaint, self._lost = 0, "", 0
        self._waiting.clear()
        if self._tail is not None and self._in_tail:
            self._in_tail = 0
            try:
                self._tail.clear()
            except OSError as error:
                self._complain(failed(error))

    def _leave(self) -> None:
        """Leave to the next start what the writer has not taken to the last; without a tail try the database again."""
        try:
            if self._tail is not None:
                self._keep(self._tail, ())
            else:
                self._writer.write(())  # raises where what came before these is not written
                commit(self._database, self._waiting)
        except (JournalFailed, sqlite3.Error):
            lost = sum(statement == store.INSERT_RECORD for statement, _ in self._waiting) + self._lost
            _log.critical("the journal lacks its last %d records: the drive took them nowhere", lost)

    def _rows(self, kind: Kind, now_ns: int, connection: str, data: bytes, also: Row | None = None) -> list[Row]:
        self._now = now_ns
        rows = [*self._new, (store.INSERT_RECORD, (self._id + 1, self._session, now_ns, kind, connection, data))]
        if also is not None:
            rows.append(also)
        return rows

    def _noted(self) -> None:
        self._new.clear()
        self._id += 1
        self._since_state += 1

    def _encoded(self, encode: Callable[[Any], bytes], value: Any) -> bytes:
        try:
            return encode(value)
        except (TypeError, ValueError) as error:  # such as text with half a character
            text = f"the journal cannot hold a {type(value).__name__}: {error}"
            raise JournalFailed(text) from error

    def _try(self, kind: Kind, now_ns: int, value: dict[str, Any]) -> None:
        """Write what may be lost if it must: life goes on."""
        try:
            rows = self._rows(kind, now_ns, "", self._encoded(orjson.dumps, value))
        except JournalFailed as error:
            self._complain(error)
        else:
            self._write_or_hold(rows)

    def _complain(self, error: Exception) -> None:
        if str(error) != self._complaint:
            self._complaint = str(error)
            _log.critical("%s", error)

    def _write_state(self, orders: Sequence[Order], positions: Sequence[Position]) -> None:
        state = partial(state_of, positions=positions, values=self._values, codec=self._codec)
        self._write(self._rows("state", self._now, "", self._encoded(state, orders)))
        self._last_state, self._since_state = self._id, 0

    def _prune(self) -> None:
        """Let go, a piece at a time, of what is too old and needed no longer."""
        if self._now < self._prune_at:
            return
        before = self._now - self._retention_ns
        upto, has_more = store.outdated(self._database, self._last_state, before, PRUNED_AT_ONCE)
        self._prune_at = self._now + (0 if has_more else _PRUNE_EVERY_NS)
        if upto:
            self._writer.write([(_PRUNE, (upto,)), (_PRUNE_TRADES, (TRADES_KEPT,)), (_SHRINK, ())])

    def _release(self) -> None:
        for lock in self._locks:
            lock.release()


def _kept(command: Command, now_ns: int) -> Any:
    """Return what an intent is kept as. An amend and a cancel are what they do to the order whose intent is there."""
    match command:
        case Amend(order, price, quantity):
            return AmendSent(client_order_id=order.client_order_id, price=price, quantity=quantity, ts_recv=now_ns)
        case Cancel(order):
            return CancelSent(client_order_id=order.client_order_id, ts_recv=now_ns)
        case _:
            return command
