"""A supervised WebSocket connection: it is had, kept, replaced and had again, until it is closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from anyvenue.model.errors import AnyvenueError, NotSent, OutcomeUnknown, RateLimited, TradingEnded
from anyvenue.venue.clock import Clock
from anyvenue.wire.backoff import Backoff, chance_of
from anyvenue.wire.connection import Connection, Heartbeat, Send
from anyvenue.wire.deadline import deadline, pause
from anyvenue.wire.dial import host_of
from anyvenue.wire.sending import note_sent
from anyvenue.wire.socket import Dial, SocketClosed

__all__ = ["Heartbeat", "Link", "Send"]

T = TypeVar("T")

_SECOND_NS: Final = 1_000_000_000
_NO_CONNECTION: Final = (AnyvenueError, OSError, SocketClosed)
"""What may come of trying to connect without anybody's code being at fault."""
_CLOSED_MEANWHILE: Final = "the link was closed while it was being opened"

_log = logging.getLogger("anyvenue.wire")


class Link:
    """One WebSocket connection to a venue, from `open` to `close`, whatever becomes of the sockets under it.

    `on_open(send)` is awaited on every new socket, which is being read already: it logs in, subscribes, and may wait
    for replies that come through `on_message`. It has `open_timeout_s`, as has connecting before it. Where it raises
    an AnyvenueError, OSError or SocketClosed the socket is given up and another one tried, after a growing delay.
    TradingEnded (a wrong key) ends the link: `on_down` gets its text, and nothing is tried any more.

    `on_message` gets every message in the reading task. VenueProtocolError from it is logged, and the link goes on.
    Anything else is a fault of ours: it is logged with its traceback, and the link connects anew.

    `on_down(reason)` is called once per loss, `on_up()` when the link is back and `on_open` has done its work. Neither
    is called for the first connection, nor after `close`.

    Without a heartbeat a socket that dies without a word is never noticed.
    """

    def __init__(
        self,
        url: str,
        *,
        venue: str,
        clock: Clock,
        dial: Dial,
        on_message: Callable[[bytes], None],
        on_open: Callable[[Send], Awaitable[None]],
        on_down: Callable[[str], None],
        on_up: Callable[[], None],
        heartbeat: Heartbeat | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        open_timeout_s: float = 10.0,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self._url = url
        self._host = host_of(url)
        self._venue = venue
        self._name = f"{venue} at {self._host}"
        self._clock = clock
        self._dial = dial
        self._on_message = on_message
        self._on_open = on_open
        self._on_down = on_down
        self._on_up = on_up
        self._heartbeat = heartbeat
        self._headers = dict(headers)
        self._open_timeout_s = open_timeout_s
        self._backoff = Backoff(jitter=jitter or chance_of(clock, url))
        self._current: Connection | None = None
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._replacing: asyncio.Task[None] | None = None
        self._is_opened = False
        self._is_closed = False
        self._down_because = "it has not been opened"

    @property
    def is_open(self) -> bool:
        """Whether there is a connection on which `on_open` has done its work."""
        return self._current is not None and self._current.is_up

    async def open(self) -> None:
        """Connect for the first time, and keep the link from then on.

        Raises NotSent where no connection can be had (`open` may be tried again), TradingEnded as `on_open` raises it,
        and RuntimeError where the link is open or closed already.
        """
        if self._is_opened or self._is_closed:
            raise RuntimeError("a link is opened once, and not after it was closed")
        self._is_opened = True
        try:
            connection = await self._start(self._connect())
            if self._is_closed:  # between the connection's being ready and this line
                raise self._not_sent(_CLOSED_MEANWHILE)
            self._current = connection
            self._start(self._keep())
        except (TradingEnded, NotSent):
            raise
        except AnyvenueError as error:
            raise self._not_sent(f"{self._host} was reached, but opening failed: {error}") from error
        except (OSError, SocketClosed) as error:
            text = f"no connection to {self._host}: {error}; check the network and the address"
            raise self._not_sent(text) from error
        except asyncio.CancelledError:
            self.drop("opening was canceled")
            if not self._is_closed:
                raise
            raise self._not_sent(_CLOSED_MEANWHILE) from None
        finally:
            self._is_opened = self._current is not None

    def send_now(self, text: str) -> bool:
        """Send a text message where nothing has to be waited for. False where nothing was sent: `send` says why."""
        connection, now = self._current, self._clock.time_ns()
        if connection is None or self._is_closed or not connection.is_up or not connection.send_now(text):
            return False
        note_sent(now)
        return True

    async def send(self, text: str) -> None:
        """Send a text message.

        Raises NotSent where there is no connection, and OutcomeUnknown where it ended under the sending.
        """
        connection = self._current
        if connection is None or self._is_closed:
            raise self._not_sent(f"no connection to {self._host}: {self._down_because}")
        if not connection.is_up:
            why = connection.gone.result()
            raise self._not_sent(f"no connection to {self._host}: {why}; send it again when the link is up")
        note_sent(self._clock.time_ns())
        try:
            await connection.send(text)
        except (SocketClosed, OSError) as closed:
            text = f"the connection to {self._host} ended under the sending: {closed}; ask the venue what became of it"
            raise OutcomeUnknown(text, venue=self._venue) from closed

    def replace(self, reason: str) -> None:
        """Open a new connection, and when `on_open` has done its work there, leave the present one for it.

        For a venue's notice that it will soon close the connection. Both are read meanwhile, so messages may come
        twice. Where no new one can be had the present one stays; where it ends first it is a loss like any other.
        While a replacement is under way, or there is nothing to replace, this does nothing.
        """
        is_under_way = self._replacing is not None and not self._replacing.done()
        if self._current is not None and self._current.is_up and not is_under_way:
            _log.info("%s: replacing the connection: %s", self._name, reason)
            self._replacing = self._start(self._replace(self._current))

    def drop(self, reason: str) -> None:
        """Give up what connection there is, for this reason, and connect anew."""
        for connection in tuple(self._connections):
            connection.end(reason)

    async def close(self) -> None:
        """End the link, and wait until nothing of it is left. Nobody is called any more. Closing twice does nothing."""
        self._is_closed = True
        self._down_because = "the link was closed"
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        self.drop(self._down_because)
        if tasks:
            await asyncio.wait(tasks)
        for connection in tuple(self._connections):
            connection.end(self._down_because)
            await connection.closed()

    async def _connect(self) -> Connection:
        """Return a connection on which `on_open` has done its work, or raise why there is none."""
        try:
            async with deadline(self._clock, self._open_timeout_s):
                socket = await self._dial(self._url, self._headers)
        except TimeoutError as error:
            raise TimeoutError(str(error) or f"it took longer than {self._open_timeout_s:g} s to connect") from None
        connection = Connection(
            socket, name=self._name, clock=self._clock, on_message=self._on_message, heartbeat=self._heartbeat
        )
        self._connections = {one for one in self._connections if not one.is_closed} | {connection}
        try:
            async with deadline(self._clock, self._open_timeout_s):
                await connection.survive(self._on_open(connection.send))
        except TimeoutError as error:
            reason = str(error) or f"login and subscriptions took longer than {self._open_timeout_s:g} s"
            connection.end(reason)
            raise TimeoutError(reason) from None
        except BaseException as error:
            connection.end(f"it could not be used: {error}")
            raise
        return connection

    async def _keep(self) -> None:
        """Have a connection, until the venue says that there can be none."""
        while (connection := self._current) is not None:
            await asyncio.wait({connection.gone})
            if connection is self._current:  # and has not been replaced
                await self._recover(connection)

    async def _recover(self, lost: Connection) -> None:
        reason = lost.gone.result()
        if self._replacing is not None:
            self._replacing.cancel()
        self._take_age_of(lost)
        _log.warning("%s: connection lost: %s", self._name, reason)
        self._call(self._on_down, reason)
        try:
            self._current = await self._reconnect()
        except TradingEnded as error:
            self._current = None
            self._down_because = str(error)
            _log.error("%s: given up, since no connection can serve before a person acts: %s", self._name, error)
            self._call(self._on_down, str(error))
        else:
            _log.info("%s: connected again", self._name)
            self._call(self._on_up)

    async def _reconnect(self) -> Connection:
        """Try until it is had. Raises TradingEnded."""
        least_s = 0.0
        while True:
            await pause(self._clock, max(self._backoff.delay(), least_s))
            least_s = 0.0
            try:
                return await self._connect()
            except TradingEnded:
                raise
            except RateLimited as error:
                least_s = error.retry_after_s
                _log.warning("%s: not connected: %s", self._name, error)
            except _NO_CONNECTION as error:
                _log.warning("%s: not connected: %s", self._name, error)
            except Exception:  # noqa: BLE001 - somebody else's code, and the link must outlive it
                _log.exception("%s: not connected, by a fault in opening", self._name)

    async def _replace(self, old: Connection) -> None:
        try:
            new = await self._connect()
        except _NO_CONNECTION as error:
            _log.warning("%s: not replaced, the present connection stays: %s", self._name, error)
            return
        except Exception:  # noqa: BLE001 - the same
            _log.exception("%s: not replaced, by a fault in opening; the present connection stays", self._name)
            return
        self._take_age_of(old)
        self._current = new
        old.retire("replaced")
        _log.info("%s: connection replaced", self._name)

    def _take_age_of(self, connection: Connection) -> None:
        self._backoff.lasted((self._clock.time_ns() - connection.since_ns) / _SECOND_NS)

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _call(self, callback: Callable[..., None], *arguments: str) -> None:
        try:
            callback(*arguments)
        except Exception:  # noqa: BLE001 - the same
            _log.exception("%s: a fault in a callback; the link goes on", self._name)

    def _not_sent(self, text: str) -> NotSent:
        return NotSent(text, venue=self._venue)
