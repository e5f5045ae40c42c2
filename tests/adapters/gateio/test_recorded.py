"""Depth recorded from the venue, through contracts, reader and rule into the book, as it came."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from attrs import frozen

from anyvenue.model.book_keeper import BookKeeper
from anyvenue.model.depth_sync import Action
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot, Candle, Quote
from anyvenue.wire.exact_json import decode
from anyvenue_gateio.instruments import read_contracts
from anyvenue_gateio.rest.market import read_order_book
from anyvenue_gateio.streams import Ack, Notice, Reader
from anyvenue_gateio.topics import depth_rule

RECORDED = Path(__file__).parents[2] / "recorded"
FUTURES = RECORDED / "gate_futures_20230524"
NOW = 1_684_930_166 * 10**9


def lines(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def contracts():
    data = decode(gzip.decompress((FUTURES / "contracts.json.gz").read_bytes()))
    found, left_out = read_contracts(data, settle="usdt", connection="mine", now_ns=NOW)
    assert left_out == {}
    return {instrument.venue_symbol: instrument for instrument in found}


@frozen
class Arrival:
    """What came at a moment: a frame, or the answer to a request for a book."""

    at: float
    raw: bytes
    contract: str | None = None


def arrivals():
    frames = [Arrival(line["recv"], line["raw"].encode()) for line in lines(FUTURES / "ws.jsonl.gz") if is_heard(line)]
    answers = [
        Arrival(line["recv"], line["raw"].encode(), parse_qs(urlsplit(line["url"]).query)["contract"][0])
        for line in lines(FUTURES / "rest_order_books.jsonl.gz")
    ]
    return sorted([*frames, *answers], key=lambda arrival: arrival.at)


def is_heard(line):
    return line["dir"] == "recv"


class Replay:
    """Leads arrivals into books, and compares each book with the venue's own best prices wherever ids match."""

    def __init__(self, instruments):
        self.instruments = instruments
        self.reader = Reader(instruments.get, {}.get)
        self.keepers = {}
        self.actions = Counter()
        self.steps = []
        self.quotes = {}
        self.matched = set()
        self.differed = []
        self.others = []

    def lead(self, found):
        for arrival in found:
            ts = int(arrival.at * 1000) * 1_000_000
            if arrival.contract is not None:
                self.take(read_order_book(decode(arrival.raw), self.instruments[arrival.contract], ts))
            else:
                for event in self.reader.read(arrival.raw, ts):
                    self.take(event)
        return self

    def keeper(self, instrument: Instrument) -> BookKeeper:
        if instrument.key not in self.keepers:
            self.keepers[instrument.key] = BookKeeper(instrument, depth_rule(instrument, updates=True))
        return self.keepers[instrument.key]

    def take(self, event):
        if isinstance(event, BookSnapshot | BookDelta):
            keeper = self.keeper(event.instrument)
            action = keeper.on_snapshot(event) if isinstance(event, BookSnapshot) else keeper.on_delta(event)
            self.actions[action] += 1
            self.steps.append((event, action))
            book = keeper.book
            if book.is_synced and book.best_bid is not None and book.best_ask is not None:
                assert book.best_bid.price < book.best_ask.price, "a synced book is never crossed"
            self.compare(keeper)
        elif isinstance(event, Quote):
            self.quotes[event.instrument.key, event.last_id] = event
            self.compare(self.keeper(event.instrument))
        else:
            self.others.append(event)

    def compare(self, keeper):
        """The best prices of an id may come before or after the book has got to that id."""
        book, where = keeper.book, (keeper.book.instrument.key, keeper.sync.last_id)
        quote = self.quotes.get(where)
        if book.is_synced and quote is not None:
            self.matched.add(where)
            told = ((quote.bid, quote.bid_quantity), (quote.ask, quote.ask_quantity))
            if (book.best_bid, book.best_ask) != told:
                self.differed.append((quote, book.best_bid, book.best_ask))


@pytest.fixture(scope="module")
def whole():
    return Replay(contracts()).lead(arrivals())


def test_every_recorded_frame_can_be_read(whole):
    kinds = Counter(type(event) for event in whole.others)
    assert kinds == {Ack: 22, Candle: 1}
    assert all(event.code is None for event in whole.others if isinstance(event, Ack))
    assert not any(isinstance(event, Notice) for event in whole.others)


def test_the_recorded_candle_is_the_venues(whole):
    (raw,) = [
        message["result"]
        for message in (json.loads(a.raw) for a in arrivals() if a.contract is None)
        if message["channel"] == "futures.candlesticks" and message["event"] == "update"
    ]
    (told,) = [event for event in whole.others if isinstance(event, Candle)]
    (row,) = raw if isinstance(raw, list) else [raw]
    assert f"1m_{told.instrument.venue_symbol}" == row["n"]
    assert [str(told.open), str(told.high), str(told.low), str(told.close)] == [row[name] for name in "ohlc"]
    assert told.volume == row["v"] * told.instrument.contract_size


def test_every_book_aligns_with_its_snapshot_and_none_starts_anew(whole):
    assert len(whole.keepers) == 7
    assert all(keeper.book.is_synced for keeper in whole.keepers.values())
    assert whole.actions[Action.RESYNC] == 0
    assert whole.actions[Action.BUFFER] > 0, "deltas came before the snapshots"
    assert sum(whole.actions.values()) == 165 + 7


def test_the_books_are_the_venues_wherever_its_best_prices_bear_the_same_id(whole):
    assert len(whole.matched) == 9
    assert whole.differed == []


def test_no_book_is_synced_before_its_snapshot():
    replay = Replay(contracts()).lead([arrival for arrival in arrivals() if arrival.contract is None])
    assert set(replay.actions) == {Action.BUFFER}
    assert not any(keeper.book.is_synced for keeper in replay.keepers.values())
    assert replay.matched == set()


def test_no_book_has_more_than_the_levels_that_the_stream_covers(whole):
    for keeper in whole.keepers.values():
        assert len(keeper.book.bids(1000)) <= 100
        assert len(keeper.book.asks(1000)) <= 100


# What goes wrong on the way must be noticed


def streamed():
    """Where in the arrivals the deltas lie that a synced book applied, by contract; read independently of Reader."""
    found, synced, ids = {}, set(), {}
    for place, arrival in enumerate(arrivals()):
        if arrival.contract is not None:
            synced.add(arrival.contract)
            ids[arrival.contract] = json.loads(arrival.raw)["id"]
            continue
        message = json.loads(arrival.raw)
        if message["channel"] == "futures.order_book_update" and message["event"] == "update":
            name = message["result"]["s"]
            if name in synced and message["result"]["u"] > ids[name]:
                found.setdefault(name, []).append(place)
    return found


def inner():
    """Every delta that another one of its contract follows: (contract, its place, the next one's place)."""
    return [(name, here, after) for name, places in streamed().items() for here, after in pairwise(places)]


def actions_of(replay, name):
    return [action for event, action in replay.steps if event.instrument.venue_symbol == name]


def test_there_is_something_to_lose():
    assert len(inner()) > 30


@pytest.mark.parametrize("which", range(0, 40, 4))
def test_a_delta_that_is_lost_is_noticed_at_the_next_one(which):
    name, lost, _ = inner()[which % len(inner())]
    found = arrivals()
    replay = Replay(contracts()).lead(found[:lost] + found[lost + 1 :])
    assert Action.RESYNC in actions_of(replay, name)
    assert not replay.keeper(replay.instruments[name]).book.is_synced
    assert replay.differed == []
    others = [action for event, action in replay.steps if event.instrument.venue_symbol != name]
    assert Action.RESYNC not in others


@pytest.mark.parametrize("which", range(0, 40, 4))
def test_a_delta_that_comes_before_the_one_it_follows_is_noticed(which):
    name, first, second = inner()[which % len(inner())]
    found = arrivals()
    found[first], found[second] = found[second], found[first]
    replay = Replay(contracts()).lead(found)
    assert Action.RESYNC in actions_of(replay, name)
    assert replay.differed == []


@pytest.mark.parametrize("which", range(0, 40, 4))
def test_a_delta_that_comes_twice_changes_nothing(whole, which):
    name, twice, _ = inner()[which % len(inner())]
    found = arrivals()
    replay = Replay(contracts()).lead(found[: twice + 1] + found[twice:])
    actions = actions_of(replay, name)
    assert Action.RESYNC not in actions
    assert actions.count(Action.DROP) == actions_of(whole, name).count(Action.DROP) + 1
    key = replay.instruments[name].key
    mended, plain = replay.keepers[key].book, whole.keepers[key].book
    assert (mended.bids(100), mended.asks(100)) == (plain.bids(100), plain.asks(100))
    assert (replay.matched, replay.differed) == (whole.matched, [])


def test_a_snapshot_older_than_the_stream_does_not_make_a_book():
    """13.1 rule 4: the first buffered delta lies beyond the snapshot, so another one has to be fetched."""
    found = arrivals()
    name, place, _ = inner()[0]
    answer = next(arrival for arrival in found if arrival.contract == name)
    replay = Replay(contracts()).lead([found[p] for p in streamed()[name][1:]] + [answer])
    assert actions_of(replay, name)[-1] is Action.RESYNC
    assert not replay.keeper(replay.instruments[name]).book.is_synced
    assert place


# The order book V2 (13.2)


def obu():
    return (RECORDED / "gate_obu_20250513" / "frames.jsonl").read_bytes().splitlines()


def btc_usdt():
    contract = lines_of_one_contract() | {"name": "BTC_USDT", "quanto_multiplier": "0.0001", "order_price_round": "0.1"}
    (found,), left_out = read_contracts([contract], settle="usdt", connection="mine", now_ns=NOW)
    assert left_out == {}
    return found


def lines_of_one_contract():
    return decode(gzip.decompress((FUTURES / "contracts.json.gz").read_bytes()))[0]


def lead_obu(frames):
    instrument = btc_usdt()
    reader = Reader({"BTC_USDT": instrument}.get, {}.get)
    keeper = BookKeeper(instrument, depth_rule(instrument, updates=False))
    actions, others = [], []
    for raw in frames:
        for event in reader.read(raw, NOW):
            if isinstance(event, BookSnapshot):
                actions.append(keeper.on_snapshot(event))
            elif isinstance(event, BookDelta):
                actions.append(keeper.on_delta(event))
            else:
                others.append(event)
    return keeper, actions, others


def test_a_full_push_and_the_delta_after_it_make_the_book():
    keeper, actions, others = lead_obu(obu())
    assert actions == [Action.APPLY, Action.APPLY]
    assert others == [Ack(id=None, channel="futures.obu"), Ack(id=1, channel="futures.obu")]
    assert keeper.book.is_synced
    assert keeper.sync.last_id == 73777715212
    # By hand, of the two frames: what the delta left, and what it set.
    assert [(str(price), str(size)) for price, size in keeper.book.bids(4)] == [
        ("104024.5", "1.0343"),
        ("104016.7", "4.1323"),
        ("104014.5", "50.9392"),
        ("104014.3", "47.7932"),
    ]
    assert [(str(price), str(size)) for price, size in keeper.book.asks(3)] == [
        ("104028", "3.1186"),
        ("104029", "4.1248"),
        ("104029.4", "4.0685"),
    ]


def test_a_delta_before_the_full_push_makes_no_book():
    _, _, delta, _ = obu()
    keeper, actions, _ = lead_obu([delta])
    assert actions == [Action.DROP]
    assert not keeper.book.is_synced


@pytest.mark.parametrize(("first", "expected"), [(73777715170, Action.RESYNC), (73777715168, Action.RESYNC)])
def test_a_delta_that_does_not_follow_exactly_is_noticed(first, expected):
    _, full, delta, _ = obu()
    message = orjson.loads(delta)
    message["result"]["U"] = first
    keeper, actions, _ = lead_obu([full, orjson.dumps(message)])
    assert actions == [Action.APPLY, expected]
    assert not keeper.book.is_synced


def test_a_delta_of_the_order_book_v2_that_comes_twice_changes_nothing():
    _, full, delta, _ = obu()
    keeper, actions, _ = lead_obu([full, delta, delta])
    assert actions == [Action.APPLY, Action.APPLY, Action.DROP]
    assert keeper.book.is_synced


def test_a_full_push_replaces_at_any_time():
    _, full, delta, _ = obu()
    keeper, actions, _ = lead_obu([full, delta, full, delta])
    assert actions == [Action.APPLY] * 4
    assert keeper.sync.last_id == 73777715212
