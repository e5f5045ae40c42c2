"""Events through the engine: dispatch to an empty callback, an order's update, and frames over a loopback WebSocket."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal

import depth_frames
import orjson
from hot_path import BTC
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from anyvenue.engine.engine import Engine
from anyvenue.engine.strategy import Strategy
from anyvenue.model.book import OrderBook
from anyvenue.model.enums import Side
from anyvenue.model.market import Trade
from anyvenue.model.order import Order
from anyvenue.venue.capabilities import Capabilities, Feature
from anyvenue.venue.clock import WallClock
from anyvenue.venue.events import Channel
from anyvenue.wire.connection import Connection
from anyvenue.wire.dial import dial
from anyvenue_gateio.streams import Reader
from anyvenue_gateio.topics import depth_rule

__all__ = ["numbers"]

ROUNDS = 7
COUNT = 20_000
PRICE, SIZE = Decimal("60000.1"), Decimal("0.01")


class Idle(Strategy):
    """Hears books, trades and orders, and does nothing about them."""

    def on_start(self) -> None:
        self.heard = 0
        self.subscribe(BTC.symbol, Channel.TRADES)
        self.subscribe(BTC.symbol)
        self.order = self.buy(BTC.symbol, "1000", "60000")

    def on_trade(self, trade: Trade) -> None:
        pass

    def on_book(self, book: OrderBook) -> None:
        pass

    def on_order(self, order: Order) -> None:
        self.heard += 1


def started() -> tuple[Engine, Idle]:
    """Return an engine that runs, its commands going nowhere."""
    strategy = Idle()
    engine = Engine(strategy, connections=[BTC.connection], clock=WallClock(), session="bench")
    engine.bind(lambda command: None)
    rule = depth_rule(BTC, updates=False)
    engine.add_connection(BTC.connection, [BTC], Capabilities.of(native=tuple(Feature)), lambda instrument: rule)
    engine.start()
    return engine, strategy


def make_trade(number: int) -> Trade:
    """Make an event as an adapter does."""
    return Trade(
        instrument=BTC, trade_id="1", side=Side.BUY, price=PRICE, quantity=SIZE, ts_event=number, ts_recv=number
    )


def timed_once(work: Callable[[], object]) -> float:
    """Return how long it takes, in seconds."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def drain(items: Iterable[object]) -> None:
    """Go through items and keep none, so that memory is used as in life."""
    deque(items, maxlen=0)


def best_of(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the best time of each, taken in turns."""
    times = [{name: timed_once(work) for name, work in works.items()} for _ in range(rounds)]
    return {name: min(found[name] for found in times) for name in works}


def dispatch(rounds: int, count: int) -> dict[str, float]:
    """Return the microseconds that it takes to make an event, and to hand one to an empty callback."""
    engine, _ = started()
    trade, receive, name = make_trade(1), engine.receive, BTC.connection
    reader = Reader({"BTC_USDT": BTC}.get, {}.get)
    raws = depth_frames.small(min(count, 1000))
    for event in reader.read(raws[0], 0):
        receive(event, name)  # type: ignore[arg-type]
    deltas = [reader.read_push(raw, 0) for raw in raws[1:]]

    def books() -> None:
        for delta in deltas:
            receive(delta, name)  # type: ignore[arg-type]
        (book,) = engine.data.books()
        assert book.is_synced
        for event in reader.read(raws[0], 0):  # from the beginning
            receive(event, name)  # type: ignore[arg-type]

    found = best_of(
        {
            "making a Trade": lambda: drain(map(make_trade, range(count))),
            "a Trade to on_trade": lambda: drain(receive(trade, name) for _ in range(count)),
            "making a small depth delta": lambda: drain(reader.read_push(raw, 0) for raw in raws[1:]),
            "a small depth delta to on_book": books,
        },
        rounds,
    )
    return {row: seconds / (count if "Trade" in row else len(deltas)) * 1e6 for row, seconds in found.items()}


ORDER_ROW = (
    b'{"contract":"BTC_USDT","create_time":1747054612,"create_time_ms":1747054612000,"fill_price":60000.4,'
    b'"finish_as":"_update","iceberg":"0","id":36028827892199865,"is_close":false,"is_liq":false,'
    b'"is_reduce_only":false,"left":"%d","mkfr":-0.00025,"price":60000,"refr":0,"refu":0,"size":"10000000",'
    b'"status":"open","text":"t-avbench-1","tif":"gtc","tkfr":0.0005,"user":"110284739","update_id":%d,'
    b'"update_time":%d,"biz_info":"-","stop_profit_price":"","stop_loss_price":""}'
)
"""An order as Gate pushes it: prices are JSON numbers, sizes are texts since we ask for decimal ones."""


def order_updates(count: int) -> Iterable[bytes]:
    """Return the pushes of one large order that is filled contract by contract."""
    for number in range(1, count + 1):
        row = ORDER_ROW % (10_000_000 - number, number, 1_747_054_612_000 + number)
        yield (
            b'{"time":1747054612,"time_ms":1747054612673,"channel":"futures.orders","event":"update","result":['
            + row
            + b"]}"
        )


def order_update(*, rounds: int = ROUNDS, count: int = 3000) -> float:
    """Return the CPU time in microseconds from the bytes of an order's update to the return of `on_order`."""
    frames = list(order_updates(count))
    times = []
    for _ in range(rounds):
        engine, strategy = started()
        read, receive, name = Reader({"BTC_USDT": BTC}.get, {}.get).read_push, engine.receive, BTC.connection
        gc.collect()
        start = time.process_time()
        for raw in frames:
            for event in read(raw, 0):  # type: ignore[union-attr]
                receive(event, name)
        times.append(time.process_time() - start)
        assert strategy.heard >= len(frames), strategy.heard
    return min(times) / len(frames) * 1e6


async def send_all(frames: list[bytes]) -> None:
    """Serve the frames to whoever connects, then close."""

    async def talk(connection: object) -> None:
        for raw in frames:
            await connection.send(raw.decode())  # type: ignore[attr-defined]

    async with serve(talk, "127.0.0.1", 0, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def bare(url: str) -> float:
    """Receive all with `websockets` and orjson alone; return the seconds."""
    async with connect(url, compression=None, max_queue=256) as socket:
        start = time.perf_counter()
        try:
            while True:
                orjson.loads(await socket.recv(decode=False))
        except ConnectionClosed:
            return time.perf_counter() - start


async def whole(url: str) -> float:
    """Receive all by the product's connection, reader, engine and book; return the seconds."""
    engine, _ = started()
    reader, clock, name = Reader({"BTC_USDT": BTC}.get, {}.get), WallClock(), BTC.connection

    def take(raw: bytes) -> None:  # what the adapter's feed does
        now = clock.time_ns()
        delta = reader.read_push(raw, now)
        if delta is not None:
            engine.receive(delta, name)
            return
        for event in reader.read_any(raw, now):
            engine.receive(event, name)  # type: ignore[arg-type]

    socket = await dial(url, {})
    start = time.perf_counter()
    connection = Connection(socket, name="bench", clock=clock, on_message=take, heartbeat=None)
    await connection.gone
    seconds = time.perf_counter() - start
    await connection.closed()
    (book,) = engine.data.books()
    assert book.is_synced
    return seconds


def loopback(kind: str, rounds: int, count: int) -> dict[str, float]:
    """Return frames a second over a WebSocket from another process."""
    program = [sys.executable, __file__, kind, str(count)]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}"
        ways = {"websockets and orjson": bare, "connection, engine, on_book": whole}
        times = [{name: asyncio.run(way(url)) for name, way in ways.items()} for _ in range(rounds)]
        server.stdin.close()
    return {name: count / min(found[name] for found in times) for name in ways}


STREAMS: dict[str, Callable[[int], list[bytes]]] = {
    "small": depth_frames.small,
    "tape": lambda count: depth_frames.from_tape(count=count),
}


def numbers(rounds: int = ROUNDS, count: int = COUNT) -> dict[str, dict[str, float]]:
    """Return microseconds of dispatch and of an order's update, and frames a second by stream."""
    found = {"us": dispatch(rounds, count)}
    found["us"]["order update to on_order, CPU"] = order_update(rounds=rounds, count=max(count // 6, 1))
    for kind in STREAMS:
        found[f"{kind}, frames/s"] = loopback(kind, rounds, max(count // 5, 1))
    return found


def main() -> None:
    """Print the tables."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}")
    for name, rows in numbers().items():
        print(name)
        for row, figure in rows.items():
            print(f"  {row:32} {figure:12,.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(send_all(STREAMS[sys.argv[1]](int(sys.argv[2]))))
    else:
        main()
