"""One open WebSocket: read as it speaks, pinged, watched for silence, until it is gone for a reason."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from attrs import field, frozen
from attrs.validators import gt

from anyvenue.model.errors import VenueProtocolError
from anyvenue.venue.clock import Clock, Timer
from anyvenue.wire.deadline import deadline, pause
from anyvenue.wire.socket import EagerSocket, Socket, SocketClosed

__all__ = ["Connection", "Heartbeat", "Send"]

Send: TypeAlias = Callable[[str], Awaitable[None]]
"""Sends one text message. Raises SocketClosed."""

SHOWN_BYTES_MAX: Final = 200
"""So much of an unreadable message is logged."""
RETIRE_S: Final = 2.0
"""So long a connection that has been replaced may take to say its last."""
_SECOND_NS: Final = 1_000_000_000

_log = logging.getLogger("anyvenue.wire")


@frozen(kw_only=True)
class Heartbeat:
    """How a connection is kept, and how its death is noticed where nobody tells.

    Attributes:
        ping: makes the application's ping message. The answer reaches `on_message` like everything else.
        every_s: seconds between pings. They go out however much is received: some venues want to hear from us.
        patience_s: any message is a sign of life; a connection silent for so many seconds is dead.
    """

    ping: Callable[[], str]
    every_s: float = field(default=10.0, validator=gt(0))
    patience_s: float = field(default=25.0, validator=gt(0))


class Connection:
    """A socket that is read from now on, each message being passed to `on_message` at once, where it was read.

    `gone` gets the reason when the connection may no longer be relied upon. After `end` no message is passed on.
    """

    def __init__(
        self,
        socket: Socket,
        *,
        name: str,
        clock: Clock,
        on_message: Callable[[bytes], None],
        heartbeat: Heartbeat | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[str] = loop.create_future()
        self.since_ns = clock.time_ns()
        self._socket = socket
        self._send_now: Callable[[str], bool] = socket.send_now if isinstance(socket, EagerSocket) else _not_now
        self._name = name
        self._clock = clock
        self._on_message = on_message
        self._heard_ns = self.since_ns
        self._over = False
        self._timer: Timer | None = None
        self._closing: asyncio.Task[None] | None = None
        self._reader = loop.create_task(self._read())
        self._opener: asyncio.Future[None] | None = None
        self._pinger: asyncio.Task[None] | None = None
        if heartbeat is not None:
            self._pinger = loop.create_task(self._ping(heartbeat))
            self._watch(int(heartbeat.patience_s * _SECOND_NS))

    @property
    def is_up(self) -> bool:
        """Whether nothing is known against it."""
        return not self.gone.done()

    def send_now(self, text: str) -> bool:
        """Send a text message where nothing has to be waited for. False where nothing was sent: `send` says why."""
        return not self._over and self._send_now(text)

    async def send(self, text: str) -> None:
        """Send a text message. Raises SocketClosed."""
        if self._over:
            raise SocketClosed(self.gone.result())
        await self._socket.send(text)

    async def survive(self, work: Awaitable[None]) -> None:
        """Await `work`. Raises what it raises, and SocketClosed as soon as the connection is gone."""
        self._opener = opener = asyncio.ensure_future(work)
        # Where nobody waits for it any more, what it failed with has been told as the connection's end.
        opener.add_done_callback(lambda done: done.cancelled() or done.exception())
        either: set[asyncio.Future[Any]] = {opener, self.gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not opener.done():
                opener.cancel()
        if opener.done():
            if opener.cancelled():
                raise SocketClosed("what was to be done on opening was canceled")
            opener.result()
        if self.gone.done():
            raise SocketClosed(self.gone.result())

    def end(self, reason: str) -> None:
        """Be gone for this reason, now. Ending twice does nothing."""
        if self._over:
            return
        self._over = True
        self._leave(reason)
        self._reader.cancel()
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())

    def retire(self, reason: str) -> None:
        """Be gone for this reason, yet pass on what still arrives until the closing is agreed with the venue."""
        if self._closing is None:
            self._leave(reason)
            self._closing = asyncio.get_running_loop().create_task(self._run_dry())

    @property
    def is_closed(self) -> bool:
        """Whether the socket is closed and no task is left."""
        return self._closing is not None and all(task.done() for task in self._tasks())

    async def closed(self) -> None:
        """Wait until it is closed, after `end` or `retire`."""
        await asyncio.wait(self._tasks() - {asyncio.current_task()})

    def _tasks(self) -> set[asyncio.Future[None]]:
        tasks = (self._reader, self._pinger, self._opener, self._closing)
        return {task for task in tasks if task is not None}

    def _leave(self, reason: str) -> None:
        if not self.gone.done():
            self.gone.set_result(reason)
        if self._timer is not None:
            self._timer.cancel()
        if self._pinger is not None:
            self._pinger.cancel()

    async def _read(self) -> None:
        socket, take = self._socket, self._take
        try:
            if isinstance(socket, EagerSocket):
                await socket.deliver(take)
            while not self._over:
                take(await socket.receive())
        except (SocketClosed, OSError) as closed:
            self.end(str(closed))
        except Exception as error:  # noqa: BLE001 - the same
            self._end_by_fault("in receiving", error)

    def _take(self, message: bytes) -> None:
        if self._over:  # end() may be called by what a message does, while the next ones wait already
            return
        self._heard_ns = self._clock.time_ns()
        try:
            self._on_message(message)
        except VenueProtocolError as error:
            begins = (error.raw or message)[:SHOWN_BYTES_MAX]
            _log.warning("%s: %s; it begins %r", self._name, error, begins)
        except Exception as error:  # noqa: BLE001 - it must end in a new connection, not in silence
            self._end_by_fault("in handling a message", error)

    async def _ping(self, heartbeat: Heartbeat) -> None:
        try:
            while True:
                await pause(self._clock, heartbeat.every_s)
                await self._socket.send(heartbeat.ping())
        except (SocketClosed, OSError) as closed:
            self.end(str(closed))
        except Exception as error:  # noqa: BLE001 - the same
            self._end_by_fault("in sending a ping", error)

    def _end_by_fault(self, where: str, error: Exception) -> None:
        _log.error("%s: a fault of ours %s; connecting anew", self._name, where, exc_info=error)
        self.end(f"a fault of ours {where} ({type(error).__name__})")

    def _watch(self, patience_ns: int) -> None:
        due_ns = self._heard_ns + patience_ns
        if self._clock.time_ns() >= due_ns:
            self.end(f"nothing was heard for {patience_ns / _SECOND_NS:g} s")
        else:
            self._timer = self._clock.call_at(due_ns, lambda: self._watch(patience_ns))

    async def _close(self) -> None:
        with suppress(SocketClosed, OSError):
            await self._socket.close()

    async def _run_dry(self) -> None:
        with suppress(TimeoutError):
            async with deadline(self._clock, RETIRE_S):
                await self._close()
                await asyncio.wait({self._reader})
        self.end("retired")


def _not_now(text: str) -> bool:
    return False
