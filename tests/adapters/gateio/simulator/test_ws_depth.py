"""Depth streams, and books that are built from them by the rules of the fact sheet's chapter 13."""

from decimal import Decimal

import pytest

from anyvenue.simulation.chance import Chance
from anyvenue_gateio.simulator import depth_feeds
from anyvenue_gateio.simulator.quirks import Quirks

BTC = "BTC-USDT-PERP"


class ObuBook:
    """A book by the rules of 13.2."""

    def __init__(self):
        self.id, self.sides, self.invalid = None, {"b": {}, "a": {}}, 0

    def take(self, result):
        if result.get("full"):
            self.id, self.sides = result["u"], {"b": {}, "a": {}}
        elif self.id is None:
            return
        elif result["U"] != self.id + 1:
            self.invalid += 1
        self.id = result["u"]
        for side in ("b", "a"):
            for price, size in result.get(side, []):
                self.sides[side].pop(Decimal(price), None)
                if Decimal(size):
                    self.sides[side][Decimal(price)] = Decimal(size)


class UpdateBook:
    """A book by the rules of 13.1: buffered updates, a REST snapshot, then updates without a gap."""

    def __init__(self, level):
        self.level, self.id, self.sides, self.gaps = level, None, {}, 0
        self.buffer, self.waiting = [], None

    def snapshot(self, rest):
        """Rules 2 to 5: one that is older than the stream is useless; where nothing is past it yet, wait."""
        kept = [update for update in self.buffer if update["u"] >= rest["id"] + 1]
        self.waiting = None if kept else rest
        if not kept or kept[0]["U"] > rest["id"] + 1:
            return
        self.id = rest["id"]
        self.sides = {s: {Decimal(r["p"]): Decimal(r["s"]) for r in rest[n]} for s, n in (("b", "bids"), ("a", "asks"))}
        for update in kept:
            self.apply(update)

    def take(self, update):
        if self.id is None:
            self.buffer.append(update)
            if self.waiting is not None:
                self.snapshot(self.waiting)
        elif update["u"] >= self.id + 1:
            self.apply(update)

    def apply(self, update):
        if update.get("full"):
            self.sides = {"b": {}, "a": {}}
        elif update["U"] > self.id + 1:
            self.gaps += 1
        self.id = update["u"]
        for side in ("b", "a"):
            for row in update.get(side) or []:
                self.sides[side].pop(Decimal(row["p"]), None)
                if Decimal(row["s"]):
                    self.sides[side][Decimal(row["p"])] = Decimal(row["s"])
            best = sorted(self.sides[side], reverse=side == "b")
            for price in best[self.level :]:
                del self.sides[side][price]


def public(b, level):
    """The exchange's own book, in contracts of 0.0001 BTC."""
    bids, asks = b.stage.exchange.book(BTC).levels(level)
    return {
        side: {price: quantity / Decimal("0.0001") for price, quantity in levels}
        for side, levels in (("b", bids), ("a", asks))
    }


EVERY = [
    Quirks(),
    Quirks(bare_obu=True, snapshot_first=False, id_only=False, update_begins_full=True, update_deletes_leavers=False),
]


@pytest.mark.parametrize("quirks", EVERY)
@pytest.mark.parametrize(("level", "beat"), [(50, "0.02"), (400, "0.1")])
def test_a_book_built_from_obu_is_the_public_book_at_every_beat(backstage, quirks, level, beat):
    b = backstage(quirks, moving=True)
    wire, book, seen, deltas = b.wire(), ObuBook(), 0, 0
    wire.subscribe("futures.obu", [f"ob.BTC_USDT.{level}"])
    for _ in range(150):
        b.wait(beat)
        results = wire.results("futures.obu")
        for result in results[seen:]:
            book.take(result)
            deltas += "full" not in result
        seen = len(results)
        assert book.sides == public(b, level)
    assert book.invalid == 0
    assert deltas > 100


@pytest.mark.parametrize("quirks", EVERY)
@pytest.mark.parametrize(("frequency", "level"), [("100ms", 100), ("100ms", 20), ("20ms", 20)])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_book_built_from_updates_and_a_rest_snapshot_is_the_public_book(backstage, quirks, frequency, level, seed):
    b = backstage(quirks, moving=True, seed=seed)
    b.wait(f"0.{317 + seed}")  # not at a beat
    wire, book, seen, equal = b.wire(), UpdateBook(level), 0, 0
    wire.subscribe("futures.order_book_update", ["BTC_USDT", frequency, str(level)])
    for step in range(300):
        b.clock.run_until((b.clock.time_ns() // 20_000_000 + 1) * 20_000_000)
        results = wire.results("futures.order_book_update")
        for result in results[seen:]:
            book.take(result)
        seen = len(results)
        if book.id is None and step % 7 == 3:
            contract = b.contracts.find("usdt", "BTC_USDT")
            book.snapshot(b.depth.rest_book(contract, level))
        if book.id is not None and b.clock.time_ns() % 100_000_000 == 0:
            assert book.sides == public(b, level)
            equal += 1
    assert book.gaps == 0
    assert equal > 30


@pytest.mark.parametrize("seed", range(10, 15))
def test_streams_of_several_cadences_do_not_hold_each_other_up(backstage, seed):
    b = backstage(Quirks.drawn(Chance(str(seed))), moving=True, seed=seed)
    b.wait("0.17")
    wire, book, updates = b.wire(), ObuBook(), UpdateBook(20)
    wire.subscribe("futures.order_book", ["BTC_USDT", "20", "0"])
    wire.subscribe("futures.order_book_update", ["BTC_USDT", "100ms", "20"])
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    for step in range(100):
        before = len(wire.frames)
        b.clock.run_until((b.clock.time_ns() // 20_000_000 + 1) * 20_000_000)
        for frame in wire.frames[before:] if step else wire.frames:
            if frame["channel"] == "futures.obu" and frame["result"] != {"status": "success"}:
                book.take(frame["result"])
            elif frame["channel"] == "futures.order_book_update" and frame["event"] == "update":
                updates.take(frame["result"])
        assert book.sides == public(b, 50)
        if updates.id is None and step % 5 == 3:
            updates.snapshot(b.depth.rest_book(b.contracts.find("usdt", "BTC_USDT"), 20))
    b.clock.run_until((b.clock.time_ns() // 100_000_000 + 1) * 100_000_000)
    for result in wire.results("futures.order_book_update"):
        updates.take(result)  # what was taken already is dropped
    assert updates.sides == public(b, 20)
    assert (book.invalid, updates.gaps) == (0, 0)


def test_a_full_book_may_come_again_at_any_time(backstage, monkeypatch):
    monkeypatch.setattr(depth_feeds, "FULL_AGAIN", 3)
    b = backstage(moving=True)
    wire, book = b.wire(), ObuBook()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    b.wait("2")
    results = wire.results("futures.obu")
    for result in results:
        book.take(result)
    fulls = sum("full" in result for result in results)
    assert 10 < fulls < len(results) - 10
    assert book.sides == public(b, 50)
    assert book.invalid == 0


def still(backstage, quirks=None):
    b = backstage(quirks or Quirks())
    b.depth_is([("59999.9", "1000"), ("59999", "500")], [("60000.1", "1000")])
    return b


@pytest.mark.parametrize("first", [True, False])
def test_the_first_snapshot_comes_before_or_after_the_ack(backstage, first):
    wire = still(backstage, Quirks(snapshot_first=first)).wire()
    frames = wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    assert ["full" in frame["result"] for frame in frames] == [first, not first]


def test_an_obu_snapshot_has_no_first_id_and_pairs_of_texts(backstage):
    b = still(backstage)
    wire = b.wire()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    (result,) = wire.results("futures.obu")
    number = b.stage.market.listing(BTC).last_id
    assert result == {
        "t": 1704067200000,
        "full": True,
        "s": "ob.BTC_USDT.50",
        "u": number,
        "b": [["59999.9", "1000"], ["59999", "500"]],
        "a": [["60000.1", "1000"]],
    }


def test_a_delta_tells_what_changed_and_follows_the_id_before(backstage):
    b = still(backstage, Quirks(id_only=False))
    wire = b.wire()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    number = wire.results("futures.obu")[0]["u"]
    b.depth_is([("59999", "0")], [], snapshot=False)
    b.depth_is([], [("60001", "7")], snapshot=False)
    b.wait("0.019")
    assert len(wire.results("futures.obu")) == 1
    b.wait("0.001")
    delta = wire.results("futures.obu")[1]
    assert (delta["U"], delta["u"]) == (number + 1, number + 2)
    assert (delta["b"], delta["a"]) == ([["59999", "0"]], [["60001", "7"]])
    assert "full" not in delta
    b.wait("1")
    assert len(wire.results("futures.obu")) == 2  # nothing changed, nothing is sent


def test_a_side_that_did_not_change_is_absent(backstage):
    b = still(backstage)
    wire = b.wire()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    b.depth_is([("59999", "1")], [], snapshot=False)
    b.wait("0.02")
    assert "a" not in wire.results("futures.obu")[1]


def test_a_book_that_the_market_tells_anew_comes_full_again(backstage):
    b = still(backstage)
    wire = b.wire()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    b.depth_is([("100", "3")], [("200", "4")])
    b.wait("0.02")
    again = wire.results("futures.obu")[1]
    assert again["full"] is True
    assert (again["b"], again["a"]) == ([["100", "3"]], [["200", "4"]])


def test_old_frames_have_neither_event_nor_time(backstage):
    b = still(backstage, Quirks(bare_obu=True))
    wire = b.wire()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    assert set(wire.frames[0]) == {"channel", "result"}


def test_a_second_subscription_is_error_2_and_the_first_stays_alive(backstage):
    b = still(backstage)
    wire = b.wire()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    (answer,) = wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    assert answer["error"] == {"code": 2, "message": "Alert sub ob.BTC_USDT.50"}
    wire.subscribe("futures.obu", ["ob.BTC_USDT.400"])  # another stream
    b.depth_is([("59999", "1")], [], snapshot=False)
    b.wait("0.1")
    assert [r["s"] for r in wire.results("futures.obu") if "full" not in r] == ["ob.BTC_USDT.50", "ob.BTC_USDT.400"]


def test_after_an_unsubscribe_one_late_delta_may_come_and_a_new_subscription_begins_full(backstage):
    late = set()
    for seed in range(12):
        b = backstage(Quirks(), seed=seed)
        b.depth_is([("59999.9", "1000")], [("60000.1", "1000")])
        wire = b.wire()
        wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
        (ack,) = wire.subscribe("futures.obu", ["ob.BTC_USDT.50"], event="unsubscribe")
        assert (ack["event"], ack["result"]) == ("unsubscribe", {"status": "success"})
        for size in ("1", "2", "3"):
            b.depth_is([("59999", size)], [], snapshot=False)
            b.wait("0.02")
        late.add(len(wire.results("futures.obu")) - 1)
        wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
        assert wire.results("futures.obu")[-1]["full"] is True
    assert late == {0, 1}


def test_obu_is_not_offered_for_btc_settled_contracts(backstage):
    (answer,) = backstage().wire(settle="btc").subscribe("futures.obu", ["ob.BTC_USD.50"])
    assert answer["error"]["code"] == 2


def test_an_update_has_objects_and_is_ended_without_the_level(backstage):
    b = still(backstage, Quirks(late_deltas=False))
    wire = b.wire()
    wire.subscribe("futures.order_book_update", ["BTC_USDT", "100ms", "20"])
    assert wire.results("futures.order_book_update") == []
    number = b.stage.market.listing(BTC).last_id
    b.depth_is([("59999", "1")], [], snapshot=False)
    b.wait("0.1")
    (update,) = wire.results("futures.order_book_update")
    assert update == {
        "t": 1704067200100,
        "s": "BTC_USDT",
        "U": number + 1,
        "u": number + 1,
        "b": [{"p": "59999", "s": "1"}],
        "a": [],
        "l": "20",
    }
    (ack,) = wire.subscribe("futures.order_book_update", ["BTC_USDT", "100ms"], event="unsubscribe")
    assert ack["result"] == {"status": "success"}
    b.depth_is([("59999", "2")], [], snapshot=False)
    b.wait("0.1")
    assert len(wire.results("futures.order_book_update")) == 1


@pytest.mark.parametrize("told", [True, False])
def test_a_level_that_better_ones_push_out_is_told_as_deleted_or_not(backstage, told):
    b = backstage(Quirks(update_deletes_leavers=told))
    b.depth_is([(str(100 + n), "1") for n in range(20)], [("200", "1")])
    wire = b.wire()
    wire.subscribe("futures.order_book_update", ["BTC_USDT", "20ms", "20"])
    b.depth_is([("130", "1")], [], snapshot=False)
    b.wait("0.02")
    (update,) = wire.results("futures.order_book_update")
    assert update["b"] == [{"p": "130", "s": "1"}, *([{"p": "100", "s": "0"}] if told else [])]


def test_a_level_that_is_gone_is_always_told(backstage):
    b = still(backstage, Quirks(update_deletes_leavers=False))
    wire = b.wire()
    wire.subscribe("futures.order_book_update", ["BTC_USDT", "20ms", "20"])
    b.depth_is([("59999", "0")], [], snapshot=False)
    b.wait("0.02")
    assert wire.results("futures.order_book_update")[0]["b"] == [{"p": "59999", "s": "0"}]


def test_sizes_lose_their_fraction_without_the_header_of_the_upgrade(backstage):
    b = backstage()
    b.depth_is([("59999", "12.7")], [("60001", "0.7")])
    whole, exact = b.wire(decimal=False), b.wire()
    for wire in (whole, exact):
        wire.subscribe("futures.order_book", ["BTC_USDT", "20", "0"])
        wire.subscribe("futures.book_ticker", ["BTC_USDT"])
    (cut,), (full,) = whole.results("futures.order_book"), exact.results("futures.order_book")
    assert (cut["bids"], cut["asks"]) == ([{"p": "59999", "s": 12}], [{"p": "60001", "s": 0}])
    assert (full["bids"], full["asks"]) == ([{"p": "59999", "s": "12.7"}], [{"p": "60001", "s": "0.7"}])
    assert [w.results("futures.book_ticker")[0]["B"] for w in (whole, exact)] == [12, "12.7"]


def test_order_book_sends_whole_books_with_the_event_all(backstage):
    b = still(backstage)
    wire = b.wire()
    wire.subscribe("futures.order_book", ["BTC_USDT", "1", "0"])
    frame = wire.frames[-1]
    assert frame["event"] == "all"
    assert frame["result"] == {
        "t": 1704067200000,
        "id": b.stage.market.listing(BTC).last_id,
        "contract": "BTC_USDT",
        "asks": [{"p": "60000.1", "s": "1000"}],
        "bids": [{"p": "59999.9", "s": "1000"}],
        "l": "1",
    }
    b.depth_is([("59999.9", "1")], [], snapshot=False)
    b.wait("1")
    assert wire.frames[-1]["result"]["bids"] == [{"p": "59999.9", "s": "1"}]


def test_book_ticker_tells_the_best_prices_and_an_empty_side_as_an_empty_text(backstage):
    b = backstage()
    b.depth_is([("59999.9", "1000")], [])
    wire = b.wire(decimal=False)
    wire.subscribe("futures.book_ticker", ["BTC_USDT"])
    number = b.stage.market.listing(BTC).last_id
    assert wire.results("futures.book_ticker") == [
        {"t": 1704067200000, "u": number, "s": "BTC_USDT", "b": "59999.9", "B": 1000, "a": "", "A": 0}
    ]
    b.depth_is([("59000", "5")], [], snapshot=False)
    b.wait("0.1")
    assert len(wire.results("futures.book_ticker")) == 1  # the best has not changed
    b.depth_is([], [("60001", "5")], snapshot=False)
    b.wait("0.1")
    assert wire.results("futures.book_ticker")[1]["a"] == "60001"


def test_rest_and_all_streams_share_one_numbering(backstage):
    b = still(backstage)
    wire = b.wire()
    rest = b.depth.rest_book(b.contracts.find("usdt", "BTC_USDT"), 10)
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    wire.subscribe("futures.order_book", ["BTC_USDT", "20", "0"])
    wire.subscribe("futures.book_ticker", ["BTC_USDT"])
    numbers = {
        rest["id"],
        wire.results("futures.obu")[0]["u"],
        wire.results("futures.order_book")[0]["id"],
        wire.results("futures.book_ticker")[0]["u"],
    }
    assert len(numbers) == 1
    assert rest["bids"] == [{"p": "59999.9", "s": "1000"}, {"p": "59999", "s": "500"}]
    assert rest["current"] == 1704067200.0


def test_the_clock_has_nothing_to_do_while_nobody_listens(backstage):
    b = still(backstage, Quirks(late_deltas=False))
    idle = b.clock.next_time
    wire = b.wire()
    wire.subscribe("futures.obu", ["ob.BTC_USDT.50"])
    b.depth_is([("59999", "1")], [], snapshot=False)
    assert b.clock.next_time == 1704067200020000000
    wire.handler.on_close()
    assert b.clock.next_time == idle
