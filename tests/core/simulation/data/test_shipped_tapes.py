"""The tapes inside the package: what a reader of one may rely on, from the files alone."""

import gzip
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise

import orjson
import pytest

DATA = files("anyvenue.simulation.data")
TAPES = ("btc_usdt_20240808.tape.gz", "eth_usdt_20240808.tape.gz")
BYTES_MAX = 2_000_000


@pytest.fixture(scope="module", params=TAPES)
def tape(request):
    """(header, frames) of one tape."""
    header, *frames = map(orjson.loads, gzip.decompress((DATA / request.param).read_bytes()).splitlines())
    return header, frames


def test_fit_the_package_and_carry_their_licence():
    assert sum(len((DATA / name).read_bytes()) for name in TAPES) <= BYTES_MAX
    assert "Permission is hereby granted" in (DATA / "LICENSE.txt").read_text()


@pytest.mark.parametrize("name", TAPES)
def test_gzip_header_has_no_clock_and_no_file_name(name):
    magic_flags_and_time = (DATA / name).read_bytes()[:8]
    assert magic_flags_and_time == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_header_describes_the_frames(tape):
    header, frames = tape
    assert header["tape"] == 1
    assert header["symbol"] == f"{header['base']}-{header['quote']}-PERP"
    assert header["settle"] == "USDT"
    assert "MIT" in header["source"]
    assert header["frames"] == len(frames)
    assert (header["start_ns"], header["end_ns"]) == (frames[0][0], frames[-1][0])


def test_one_snapshot_comes_first_then_everything_in_the_order_of_time(tape):
    _, frames = tape
    assert [frame[1] for frame in frames].index("s") == 0
    assert {frame[1] for frame in frames[1:]} == {"d", "t"}
    assert all(earlier[0] <= later[0] for earlier, later in pairwise(frames))
    _, _, bids, asks = frames[0]
    assert all(Decimal(better) > Decimal(worse) for (better, _), (worse, _) in pairwise(bids))
    assert all(Decimal(better) < Decimal(worse) for (better, _), (worse, _) in pairwise(asks))


def test_prices_and_sizes_are_text_on_the_grid(tape):
    header, frames = tape
    prices, sizes = set(), set()
    for _, kind, *rest in frames:
        if kind == "t":
            side, price, size, trade_id = rest
            assert side in {"buy", "sell"}
            assert isinstance(trade_id, int)
            prices.add(price)
            sizes.add(size)
        else:
            bids, asks = rest
            assert bids or asks
            for price, size in bids + asks:
                prices.add(price)
                sizes.add(size)
    tick, step = Decimal(header["price_tick"]), Decimal(header["quantity_step"])
    assert not [price for price in prices if Decimal(price) % tick]
    assert not [size for size in sizes if Decimal(size) % step or Decimal(size) < 0]


def test_trade_ids_have_no_gap(tape):
    ids = [frame[5] for frame in tape[1] if frame[1] == "t"]
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_the_book_never_crosses_and_every_change_changes_something(tape):
    _, frames = tape
    sides = ({}, {})
    for ts, kind, *rest in frames:
        if kind == "t":
            continue
        for side, levels in zip(sides, rest, strict=True):
            for price, size in levels:
                before = side.get(Decimal(price), "0.000")
                assert before != size, f"{price} was {size} already at {ts}"
                if size == "0.000":
                    del side[Decimal(price)]
                else:
                    side[Decimal(price)] = size
        assert max(sides[0]) < min(sides[1]), f"crossed at {ts}"


def test_trades_stay_near_the_last_touch(tape):
    # Depth comes every 50 ms or so, trades at once: a sweep's trades precede the book that shows it.
    _, (snapshot, *frames) = tape
    bids, asks = ({Decimal(price) for price, _ in side} for side in snapshot[2:])
    bid, ask = max(bids), min(asks)
    beyond = []
    for _, kind, *rest in frames:
        if kind == "t":
            price = Decimal(rest[1])
            beyond.append(max(bid - price, price - ask, Decimal(0)) / price)
            continue
        for side, levels in zip((bids, asks), rest, strict=True):
            side.update(Decimal(price) for price, size in levels if size != "0.000")
            side.difference_update(Decimal(price) for price, size in levels if size == "0.000")
        bid, ask = max(bids), min(asks)
    assert beyond.count(0) / len(beyond) > 0.45
    assert max(beyond) < Decimal("0.0015")
