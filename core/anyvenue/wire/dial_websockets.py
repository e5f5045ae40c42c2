"""WebSockets over the network, by the package `websockets`: opens one, and is the `Socket` that comes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from os import urandom
from typing import TYPE_CHECKING, Any, Final, cast

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

try:
    from websockets.speedups import apply_mask
except ImportError:  # where the library was not compiled
    from websockets.utils import apply_mask

if TYPE_CHECKING:
    from websockets.protocol import Event

    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter

__all__ = ["dial_websockets"]


_WHOLE: Final = (0x81, 0x82)
"""How a frame begins that is a whole message, text or binary."""


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

    def send_now(self, data: str) -> bool:
        return self._connection.send_now(data)

    async def send(self, data: str) -> None:
        try:
            await self._connection.send(data)
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
    """Hands messages to `take` while it reads them, where that is set, instead of putting them in line.

    After the handshake what is received is cut into frames here (RFC 6455, 5.2). A whole message in one frame, which is
    what venues send, goes to `take` straight away, in a third of the time that the library takes for it; every other
    frame is the library's, one at a time, so that it knows all that it has to know.
    """

    take: Callable[[bytes], None] | None = None
    _parts: tuple[bytes, ...] = ()
    _is_cut: bool | None = None
    """Whether frames are cut here: None before the handshake is over, False where it failed."""
    _head = b""
    """The last bytes of the handshake so far."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._rest = bytearray()
        self._wanted = 0
        """How long what is in `_rest` must be before anything can be done with it."""

    def data_received(self, data: bytes) -> None:
        if self._is_cut is None:
            data = self._shake_hands(data)
        if not self._is_cut:
            if data:
                super().data_received(data)
            return
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, end = 0, len(data)
        while at < end:
            start = stop = at + 2
            if start <= end:
                size = data[at + 1]
                if size >= 126:
                    start += 8 if size == 127 else 2
                    # A server's frames are not masked, and none is so large: the library says what is wrong with it.
                    size = int.from_bytes(data[at + 2 : start]) if size < 128 else MESSAGE_BYTES_MAX + 1
                stop = start + size
                if size > MESSAGE_BYTES_MAX and start <= end:
                    self._is_cut = False
                    super().data_received(data[at:])
                    return
            if stop > end:
                self._rest += data[at:]
                self._wanted = stop - at
                return
            if data[at] in _WHOLE and self.take is not None and not self._parts and self.protocol.state is OPEN:
                self.take(data[start:stop])
            else:
                super().data_received(data[at:stop])
            at = stop

    def _shake_hands(self, data: bytes) -> bytes:
        """Give the library what is before the first frame, and return the rest."""
        head = self._head + data
        end = head.find(b"\r\n\r\n")
        if end < 0:
            self._head = head[-3:]
            super().data_received(data)
            return b""
        start = end + 4 - len(self._head)
        super().data_received(data[:start])
        self._is_cut = self.protocol.state is OPEN
        return data[start:]

    def eof_received(self) -> None:
        if self._rest:
            super().data_received(bytes(self._rest))
        super().eof_received()

    def send_now(self, text: str) -> bool:
        """Do as `send`, where that has nothing to wait for and nothing to look after: in a third of the time."""
        if self.protocol.state is not OPEN or self.paused or self.transport.is_closing():
            return False
        self.transport.write(_frame(text.encode()))
        return True

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


def _frame(data: bytes) -> bytes:
    """Return a text frame as a client sends it (RFC 6455, 5.2 and 5.3): masked, by four bytes that nobody can guess.

    The library's own takes three times as long. What else it looks after (extensions, fragments) is not in use here.
    """
    size, mask = len(data), urandom(4)
    if size < 126:
        head = b"\x81" + (size | 0x80).to_bytes(1) + mask
    elif size < 65_536:
        head = b"\x81\xfe" + size.to_bytes(2) + mask
    else:
        head = b"\x81\xff" + size.to_bytes(8) + mask
    return head + apply_mask(data, mask)


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
