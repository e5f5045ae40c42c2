"""Other libraries' way from a depth frame's bytes to the best bid and ask, each by the code that it runs in production.

Each is given the shape that its own reader for Gate understands; ratios are to `orjson.loads` of just those bytes.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import orjson
from rounds import serve


def reshaped(frames: list[bytes], channel: str) -> list[bytes]:
    """Return the frames as the older channel has them: the same levels, the contract's name, a start for the first."""
    shaped = []
    for raw in frames:
        result = orjson.loads(raw)["result"]
        body = {"t": result["t"], "s": "BTC_USDT", "U": result.get("U", result["u"]), "u": result["u"]}
        body |= {"b": result["b"], "a": result["a"]}
        shaped.append(orjson.dumps({"channel": channel, "event": "update", "result": body, "time_ms": result["t"] + 1}))
    return shaped


def ccxt_work(frames: list[bytes], levels: int) -> tuple[list[bytes], Callable[[], object]]:
    """Lead the frames through ccxt pro's message handler into its order book."""
    import ccxt.pro
    from ccxt.async_support.base.ws.client import Client

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    market = {"id": "BTC_USDT", "symbol": "BTC/USDT:USDT", "base": "BTC", "quote": "USDT", "settle": "USDT"}
    market |= {"type": "swap", "swap": True, "contract": True, "linear": True, "active": True, "precision": {}}
    shaped = reshaped(frames, "futures.order_book_update")
    symbol = market["symbol"]

    def work() -> object:
        exchange = ccxt.pro.gate({"asyncio_loop": loop})
        exchange.set_markets([exchange.safe_market_structure(market)])
        client = Client("ws://nowhere", exchange.handle_message, print, print, print)
        first = orjson.loads(shaped[0])["result"]
        book = exchange.orderbooks[symbol] = exchange.order_book({}, 1000)
        for side, rows in (("bids", first["b"]), ("asks", first["a"])):
            for price, size in rows:
                book[side].storeArray([float(price), float(size)])
        book["nonce"] = first["u"]
        for raw in shaped[1:]:
            client.handle_text_or_binary_message(raw)
            _ = book["bids"][:levels], book["asks"][:levels]
        assert book["nonce"] == orjson.loads(shaped[-1])["result"]["u"]
        return book["bids"][0][0], book["asks"][0][0]

    return shaped, work


def cryptofeed_work(frames: list[bytes], levels: int) -> tuple[list[bytes], Callable[[], object]]:
    """Lead the frames through cryptofeed's reader for Gate into its order book."""
    from cryptofeed.defines import L2_BOOK
    from cryptofeed.exchanges.gateio import Gateio
    from cryptofeed.symbols import Symbols
    from cryptofeed.types import OrderBook

    shaped = reshaped(frames, "spot.order_book_update")
    Symbols.set("GATEIO", {"BTC-USDT": "BTC_USDT"}, {"instrument_type": {"BTC-USDT": "spot"}})
    loop = asyncio.new_event_loop()
    found: list[object] = [None]

    async def on_book(book: OrderBook, _: float) -> None:
        bids, asks = book.book.bids, book.book.asks
        found[0] = [bids.index(at) for at in range(levels)], [asks.index(at) for at in range(levels)]

    def work() -> object:
        feed = Gateio(symbols=["BTC-USDT"], channels=[L2_BOOK], callbacks={L2_BOOK: on_book})
        feed._reset()
        first = orjson.loads(shaped[0])["result"]
        book = feed._l2_book["BTC-USDT"] = OrderBook("GATEIO", "BTC-USDT", max_depth=0)
        book.book.bids = {Decimal(price): Decimal(size) for price, size in first["b"]}
        book.book.asks = {Decimal(price): Decimal(size) for price, size in first["a"]}
        feed.last_update_id["BTC_USDT"] = feed.last_update_id["BTC-USDT"] = first["u"]

        async def run() -> None:
            for raw in shaped[1:]:
                await feed.message_handler(raw, None, 0.0)

        loop.run_until_complete(run())
        assert feed.last_update_id["BTC-USDT"] == orjson.loads(shaped[-1])["result"]["u"]
        return found[0]

    return shaped, work


def nautilus_work(frames: list[bytes], levels: int) -> tuple[list[bytes], Callable[[], object]]:
    """Decode by orjson, make nautilus_trader's deltas as its adapters do, apply them to its order book."""
    from nautilus_trader.model.book import OrderBook
    from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas
    from nautilus_trader.model.enums import BookAction, BookType, OrderSide, RecordFlag
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.objects import Price, Quantity

    name = InstrumentId.from_str("BTC_USDT.GATE")

    def deltas_of(raw: bytes) -> OrderBookDeltas:
        result = orjson.loads(raw)["result"]
        rows = [(OrderSide.BUY, price, size) for price, size in result["b"]]
        rows += [(OrderSide.SELL, price, size) for price, size in result["a"]]
        stamp, number, last = result["t"] * 1_000_000, result["u"], len(rows) - 1
        made = []
        for at, (side, price, size) in enumerate(rows):
            left = float(size)
            action = BookAction.UPDATE if left else BookAction.DELETE
            order = BookOrder(side, Price(float(price), 1), Quantity(left, 4), 0)
            flags = RecordFlag.F_LAST if at == last else 0
            made.append(OrderBookDelta(name, action, order, flags, number, stamp, stamp))
        return OrderBookDeltas(name, made)

    def work() -> object:
        book = OrderBook(name, BookType.L2_MBP)
        for raw in frames:
            book.apply_deltas(deltas_of(raw))
            if levels == 1:
                _ = book.best_bid_price(), book.best_ask_price()
            else:
                _ = book.bids()[:levels], book.asks()[:levels]
        return book.best_bid_price(), book.best_ask_price()

    return frames, work


MAKERS = {
    "ccxt pro": ccxt_work,
    "cryptofeed": cryptofeed_work,
    "nautilus_trader": nautilus_work,
}


def main(name: str, levels: int, file: Path) -> None:
    """Serve the rounds of one library on the frames of a file, one a line."""
    shaped, work = MAKERS[name](file.read_bytes().splitlines(), levels)
    work()
    serve({"floor": lambda: deque(map(orjson.loads, shaped[1:]), maxlen=0), "book": work})


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
