"""WebSockets over the network: opens one, and is the `Socket` that comes of it."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from socket import gaierror
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidProxy, InvalidStatus, InvalidURI, WebSocketException

from anyvenue.wire.socket import Socket, SocketClosed

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter

__all__ = ["dial", "host_of"]

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Far more than any venue's largest snapshot; beyond it the connection is closed (1009), not the memory filled."""
FRAMES_WAITING_MAX: Final = 256
"""So many frames may wait to be read; then TCP holds the venue back. A burst in one packet should not stop reading."""
CLOSE_TIMEOUT_S: Final = 1.0
"""A peer that does not answer a close frame by then is left."""


async def dial(url: str, headers: Mapping[str, str]) -> Socket:
    """Open a WebSocket. How long it may take is the caller's affair.

    Messages are not compressed: inflating each costs time on the way to the strategy, and its window of memory, to save
    bytes that nobody here pays for. The peer's protocol pings are answered; none are sent, since the application's
    heartbeat proves more. Redirects are not followed, lest headers with signatures reach another host. The
    environment's proxy is used, though never towards this machine itself.

    Raises OSError where there is no connection to be had, and ValueError for what is no WebSocket URL, or one without
    TLS that leaves this machine.
    """
    host = host_of(url)
    if urlsplit(url).scheme == "ws" and host and not _is_loopback(url):
        raise ValueError(f"found ws:// and the host {host}; allowed are wss://, and ws:// on this machine")
    try:
        connection = await _Connect(
            url,
            additional_headers=dict(headers),
            compression=None,
            logger=_NoFrames(logging.getLogger("anyvenue.wire.websockets"), {}),
            proxy=None if _is_loopback(url) else True,
            open_timeout=None,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=FRAMES_WAITING_MAX,
        )
    except InvalidURI:
        raise ValueError(
            f"found a URL of {host or 'no host'}; allowed are ws://HOST/PATH and wss://HOST/PATH"
        ) from None
    except (OSError, WebSocketException, ImportError) as error:
        # Not chained: what the library says may hold the URL, or a proxy's password.
        raise OSError(f"{host}: {_told(error)}") from None
    return _NetworkSocket(connection)


def host_of(url: str) -> str:
    """Return a URL's host, and its port where it names one: what may be shown of it, since the rest may hold keys."""
    return urlsplit(url).netloc.rpartition("@")[2]


class _NetworkSocket:
    """A `Socket` over the network."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

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

    async def close(self) -> None:
        await self._connection.close()


class _Connect(connect):
    """Follows no redirect: a redirect is a refusal like any other status that is not 101."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _NoFrames(_Adapter):
    """Never logs at debug level, where the library writes headers and frames, and so keys and signatures."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        return level > logging.DEBUG and super().isEnabledFor(level)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _told(error: Exception) -> str:
    match error:
        case InvalidStatus():
            return f"the WebSocket was refused with HTTP status {error.response.status_code}"
        case InvalidProxy():
            return "the proxy set in the environment has no valid address"
        case ImportError():
            return "the environment sets a SOCKS proxy, which needs the package python-socks"
        case gaierror():
            return f"the name cannot be resolved ({error.strerror})"
        case ConnectionRefusedError():
            return "nobody listens there (connection refused)"
        case ssl.SSLError():
            return f"no TLS connection that can be trusted ({error})"
        case _:
            return f"no WebSocket ({str(error) or type(error).__name__})"


def _how(closed: ConnectionClosed) -> str:
    if closed.rcvd is not None and closed.rcvd_then_sent is not False:
        return f"closed by the venue: {closed.rcvd}"
    if closed.sent is not None:
        return f"closed by us: {closed.sent}"
    return f"lost without a word ({closed.__cause__ or 'end of stream'})"
