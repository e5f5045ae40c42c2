"""A toy venue, served over the real network and in memory on a driven clock: the same scenarios, the same answers."""

import asyncio
import subprocess
import sys
from decimal import Decimal

import httpx
import orjson
import pytest

from anyvenue.simulation.clock import DrivenClock
from anyvenue.simulation.pump import Pump
from anyvenue.simulation.server.gateway import Gateway
from anyvenue.simulation.server.hosting import host, supply
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.clock import WallClock
from anyvenue.wire.socket import SocketClosed


@pytest.fixture(params=["network", "memory"])
def play(request, toy):
    """Return what plays a scenario: a coroutine function of `opened`, which opens a connection by its name."""

    def play(scenario, **settings):
        async def body(clock):
            opened = []

            async def open_(connection="main"):
                hosted = await host(toy.context(clock, connection, **settings), toy.dialect)
                opened.append(hosted)
                return hosted

            try:
                return await scenario(open_)
            finally:
                for hosted in opened:
                    await hosted.release()

        async def run():
            if request.param == "network":
                async with asyncio.timeout(20):
                    return await body(WallClock())
            clock = DrivenClock(toy.start)
            return await Pump(clock).serve(body(clock))

        return asyncio.run(run())

    return play


async def heard(socket):
    return orjson.loads(await socket.receive())


async def heard_until(socket, key):
    while key not in (message := await heard(socket)):
        pass
    return message


def test_a_request_arrives_byte_for_byte(play, toy):
    async def scenario(opened):
        hosted = await opened()
        async with toy.client(hosted) as client:
            url = f"{hosted.urls['rest']}/echo?b=2&a=%2C%20x&a=1"
            response = await client.request("PUT", url, content=b"body \xc3\xa9", headers={"X-Key": "k", "X-Two": "2"})
            assert response.status_code == 200
            assert response.headers["x-toy"] == "1"
            return response.json()

    told = play(scenario)
    assert told["method"] == "PUT"
    assert told["raw_path"] == "/api/v1/echo"
    assert told["raw_query"] == "b=2&a=%2C%20x&a=1"
    assert told["body"] == "body é"
    assert told["headers"] == {"x-key": "k", "x-two": "2"}


def test_a_refusal_has_the_status_of_the_dialect_and_a_fault_of_it_is_a_500(play, toy, caplog):
    async def scenario(opened):
        hosted = await opened()
        async with toy.client(hosted) as client:
            return [(await client.get(path)).status_code for path in ("/nothing", "/fault", "/echo")]

    assert play(scenario) == [404, 500, 200]
    assert "a bug of the toy" in caplog.text


def test_a_socket_is_greeted_first_then_answered_in_order(play):
    async def scenario(opened):
        hosted = await opened()
        socket = await hosted.dial(hosted.urls["ws"] + "?x=1", {})
        for number in range(50):
            await socket.send(f"frame-{number}")
        told = [await heard(socket) for _ in range(51)]
        await socket.close()
        return told

    assert play(scenario, latency_jitter_us=300) == [{"hello": "x=1"}, *({"echo": f"frame-{n}"} for n in range(50))]


def test_a_socket_that_is_refused_is_no_connection(play):
    async def scenario(opened):
        hosted = await opened()
        with pytest.raises(OSError, match="403"):
            await hosted.dial(hosted.urls["ws"] + "?door=shut", {})
        assert hosted.gateway.sockets == 0

    play(scenario)


def test_a_book_begins_with_a_snapshot_and_its_ids_count_by_one(play):
    async def scenario(opened):
        hosted = await opened()
        socket = await hosted.dial(hosted.urls["ws"], {})
        await socket.send("book")
        told = [await heard_until(socket, "kind") for _ in range(20)]
        await socket.close()
        return told

    told = play(scenario)
    assert [event["kind"] for event in told] == ["snapshot", *["delta"] * 19]
    assert [event["id"] for event in told] == list(range(told[0]["id"], told[0]["id"] + 20))
    assert len(told[0]["bids"]) >= 8
    # Whole contracts of 0.0001 BTC.
    assert all("." not in size for event in told for _, size in event["bids"] + event["asks"])


def test_the_end_that_the_server_makes_is_told_once_to_both_sides(play):
    async def scenario(opened):
        hosted = await opened()
        socket = await hosted.dial(hosted.urls["ws"], {})
        await socket.send("bye")
        assert await heard(socket) == {"hello": ""}
        with pytest.raises(SocketClosed, match="4000"):
            await socket.receive()
        await socket.close()
        other = await hosted.dial(hosted.urls["ws"], {})
        await other.send("x")
        assert await heard(other) == {"hello": ""}
        assert await heard(other) == {"echo": "x"}
        assert hosted.gateway.dialect.closes == 1
        assert hosted.gateway.sockets == 1
        await other.close()

    play(scenario)


def test_a_fault_of_the_dialect_ends_the_socket(play, caplog):
    async def scenario(opened):
        hosted = await opened()
        socket = await hosted.dial(hosted.urls["ws"], {})
        await socket.send("bug")
        assert await heard(socket) == {"hello": ""}
        with pytest.raises(SocketClosed, match="1011"):
            await socket.receive()
        await socket.close()

    play(scenario)
    assert "a bug of the toy" in caplog.text


def test_all_sockets_can_be_broken_off(play):
    async def scenario(opened):
        hosted = await opened()
        sockets = [await hosted.dial(hosted.urls["ws"], {}) for _ in range(3)]
        for socket in sockets:
            assert await heard(socket) == {"hello": ""}
        assert hosted.gateway.disconnect() == 3
        for socket in sockets:
            with pytest.raises(SocketClosed):
                await socket.receive()
            await socket.close()
        assert hosted.gateway.sockets == 0

    play(scenario)


def test_two_accounts_trade_with_each_other_and_are_told_behind_the_answer(play, toy, tmp_path):
    # Others bid 99 and ask 101; at 100 there are only the two.
    tape = toy.tape(tmp_path / "x.tape", [[toy.start, "s", [["99", "1"]], [["101", "1"]]]])

    async def scenario(opened):
        maker, taker = await opened("maker"), await opened("taker")
        assert maker.stage is taker.stage
        assert list(maker.stage.accounts) == ["maker", "taker"]
        socket = await maker.dial(maker.urls["ws"], {})
        await socket.send(f"key {maker.key.key}")
        await heard_until(socket, "subscribed")
        async with toy.client(maker) as client:
            for side, user, status in (("buy", "nobody", 401), ("buy", maker, 201), ("sell", taker, 201)):
                key = user if user == "nobody" else user.key.key
                order = {"side": side, "size": 5, "price": "100"}
                response = await client.post("/orders", json=order, headers={"x-key": key})
                assert response.status_code == status
        told = await heard(socket)
        await socket.close()
        positions = {name: maker.stage.exchange.positions(name)[0].quantity for name in maker.stage.accounts}
        return told, positions

    told, positions = play(scenario, market=tape)
    assert told == {"fill": "5", "price": "100", "side": "buy"}
    # 5 contracts of 0.0001.
    assert positions == {"maker": Decimal("0.0005"), "taker": Decimal("-0.0005")}


def test_connections_of_one_name_have_one_account_and_others_another(play):
    async def scenario(opened):
        first, again, other = await opened("a"), await opened("a"), await opened("b")
        assert first.key == again.key
        assert first.key.key != other.key.key
        assert len(first.key.key) == 32
        assert len(first.key.secret.reveal()) == 64
        return first.key.key

    assert play(scenario, seed=7) == play(scenario, seed=7)
    assert play(scenario, seed=7) != play(scenario, seed=8)


def test_a_server_ends_with_its_last_user(toy):
    async def scenario():
        first = await host(toy.context(WallClock(), "a"), toy.dialect)
        second = await host(toy.context(WallClock(), "b"), toy.dialect)
        other = await host(toy.context(WallClock(), "a", seed=2), toy.dialect)
        assert first.urls == second.urls != other.urls
        await first.release()
        await first.release()
        async with toy.client(second) as client:
            assert (await client.get("/echo")).status_code == 200
        await second.release()
        async with toy.client(second) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("/echo")
        again = await host(toy.context(WallClock(), "a"), toy.dialect)
        assert again.stage is not first.stage
        await again.release()
        await other.release()

    asyncio.run(scenario())


def test_latency_is_on_the_clock_to_the_nanosecond(toy):
    clock = DrivenClock(toy.start)

    async def scenario():
        hosted = await host(toy.context(clock, latency_in_us=1500, latency_out_us=2500), toy.dialect)
        begin = clock.time_ns()
        async with toy.client(hosted) as client:
            told = (await client.get("/echo")).json()
        assert told["time"] == begin + 1_500_000
        assert clock.time_ns() == begin + 4_000_000
        socket = await hosted.dial(hosted.urls["ws"], {})
        assert clock.time_ns() == begin + 8_000_000
        await socket.send("x")
        assert await heard(socket) == {"hello": ""}
        assert await heard(socket) == {"echo": "x"}
        assert clock.time_ns() == begin + 12_000_000
        await socket.close()

    asyncio.run(Pump(clock).serve(scenario()))


def test_in_memory_the_same_seed_gives_the_same_bytes_at_the_same_times(toy):
    def played(seed):
        clock, told = DrivenClock(toy.start), []

        async def scenario():
            context = toy.context(clock, seed=seed, latency_in_us=500, latency_out_us=500, latency_jitter_us=2000)
            hosted = await host(context, toy.dialect)
            socket = await hosted.dial(hosted.urls["ws"], {})
            await socket.send("book")
            async with toy.client(hosted) as client:
                for _ in range(5):
                    told.append((clock.time_ns(), (await client.get("/echo")).content))
                    told.extend([(clock.time_ns(), await socket.receive()) for _ in range(20)])
            await socket.close()

        asyncio.run(Pump(clock).serve(scenario()))
        return told

    assert played(3) == played(3)
    assert played(3) != played(4)


def test_a_server_tells_the_time_of_the_wall(toy):
    async def scenario():
        hosted = await host(toy.context(WallClock()), toy.dialect)
        async with toy.client(hosted) as client:
            before = WallClock().time_ns()
            told = (await client.get("/echo")).json()["time"]
            after = WallClock().time_ns()
        await hosted.release()
        assert before <= told <= after

    asyncio.run(scenario())


def test_nothing_heavy_is_loaded_before_a_server_starts():
    code = "import sys, anyvenue.simulation.server.hosting, anyvenue.simulation.server.dialect; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"aiohttp", "httpx", "websockets"} & set(done.stdout.split())


def test_a_gateway_that_is_supplied_is_what_everybody_on_its_clock_gets(toy):
    async def scenario(clock):
        context = toy.context(clock)
        gateway = Gateway(toy.dialect, Stage.of(toy.dialect, clock, context.simulation))
        supply(gateway)
        same = [await host(context, toy.dialect), await toy.dialect.host(toy.context(clock, "second"))]
        assert [hosted.gateway for hosted in same] == [gateway, gateway]
        other = await host(toy.context(clock, seed=2), toy.dialect)
        assert other.gateway is not gateway

    clock = DrivenClock(toy.start)
    asyncio.run(Pump(clock).serve(scenario(clock)))


def test_credentials_are_the_accounts_key_by_the_names_that_an_adapter_has(play):
    async def scenario(opened):
        hosted = await opened()
        assert {name: secret.reveal() for name, secret in hosted.credentials.items()} == {
            "key": hosted.key.key,
            "secret": hosted.key.secret.reveal(),
        }

    play(scenario)
