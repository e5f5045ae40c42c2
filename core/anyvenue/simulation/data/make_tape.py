"""Cuts the shipped tapes from recorded streams: `python -m anyvenue.simulation.data.make_tape SOURCE`.

A tape is gzip'd JSON lines: one header object, then arrays ordered by the exchange's clock, in ns since 1970:

    [ts, "s", bids, asks]                            the whole book, best level first
    [ts, "d", bids, asks]                            what changed; size "0.000" deletes the level
    [ts, "t", "buy" | "sell", price, size, id]       a trade, named by its taker's side

Levels are [price, size] in the exchange's own text. The recordings (see LICENSE.txt) hold more than a package
should carry, so this module decides what a tape keeps:

- All trades, and every depth frame that still says something after the cuts below.
- Levels within FAR of the starting mid; the starting snapshot lists all of them that are known.
- Levels within NEAR of the current mid are exact after every delta. Farther ones are brought up to date only
  when the price comes near them and every FAR_REFRESH_MS, in one larger delta; in between they stay as last
  told. They can never cross the touch: a bid above the near band's lower edge, or an ask below its upper one,
  is never held back.
- No change that changes nothing, such as the deletion of a level that the tape never showed.
- No bookTicker frames; `compare` checks the finished tape against them.
"""

from __future__ import annotations

import gzip
from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import click
import orjson

FAR = Decimal("0.005")
NEAR = Decimal("0.0005")
FAR_REFRESH_MS = 12_000

GONE = "0.000"
NS_PER_MS = 1_000_000
SOURCE = "github.com/nkaz001/hftbacktest 5f3ec40, examples/usdm, {symbol}_20240808 (MIT, see LICENSE.txt)"

Frame = list[Any]


@attrs.frozen
class Cut:
    """One tape to make: the recorded symbol, the tape's name and what its header says of the instrument."""

    recorded: str
    base: str
    price_tick: str
    quantity_step: str = "0.001"

    @property
    def source(self) -> str:
        return f"usdm_{self.recorded}_20240808.gz"

    @property
    def target(self) -> str:
        return f"{self.base.lower()}_usdt_20240808.tape.gz"


CUTS = (Cut("btcusdt", "BTC", "0.10"), Cut("ethusdt", "ETH", "0.01"))


@attrs.frozen
class Recording:
    """The frames of one recorded symbol, apart by kind, each in recorded order."""

    snapshot: dict[str, Any]
    market: list[dict[str, Any]]  # depth and trade, interleaved
    tickers: dict[int, dict[str, Any]]  # by update id

    @classmethod
    def read(cls, path: Path) -> Recording:
        snapshot: dict[str, Any] = {}
        market, tickers = [], {}
        with gzip.open(path, "rb") as lines:
            for line in lines:
                frame = orjson.loads(line.partition(b" ")[2])  # "<receive ns> <frame>"
                if "stream" not in frame:
                    snapshot = frame
                elif frame["data"]["e"] == "bookTicker":
                    tickers[frame["data"]["u"]] = frame["data"]
                else:
                    market.append(frame["data"])
        return cls(snapshot, market, tickers)

    def from_start(self) -> Iterator[dict[str, Any]]:
        """Depth and trades from the delta that joins the snapshot on, depth proven to be without a gap.

        The exchange's rule: drop deltas with u < lastUpdateId; the first one kept has U <= lastUpdateId <= u,
        and each later one's pu is the u before it.
        """
        joined, last = None, self.snapshot["lastUpdateId"]
        for data in self.market:
            if data["e"] == "trade":
                if joined is not None and data["T"] > joined:
                    yield data
            elif joined is not None and data["pu"] != last:
                raise ValueError(f"gap in depth: pu {data['pu']} after u {last}")
            elif data["u"] >= last:
                if joined is None:
                    if data["U"] > last:
                        break
                    joined = data["T"]
                last = data["u"]
                yield data
        if joined is None:
            raise ValueError(f"no delta joins the snapshot {last}")


@attrs.frozen
class Book:
    """Two sides, price to size text. Sides are (bids, asks)."""

    sides: tuple[dict[Decimal, str], dict[Decimal, str]]

    @classmethod
    def of(cls, bids: list[list[str]], asks: list[list[str]]) -> Book:
        book = cls(({}, {}))
        book.apply(bids, asks)
        return book

    def apply(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        for side, levels in zip(self.sides, (bids, asks), strict=True):
            for price, size in levels:
                if size == GONE:
                    side.pop(Decimal(price), None)
                else:
                    side[Decimal(price)] = size

    def touch(self) -> tuple[Decimal, Decimal]:
        bids, asks = self.sides
        return max(bids), min(asks)

    def mid(self) -> Decimal:
        return sum(self.touch(), Decimal(0)) / 2

    def near(self, low: Decimal, high: Decimal) -> tuple[dict[Decimal, str], dict[Decimal, str]]:
        """The levels that a tape must hold exactly: bids from `low` up, asks from `high` down."""
        bids, asks = self.sides
        return {p: s for p, s in bids.items() if p >= low}, {p: s for p, s in asks.items() if p <= high}


def band(mid: Decimal, width: Decimal) -> tuple[Decimal, Decimal]:
    return mid - mid * width, mid + mid * width


def cut(recording: Recording) -> list[Frame]:
    """The tape's frames, the starting snapshot first."""
    frames = recording.from_start()
    start = next(frames)
    book = Book.of(recording.snapshot["bids"], recording.snapshot["asks"])
    book.apply(start["b"], start["a"])
    low, high = band(book.mid(), FAR)
    told = Book(
        (
            {p: s for p, s in sorted(book.sides[0].items(), reverse=True) if p >= low},
            {p: s for p, s in sorted(book.sides[1].items()) if p <= high},
        )
    )
    bids, asks = ([[str(p), s] for p, s in side.items()] for side in told.sides)
    tape: list[Frame] = [[start["T"] * NS_PER_MS, "s", bids, asks]]
    stale: tuple[set[Decimal], set[Decimal]] = (set(), set())
    refresh_due = start["T"] + FAR_REFRESH_MS
    for data in frames:
        ts = data["T"] * NS_PER_MS
        if data["e"] == "trade":
            if data["X"] == "MARKET":
                tape.append([ts, "t", "sell" if data["m"] else "buy", data["p"], data["q"], data["t"]])
            continue
        book.apply(data["b"], data["a"])
        for side, levels in zip(stale, (data["b"], data["a"]), strict=True):
            side.update(price for price, _ in ((Decimal(p), s) for p, s in levels) if low <= price <= high)
        edges = band(book.mid(), NEAR)
        if data["T"] >= refresh_due:
            refresh_due += FAR_REFRESH_MS
            edges = low, high
        changes = _tell(book, told, stale, edges)
        if any(changes):
            tape.append([ts, "d", *changes])
    tape.sort(key=lambda frame: frame[0])  # stable: frames of one millisecond stay in recorded order
    return tape


def _tell(
    book: Book, told: Book, stale: tuple[set[Decimal], set[Decimal]], edges: tuple[Decimal, Decimal]
) -> list[list[list[str]]]:
    """Moves the stale levels within `edges` from `book` to `told`; returns those that differ, sorted."""
    low, high = edges
    changes = []
    for is_ask, (prices, real, shown) in enumerate(zip(stale, book.sides, told.sides, strict=True)):
        due = sorted(price for price in prices if (price <= high if is_ask else price >= low))
        prices.difference_update(due)
        levels = [[str(p), real.get(p, GONE)] for p in due if real.get(p, GONE) != shown.get(p, GONE)]
        changes.append(levels)
    told.apply(*changes)
    return changes


def header(made: Cut, tape: list[Frame]) -> dict[str, Any]:
    return {
        "tape": 1,
        "symbol": f"{made.base}-USDT-PERP",
        "base": made.base,
        "quote": "USDT",
        "settle": "USDT",
        "price_tick": made.price_tick,
        "quantity_step": made.quantity_step,
        "source": SOURCE.format(symbol=made.recorded),
        "start_ns": tape[0][0],
        "end_ns": tape[-1][0],
        "frames": len(tape),
    }


def packed(lines: list[Any]) -> bytes:
    """JSON lines, gzip'd without a clock or a file name, so that the same lines give the same bytes."""
    return gzip.compress(b"".join(orjson.dumps(line) + b"\n" for line in lines), compresslevel=9, mtime=0)


def compare(tape: list[Frame], recording: Recording) -> dict[str, int]:
    """Replays the tape beside the recording and counts what was found equal; raises where they differ."""
    deltas = [frame for frame in tape if frame[1] != "t"]
    times = [frame[0] for frame in deltas]
    shown = Book.of(deltas[0][2], deltas[0][3])
    real = Book.of(recording.snapshot["bids"], recording.snapshot["asks"])
    done, checked = 1, {"near band equal": 0, "bookTicker equal": 0}
    for data in recording.from_start():
        if data["e"] == "trade":
            continue
        real.apply(data["b"], data["a"])
        upto = bisect_right(times, data["T"] * NS_PER_MS)
        for frame in deltas[done:upto]:
            shown.apply(frame[2], frame[3])
        done = upto
        bid, ask = shown.touch()
        if bid >= ask:
            raise ValueError(f"crossed at {data['T']}: {bid} bid, {ask} asked")
        edges = band(real.mid(), NEAR)
        if shown.near(*edges) != real.near(*edges):
            raise ValueError(f"near the touch the tape is not as recorded at {data['T']}")
        checked["near band equal"] += 1
        ticker = recording.tickers.get(data["u"])
        if ticker is not None:
            best = [[str(bid), shown.sides[0][bid]], [str(ask), shown.sides[1][ask]]]
            if best != [[ticker["b"], ticker["B"]], [ticker["a"], ticker["A"]]]:
                raise ValueError(f"the tape's touch {best} is not the recorded one {ticker}")
            checked["bookTicker equal"] += 1
    return checked


@click.command(help=__doc__.splitlines()[0])
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--target", type=click.Path(file_okay=False, path_type=Path), default=Path(__file__).parent)
def main(source: Path, target: Path) -> None:
    for made in CUTS:
        click.echo(f"{made.source}: reading")
        recording = Recording.read(source / made.source)
        tape = cut(recording)
        content = packed([header(made, tape), *tape])
        (target / made.target).write_bytes(content)
        click.echo(f"{made.target}: {len(tape)} frames, {len(content)} bytes; checking")
        click.echo(f"{made.target}: {compare(tape, recording)}")


if __name__ == "__main__":
    main()
