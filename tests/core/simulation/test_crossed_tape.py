"""A tape whose own book is crossed for a while: nothing of it is told whole before it can be used."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

import anyvenue
from anyvenue.engine.strategy import Strategy
from anyvenue.simulation.tape import Tape
from anyvenue.venue.descriptor import SimulationSettings

HEADER = {
    "tape": 1,
    "symbol": "ABC-USDT-PERP",
    "base": "ABC",
    "quote": "USDT",
    "settle": "USDT",
    "price_tick": "0.5",
    "quantity_step": "1",
    "source": "made by hand",
}
FRAMES = [
    ["s", [["100.0", "1"]], [["101.0", "1"]]],
    ["d", [["102.0", "1"]], []],  # above the ask
    ["d", [["99.0", "1"]], []],
    ["d", [["102.0", "0"]], []],
    ["d", [["100.5", "1"]], []],
    ["d", [], []],  # the end, which is not told any more
]


class Listener(Strategy):
    """Notes each book: the number of the frame, the best bid, and whether it may be relied upon."""

    def on_start(self):
        self.heard = []
        self.subscribe("ABC-USDT-PERP")

    def on_book(self, book):
        self.heard.append((book.ts_event % 1000, book.best_bid and book.best_bid.price, book.is_synced))


# Times of our days are read in another way than those of 1970.
@pytest.mark.parametrize("start_ns", [1000, 1_723_161_256_505_000_000])
def test_a_book_that_is_crossed_is_told_as_soon_as_it_is_not(tmp_path, start_ns):
    """Were it told at once, it would be refused and asked for again, without end at one moment."""
    lines = [[start_ns + number, *frame] for number, frame in enumerate(FRAMES)]
    header = HEADER | {"start_ns": start_ns, "end_ns": lines[-1][0], "frames": len(lines)}
    (tmp_path / "abc.tape").write_bytes(b"\n".join(map(orjson.dumps, (header, *lines))) + b"\n")
    strategy = Listener()
    settings = SimulationSettings(symbols=("ABC-USDT-PERP",), latency_in_us=0, latency_out_us=0, latency_jitter_us=0)
    result = anyvenue.backtest(strategy, simulation=settings, tapes=[Tape.open(tmp_path / "abc.tape")])
    assert result.failure == ""
    assert strategy.heard == [
        (0, Decimal("100.0"), True),
        (1, Decimal("102.0"), False),
        (3, Decimal("100.0"), True),
        (4, Decimal("100.5"), True),
    ]
