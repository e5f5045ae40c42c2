"""What a fault plan says happens: at the gateway, in memory, on a driven clock."""

import asyncio
from contextlib import suppress

import httpx
import orjson
import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.server.faults import FaultPlan
from anyvenue.simulation.server.hosting import host
from anyvenue.wire.deadline import deadline, pause
from anyvenue.wire.socket import SocketClosed

MS = 1_000_000


@pytest.fixture
def run(toy, tmp_path):
    """Return what runs a scenario under a plan: a coroutine function of the host and the clock."""

    def run(scenario, *rules, **plan):
        clock = DrivenClock(toy.start)
        tape = toy.tape(tmp_path / "x.tape", [[toy.start, "s", [["99", "1"]], [["101", "1"]]]])

        async def body():
            hosted = await host(toy.context(clock, market=tape, latency_in_us=1000, latency_out_us=1000), toy.dialect)
            hosted.gateway.faults = FaultPlan.parse({"rules": rules, **plan}, start_ns=toy.start)
            return await scenario(hosted, clock)

        return asyncio.run(Pump(clock).serve(body()))

    return run


async def order(client, hosted):
    content = orjson.dumps({"side": "buy", "size": 5, "price": "98"})
    return await client.post("/orders", content=content, headers={"x-key": hosted.key.key})


def orders(hosted):
    return len(hosted.stage.exchange.open_orders("main"))


def test_a_status_is_answered_in_place_of_the_dialect(run, toy):
    async def scenario(hosted, clock):
        async with toy.client(hosted) as client:
            response = await order(client, hosted)
            assert (response.status_code, response.headers["retry-after"], response.text) == (429, "1", "slow down")
            assert orders(hosted) == 0
            assert (await order(client, hosted)).status_code == 201

    rule = {"on": "http", "status": 429, "headers": {"retry-after": "1"}, "body": "slow down", "times": 1}
    run(scenario, rule)


@pytest.mark.parametrize(("what", "carried_out"), [("lose_request", 0), ("lose_reply", 1)])
def test_what_is_lost_leaves_the_client_waiting(run, toy, what, carried_out):
    async def scenario(hosted, clock):
        async with toy.client(hosted) as client:
            with pytest.raises(TimeoutError):
                async with deadline(clock, 60):
                    await order(client, hosted)
        assert orders(hosted) == carried_out

    run(scenario, {"on": "http", what: True})


@pytest.mark.parametrize(("when", "carried_out"), [("before", 0), ("after", 1)])
def test_a_reset_breaks_the_connection(run, toy, when, carried_out):
    async def scenario(hosted, clock):
        async with toy.client(hosted) as client:
            with pytest.raises(httpx.ReadError):
                await order(client, hosted)
        assert orders(hosted) == carried_out

    run(scenario, {"on": "http", "reset": when})


def test_a_delay_comes_on_top_of_the_latency(run, toy):
    async def scenario(hosted, clock):
        begin = clock.time_ns()
        async with toy.client(hosted) as client:
            told = (await client.get("/echo")).json()
        assert told["time"] == begin + 251 * MS
        assert clock.time_ns() == begin + 252 * MS

    run(scenario, {"on": "http", "delay_s": 0.25})


async def told(socket, clock, seconds=1):
    """Return the echoes that come within some time."""
    found = []
    try:
        async with deadline(clock, seconds):
            while True:
                message = orjson.loads(await socket.receive())
                if "echo" in message:
                    found.append(message["echo"])
    except TimeoutError:
        return found


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"on": "ws_out", "match": "b", "drop": True}, "acd"),
        ({"on": "ws_in", "match": "b", "drop": True}, "acd"),
        ({"on": "ws_out", "match": '"b"', "duplicate": True}, "abbcd"),
        ({"on": "ws_out", "match": '"a"', "reorder": 2}, "bcad"),
        ({"on": "ws_out", "match": '"b"', "delay_s": 0.5}, "abcd"),
        ({"on": "ws_in", "match": "b", "delay_s": 0.5}, "abcd"),
        ({"on": "ws_out", "match": '"b"', "delay_s": 5}, "a"),
        ({"on": "ws_out", "match": '"c"', "stall": True}, "ab"),
        ({"on": "ws_out", "match": '"b"', "stall": True, "delay_s": 0.1}, "a"),
    ],
)
def test_frames_suffer_what_the_plan_says(run, rule, expected):
    async def scenario(hosted, clock):
        socket = await hosted.dial(hosted.urls["ws"], {})
        for letter in "abcd":
            await socket.send(letter)
        assert "".join(await told(socket, clock)) == expected
        await socket.close()
        await pause(clock, 10)
        assert hosted.gateway.dialect.closes == 1
        assert hosted.gateway.sockets == 0

    run(scenario, rule)


def test_a_frame_that_is_held_back_for_others_comes_before_the_end(run):
    async def scenario(hosted, clock):
        socket = await hosted.dial(hosted.urls["ws"], {})
        await socket.send("a")
        await socket.send("bye")
        assert orjson.loads(await socket.receive()) == {"hello": ""}
        assert orjson.loads(await socket.receive()) == {"echo": "a"}
        with pytest.raises(SocketClosed):
            await socket.receive()

    run(scenario, {"on": "ws_out", "match": "echo", "reorder": 3})


def test_a_corrupt_frame_is_cut_short(run):
    async def scenario(hosted, clock):
        socket = await hosted.dial(hosted.urls["ws"], {})
        assert await socket.receive() == b'{"hell'  # half of {"hello":""}
        await socket.close()

    run(scenario, {"on": "ws_out", "corrupt": True})


@pytest.mark.parametrize("way", ["ws_in", "ws_out"])
def test_a_disconnect_takes_the_place_of_a_frame(run, way):
    async def scenario(hosted, clock):
        socket = await hosted.dial(hosted.urls["ws"], {})
        await socket.receive()
        with suppress(SocketClosed):  # on the way in it breaks at once
            await socket.send("xx")
        with pytest.raises(SocketClosed, match="1006"):
            await socket.receive()
        assert hosted.gateway.sockets == 0
        assert hosted.gateway.dialect.closes == 1
        with pytest.raises(SocketClosed):
            await socket.send("y")

    run(scenario, {"on": way, "match": "xx", "disconnect": True})


def test_a_stalled_socket_stays_open_and_neither_reads_nor_writes(run):
    async def scenario(hosted, clock):
        socket = await hosted.dial(hosted.urls["ws"], {})
        await socket.send("x")
        await socket.send("bye")
        assert await told(socket, clock, 600) == []
        assert hosted.gateway.sockets == 1
        await socket.close()

    run(scenario, {"on": "ws_out", "match": '"x"', "stall": True})


def test_the_clock_of_the_venues_servers_is_off_by_the_plan(run, toy):
    async def scenario(hosted, clock):
        assert hosted.stage.time_ns() == clock.time_ns() + 1_500 * MS
        hosted.gateway.faults = FaultPlan()
        assert hosted.stage.time_ns() == clock.time_ns()

    run(scenario, clock_skew_s=1.5)
