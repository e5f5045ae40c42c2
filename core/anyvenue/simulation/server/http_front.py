"""The front to the network: HTTP and WebSocket on this machine, in front of a gateway in real time."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final
from urllib.parse import unquote

from aiohttp import WSMsgType, web

from anyvenue.simulation.server.gateway import ABNORMAL, Gateway, Line
from anyvenue.simulation.server.messages import HttpRequest, HttpResponse
from anyvenue.simulation.server.real_time import RealTime

__all__ = ["HOST", "HttpFront"]

HOST: Final = "127.0.0.1"
BACKLOG_BYTES_MAX: Final = 8 * 1024 * 1024
"""What may wait for a reader that is slow; beyond it the connection is dropped."""
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
CLOSE_S: Final = 0.5
"""How long the end waits for clients to take their leave."""


class HttpFront:
    """Serves a gateway on a port of this machine."""

    def __init__(self, gateway: Gateway, real_time: RealTime) -> None:
        self._gateway = gateway
        self._real_time = real_time
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Begin to listen; port 0 lets the system choose. Raises OSError for a port that is taken."""
        server = web.Server(self._answer, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=CLOSE_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, port).start()
        except OSError:
            await self.stop()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End all connections and listen no more."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _answer(self, came: web.BaseRequest) -> web.StreamResponse:
        request = await _request(came)
        if _wants_socket(request):
            return await self._serve_socket(came, request)
        arrived: asyncio.Future[HttpResponse | None] = asyncio.get_running_loop().create_future()

        def answer(response: HttpResponse | None) -> None:
            if not arrived.done():
                arrived.set_result(response)

        self._real_time.catch_up()
        self._gateway.request(request, answer)
        self._real_time.attend()
        return _response(came, await arrived)

    async def _serve_socket(self, came: web.BaseRequest, request: HttpRequest) -> web.StreamResponse:
        peer = _SocketPeer(came)
        self._real_time.catch_up()
        line = self._gateway.connect(request, peer)
        self._real_time.attend()
        refusal = await peer.accepted
        if refusal is not None:
            return _response(came, None if refusal.status == 0 else refusal)
        try:
            return await self._run_socket(came, peer, line)
        finally:
            self._real_time.catch_up()
            line.hang_up()
            self._real_time.attend()

    async def _run_socket(self, came: web.BaseRequest, peer: _SocketPeer, line: Line) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=MESSAGE_BYTES_MAX, timeout=CLOSE_S)
        await socket.prepare(came)
        writing = asyncio.create_task(peer.write(socket))
        try:
            async for message in socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    data = message.data
                    self._real_time.catch_up()
                    line.receive(data.encode() if isinstance(data, str) else data)
                    self._real_time.attend()
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
        return socket


class _SocketPeer:
    """What goes to one client: a backlog with a bound, written out by a task of its own."""

    def __init__(self, came: web.BaseRequest) -> None:
        self.accepted: asyncio.Future[HttpResponse | None] = asyncio.get_running_loop().create_future()
        """None, or why not; a status of 0 stands for no answer at all."""
        self._transport = came.transport
        self._backlog: deque[str | bytes] = deque()
        self._backlog_bytes = 0
        self._closing: tuple[int, str] | None = None
        self._woken = asyncio.Event()

    def opened(self) -> None:
        """The connection stands."""
        self._settle(None)

    def refused(self, response: HttpResponse | None) -> None:
        """It does not."""
        self._settle(response or HttpResponse(status=0))

    def deliver(self, data: str | bytes) -> None:
        """Put a message behind those that wait."""
        self._backlog_bytes += len(data)
        if self._backlog_bytes > BACKLOG_BYTES_MAX:
            self._drop()
            return
        self._backlog.append(data)
        self._woken.set()

    def closed(self, code: int, reason: str) -> None:
        """End it, behind what waits; a broken connection ends at once."""
        if code == ABNORMAL:
            self._drop()
            return
        self._closing = code, reason
        self._woken.set()

    async def write(self, socket: web.WebSocketResponse) -> None:
        """Write out what there is as fast as the client takes it."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._backlog:
                data = self._backlog.popleft()
                self._backlog_bytes -= len(data)
                try:
                    await (socket.send_str(data) if isinstance(data, str) else socket.send_bytes(data))
                except ConnectionError:
                    return
            if self._closing is not None:
                code, reason = self._closing
                await socket.close(code=code, message=reason.encode())
                return

    def _settle(self, refusal: HttpResponse | None) -> None:
        if not self.accepted.done():
            self.accepted.set_result(refusal)

    def _drop(self) -> None:
        self._backlog.clear()
        self._settle(HttpResponse(status=0))
        if self._transport is not None:
            self._transport.abort()


async def _request(came: web.BaseRequest) -> HttpRequest:
    target = came.raw_path
    if not target.startswith("/"):  # the absolute form, as proxies get it
        target = "/" + target.partition("://")[2].partition("/")[2]
    raw_path, _, raw_query = target.partition("?")
    headers: dict[str, str] = {}
    for name, value in came.headers.items():
        name = name.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return HttpRequest(
        method=came.method,
        path=unquote(raw_path),
        raw_path=raw_path,
        raw_query=raw_query,
        headers=headers,
        body=await came.read(),
        remote=came.remote or HOST,
    )


def _wants_socket(request: HttpRequest) -> bool:
    is_upgrade = "upgrade" in request.headers.get("connection", "").lower()
    return is_upgrade and request.headers.get("upgrade", "").lower() == "websocket"


def _response(came: web.BaseRequest, response: HttpResponse | None) -> web.Response:
    if response is None:
        if came.transport is not None:
            came.transport.abort()
        return web.Response()  # nobody gets it
    return web.Response(status=response.status, headers=response.headers, body=response.body)
