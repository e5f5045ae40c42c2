"""Where signals come from: a file of JSON lines, standard input, an HTTP webhook. Each becomes an event of the engine.

On a clock that is driven (a backtest, a simulated run) `schedule_file` lays the lines of a file out in time beforehand,
so that every run is the same. On the wall's clock `serve_signals` passes on what arrives, when it arrives.

What a signal means is the strategy's affair; here it is a JSON object. Text that is none is reported with its file and
line and left out; the rest goes on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Final

from attrs import frozen

from anyvenue.app.config_errors import ConfigError, Problem
from anyvenue.app.signal_lines import LineCutter, decode_object
from anyvenue.app.signal_webhook import WebhookSettings, serve_webhook
from anyvenue.engine.engine import Engine
from anyvenue.engine.signal import Signal
from anyvenue.model.times import unix_ns

__all__ = ["FileTail", "Serving", "SignalSettings", "schedule_file", "serve_signals"]

_log = logging.getLogger("anyvenue.signals")

POLL_S: Final = 0.2
LINES_REMEMBERED: Final = 100_000
_READ_BYTES: Final = 1 << 16

_Lines = list[tuple[int, bytes]]


@frozen(kw_only=True)
class SignalSettings:
    """`[signals]`: where signals come from. Any of them may be given, also together.

    Attributes:
        file: JSON lines, one signal each; a relative path starts at the configuration's folder. On a driven clock a
            line comes at the time in its field `ts` (ISO 8601 with a zone, or Unix time), one without `ts` at the
            start. On the wall's clock the file is followed: lines that are added come at once, those that were there
            before the run are not for it.
        stdin: the same, on standard input; every line comes at once.
        webhook: POST requests.
    """

    file: str | None = None
    stdin: bool = False
    webhook: WebhookSettings | None = None

    def path(self, folder: Path) -> Path:
        """Return where the file is, for a configuration in `folder`. Raises ValueError where none is given."""
        if self.file is None:
            raise ValueError("signals.file: not given")
        return folder / Path(self.file).expanduser()


@frozen
class Serving:
    """What is being served. `url` is where the webhook listens, None without one."""

    url: str | None


def schedule_file(engine: Engine, path: Path) -> int:
    """Have the lines of a file come at their times on the engine's driven clock; return how many will.

    A line whose time has passed already belongs to an earlier stretch of the market and is left out. Call it once,
    before the run. Raises OSError for a file that cannot be read.
    """
    clock, cutter, scheduled, early = engine.clock, LineCutter(), 0, 0
    begin = clock.time_ns()
    for number, text in cutter.feed(path.read_bytes()) + cutter.end():
        source = f"{path.name}:{number}"
        payload = _decoded(engine, source, text)
        if payload is None:
            continue
        try:
            when = begin if payload.get("ts") is None else unix_ns(payload["ts"], "ts")
        except (TypeError, ValueError) as error:
            _complain(engine, f"{source}: {error}; the line is left out")
            continue
        if when < begin:
            early += 1
            continue
        clock.call_at(when, partial(_deliver, engine, source, payload))
        scheduled += 1
    if early:
        _log.warning("%s: before the start of this run, and left out: %s", path, _signals(early))
    return scheduled


@asynccontextmanager
async def serve_signals(
    engine: Engine, settings: SignalSettings, folder: Path = Path(), *, poll_s: float = POLL_S
) -> AsyncIterator[Serving]:
    """Pass signals on to the engine while the block runs. Relative paths start at `folder`.

    Raises ConfigError where the file, the webhook's secret or its address cannot be had.
    """
    url = None
    async with AsyncExitStack() as stack:
        if settings.file is not None:
            await stack.enter_async_context(_following(engine, settings.path(folder), poll_s))
        if settings.stdin:
            await stack.enter_async_context(_reading(engine, sys.stdin.fileno()))
        if settings.webhook is not None:
            url = await stack.enter_async_context(serve_webhook(engine, settings.webhook, folder))
        yield Serving(url)


class FileTail:
    """What is added to a file, in whole lines. The file may be cut short, replaced, or not be there yet.

    A line of the file before that stands in the new one too is no new line: an editor saves by replacing the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._cutter = LineCutter()
        self._known: dict[bytes, None] = {}
        self._former: frozenset[bytes] = frozenset()

    def lines(self) -> _Lines:
        """Return the lines that were added since the last call; the first call returns all. Raises OSError."""
        lines = self._rest()
        if self._is_another():
            self.close()
            with suppress(FileNotFoundError):
                self._file = self._path.open("rb")
            lines += self._rest()
        return lines

    def skip(self) -> _Lines:
        """Leave out all that is there now, also the beginning of a line; return it. Raises OSError."""
        lines = self.lines()
        return lines + self._new(self._cutter.drop_begun())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._cutter = LineCutter()
        self._former = frozenset(self._known)

    def _rest(self) -> _Lines:
        return [] if self._file is None else self._new(self._cutter.feed(self._file.read()))

    def _new(self, lines: _Lines) -> _Lines:
        found = []
        for number, text in lines:
            digest = blake2b(text, digest_size=16).digest()
            if digest not in self._former:
                found.append((number, text))
            self._known[digest] = None
            if len(self._known) > LINES_REMEMBERED:
                del self._known[next(iter(self._known))]
        return found

    def _is_another(self) -> bool:
        """Whether the path leads elsewhere than to where the open file has been read to."""
        if self._file is None:
            return True
        opened = os.fstat(self._file.fileno())
        try:
            return opened.st_size < self._file.tell() or not os.path.samestat(opened, self._path.stat())
        except FileNotFoundError:
            return False  # removed; perhaps about to be replaced


@asynccontextmanager
async def _following(engine: Engine, path: Path, poll_s: float) -> AsyncIterator[None]:
    tail, complaint = FileTail(path), ""

    def attempt() -> _Lines:
        """Read; what keeps the file from being read is said once, and tried again the next time."""
        nonlocal complaint
        try:
            lines = tail.lines()
        except OSError as error:
            if complaint != str(error):
                complaint = str(error)
                _complain(engine, f"{path}: signals cannot be read: {error.strerror}")
            return []
        complaint = ""
        return lines

    async def follow() -> None:
        while True:
            _pass_on(engine, path.name, attempt())
            await asyncio.sleep(poll_s)

    try:
        before = sum(1 for _, text in tail.skip() if text.strip())
    except OSError as error:
        text = f'found "{path}"; it cannot be read: {error.strerror}'
        raise ConfigError([Problem(place="", key="signals.file", text=text)]) from None
    if before:
        _log.warning("%s: there before this run, and left out: %s", path, _signals(before))
    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        await _ended([following])
        tail.close()


@asynccontextmanager
async def _reading(engine: Engine, descriptor: int) -> AsyncIterator[None]:
    loop, cutter = asyncio.get_running_loop(), LineCutter()

    def take() -> bool:
        """Pass on what there is; tell whether there may be more."""
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return True
        _pass_on(engine, "stdin", cutter.feed(data) if data else cutter.end())
        return bool(data)

    def on_readable() -> None:
        if not take():
            loop.remove_reader(descriptor)

    async def take_all() -> None:
        more = True
        while more:
            more = take()
            await asyncio.sleep(0)

    tasks = []
    try:
        loop.add_reader(descriptor, on_readable)
    except PermissionError:  # an ordinary file: always readable, and so it cannot be waited for
        tasks.append(asyncio.create_task(take_all()))
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
        await _ended(tasks)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _pass_on(engine: Engine, name: str, lines: Iterable[tuple[int, bytes]]) -> None:
    for number, text in lines:
        source = f"{name}:{number}"
        payload = _decoded(engine, source, text)
        if payload is None:
            continue
        try:
            _deliver(engine, source, payload)
        except Exception:  # noqa: BLE001 - the line is at an end, the source is not
            _log.exception("the engine failed over the signal %s", source)


def _decoded(engine: Engine, source: str, text: bytes) -> Mapping[str, Any] | None:
    if not text.strip():
        return None
    try:
        return decode_object(text)
    except ValueError as error:
        _complain(engine, f"{source}: {error}; the line is left out")
        return None


def _deliver(engine: Engine, source: str, payload: Mapping[str, Any]) -> None:
    engine.receive(Signal(source=source, payload=payload, ts_recv=engine.clock.time_ns()))


def _signals(count: int) -> str:
    return f"{count} signal{'' if count == 1 else 's'}"


def _complain(engine: Engine, text: str) -> None:
    _log.error("%s", text)
    engine.say(text)
