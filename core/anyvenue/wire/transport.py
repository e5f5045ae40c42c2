"""HTTP/1.1 over asyncio as an httpx transport: connections that are kept, and looked at before they are used again.

httpx's own costs several times as much a request. What it promises is promised here too: a ConnectError, ConnectTimeout
or PoolTimeout means that nothing has left; every other error that something may have.
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from collections import deque
from contextlib import suppress
from functools import cache
from time import monotonic
from typing import Final, cast

import httpx
from aiohappyeyeballs import start_connection
from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from anyvenue.wire.lean_httpx import PORTS, LeanRequest, LeanResponse, Origin

__all__ = ["Transport"]

CONNECTIONS_MAX: Final = 100
"""So many requests may be on their way at once; the next one waits for its turn."""
NEXT_FAMILY_S: Final = 0.25
"""A host that has IPv4 and IPv6 is tried by the other one too when the first has lingered so long."""
ANSWER_BYTES_MAX: Final = 256 * 1024 * 1024
"""Far more than any venue's largest answer; beyond it the connection is given up, not the memory filled."""
BUFFER_BYTES: Final = 65_536
"""So much of an answer is read at a time."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""They name a length also where it is 0."""
_TURNS_TO_CLOSE: Final = 20
"""An aborted connection is gone within a few turns of the loop."""


class Transport(httpx.AsyncBaseTransport):
    """Sends requests over connections of its own. No proxy, no redirects, no cookies, no HTTP/2.

    `connect_s` is how long waiting for a free connection may take, and how long TCP and TLS may take together. A
    connection idle for `keep_alive_s` is not used any more; where a request went there in the last `warm_s`, another
    one is opened in its place, so that the next request finds one. Certificates are verified against certifi's.

    Raises PoolTimeout, ConnectTimeout, ConnectError and UnsupportedProtocol where nothing has left.
    """

    def __init__(self, *, connect_s: float, keep_alive_s: float, warm_s: float = 0.0) -> None:
        self._connect_s = connect_s
        self._keep_alive_s = keep_alive_s
        self._warm_s = warm_s
        self._used: dict[Origin, float] = {}
        self._timers: dict[Origin, asyncio.TimerHandle] = {}
        self._warming: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(CONNECTIONS_MAX)
        self._idle: dict[Origin, deque[_Connection]] = {}
        self._open: set[_Connection] = set()
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the whole answer."""
        lean = await LeanRequest.of(request)
        data, origin = _written(lean), lean.target.origin
        if self._free.locked():
            await self._turn()
        else:
            await self._free.acquire()
        self._used[origin] = monotonic()
        try:
            connection = self._kept(origin) or await self._connected(origin)
            try:
                answer = await connection.exchange(data, is_head=lean.method == "HEAD")
            except BaseException:
                connection.abort()
                raise
            self._keep(origin, connection)
        finally:
            self._free.release()
        return answer

    async def aclose(self) -> None:
        """Close every connection. What is still on its way fails."""
        self._is_closed = True
        self._idle.clear()
        for timer in self._timers.values():
            timer.cancel()
        for task in self._warming:
            task.cancel()
        if self._warming:
            await asyncio.wait(self._warming)
        for connection in tuple(self._open):
            connection.abort()
        for _ in range(_TURNS_TO_CLOSE):
            if self._open:
                await asyncio.sleep(0)

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._connect_s):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout(f"{CONNECTIONS_MAX} requests are on their way already") from None

    def _kept(self, origin: Origin) -> _Connection | None:
        """Return the connection that was used last, None where there is none that can be relied upon."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_fresh(monotonic() - self._keep_alive_s):
                return connection
            connection.abort()
        return None

    def _keep(self, origin: Origin, connection: _Connection) -> None:
        if not connection.is_reusable or self._is_closed:
            connection.abort()
            return
        connection.idle_since = monotonic()
        idle = self._idle.setdefault(origin, deque())
        idle.append(connection)
        if origin not in self._timers:
            self._look_again(origin, self._keep_alive_s)

    def _look_again(self, origin: Origin, after_s: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[origin] = loop.call_later(after_s, lambda: self._expire(origin))

    def _expire(self, origin: Origin) -> None:
        """Close what has been idle for too long; where nothing is left, have a new connection come in time."""
        del self._timers[origin]
        now, idle = monotonic(), self._idle[origin]
        while idle and (not idle[0].is_reusable or idle[0].idle_since <= now - self._keep_alive_s):
            idle.popleft().abort()
        if idle:
            self._look_again(origin, idle[0].idle_since + self._keep_alive_s - now)
        elif now - self._used[origin] < self._warm_s:
            task = asyncio.get_running_loop().create_task(self._warm(origin))
            self._warming.add(task)
            task.add_done_callback(self._warming.discard)

    async def _warm(self, origin: Origin) -> None:
        with suppress(httpx.TransportError):  # the next request will tell
            self._keep(origin, await self._connected(origin))

    async def _connected(self, origin: Origin) -> _Connection:
        scheme, host, port = origin
        if scheme not in PORTS:
            raise httpx.UnsupportedProtocol(f"found {scheme!r}; allowed are http and https")
        loop, is_secure = asyncio.get_running_loop(), scheme == "https"
        try:
            async with asyncio.timeout(self._connect_s):
                addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
                # Not every loop can try IPv4 and IPv6 side by side, so a library does.
                opened = await start_connection(addresses, happy_eyeballs_delay=NEXT_FAMILY_S, loop=loop)
                try:
                    _, connection = await loop.create_connection(
                        lambda: _Connection(self._open),
                        sock=opened,
                        ssl=_trusted() if is_secure else None,
                        server_hostname=host if is_secure else None,
                    )
                except BaseException:
                    opened.close()
                    raise
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection within {self._connect_s:g} s") from None
        except (OSError, UnicodeError) as error:  # ssl.SSLError is an OSError; a host may be no name at all
            raise httpx.ConnectError(str(error) or type(error).__name__) from error
        if self._is_closed:
            connection.abort()
            raise httpx.ConnectError("closed meanwhile")
        return connection


class _Connection(asyncio.BufferedProtocol):
    """One connection, with one exchange at a time."""

    def __init__(self, open_ones: set[_Connection]) -> None:
        self.idle_since = 0.0
        self.is_reusable = True
        self._open = open_ones
        self._transport: asyncio.Transport
        self._poll = select.poll()
        self._answer: asyncio.Future[LeanResponse] | None = None
        self._buffer = memoryview(bytearray(BUFFER_BYTES))
        self._parser = HttpResponseParser(self)
        self._is_head = False
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._has_begun = False

    def is_fresh(self, least: float) -> bool:
        """Tell whether it was used after `least`, and nothing has come over it since: not even its end."""
        is_open = self.is_reusable and not self._transport.is_closing()
        return is_open and self.idle_since >= least and not self._poll.poll(0)

    async def exchange(self, data: bytes, *, is_head: bool) -> LeanResponse:
        """Write a request and return its answer."""
        self._is_head, self._has_begun = is_head, False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        try:
            return await self._answer
        finally:
            self._answer = None

    def abort(self) -> None:
        """Close it, now."""
        self.is_reusable = False
        self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        self.is_reusable = False
        # Without a length the end of the connection is the end of the answer, where it is an orderly one.
        if exc is None and self._has_begun and not self._is_framed():
            self._finish()
        if self._answer is not None and not self._answer.done():
            if exc is None:
                self._answer.set_exception(httpx.RemoteProtocolError("the server closed the connection"))
            else:
                self._answer.set_exception(httpx.ReadError(str(exc) or type(exc).__name__))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._answer is None or self._answer.done():
            self.abort()  # nobody asked
            return
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except (HttpParserError, HttpParserUpgrade) as error:
            self._fail(f"found what is not HTTP/1.1 ({type(error).__name__})")
            return
        if self._size > ANSWER_BYTES_MAX:
            self._fail(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")

    # What the parser calls

    def on_message_begin(self) -> None:
        self._headers, self._body, self._size = {}, [], 0  # those that were told stay as they are
        if self._answer is None or self._answer.done():
            self.is_reusable = False  # more than was asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        key, text, headers = name.decode("latin-1").lower(), value.decode("latin-1"), self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
        self._size += len(name) + len(value)

    def on_headers_complete(self) -> None:
        self._has_begun = self._parser.get_status_code() >= 200
        if self._is_head and self._has_begun:
            self.is_reusable = False  # the parser does not know that no body follows
            self._finish()

    def on_body(self, body: bytes) -> None:
        self._body.append(body)
        self._size += len(body)

    def on_message_complete(self) -> None:
        if self._has_begun:  # what came before is news only, such as 100 Continue
            self._finish()

    def _is_framed(self) -> bool:
        return "content-length" in self._headers or "transfer-encoding" in self._headers

    def _finish(self) -> None:
        parser, answer = self._parser, self._answer
        if answer is None or answer.done():
            return
        self.is_reusable = self.is_reusable and parser.should_keep_alive()
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        answer.set_result(LeanResponse(parser.get_status_code(), self._headers, body))

    def _fail(self, text: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(httpx.RemoteProtocolError(text))
        self.abort()


@cache
def _trusted() -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _written(request: LeanRequest) -> bytes:
    """Return a request as it goes out. Raises LocalProtocolError where its head would be more than one head."""
    body, to = request.body, request.target
    lines = [f"{request.method} {to.path} HTTP/1.1", f"Host: {to.host}"]
    if body or request.method in _WITH_BODY:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in request.own_headers.items()]
    head = "\r\n".join(lines)
    if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1 or "\0" in head or not head.isascii():
        raise httpx.LocalProtocolError("found a line break in a header; allowed are printable characters of ASCII")
    return b"%s\r\n\r\n%s" % (head.encode("ascii"), body)
