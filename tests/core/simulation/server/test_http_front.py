"""The front to the network, with plain sockets and a client that others wrote."""

import asyncio
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from anyvenue.simulation.server import http_front
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import Server, host
from anyvenue.venue.clock import WallClock


@pytest.fixture
def serve(toy):
    """Return what runs a scenario, a coroutine function of the host, beside a server."""

    def serve(scenario, **settings):
        async def body():
            hosted = await host(toy.context(WallClock(), **settings), toy.dialect)
            try:
                async with asyncio.timeout(30):
                    return await scenario(hosted)
            finally:
                await hosted.release()

        return asyncio.run(body())

    return serve


def address(hosted):
    return hosted.urls["rest"].split("/")[2].split(":")


async def raw(hosted, text):
    """Send bytes as they are; return all that comes back."""
    reader, writer = await asyncio.open_connection(*address(hosted))
    writer.write(text)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_a_request_of_a_proxy_and_a_header_that_comes_twice(serve):
    async def scenario(hosted):
        answer = await raw(
            hosted,
            b"GET http://other.example/api/v1/%65cho?x=%20 HTTP/1.1\r\nHost: other.example\r\nX-A: 1\r\nX-A: 2\r\n"
            b"Connection: close\r\n\r\n",
        )
        assert b'"raw_path":"/api/v1/%65cho"' in answer
        assert b'"raw_query":"x=%20"' in answer
        assert b'"x-a":"1, 2"' in answer

    serve(scenario)


def test_a_request_that_is_to_break_breaks(serve, toy):
    async def scenario(hosted):
        hosted.gateway.faults = FaultPlan.parse([{"on": "http", "reset": "after"}])
        async with toy.client(hosted) as client:
            with pytest.raises(httpx.TransportError):
                await client.get("/echo")

    serve(scenario)


def test_a_client_that_gives_up_a_lost_request_leaves_nothing_behind(serve, toy):
    async def scenario(hosted):
        hosted.gateway.faults = FaultPlan.parse([{"on": "http", "lose_reply": True, "times": 1}])
        async with toy.client(hosted) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get("/echo", timeout=0.05)
            assert (await client.get("/echo")).status_code == 200
        handlers = [task for task in asyncio.all_tasks() if "_answer" in repr(task.get_coro())]
        assert not handlers

    serve(scenario)


def test_an_upgrade_elsewhere_is_an_ordinary_request(serve):
    async def scenario(hosted):
        head = b"GET /api/v1/echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n"
        assert (await raw(hosted, head)).startswith(b"HTTP/1.1 200")

    serve(scenario)


def test_protocol_pings_are_answered(serve):
    async def scenario(hosted):
        async with connect(hosted.urls["ws"], proxy=None) as socket:
            assert await (await socket.ping()) >= 0

    serve(scenario)


def test_many_requests_and_frames_are_answered_quickly(serve, toy):
    async def scenario(hosted):
        begin = time.monotonic()
        async with toy.client(hosted) as client:
            responses = await asyncio.gather(*(client.get("/echo") for _ in range(200)))
        assert {response.status_code for response in responses} == {200}
        async with connect(hosted.urls["ws"], proxy=None) as socket:
            for number in range(2000):
                await socket.send(str(number))
            await socket.recv()
            for number in range(2000):
                assert await socket.recv() == f'{{"echo":"{number}"}}'
        return time.monotonic() - begin

    # A hundredth of what is asked for, so that no slow machine fails here.
    assert serve(scenario) < 20


def test_a_reader_that_does_not_read_is_dropped_and_others_are_not_kept_waiting(serve, monkeypatch):
    monkeypatch.setattr(http_front, "BACKLOG_BYTES_MAX", 100_000)

    async def scenario(hosted):
        reader, writer = await asyncio.open_connection(*address(hosted), limit=1024)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        [slow] = list(hosted.gateway._lines)
        async with connect(hosted.urls["ws"], proxy=None) as other:
            await other.recv()
            while hosted.gateway.sockets == 2:
                for _ in range(8):
                    slow.send("x" * 50_000)
                await other.send("still there?")
                assert await other.recv() == '{"echo":"still there?"}'
            await other.send("and now?")
            assert await other.recv() == '{"echo":"and now?"}'
            assert hosted.gateway.dialect.closes == 1
        writer.transport.abort()

    serve(scenario)


def test_clients_are_told_of_the_end_of_the_server(serve):
    async def scenario(hosted):
        socket = await connect(hosted.urls["ws"], proxy=None)
        await socket.recv()
        await hosted.release()
        with pytest.raises(ConnectionClosed, match="1001"):
            await socket.recv()

    serve(scenario, latency_out_us=3000, latency_jitter_us=3000)


def test_a_port_that_is_taken_is_an_oserror(serve, toy):
    async def scenario(hosted):
        server = Server(toy.dialect, toy.settings())
        with pytest.raises(OSError, match="address already in use"):
            await server.start(int(address(hosted)[1]))
        await server.stop()
        with pytest.raises(RuntimeError, match="not been started"):
            _ = server.urls

    serve(scenario)
