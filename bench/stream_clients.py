"""One client each that takes a stream of trades to the callback, and says how many a second and how late they were.

Run as `stream_clients.py CLIENT PORT CONTRACTS CONNECTIONS COUNT` it takes COUNT trades and prints as JSON the trades a
second, the median time from the server to the callback and the CPU time of one, in microseconds.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any

from order_clients import KEY, SECRET, ccxt_exchange

if TYPE_CHECKING:
    from anyvenue.engine.strategy import Strategy

__all__ = ["ccxt_stream", "live", "print_figures"]

Client = Callable[[int, int, int, int], Coroutine[Any, Any, dict[str, float]]]


class Tally:
    """Notes each trade as it comes."""

    def __init__(self, count: int) -> None:
        self.left = count
        self.times: list[int] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begun_ns = self.cpu = 0

    def take(self, sent_ns: int) -> None:
        """Note one."""
        now = time.monotonic_ns()
        if not self.times:
            self.begun_ns, self.cpu = now, time.process_time_ns()
        self.times.append(now - sent_ns)
        self.left -= 1
        if self.left == 0:
            self.seconds = (now - self.begun_ns) / 1e9
            self.cpu_us = (time.process_time_ns() - self.cpu) / 1e3 / len(self.times)
            self.done.set_result(None)

    def figures(self) -> dict[str, float]:
        """Return them."""
        return {
            "per_s": len(self.times) / self.seconds,
            "median_us": statistics.median(self.times) / 1e3,
            "cpu_us": self.cpu_us,
        }


async def live(port: int, strategy: Strategy, names: Sequence[str], done: asyncio.Future[None]) -> None:
    """Run a strategy on connections of these names until it is done: the wire, the adapter, the engine."""
    from anyvenue.engine.engine import Engine
    from anyvenue.engine.live import run_live
    from anyvenue.venue.clock import WallClock
    from anyvenue.venue.descriptor import Environment, VenueContext
    from anyvenue.venue.secrets import Secret
    from anyvenue_gateio.endpoints import GateOptions
    from anyvenue_gateio.venue import GateVenue

    def venue(name: str) -> GateVenue:
        urls = {"rest_url": f"http://127.0.0.1:{port}/api/v4", "ws_url": f"ws://127.0.0.1:{port}/v4/ws/usdt"}
        return GateVenue(
            VenueContext(
                connection=name,
                environment=Environment.LIVE,
                clock=WallClock(),
                session="b",
                options=GateOptions(**urls),
                credentials={"key": Secret(KEY), "secret": Secret(SECRET)},
            )
        )

    clock, stop = WallClock(), asyncio.Event()
    engine = Engine(strategy, connections=names, clock=clock, session="b")
    running = asyncio.create_task(run_live(engine, {name: venue(name) for name in names}, clock=clock, stop=stop))
    await asyncio.wait({running, done}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def ours(port: int, contracts: int, connections: int, count: int) -> dict[str, float]:
    """Take them by a strategy in a live run, by its `on_trade`."""
    from anyvenue.engine.strategy import Strategy
    from anyvenue.model.market import Trade

    tally = Tally(count)
    names = [f"gate{number}" for number in range(connections)]
    symbols = ["BTC-USDT-PERP", *(f"C{number}-USDT-PERP" for number in range(contracts - 1))]

    class Listener(Strategy):
        """Hears trades."""

        def on_start(self) -> None:
            for number, symbol in enumerate(symbols):
                self.subscribe(self.instrument(symbol, on=names[number % len(names)]), "trades")

        def on_trade(self, trade: Trade) -> None:
            if tally.left:
                tally.take(int(trade.trade_id))

    await live(port, Listener(), names, tally.done)
    return tally.figures()


def ccxt_stream(port: int) -> Any:
    """Return ccxt pro's Gate, aimed at the server."""
    import ccxt.pro as pro

    exchange: Any = ccxt_exchange(pro, port)
    exchange.urls["api"]["swap"] = {"usdt": f"ws://127.0.0.1:{port}/v4/ws/usdt", "btc": ""}
    exchange.newUpdates = True
    return exchange


async def ccxt(port: int, contracts: int, connections: int, count: int) -> dict[str, float]:
    """Take them by ccxt pro's `watch_trades`; those that came together count each."""
    tally, exchange = Tally(count), ccxt_stream(port)
    exchange.options["tradesLimit"] = 1_000_000  # or it loses some of those that come together
    await exchange.load_markets()
    while not tally.done.done():
        for trade in await exchange.watch_trades("BTC/USDT:USDT"):
            if tally.left:
                tally.take(int(trade["id"]))
    await exchange.close()
    return tally.figures()


CLIENTS: dict[str, Client] = {"anyvenue": ours, "anyvenue-fast": ours, "ccxt": ccxt}


def print_figures(name: str, client: Coroutine[Any, Any, dict[str, float]]) -> None:
    """Run a client, ours on the wire that its name says, and print its figures."""
    factory = None
    if name.startswith("anyvenue"):
        from anyvenue.wire import fast

        fast.choose(name.endswith("-fast"))
        factory = fast.loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(client)))


def main(name: str, *numbers: int) -> None:
    """Print the figures of one client."""
    print_figures(name, CLIENTS[name](*numbers))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
