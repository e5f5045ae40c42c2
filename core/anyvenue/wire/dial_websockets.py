"""WebSockets over the network, by the package `websockets`: opens one, and is the `Socket` that comes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidProxy, InvalidStatus, InvalidURI, WebSocketException
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import OPEN

from anyvenue.wire.dial import (
    CLOSE_TIMEOUT_S,
    FRAMES_WAITING_MAX,
    MESSAGE_BYTES_MAX,
    host_of,
    is_loopback,
    misuse,
    told,
)
from anyvenue.wire.socket import EagerSocket, Socket, SocketClosed

if TYPE_CHECKING:
    from websockets.protocol import Event

    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter

__all__ = ["dial_websockets"]


async def dial_websockets(url: str, headers: Mapping[str, str]) -> Socket:
    """Do as `anyvenue.wire.dial.dial`."""
    host = host_of(url)
    try:
        connection = await _Connect(
            url,
            additional_headers=dict(headers),
            compression=None,
            logger=_NoFrames(logging.getLogger("anyvenue.wire.websockets"), {}),
            proxy=None if is_loopback(url) else True,
            open_timeout=None,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=FRAMES_WAITING_MAX,
            create_connection=_EagerConnection,
        )
    except InvalidURI:
        raise misuse(url) from None
    except (OSError, WebSocketException, ImportError) as error:
        # Not chained: what the library says may hold the URL, or a proxy's password.
        raise OSError(f"{host}: {_told(error)}") from None
    return _NetworkSocket(cast("_EagerConnection", connection))


class _NetworkSocket(EagerSocket):
    """A `Socket` over the network."""

    def __init__(self, connection: _EagerConnection) -> None:
        self._connection = connection

    async def send(self, data: str) -> None:
        try:
            await self._connection.send_at_once(data)
        except ConnectionClosed as closed:
            raise SocketClosed(_how(closed)) from None

    async def receive(self) -> bytes:
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as closed:
            raise SocketClosed(_how(closed)) from None

    async def deliver(self, on_message: Callable[[bytes], None]) -> None:
        connection = self._connection
        try:
            while connection.recv_messages.frames:  # what has come before anybody asked
                on_message(await connection.recv(decode=False))
            connection.take = on_message
            await connection.recv(decode=False)  # nothing waits there any more, but the end
        except ConnectionClosed as closed:
            raise SocketClosed(_how(closed)) from None
        finally:
            connection.take = _nothing

    async def close(self) -> None:
        await self._connection.close()


def _nothing(message: bytes) -> None:
    """Drop it."""


class _EagerConnection(ClientConnection):
    """Hands messages to `take` while it reads them, where that is set, instead of putting them in line."""

    take: Callable[[bytes], None] | None = None
    _parts: tuple[bytes, ...] = ()

    async def send_at_once(self, text: str) -> None:
        """Do as `send`, where that has nothing to wait for and nothing to look after: in half the time."""
        if self.protocol.state is not OPEN or self.paused or self.transport.is_closing():
            await self.send(text)
            return
        self.protocol.send_text(text.encode())
        self.send_data()
        if self.paused or self.transport.is_closing():  # type: ignore[redundant-expr]  # writing may have paused it
            async with self.send_context():  # which waits, and tells of an end as of one
                pass

    def process_event(self, event: Event) -> None:
        if self.take is None or not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif event.fin and not self._parts:
            self.take(bytes(event.data))
        else:
            self._parts += (bytes(event.data),)
            if event.fin:
                whole, self._parts = b"".join(self._parts), ()
                self.take(whole)


class _Connect(connect):
    """Follows no redirect: a redirect is a refusal like any other status that is not 101."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _NoFrames(_Adapter):
    """Never logs at debug level, where the library writes headers and frames, and so keys and signatures."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        return level > logging.DEBUG and super().isEnabledFor(level)


def _told(error: Exception) -> str:
    match error:
        case InvalidStatus():
            return f"the WebSocket was refused with HTTP status {error.response.status_code}"
        case InvalidProxy():
            return "the proxy set in the environment has no valid address"
        case _:
            return told(error)


def _how(closed: ConnectionClosed) -> str:
    if closed.rcvd is not None and closed.rcvd_then_sent is not False:
        return f"closed by the venue: {closed.rcvd}"
    if closed.sent is not None:
        return f"closed by us: {closed.sent}"
    return f"lost without a word ({closed.__cause__ or 'end of stream'})"
