"""Depth frames recorded from real exchanges, through the rules that their documents describe."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path

from anyvenue.model import (
    Action,
    BookDelta,
    BookKeeper,
    BookSnapshot,
    Continuity,
    Instrument,
    Overlap,
    SequenceRule,
    SnapshotSource,
    Tick,
)

RECORDED = Path(__file__).parents[2] / "recorded"

REQUESTED = SequenceRule(
    continuity=Continuity.CONTIGUOUS, overlap=Overlap.ALWAYS, snapshot=SnapshotSource.REQUEST, keeps_newer=True
)

D = Decimal
STREAMED = SequenceRule(continuity=Continuity.CONTIGUOUS)
LINKED = SequenceRule(continuity=Continuity.LINKED, overlap=Overlap.AFTER_SNAPSHOT, snapshot=SnapshotSource.REQUEST)


def lines(name):
    """The lines of a recording, compressed or not."""
    path = RECORDED / name
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()


def instrument(venue_symbol, depth_unit="1"):
    base, quote = venue_symbol.split("_")
    return Instrument(
        symbol=f"{base}-{quote}-PERP",
        venue="recorded",
        venue_symbol=venue_symbol,
        base=base,
        quote=quote,
        settle=quote,
        price_rule=Tick("0.000001"),
        quantity_step=depth_unit,
        min_quantity=depth_unit,
        contract_size=depth_unit,
        depth_unit=depth_unit,
    )


def pairs(levels):
    return [(level["p"], str(level["s"])) for level in levels]


def test_snapshots_by_request_among_streamed_deltas():
    """Seven contracts, 165 deltas; every best price that came with the same id must be the book's."""
    folder = "gate_futures_20230524"
    (contracts,) = lines(f"{folder}/contracts.json.gz")
    units = {contract["name"]: contract["quanto_multiplier"] for contract in json.loads(contracts)}
    arrivals = []
    for line in lines(f"{folder}/ws.jsonl.gz"):
        record = json.loads(line)
        if record["dir"] == "recv":
            arrivals.append((record["recv"], json.loads(record["raw"])))
    for line in lines(f"{folder}/rest_order_books.jsonl.gz"):
        record = json.loads(line)
        arrivals.append((record["recv"], record))

    keepers, actions, compared = {}, dict.fromkeys(Action, 0), 0
    for _, frame in sorted(arrivals, key=lambda arrival: arrival[0]):
        if "url" in frame:
            name = frame["url"].split("contract=")[1].split("&")[0]
            book = json.loads(frame["raw"])
        elif frame.get("event") == "update":
            book = frame["result"]
            name = book.get("s") if isinstance(book, dict) else None
        else:
            continue
        if name is None:
            continue
        keeper = keepers.setdefault(name, BookKeeper(instrument(name, units[name]), REQUESTED))
        if "url" in frame:
            event = BookSnapshot(
                instrument=keeper.book.instrument,
                bids=pairs(book["bids"]),
                asks=pairs(book["asks"]),
                last_id=book["id"],
            )
            actions[keeper.on_snapshot(event)] += 1
        elif frame["channel"] == "futures.order_book_update":
            event = BookDelta(
                instrument=keeper.book.instrument,
                bids=pairs(book["b"]),
                asks=pairs(book["a"]),
                first_id=book["U"],
                last_id=book["u"],
            )
            actions[keeper.on_delta(event)] += 1
        elif frame["channel"] == "futures.book_ticker" and keeper.sync.is_synced and keeper.sync.last_id == book["u"]:
            unit = D(units[name])
            assert keeper.book.best_bid == (D(book["b"]), book["B"] * unit)
            assert keeper.book.best_ask == (D(book["a"]), book["A"] * unit)
            compared += 1
    assert len(keepers) == 7
    assert all(keeper.book.is_synced for keeper in keepers.values())
    assert actions[Action.RESYNC] == 0
    assert actions[Action.BUFFER] > 0
    assert sum(actions.values()) == 165 + 7
    assert compared > 0


def test_a_snapshot_that_comes_with_the_stream():
    frames = lines("gate_obu_20250513/frames.jsonl")
    keeper = BookKeeper(instrument("BTC_USDT", "0.0001"), STREAMED)
    actions = []
    for frame in map(json.loads, frames):
        book = frame["result"]
        if "u" not in book:
            continue
        common = {
            "instrument": keeper.book.instrument,
            "bids": book.get("b", []),
            "asks": book.get("a", []),
            "last_id": book["u"],
        }
        if book.get("full"):
            actions.append(keeper.on_snapshot(BookSnapshot(**common)))
            assert len(keeper.book.bids(99)) == 33
            assert len(keeper.book.asks(99)) == 32
            assert keeper.book.best_bid == (D("104027.1"), D("50.9392"))
        else:
            actions.append(keeper.on_delta(BookDelta(first_id=book["U"], **common)))
            for side, levels in (("bids", common["bids"]), ("asks", common["asks"])):
                shown = dict(getattr(keeper.book, side)(999))
                for price, size in levels:
                    assert shown.get(D(price), 0) == D(size) * D("0.0001")
    assert actions == [Action.APPLY, Action.APPLY]
    assert keeper.book.is_synced


def test_linked_deltas_at_full_depth():
    """400 frames of up to hundreds of levels: never a gap, never crossed, and the best prices are the ticker's."""
    keeper = BookKeeper(instrument("BTC_USDT", "0.001"), LINKED)
    assert keeper.book.instrument.depth_unit == D("0.001")
    actions, compared = dict.fromkeys(Action, 0), 0
    for line in lines("binance_futures_20240808/usdm_btcusdt_depth.gz"):
        frame = json.loads(line.partition(" ")[2])
        data = frame.get("data", frame)
        if "lastUpdateId" in data:
            snapshot = BookSnapshot(
                instrument=keeper.book.instrument,
                bids=data["bids"],
                asks=data["asks"],
                last_id=data["lastUpdateId"],
            )
            actions[keeper.on_snapshot(snapshot)] += 1
        elif data["e"] == "depthUpdate":
            delta = BookDelta(
                instrument=keeper.book.instrument,
                bids=data["b"],
                asks=data["a"],
                first_id=data["U"],
                last_id=data["u"],
                previous_id=data["pu"],
            )
            actions[keeper.on_delta(delta)] += 1
        elif data["e"] == "bookTicker" and keeper.sync.is_synced and keeper.sync.last_id == data["u"]:
            assert keeper.book.best_bid == (D(data["b"]), D(data["B"]) * D("0.001"))
            assert keeper.book.best_ask == (D(data["a"]), D(data["A"]) * D("0.001"))
            compared += 1
    assert actions[Action.RESYNC] == 0
    assert actions[Action.APPLY] > 380
    assert keeper.book.is_synced
    assert compared > 0
