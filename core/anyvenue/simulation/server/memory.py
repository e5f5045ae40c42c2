"""The front without a network: an httpx transport and a dial that lead to a gateway on a driven clock."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import httpx

from anyvenue.simulation.server.gateway import Gateway, Line
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.wire.socket import Socket, SocketClosed

__all__ = ["MemoryDial", "MemoryTransport"]


class MemoryTransport(httpx.AsyncBaseTransport):
    """Sends requests to a gateway, whatever host they name. Time passes only as the clock is turned."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the gateway's response. Raises httpx.ReadError where the connection breaks instead."""
        arrived: asyncio.Future[HttpResponse | None] = asyncio.get_running_loop().create_future()

        def answer(response: HttpResponse | None) -> None:
            if not arrived.done():
                arrived.set_result(response)

        target = request.url.raw_path.decode("ascii")
        self._gateway.request(_request(request.method, target, request.headers, await request.aread()), answer)
        response = await arrived
        if response is None:
            raise httpx.ReadError("the connection broke before the response", request=request)
        return httpx.Response(response.status, headers=dict(response.headers), content=response.body)


class MemoryDial:
    """Opens connections to a gateway, whatever host the URL names."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, url: str, headers: Mapping[str, str]) -> Socket:
        """Return an open connection. Raises ConnectionRefusedError (an OSError) where it is not accepted."""
        parts = urlsplit(url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        socket = _MemorySocket()
        socket.line = self._gateway.connect(_request("GET", target, headers, b""), socket)
        try:
            refusal = await socket.accepted
        except asyncio.CancelledError:
            socket.line.hang_up()
            raise
        if refusal:
            raise ConnectionRefusedError(f"{url}: {refusal}")
        return socket


class _MemorySocket:
    """Both the client's socket and the gateway's peer."""

    line: Line

    def __init__(self) -> None:
        self.accepted: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Empty, or why it was refused."""
        self._arrived: deque[bytes] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._ended = ""

    # The client's side

    async def send(self, data: str) -> None:
        """Send a text message. Raises SocketClosed."""
        if self._ended:
            raise SocketClosed(self._ended)
        self.line.receive(data.encode())

    async def receive(self) -> bytes:
        """Return the next message. Raises SocketClosed when there are no more."""
        while not self._arrived:
            if self._ended:
                raise SocketClosed(self._ended)
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._arrived.popleft()

    async def close(self) -> None:
        """Close it."""
        if not self._ended:
            self._end("closed by this side")
            self.line.hang_up()

    # The gateway's side

    def opened(self) -> None:
        """The connection stands."""
        self._settle("")

    def refused(self, response: HttpResponse | None) -> None:
        """It does not."""
        self._settle("the connection broke" if response is None else f"found HTTP status {response.status}")

    def deliver(self, data: str | bytes) -> None:
        """A message has arrived."""
        if not self._ended:
            self._arrived.append(data.encode() if isinstance(data, str) else data)
            self._wake()

    def closed(self, code: int, reason: str) -> None:
        """The server has ended it."""
        self._settle("the connection broke")
        self._end(f"closed by the server with code {code}{f' ({reason})' if reason else ''}")

    def _end(self, reason: str) -> None:
        self._ended = self._ended or reason
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _settle(self, refusal: str) -> None:
        if not self.accepted.done():
            self.accepted.set_result(refusal)


def _request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
    raw_path, _, raw_query = target.partition("?")
    return HttpRequest(
        method=method,
        path=unquote(raw_path),
        raw_path=raw_path,
        raw_query=raw_query,
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
    )
