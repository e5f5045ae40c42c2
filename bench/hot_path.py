"""A depth frame's way from its bytes to the best bid and ask, beside orjson.loads of the same bytes in the same run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import depth_frames
import orjson
from chunks import best_of, chunked

from anyvenue.model.book import OrderBook
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta
from anyvenue.model.pricing import Tick
from anyvenue_gateio.streams import Reader
from anyvenue_gateio.topics import depth_rule

__all__ = ["BTC", "best", "measure", "numbers", "top"]

ROUNDS = 40
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


def started(frames: list[bytes]) -> tuple[Reader, BookKeeper]:
    """Return a reader, and a book behind its snapshot and the first delta."""
    reader, keeper = Reader({"BTC_USDT": BTC}.get, {}.get), BookKeeper(BTC, depth_rule(BTC, updates=False))
    for event in reader.read(frames[0], 0):
        keeper.on_snapshot(event)  # type: ignore[arg-type]
    for event in reader.read(frames[1], 0):
        keeper.on_delta(event)  # type: ignore[arg-type]
    return reader, keeper


def by_decoder(frames: list[bytes], look: Callable[[OrderBook], object] | None = None) -> Iterator[OrderBook]:
    """Lead the frames into a book by the production path."""
    reader, keeper = started(frames)
    read_push, on_decoded, book = reader.read_push, keeper.on_decoded, keeper.book
    yield book
    for chunk in chunked(frames[2:]):
        if look is None:
            for raw in chunk:
                on_decoded(read_push(raw, 0))  # type: ignore[arg-type]
        elif look is best:
            for raw in chunk:
                on_decoded(read_push(raw, 0))  # type: ignore[arg-type]
                book.best_bid, book.best_ask  # noqa: B018
        else:
            for raw in chunk:
                on_decoded(read_push(raw, 0))  # type: ignore[arg-type]
                book.bids(10)
                book.asks(10)
        yield book
    assert book.is_synced


def by_texts(frames: list[bytes], look: Callable[[OrderBook], object]) -> Iterator[OrderBook]:
    """Do the same by the path for unusual frames, on which every level stays a text."""
    reader, keeper = Reader({"BTC_USDT": BTC}.get, {}.get), BookKeeper(BTC, depth_rule(BTC, updates=False))
    book = keeper.book
    for chunk in (frames[:2], *chunked(frames[2:])):
        for raw in chunk:
            for event in reader.read_any(raw, 0):
                if isinstance(event, BookDelta):
                    keeper.on_delta(event)
                else:
                    keeper.on_snapshot(event)  # type: ignore[arg-type]
            look(book)
        yield book
    assert book.is_synced


def decoding(frames: list[bytes], decode: Callable[[bytes], object]) -> Iterator[None]:
    """Decode the frames and keep nothing, so that memory is used as in life."""
    yield
    for chunk in chunked(frames[2:]):
        for raw in chunk:
            decode(raw)
        yield


def measure(frames: list[bytes], rounds: int) -> dict[str, float]:
    """Return the microseconds per frame of each way."""
    (by_short, by_long) = (list(way(frames, best))[-1] for way in (by_decoder, by_texts))
    assert top(by_short) == top(by_long)
    read_push = Reader({"BTC_USDT": BTC}.get, {}.get).read_push
    rows: dict[str, Callable[[], Iterator[object]]] = {
        "orjson.loads": lambda: decoding(frames, orjson.loads),
        "decode alone": lambda: decoding(frames, lambda raw: read_push(raw, 0)),
        "to the book": lambda: by_decoder(frames),
        "to best bid and ask": lambda: by_decoder(frames, best),
        "to the top 10": lambda: by_decoder(frames, top),
        "by texts, to best bid and ask": lambda: by_texts(frames, best),
        "by texts, to the top 10": lambda: by_texts(frames, top),
    }
    found = best_of(rows, rounds)
    return {row: seconds / (len(frames) - 2) * 1e6 for row, seconds in found.items()}


def numbers(rounds: int = ROUNDS, count: int = 1000) -> dict[str, dict[str, float]]:
    """Return by stream, and by way, the microseconds per frame; `orjson.loads` is what the others are measured by."""
    streams = {
        "small": depth_frames.small(count),
        "tape": depth_frames.from_tape(count=count),
        "tape, contracts in parts": depth_frames.from_tape(count=count, contract="0.002"),
        "400 levels": depth_frames.wide(count),
    }
    return {name: measure(frames, rounds) for name, frames in streams.items()}


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}; per frame, and as a ratio to decoding the same bytes")
    for name, found in numbers().items():
        print(f"{name}:")
        for row, us in found.items():
            print(f"  {row:32} {us:8.2f} us   {us / found['orjson.loads']:.2f}")


if __name__ == "__main__":
    main()
