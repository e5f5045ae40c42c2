"""A depth frame's way from its bytes to the best bid and ask, beside orjson.loads of the same bytes in the same run."""

from __future__ import annotations

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import repeat

import depth_frames
import orjson

from anyvenue.model.book import OrderBook
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta
from anyvenue.model.pricing import Tick
from anyvenue_gateio.streams import Reader
from anyvenue_gateio.topics import depth_rule

ROUNDS = 40  # short ones, so that some fall between what else the machine does
BTC = Instrument(
    symbol="BTC-USDT-PERP",
    venue="gateio",
    venue_symbol="BTC_USDT",
    base="BTC",
    quote="USDT",
    settle="USDT",
    price_rule=Tick("0.1"),
    quantity_step="0.0001",
    min_quantity="0.0001",
    contract_size="0.0001",
    depth_unit="0.0001",
)


def best(book: OrderBook) -> object:
    """Read the best levels as a strategy does."""
    return book.best_bid, book.best_ask


def top(book: OrderBook) -> object:
    """Read ten levels a side."""
    return book.bids(10), book.asks(10)


def by_floats(frames: list[bytes], look: Callable[[OrderBook], object] | None) -> OrderBook:
    """Lead the frames into a book by the production path."""
    reader, keeper = Reader({"BTC_USDT": BTC}.get, {}.get), BookKeeper(BTC, depth_rule(BTC, updates=False))
    read_depth, on_delta, book = reader.read_depth, keeper.on_delta, keeper.book
    for event in reader.read(frames[0], 0):
        keeper.on_snapshot(event)  # type: ignore[arg-type]
    if look is None:
        for raw in frames[1:]:
            on_delta(read_depth(raw, 0))  # type: ignore[arg-type]
    else:
        for raw in frames[1:]:
            on_delta(read_depth(raw, 0))  # type: ignore[arg-type]
            look(book)
    assert book.is_synced
    return book


def by_texts(frames: list[bytes], look: Callable[[OrderBook], object]) -> OrderBook:
    """Do the same by the path for unusual frames, on which every level stays a text."""
    reader, keeper = Reader({"BTC_USDT": BTC}.get, {}.get), BookKeeper(BTC, depth_rule(BTC, updates=False))
    book = keeper.book
    for raw in frames:
        for event in reader.read_any(raw, 0):
            if isinstance(event, BookDelta):
                keeper.on_delta(event)
            else:
                keeper.on_snapshot(event)  # type: ignore[arg-type]
        look(book)
    assert book.is_synced
    return book


def measure(name: str, frames: list[bytes]) -> None:
    """Print the ratios of one stream."""
    assert top(by_floats(frames, best)) == top(by_texts(frames, best))
    count = len(frames) - 1
    results = [orjson.loads(raw)["result"] for raw in frames[1:]]
    levels = sum(len(result["b"]) + len(result["a"]) for result in results) / count
    reader = Reader({"BTC_USDT": BTC}.get, {}.get)
    rows: dict[str, Callable[[], object]] = {
        "orjson.loads": lambda: drain(map(orjson.loads, frames[1:])),
        "decode alone": lambda: drain(map(reader.read_depth, frames[1:], repeat(0))),
        "to the book": lambda: by_floats(frames, None),
        "to best bid and ask": lambda: by_floats(frames, best),
        "to the top 10": lambda: by_floats(frames, top),
        "by texts, to best bid and ask": lambda: by_texts(frames, best),
        "by texts, to the top 10": lambda: by_texts(frames, top),
    }
    found = {row: min(times) for row, times in rounds(rows).items()}
    alone = found["orjson.loads"]
    print(f"{name}: {count:,} frames, {levels:.1f} levels each, {sum(map(len, frames[1:])) / count:.0f} bytes")
    for row, seconds in found.items():
        print(f"  {row:32} {seconds / count * 1e6:8.2f} us   {seconds / alone:.2f}")


def rounds(rows: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the times of each row, taken in turns: the machine may be slower now than a second ago."""
    times: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(ROUNDS):
        for row, work in rows.items():
            times[row].append(timed_once(work))
    return times


def timed_once(work: Callable[[], object]) -> float:
    """Return how long it takes, in seconds."""
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def drain(items: Iterable[object]) -> None:
    """Go through items and keep none, so that memory is used as in life."""
    deque(items, maxlen=0)


if __name__ == "__main__":
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}; per frame, and as a ratio to decoding the same bytes")
    measure("small", depth_frames.small(1000))
    measure("tape", depth_frames.from_tape(count=1000))
    measure("400 levels", depth_frames.wide(1000))
