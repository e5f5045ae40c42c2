"""GaiaEx's books, whole in every message, from their bytes to the best bid and ask, beside orjson.loads of the same."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator

import orjson
from chunks import best_of, chunked

from anyvenue.model.book import OrderBook
from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.depth_sync import SequenceRule
from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import SignificantFigures
from anyvenue_gaiaex.streams import BookReader

__all__ = ["frames_of", "numbers"]

ROUNDS, SEED = 25, 7
ETH = Instrument(
    symbol="ETH-USDC-PERP",
    venue="gaiaex",
    venue_symbol="ETH",
    base="ETH",
    quote="USDC",
    settle="USDC",
    price_rule=SignificantFigures(figures=5, decimals=2),
    quantity_step="0.0001",
    min_quantity="0.0001",
)


def frames_of(depth: int, count: int) -> list[bytes]:
    """Return messages of so many levels a side, of which each differs a little from the one before."""
    chance = random.Random(SEED)
    mid, sizes, frames = 35_000, {}, []
    for number in range(count):
        mid += chance.choice((-1, 0, 0, 1))
        sides = []
        for sign in (-1, 1):
            ticks = [mid + sign * (1 + place) for place in range(depth)]
            for tick in ticks:
                if tick not in sizes or chance.random() < 0.1:
                    sizes[tick] = f"{chance.randint(1, 999_999) / 10_000:.4f}"
            sides.append([[f"{tick / 10:.1f}", sizes[tick]] for tick in ticks])
        message = {"type": "orderbook", "symbol": "ETH", "displayName": "ETH-USDC", "bids": sides[0], "asks": sides[1]}
        message |= {"timestamp": 1_747_054_612_673 + 100 * number, "priceDecimals": 1, "stale": False}
        frames.append(orjson.dumps(message | {"feed_connected": True}))
    return frames


def led(frames: list[bytes], look: Callable[[OrderBook], object] | None) -> Iterator[OrderBook]:
    """Lead the messages into a book."""
    reader, keeper = BookReader(ETH), BookKeeper(ETH, SequenceRule(time_ordered=True))
    read, on_snapshot, book = reader.read, keeper.on_snapshot, keeper.book
    yield book
    for chunk in chunked(frames):
        for raw in chunk:
            told = read(raw, 0).book
            assert told is not None
            on_snapshot(told)
            if look is not None:
                look(book)
        yield book
    assert book.is_synced


def decoded(frames: list[bytes], decode: Callable[[bytes], object]) -> Iterator[None]:
    """Decode the messages alone."""
    yield
    for chunk in chunked(frames):
        for raw in chunk:
            decode(raw)
        yield


def numbers(rounds: int = ROUNDS, count: int = 500) -> dict[str, dict[str, float]]:
    """Return by levels a side, and by way, the microseconds per message."""
    found = {}
    for depth in (20, 100):
        frames = frames_of(depth, count)
        reader = BookReader(ETH)
        rows: dict[str, Callable[[], Iterator[object]]] = {
            "orjson.loads": lambda frames=frames: decoded(frames, orjson.loads),
            "read alone": lambda frames=frames, reader=reader: decoded(frames, lambda raw: reader.read(raw, 0)),
            "to the book": lambda frames=frames: led(frames, None),
            "to best bid and ask": lambda frames=frames: led(frames, lambda book: (book.best_bid, book.best_ask)),
            "to the top 10": lambda frames=frames: led(frames, lambda book: (book.bids(10), book.asks(10))),
        }  # type: ignore[misc]
        found[f"{depth} levels a side"] = {row: s / count * 1e6 for row, s in best_of(rows, rounds).items()}
    return found


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}; per message, and as a ratio to decoding the same bytes")
    for name, found in numbers().items():
        print(f"{name}:")
        for row, us in found.items():
            print(f"  {row:24} {us:8.2f} us   {us / found['orjson.loads']:.2f}")


if __name__ == "__main__":
    main()
