"""Gate's `futures.obu` frames to measure with: small ones, the tape's, and a book of 400 levels a side."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import orjson
from recorded import lines_of, tape_of

from anyvenue.model.numbers import shortest_text

__all__ = ["from_tape", "small", "wide"]

RECORDED = Path(__file__).parents[1] / "tests" / "recorded" / "gate_obu_20250513" / "frames.jsonl"
SEED = 7


def small(count: int = 4000) -> list[bytes]:
    """Return the recorded full push, then deltas of one to four levels next to its touch."""
    chance = random.Random(SEED)
    full = orjson.loads(RECORDED.read_bytes().splitlines()[1])["result"]
    best_bid, best_ask = float(full["b"][0][0]), float(full["a"][0][0])
    frames = [(full["b"], full["a"])]
    for _ in range(count):
        sides: tuple[list[list[str]], list[list[str]]] = ([], [])
        for _ in range(chance.randint(1, 4)):
            behind = chance.randint(0, 20) / 10
            size = str(chance.choice([0, chance.randint(1, 99_999)]))
            is_bid = chance.random() < 0.5
            price = best_bid - behind if is_bid else best_ask + behind
            sides[not is_bid].append([f"{price:.1f}".removesuffix(".0"), size])
        frames.append(sides)
    return list(_pushes(frames, 50))


def from_tape(symbol: str = "BTC-USDT-PERP", count: int = 4000, contract: str = "0.001") -> list[bytes]:
    """Return a recorded tape's depth as Gate would have sent it: a full push, then deltas of 32 levels on average.

    Sizes are in contracts, whole numbers where `contract` is the tape's quantity step or a part of it.
    """
    lines = (orjson.loads(line) for line in lines_of(tape_of(symbol))[: 4 * count])
    frames = [(line[2], line[3]) for line in lines if line[1] in "sd"][: count + 1]
    return list(_pushes([tuple(_contracts(side, Decimal(contract)) for side in frame) for frame in frames], 400))


def wide(count: int = 2000, depth: int = 400) -> list[bytes]:
    """Return a full push of 400 levels a side, then what changes in that window while the price wanders."""
    chance = random.Random(SEED)
    grid = {tick: chance.randint(1, 99_999) for tick in range(598_000, 602_000) if chance.random() < 0.6}
    mid = 600_000
    before: tuple[dict[int, int], dict[int, int]] = ({}, {})
    frames = []
    for _ in range(count + 1):
        for _ in range(chance.randint(10, 60)):
            tick = mid + int(chance.expovariate(1 / 80)) * chance.choice((-1, 1))
            grid[tick] = 0 if chance.random() < 0.4 else chance.randint(1, 99_999)
        mid = min(max(mid + chance.choice((-2, -1, 0, 0, 0, 1, 2)), 599_000), 601_000)
        alive = sorted(tick for tick, size in grid.items() if size)
        bids = {tick: grid[tick] for tick in reversed(alive) if tick < mid}
        asks = {tick: grid[tick] for tick in alive if tick > mid}
        now = dict(list(bids.items())[:depth]), dict(list(asks.items())[:depth])
        frames.append(tuple(_changes(old, new) for old, new in zip(before, now, strict=True)))
        before = now
    return list(_pushes(frames, depth))


def _changes(old: dict[int, int], new: dict[int, int]) -> list[list[str]]:
    changed = [(tick, size) for tick, size in new.items() if old.get(tick) != size]
    gone = [(tick, 0) for tick in old if tick not in new]
    return [[f"{tick / 10:.1f}".removesuffix(".0"), str(size)] for tick, size in (*changed, *gone)]


def _contracts(levels: list[list[str]], contract: Decimal) -> list[list[str]]:
    return [[shortest_text(Decimal(price)), shortest_text(Decimal(size) / contract)] for price, size in levels]


def _pushes(frames: list[tuple[list[list[str]], list[list[str]]]], level: int) -> Iterator[bytes]:
    last = 73_777_715_168
    for number, (bids, asks) in enumerate(frames):
        ts = 1_747_054_612_673 + 20 * number
        result = {"t": ts, "full": True} if number == 0 else {"t": ts}
        result |= {"s": f"ob.BTC_USDT.{level}"} | ({} if number == 0 else {"U": last + 1})  # type: ignore[dict-item]
        last += 7
        result |= {"u": last, "b": bids, "a": asks}  # type: ignore[dict-item]
        yield orjson.dumps({"channel": "futures.obu", "result": result, "time_ms": ts + 1})
