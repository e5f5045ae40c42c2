"""One client each that leads a stream of depth frames from the socket into a book, and says how many a second.

`depth_clients.py CLIENT PORT COUNT` takes COUNT changes after the first ones, and prints as JSON the frames a second,
the CPU time of one in microseconds and the share of frames for which the user's code was called. The figures are of the
time from the first frame after the beginning to the last.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import orjson
from depth_echo import BEGUN, BYBIT, OBU
from stream_clients import ccxt_stream, live, print_figures

Client = Callable[[int, int], Coroutine[Any, Any, dict[str, float]]]

_IDS: Final = 7
"""Each frame has so many of Gate's ids (depth_frames.py)."""
_WHOLE_ID: Final = 73_777_715_175
"""The id of the whole book."""
_SYMBOL: Final = "BTC/USDT:USDT"


class Progress:
    """Follows how many changes the book has had, of `count` that come after the first."""

    def __init__(self, count: int) -> None:
        self._end = BEGUN + count
        self._calls = self._at = self._cpu = self._frames = 0
        self.done: asyncio.Future[dict[str, float]] = asyncio.get_running_loop().create_future()

    def has(self, frames: int) -> None:
        """The book has had so many changes by now."""
        if frames <= BEGUN or self.done.done():
            return
        self._calls += 1
        if not self._at:
            self._at, self._cpu, self._frames = time.perf_counter_ns(), time.process_time_ns(), frames
        if frames >= self._end:
            passed, seconds = frames - self._frames, (time.perf_counter_ns() - self._at) / 1e9
            cpu_us = (time.process_time_ns() - self._cpu) / 1e3 / passed
            self.done.set_result({"per_s": passed / seconds, "cpu_us": cpu_us, "called": (self._calls - 1) / passed})

    def has_id(self, last_id: int) -> None:
        """The book is as of this id of Gate's."""
        self.has((last_id - _WHOLE_ID) // _IDS)


async def ours(port: int, count: int) -> dict[str, float]:
    """Take them by a strategy in a live run, by its `on_book`."""
    from anyvenue.engine.strategy import Strategy
    from anyvenue.model.book import OrderBook

    progress = Progress(count)

    class Listener(Strategy):
        """Hears books."""

        def on_start(self) -> None:
            self.heard = -1  # the whole book is no change
            self.subscribe("BTC-USDT-PERP")

        def on_book(self, book: OrderBook) -> None:
            self.heard += 1
            progress.has(self.heard)

    await live(port, Listener(), ["gate"], progress.done)  # type: ignore[arg-type]
    return progress.done.result()


async def ccxt(port: int, count: int) -> dict[str, float]:
    """Take them by ccxt pro's `watch_order_book`, which returns once for all that came together."""
    progress, exchange = Progress(count), ccxt_stream(port)
    await exchange.load_markets()
    while not progress.done.done():
        book = await exchange.watch_order_book(_SYMBOL)
        progress.has_id(book["nonce"])
    await exchange.close()
    return progress.done.result()


async def cryptofeed(port: int, count: int) -> dict[str, float]:
    """Take them by a callback of cryptofeed's."""
    from cryptofeed import FeedHandler
    from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
    from cryptofeed.defines import L2_BOOK
    from cryptofeed.exchanges import GateioFutures

    progress = Progress(count)
    path = "/api/v4/futures/usdt"
    book_path = path + "/order_book?contract={}&limit=100&with_id=true"

    class Local(GateioFutures):
        """Its own reader, aimed at the server: it takes no address without TLS but from what logs in."""

        websocket_endpoints = (
            WebsocketEndpoint("wss://127.0.0.1", authentication=True, options={"compression": None}),
        )
        rest_endpoints = (
            RestEndpoint(f"http://127.0.0.1:{port}", routes=Routes(path + "/contracts", l2book=book_path)),
        )

        async def _ws_authentication(self, address: str, ws_options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
            return f"ws://127.0.0.1:{port}/v4/ws/usdt", ws_options

    async def on_book(book: Any, _: float) -> None:
        progress.has_id(feed.last_update_id[book.symbol])

    # The list of contracts is asked for here, by a call that blocks.
    feed = await asyncio.to_thread(
        lambda: Local(symbols=["BTC-USDT-PERP"], channels=[L2_BOOK], callbacks={L2_BOOK: on_book})
    )
    handler = FeedHandler(config={"uvloop": False, "log": {"disabled": True}})
    handler.add_feed(feed)
    handler.run(start_loop=False, install_signal_handlers=False)
    return await progress.done


async def pybotters(port: int, count: int) -> dict[str, float]:
    """Take them by pybotters' store of Bybit's books, which are shaped like Gate's; it has none of Gate's."""
    import pybotters

    progress, store, heard = Progress(count), pybotters.BybitDataStore(), -2  # neither the answer nor the whole book

    def take(message: Any, socket: Any) -> None:
        nonlocal heard
        store.onmessage(message, socket)
        heard += 1
        progress.has(heard)

    async with pybotters.Client() as client:
        asked = {"op": "subscribe", "args": [BYBIT]}
        await client.ws_connect(f"ws://127.0.0.1:{port}/", send_json=asked, hdlr_json=take)
        return await progress.done


async def bare(port: int, count: int) -> dict[str, float]:
    """Receive and decode them by `websockets` and orjson, and keep no book: what no client can do without."""
    from websockets.asyncio.client import connect

    progress, heard = Progress(count), -2
    async with connect(f"ws://127.0.0.1:{port}/", compression=None) as socket:
        await socket.send(orjson.dumps({"channel": OBU, "event": "subscribe"}).decode())
        while not progress.done.done():
            orjson.loads(await socket.recv(decode=False))
            heard += 1
            progress.has(heard)
    return progress.done.result()


CLIENTS: Final[dict[str, Client]] = {
    "anyvenue": ours,
    "anyvenue-fast": ours,
    "websockets and orjson": bare,
    "ccxt": ccxt,
    "cryptofeed": cryptofeed,
    "pybotters": pybotters,
}


if __name__ == "__main__":
    print_figures(sys.argv[1], CLIENTS[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3])))
