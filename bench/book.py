"""Applying a depth frame to an order book, beside orjson.loads of the same bytes."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

import orjson
from recorded import lines_of, tape_of

from anyvenue.model.book import OrderBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick

ROUNDS = 5


def timed(work: Callable[[], object]) -> float:
    """Return the best of some rounds, in seconds."""
    times = []
    for _ in range(ROUNDS):
        gc.collect()
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure(symbol: str, tick: str, step: str) -> None:
    """Print the ratios of one tape."""
    instrument = Instrument(
        symbol=symbol,
        venue="bench",
        venue_symbol=symbol,
        base=symbol.split("-")[0],
        quote="USDT",
        settle="USDT",
        price_rule=Tick(tick),
        quantity_step=step,
        min_quantity=step,
    )
    first, *rest = lines_of(tape_of(symbol))
    lines = [line for line in rest if orjson.loads(line)[1] == "d"]
    frames = [orjson.loads(line) for line in lines]
    snapshot = orjson.loads(first)

    def decode() -> None:
        for line in lines:
            orjson.loads(line)

    def apply(read: Callable[[OrderBook], object] | None = None) -> Callable[[], None]:
        def work() -> None:
            book = OrderBook(instrument)
            book.apply_snapshot(snapshot[2], snapshot[3])
            for _, _, bids, asks in frames:
                book.apply_delta(bids, asks)
                if read is not None:
                    read(book)

        return work

    alone = timed(decode)
    levels = sum(len(frame[2]) + len(frame[3]) for frame in frames)
    rows = {
        "apply": apply(),
        "apply, read best bid and ask": apply(lambda book: (book.best_bid, book.best_ask)),
        "apply, read top 10": apply(lambda book: (book.bids(10), book.asks(10))),
    }
    print(f"{symbol}: {len(frames):,} depth frames, {levels / len(frames):.0f} levels each on average")
    print(f"  {'orjson.loads':32} {alone / len(frames) * 1e6:8.2f} us   1.0")
    for name, work in rows.items():
        seconds = timed(work)
        print(f"  {name:32} {seconds / len(frames) * 1e6:8.2f} us   {seconds / alone:.1f}")


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}; per frame, and as a ratio to decoding the same bytes")
    measure("BTC-USDT-PERP", "0.10", "0.001")
    measure("ETH-USDT-PERP", "0.01", "0.001")
