"""WebSockets over the network, by the package `picows` of the extra `anyvenue[fast]`: the same, for less time."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import picows
from picows import WSCloseCode, WSMsgType
from python_socks import ProxyError
from websockets.exceptions import InvalidProxy, InvalidURI
from websockets.frames import Close
from websockets.headers import build_authorization_basic
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

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

__all__ = ["dial_picows"]

_DATA: Final = (WSMsgType.TEXT, WSMsgType.BINARY, WSMsgType.CONTINUATION)
_NO_REASON: Final = 1005
"""What stands for the code of a close frame that bears none."""
_quiet = logging.getLogger("anyvenue.wire.picows")
_quiet.setLevel(logging.CRITICAL)  # it logs headers and addresses, and so keys
_quiet.propagate = False


async def dial_picows(url: str, headers: Mapping[str, str]) -> Socket:
    """Do as `anyvenue.wire.dial.dial`."""
    host = host_of(url)
    try:
        parsed = parse_uri(url)
        more = dict(headers)
        if parsed.user_info is not None:
            more["Authorization"] = build_authorization_basic(*parsed.user_info)
            url = url.replace(urlsplit(url).netloc, host, 1)
        _, listener = await picows.ws_connect(
            _Listener,
            url,
            websocket_handshake_timeout=None,
            logger_name=_quiet,
            max_frame_size=MESSAGE_BYTES_MAX,
            extra_headers=more,
            max_redirects=0,
            proxy=None if is_loopback(url) else get_proxy(parsed),
            use_aiofastnet=False,  # TLS stays the interpreter's own
        )
    except InvalidURI:
        raise misuse(url) from None
    except picows.WSInvalidStatusError as error:
        status = "no status" if error.response is None else f"HTTP status {int(error.response.status)}"
        raise OSError(f"{host}: the WebSocket was refused with {status}") from None
    except InvalidProxy:
        raise OSError(f"{host}: the proxy set in the environment has no valid address") from None
    except (OSError, picows.WSError, ProxyError, ImportError) as error:
        # Not chained: what the library says may hold the URL, or a proxy's password.
        raise OSError(f"{host}: {told(error)}") from None
    assert isinstance(listener, _Listener)  # noqa: S101 - it is the one made above
    return listener.socket


class _Listener(picows.WSListener):
    """What picows calls: puts messages in line, or hands them to `take` where that is set."""

    def __init__(self) -> None:
        super().__init__()
        self.socket = _FastSocket(self)
        self.take: Callable[[bytes], None] | None = None
        self.waiting: deque[bytes] = deque()
        self.ended = ""
        self.transport: Any = None
        self.woken = asyncio.Event()
        self._parts: list[bytes] = []
        self._size = 0
        self.writable = asyncio.Event()
        self.writable.set()

    def on_ws_connected(self, transport: Any) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: Any, frame: Any) -> None:
        kind = frame.msg_type
        if kind in _DATA:
            if transport.is_close_frame_sent:  # it goes on reading: even the message it has just refused as too large
                return
            message = frame.get_payload_as_bytes()
            if not frame.fin or self._parts:
                self._gather(message, frame.fin)
            elif self.take is not None:
                self.take(message)
            else:
                self._pass_on(message)
        elif kind is WSMsgType.CLOSE:
            code = frame.get_close_code()
            transport.send_close(WSCloseCode.NO_INFO if code == 0 else code)
            transport.disconnect()

    def _pass_on(self, message: bytes) -> None:
        if self.take is not None:
            self.take(message)
            return
        self.waiting.append(message)
        self.woken.set()
        if len(self.waiting) > FRAMES_WAITING_MAX:
            self.transport.underlying_transport.pause_reading()

    def _gather(self, part: bytes, is_last: bool) -> None:
        self._parts.append(part)
        self._size += len(part)
        if self._size > MESSAGE_BYTES_MAX:
            raise picows.WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "the message is too large")
        if is_last:
            whole = b"".join(self._parts)
            self._parts, self._size = [], 0
            self._pass_on(whole)

    def on_ws_disconnected(self, transport: Any) -> None:
        self.ended = _how(transport)
        self.writable.set()
        self.woken.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


class _FastSocket(EagerSocket):
    """A `Socket` over the network."""

    def __init__(self, listener: _Listener) -> None:
        self._listener = listener

    def send_now(self, data: str) -> bool:
        listener = self._listener
        transport = listener.transport
        if listener.ended or transport.is_disconnected or transport.is_close_frame_sent:
            return False
        if not listener.writable.is_set():
            return False
        transport.send(WSMsgType.TEXT, data.encode())
        return True

    async def send(self, data: str) -> None:
        listener = self._listener
        if listener.ended or listener.transport.is_disconnected or listener.transport.is_close_frame_sent:
            raise SocketClosed(listener.ended or _how(listener.transport))
        listener.transport.send(WSMsgType.TEXT, data.encode())
        if not listener.writable.is_set():
            await listener.writable.wait()
            if listener.ended:
                raise SocketClosed(listener.ended)

    async def receive(self) -> bytes:
        listener = self._listener
        while not listener.waiting:
            if listener.ended:
                raise SocketClosed(listener.ended)
            listener.woken.clear()
            await listener.woken.wait()
        message = listener.waiting.popleft()
        if not listener.waiting and not listener.ended:
            listener.transport.underlying_transport.resume_reading()
        return message

    async def deliver(self, on_message: Callable[[bytes], None]) -> None:
        listener = self._listener
        try:
            while listener.waiting:
                on_message(await self.receive())
            listener.take = on_message
            while not listener.ended:
                listener.woken.clear()
                await listener.woken.wait()
            raise SocketClosed(listener.ended)
        finally:
            listener.take = _nothing

    async def close(self) -> None:
        listener = self._listener
        transport = listener.transport
        if not listener.ended:
            transport.send_close(WSCloseCode.OK)
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    while not listener.ended:
                        listener.woken.clear()
                        await listener.woken.wait()
            except TimeoutError:
                transport.disconnect(graceful=False)


def _nothing(message: bytes) -> None:
    """Drop it."""


def _how(transport: Any) -> str:
    handshake = transport.close_handshake
    if handshake is not None and handshake.recv is not None and handshake.recv_then_sent:
        return f"closed by the venue: {_told(handshake.recv)}"
    if handshake is not None and handshake.sent is not None:
        return f"closed by us: {_told(handshake.sent)}"
    return "lost without a word (end of stream)"


def _told(close: Any) -> str:
    return str(Close(int(close.code or _NO_REASON), close.reason or ""))
