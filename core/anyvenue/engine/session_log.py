"""The session log: every input of an engine in its order, and the commands that came of it, for a replay.

It is JSON, one array a line, in gzip files of bounded size and number (`SESSION-00001.jsonl.gz` and so on). What has
been flushed is readable whatever becomes of the process. Nobody waits for it: a log that cannot be written is given
up with a message, and the run goes on.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol

import attrs
import orjson
from attrs import field, frozen
from cattrs import Converter

from anyvenue.engine.codec import CODEC_VERSION, Codec, InstrumentTable, instrument_fields
from anyvenue.engine.codec_plain import plain
from anyvenue.engine.commands import Command
from anyvenue.engine.recovered import Recovered
from anyvenue.model.instrument import Instrument
from anyvenue.venue.capabilities import Capabilities
from anyvenue.venue.secrets import Secret, SecretReference

__all__ = ["InputLog", "SessionLog", "Setup", "setting"]

_log = logging.getLogger("anyvenue.log")

FILE_BYTES: Final = 16 << 20
FILES_KEPT: Final = 64
FLUSH_BYTES: Final = 64 << 10
FLUSH_NS: Final = 1_000_000_000
PATIENCE_S: Final = 1.0
"""So long, once, does a run wait for a drive that does not keep up; then it goes on without a log."""
END_PATIENCE_S: Final = 10.0
_LEVEL: Final = 1
_GZIP: Final = 16 + zlib.MAX_WBITS


@frozen(kw_only=True)
class Setup:
    """What an engine is made with, as JSON can hold it: classes by `module:name`, parameters and limits by field.

    `about` is what else is to be known of the run, such as its configuration, venues and seeds; for people.
    """

    strategy: str
    parameters: Any = None
    session: str
    ts: int
    connections: Sequence[str]
    on_failure: str
    allow_approximate: Mapping[str, Sequence[str]] = field(factory=dict)
    risk: Any = None
    override_halt: bool = False
    values: Mapping[str, Any] = field(factory=dict)
    about: Mapping[str, Any] = field(factory=dict)


class InputLog(Protocol):
    """Who is told what enters an engine and what leaves it, in its order."""

    def engine(self, setup: Setup) -> None:
        """Say how the engine was made."""

    def connection(
        self,
        name: str,
        instruments: Sequence[Instrument],
        capabilities: Capabilities,
        rules: Callable[..., Any],
        candle_intervals: frozenset[int] = frozenset(),
    ) -> None:
        """Say what a connection offers."""

    def recovered(self, recovered: Recovered) -> None:
        """Say what an earlier run left."""

    def input(self, event: object, connection: str, now_ns: int, *, nested: bool) -> None:
        """Say what came in at `now_ns`; `nested` while another input was being handled: it waits its turn."""

    def command(self, command: Command) -> None:
        """Say what leaves."""

    def unsent(self, command: Command, why: str) -> None:
        """Say what would have left, had the journal not failed."""

    def close(self) -> None:
        """The session is over. Safe to call twice."""


def setting(value: Any) -> Any:
    """Return parameters or limits as JSON can hold them. A secret is left out; a reference to one stays."""
    return None if value is None else _settings().unstructure(value)


def _settings() -> Converter:
    converter = Converter(unstruct_collection_overrides={frozenset: list, set: list, tuple: list})
    hooks: Sequence[tuple[Any, Callable[[Any], Any]]] = (
        (Enum, lambda value: value.value),
        (Decimal, str),
        (Path, str),
        (Secret, lambda value: None),
        (SecretReference, str),
    )
    for cls, hook in hooks:
        converter.register_unstructure_hook(cls, hook)
    return converter


class SessionLog:
    """Writes the log of one session into a folder. Encoding is done at once, compression and writing by a thread.

    The oldest files of the folder go where there are more than `files` of them: a session whose first file is
    gone can still be looked at, not replayed.
    """

    def __init__(
        self,
        folder: Path,
        session: str,
        *,
        about: Mapping[str, Any] | None = None,
        files: int = FILES_KEPT,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._about = dict(about or {})
        self._table: dict[str, Any] = {}
        self._codec = Codec(InstrumentTable(self._added))
        self._lines: list[bytes] = []
        self._bytes = 0
        self._flushed_ns = 0
        self._closed = False
        self.path = folder / session
        self._batches: queue.Queue[list[bytes] | None] = queue.Queue(maxsize=64)
        self._files = _Files(self.path, files, file_bytes, self._table)
        self._thread = threading.Thread(target=self._run, name="anyvenue-session-log", daemon=True)
        self._thread.start()

    def engine(self, setup: Setup) -> None:
        """Say how the engine was made."""
        fields = {attribute.name: getattr(setup, attribute.name) for attribute in attrs.fields(Setup)}
        self._write(["engine", fields | {"values": plain(setup.values), "about": self._about}])

    def connection(
        self,
        name: str,
        instruments: Sequence[Instrument],
        capabilities: Capabilities,
        rules: Callable[..., Any],
        candle_intervals: frozenset[int] = frozenset(),
    ) -> None:
        """Say what a connection offers."""
        refer = self._codec.instruments.refer
        by_rule: dict[bytes, list[str]] = {}
        for instrument in instruments:
            by_rule.setdefault(self._codec.encode(rules(instrument)), []).append(refer(instrument))
        graded = {feature.value: [c.grade.value, c.note] for feature, c in capabilities.features.items()}
        rows = [[orjson.loads(rule), refs] for rule, refs in by_rule.items()]
        refs = [refer(instrument) for instrument in instruments]
        self._write(["connection", name, refs, graded, rows, sorted(candle_intervals), capabilities.order_rate])

    def recovered(self, recovered: Recovered) -> None:
        """Say what an earlier run left."""
        pack = self._codec.pack
        self._write(
            [
                "recovered",
                {
                    "orders": [pack(order) for order in recovered.orders],
                    "positions": [pack(position) for position in recovered.positions],
                    "trade_ids": sorted(recovered.trade_ids),
                    "values": plain(recovered.values),
                    "clean": recovered.clean,
                    "sessions": recovered.sessions,
                },
            ]
        )

    def input(self, event: object, connection: str, now_ns: int, *, nested: bool) -> None:
        """Say what came in."""
        self._write_packed(["in", now_ns, connection, nested], event)
        if self._bytes >= FLUSH_BYTES or now_ns - self._flushed_ns >= FLUSH_NS:
            self._flushed_ns = now_ns
            self.flush()

    def command(self, command: Command) -> None:
        """Say what leaves."""
        self._write_packed(["out"], command)

    def unsent(self, command: Command, why: str) -> None:
        """Say what would have left."""
        self._write_packed(["unsent", why], command)

    def flush(self) -> None:
        """Hand on what has come together."""
        lines, self._lines, self._bytes = self._lines, [], 0
        if not lines or self._files.is_broken:
            return
        try:
            self._batches.put(lines, timeout=PATIENCE_S)
        except queue.Full:
            self._files.give_up("the drive is too slow")

    def close(self) -> None:
        """The session is over: write what is left. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._write(["end"])
        self.flush()
        with suppress(queue.Full):
            self._batches.put(None, timeout=PATIENCE_S)
        self._thread.join(END_PATIENCE_S)

    def _added(self, ref: str, instrument: Instrument) -> None:
        self._table[ref] = instrument_fields(instrument)
        self._write(["instrument", ref, self._table[ref]])

    def _write_packed(self, line: list[Any], value: object) -> None:
        try:
            line.append(self._codec.pack(value))
            self._write(line)
        except Exception as error:  # noqa: BLE001 - a venue may tell what JSON cannot hold; the run goes on without a log
            self._files.give_up(f"a {type(value).__name__} cannot be encoded: {error}")

    def _write(self, line: list[Any]) -> None:
        data = orjson.dumps(line)
        self._lines.append(data)
        self._bytes += len(data)

    def _run(self) -> None:
        while (lines := self._batches.get()) is not None:
            self._files.write(b"\n".join(lines) + b"\n")
            self._batches.task_done()
        self._files.close()


class _Files:
    """The files, one after the other. After a failure nothing is written any more."""

    def __init__(self, path: Path, kept: int, size: int, table: Mapping[str, Any]) -> None:
        self._path = path
        self._kept = kept
        self._size = size
        self._table = table
        self._number = 0
        self._file: BinaryIO | None = None
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self.is_broken = False

    def write(self, data: bytes) -> None:
        if self.is_broken:
            return
        try:
            file = self._file or self._begin()
            file.write(self._packer.compress(data) + self._packer.flush(zlib.Z_SYNC_FLUSH))
            file.flush()
            if file.tell() >= self._size:
                self._end()
        except Exception as error:  # noqa: BLE001 - whatever it is, the thread must go on taking, or the engine waits
            self.give_up(str(error))

    def give_up(self, why: str) -> None:
        if not self.is_broken:
            self.is_broken = True
            _log.error("the session log ends here, it cannot be written: %s", why)

    def close(self) -> None:
        try:
            self._end()
        except OSError as error:
            _log.error("the session log lacks its end: %s", error)

    def _begin(self) -> BinaryIO:
        self._number += 1
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path.with_name(f"{self._path.name}-{self._number:05}.jsonl.gz")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o600), "wb")
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        head = ["segment", CODEC_VERSION, self._number, f"anyvenue {version('anyvenue')}", self._table]
        self._file.write(self._packer.compress(orjson.dumps(head) + b"\n"))
        self._drop_old(path)
        return self._file

    def _end(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with file:
                file.write(self._packer.flush(zlib.Z_FINISH))

    def _drop_old(self, newest: Path) -> None:
        files = sorted(newest.parent.glob("*.jsonl.gz"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        for path in [path for path in files if path != newest][: max(0, len(files) - self._kept)]:
            path.unlink(missing_ok=True)
