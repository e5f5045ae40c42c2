"""Clients that send orders to a bare server in the shape of Gate, one after another, and say how long they took.

Run as `order_clients.py CLIENT PORT` it sends so many orders for every number on its input, and prints as JSON their
median time and the CPU time of one, in microseconds.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

KEY, SECRET = "bench-key", "bench-secret"
BODY = {"contract": "BTC_USDT", "size": "1", "price": "30000", "tif": "gtc", "text": "t-bench-1"}

Work = Callable[[int], Awaitable[list[float]]]
"""Sends so many orders and returns the seconds each took."""


def one_by_one(place: Callable[[], Awaitable[Any]]) -> Work:
    """Return the work that awaits `place` again and again."""

    async def work(count: int) -> list[float]:
        times = []
        for _ in range(count):
            start = time.perf_counter()
            await place()
            times.append(time.perf_counter() - start)
        return times

    return work


def signed(path: str, body: bytes) -> dict[str, str]:
    """Return the headers Gate wants, made by hand."""
    import hashlib
    import hmac

    now = str(int(time.time()))
    text = f"POST\n{path}\n\n{hashlib.sha512(body).hexdigest()}\n{now}"
    sign = hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()
    return {"KEY": KEY, "SIGN": sign, "Timestamp": now, "Content-Type": "application/json"}


@asynccontextmanager
async def aiohttp_alone(port: int) -> AsyncIterator[Work]:
    """Open aiohttp with a signature by hand."""
    import aiohttp

    path = "/api/v4/futures/usdt/orders"
    async with aiohttp.ClientSession() as session:

        async def place() -> None:
            body = json.dumps(BODY).encode()
            async with session.post(f"http://127.0.0.1:{port}{path}", data=body, headers=signed(path, body)) as answer:
                assert json.loads(await answer.read())["status"] == "open"

        yield one_by_one(place)


@asynccontextmanager
async def httpx_alone(port: int) -> AsyncIterator[Work]:
    """Open httpx.AsyncClient with a signature by hand."""
    import httpx

    path = "/api/v4/futures/usdt/orders"
    async with httpx.AsyncClient(trust_env=False) as client:

        async def place() -> None:
            body = json.dumps(BODY).encode()
            answer = await client.post(f"http://127.0.0.1:{port}{path}", content=body, headers=signed(path, body))
            assert answer.json()["status"] == "open"

        yield one_by_one(place)


@asynccontextmanager
async def gate_api(port: int) -> AsyncIterator[Work]:
    """Open the official SDK, which blocks."""
    import gate_api as sdk

    settings = sdk.Configuration(host=f"http://127.0.0.1:{port}/api/v4", key=KEY, secret=SECRET)
    api = sdk.FuturesApi(sdk.ApiClient(settings))

    async def place() -> None:
        order = sdk.FuturesOrder(contract="BTC_USDT", size="1", price="30000", tif="gtc", text="t-bench-1")
        assert api.create_futures_order("usdt", order).status == "open"

    yield one_by_one(place)


def ccxt_exchange(module: Any, port: int) -> Any:
    """Return ccxt's Gate, aimed at the server."""
    exchange = module.gate(
        {
            "apiKey": KEY,
            "secret": SECRET,
            "tokenBucket": {"tokens": 1e9, "capacity": 1e9},  # the limiter works, and holds nothing back
            "options": {"defaultType": "swap", "fetchMarkets": {"types": ["swap"]}, "unifiedAccount": False},
        }
    )
    exchange.urls["api"]["private"]["futures"] = f"http://127.0.0.1:{port}/api/v4"
    exchange.urls["api"]["public"]["futures"] = f"http://127.0.0.1:{port}/api/v4"
    exchange.has["fetchCurrencies"] = False
    return exchange


@asynccontextmanager
async def ccxt_rest(port: int) -> AsyncIterator[Work]:
    """Open ccxt over REST."""
    import ccxt.async_support as ccxt

    exchange = ccxt_exchange(ccxt, port)
    await exchange.load_markets()

    async def place() -> None:
        order = await exchange.create_order("BTC/USDT:USDT", "limit", "buy", 1, 30000)
        assert order["status"] == "open"

    yield one_by_one(place)
    await exchange.close()


@asynccontextmanager
async def ccxt_websocket(port: int) -> AsyncIterator[Work]:
    """Open ccxt pro with orders over the WebSocket."""
    import ccxt.pro as ccxt

    exchange = ccxt_exchange(ccxt, port)
    exchange.urls["api"]["swap"] = {"usdt": f"ws://127.0.0.1:{port}/v4/ws/usdt", "btc": ""}
    await exchange.load_markets()

    async def place() -> None:
        order = await exchange.create_order_ws("BTC/USDT:USDT", "limit", "buy", 1, 30000)
        assert order["status"] == "open"

    yield one_by_one(place)
    await exchange.close()


def ours(order_entry: str, *, journal: bool) -> Callable[[int], Any]:
    """Return what opens a strategy in a live run: its call, engine, adapter, wire, and back to `on_order`."""

    @asynccontextmanager
    async def opened(port: int) -> AsyncIterator[Work]:
        from attrs import evolve

        from anyvenue.engine.engine import Engine
        from anyvenue.engine.journal_sqlite import SqliteJournal
        from anyvenue.engine.live import run_live
        from anyvenue.engine.risk_limits import ConnectionLimits, RiskLimits
        from anyvenue.engine.strategy import Strategy
        from anyvenue.model.enums import OrderState
        from anyvenue.model.order import Order
        from anyvenue.venue.clock import WallClock
        from anyvenue.venue.descriptor import Environment, VenueContext
        from anyvenue.venue.secrets import Secret
        from anyvenue.wire.limits import RateLimiter
        from anyvenue_gateio import limits
        from anyvenue_gateio.endpoints import GateOptions
        from anyvenue_gateio.venue import GateVenue

        class Placer(Strategy):
            """Sends the next order as soon as one is acknowledged."""

            left = 0

            def on_start(self) -> None:
                started.set()

            def place(self) -> None:
                self.left -= 1
                self.start = time.perf_counter()
                self.buy("BTC-USDT-PERP", "0.0001", "30000")

            def on_order(self, order: Order) -> None:
                if order.state is OrderState.SENT:
                    return
                assert order.state is OrderState.OPEN, order.text
                self.times.append(time.perf_counter() - self.start)
                if self.left:
                    self.place()
                else:
                    self.done.set_result(None)

        started = asyncio.Event()
        options = GateOptions(
            order_entry=order_entry,
            rest_url=f"http://127.0.0.1:{port}/api/v4",
            ws_url=f"ws://127.0.0.1:{port}/v4/ws/usdt",
        )
        context = VenueContext(
            connection="gate",
            environment=Environment.LIVE,
            clock=WallClock(),
            session="b",
            options=options,
            credentials={"key": Secret(KEY), "secret": Secret(SECRET)},
        )
        # The limiter works, and holds nothing back. The server's count is not the venue's, and is not listened to.
        limits.BUCKETS = tuple(evolve(bucket, limit=10_000_000) for bucket in limits.BUCKETS)
        RateLimiter.learn = lambda self, news: [*news] and None  # type: ignore[method-assign]
        limits.DAY_MAX = 10**12  # type: ignore[misc]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "bench.db"
            keeps = SqliteJournal(path, session="b", now_ns=0, clock=WallClock()) if journal else None
            strategy, stop = Placer(), asyncio.Event()
            risk = RiskLimits(connections={"gate": ConnectionLimits(order_rate=10_000_000)})  # none is held back
            engine = Engine(strategy, connections=["gate"], clock=WallClock(), session="b", journal=keeps, risk=risk)
            running = asyncio.create_task(run_live(engine, {"gate": GateVenue(context)}, clock=WallClock(), stop=stop))
            await asyncio.wait({running, asyncio.create_task(started.wait())}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()

            async def work(count: int) -> list[float]:
                strategy.left, strategy.times = count, []
                strategy.done = asyncio.get_running_loop().create_future()
                strategy.place()
                await strategy.done
                return strategy.times

            yield work
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            engine.close()

    return opened


OURS: dict[str, Callable[[int], Any]] = {
    f"anyvenue-{way}{journal}{extra}": ours("rest" if way == "rest" else "websocket", journal=bool(journal))
    for way in ("rest", "ws")
    for journal in ("", "-journal")
    for extra in ("", "-fast")
}
"""Ours, with and without journal and the extra `anyvenue[fast]`."""
CLIENTS: dict[str, Callable[[int], Any]] = OURS | {
    "aiohttp": aiohttp_alone,
    "httpx": httpx_alone,
    "gate-api": gate_api,
    "ccxt-rest": ccxt_rest,
    "ccxt-ws": ccxt_websocket,
}


async def main(name: str, port: int) -> None:
    """Answer each number on the input with a line of JSON."""
    loop = asyncio.get_running_loop()
    async with CLIENTS[name](port) as work:
        await work(20)
        print("ready", flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            gc.collect()
            cpu = time.process_time()
            times = await work(int(line))
            cpu = time.process_time() - cpu
            row = {"median_us": statistics.median(times) * 1e6, "cpu_us": cpu / len(times) * 1e6}
            print(json.dumps(row), flush=True)


def loop_factory(name: str) -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Choose the extra for a client of ours whose name says so, and return its loop's maker."""
    if name not in OURS:
        return None
    from anyvenue.wire import fast

    fast.choose(name.endswith("-fast"))
    return fast.loop_factory()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory(sys.argv[1])) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2])))
