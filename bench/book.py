"""Applying a depth frame to an order book, beside orjson.loads of the same bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import orjson
from chunks import CHUNK, best_of
from recorded import lines_of, tape_of

from anyvenue.model.book import OrderBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.pricing import Tick

__all__ = ["numbers"]

ROUNDS, COUNT = 10, 3000
TAPES = {"BTC-USDT-PERP": ("0.10", "0.001"), "ETH-USDT-PERP": ("0.01", "0.001")}


def measure(symbol: str, rounds: int, count: int) -> dict[str, float]:
    """Return the microseconds per frame of each way through the first depth frames of one tape."""
    tick, step = TAPES[symbol]
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
    lines = [line for line in rest if orjson.loads(line)[1] == "d"][:count]
    frames = [orjson.loads(line) for line in lines]
    snapshot = orjson.loads(first)

    def decode() -> Iterator[None]:
        yield
        for start in range(0, len(lines), CHUNK):
            for line in lines[start : start + CHUNK]:
                orjson.loads(line)
            yield

    def apply(read: Callable[[OrderBook], object] | None = None) -> Iterator[None]:
        book = OrderBook(instrument)
        book.apply_snapshot(snapshot[2], snapshot[3])
        yield
        for start in range(0, len(frames), CHUNK):
            for _, _, bids, asks in frames[start : start + CHUNK]:
                book.apply_delta(bids, asks)
                if read is not None:
                    read(book)
            yield

    rows: dict[str, Callable[[], Iterator[object]]] = {
        "orjson.loads": decode,
        "apply": apply,
        "apply, read best bid and ask": lambda: apply(lambda book: (book.best_bid, book.best_ask)),
        "apply, read top 10": lambda: apply(lambda book: (book.bids(10), book.asks(10))),
    }
    return {row: seconds / len(frames) * 1e6 for row, seconds in best_of(rows, rounds).items()}


def numbers(rounds: int = ROUNDS, count: int = COUNT) -> dict[str, dict[str, float]]:
    """Return by tape, and by way, the microseconds per depth frame of texts."""
    return {symbol: measure(symbol, rounds, count) for symbol in TAPES}


def main() -> None:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS}; per frame, and as a ratio to decoding the same bytes")
    for symbol, found in numbers().items():
        print(f"{symbol}:")
        for row, us in found.items():
            print(f"  {row:32} {us:8.2f} us   {us / found['orjson.loads']:.2f}")


if __name__ == "__main__":
    main()
