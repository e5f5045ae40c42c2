"""Sequence rules: each case by hand, then random books cut into frames that are lost, repeated and delayed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import linear

from anyvenue.model import (
    Action,
    BookDelta,
    BookKeeper,
    BookSnapshot,
    Continuity,
    DepthSync,
    Overlap,
    SequenceRule,
    SnapshotSource,
    Tick,
)

APPLY, DROP, BUFFER, RESYNC = Action.APPLY, Action.DROP, Action.BUFFER, Action.RESYNC

INSTRUMENT = linear(price_rule=Tick("1"), quantity_step="1", min_quantity="1")

# The rules that venues have, as data.
STREAMED = SequenceRule(continuity=Continuity.CONTIGUOUS)
STRICT = SequenceRule(continuity=Continuity.CONTIGUOUS, drops_past=False)
REQUESTED = SequenceRule(
    continuity=Continuity.CONTIGUOUS,
    overlap=Overlap.AFTER_SNAPSHOT,
    snapshot=SnapshotSource.REQUEST,
    drops_past=False,
)
LENIENT = SequenceRule(
    continuity=Continuity.CONTIGUOUS, overlap=Overlap.ALWAYS, snapshot=SnapshotSource.REQUEST, keeps_newer=True
)

D = Decimal
LINKED = SequenceRule(continuity=Continuity.LINKED, overlap=Overlap.AFTER_SNAPSHOT, snapshot=SnapshotSource.REQUEST)
TIMED = SequenceRule(time_ordered=True)


def delta(first=0, last=0, *, previous=None, ts=0, bids=(), asks=()):
    return BookDelta(
        instrument=INSTRUMENT,
        bids=bids,
        asks=asks,
        first_id=first,
        last_id=last,
        previous_id=previous,
        ts_event=ts,
        ts_recv=ts,
    )


def snapshot(last=0, *, ts=0, bids=(), asks=()):
    return BookSnapshot(instrument=INSTRUMENT, bids=bids, asks=asks, last_id=last, ts_event=ts, ts_recv=ts)


def synced(rule, last=10):
    sync = DepthSync(rule)
    assert sync.on_snapshot(snapshot(last)).action is APPLY
    return sync


class TestWithoutNumbers:
    def test_everything_is_taken_as_it_comes_once_there_is_a_snapshot(self):
        sync = DepthSync(SequenceRule())
        assert sync.on_delta(delta()).action is DROP
        assert not sync.is_synced
        assert sync.on_snapshot(snapshot(ts=5)).action is APPLY
        assert sync.is_synced
        assert sync.on_delta(delta(ts=3)).action is APPLY
        assert sync.on_snapshot(snapshot(ts=1)).action is APPLY

    def test_time_may_stand_still_but_not_go_back(self):
        sync = DepthSync(TIMED)
        assert sync.on_snapshot(snapshot(ts=5)).action is APPLY
        assert sync.on_snapshot(snapshot(ts=5)).action is APPLY
        assert sync.on_snapshot(snapshot(ts=4)).action is DROP
        assert sync.on_delta(delta(ts=4)).action is DROP
        assert sync.on_delta(delta(ts=6)).action is APPLY
        assert sync.on_snapshot(snapshot(ts=5)).action is DROP

    def test_another_connection_may_begin_earlier(self):
        sync = DepthSync(TIMED)
        sync.on_snapshot(snapshot(ts=5))
        sync.reset()
        assert not sync.is_synced
        assert sync.on_delta(delta(ts=6)).action is DROP
        assert sync.on_snapshot(snapshot(ts=4)).action is APPLY


class TestContiguous:
    def test_each_begins_where_the_last_one_ended(self):
        sync = synced(STREAMED)
        assert sync.on_delta(delta(11, 11)).action is APPLY
        assert sync.on_delta(delta(12, 19)).action is APPLY
        assert sync.last_id == 19

    @pytest.mark.parametrize(
        ("first", "last", "words"), [(12, 15, "gap: expected 11, got 12"), (10, 12, "overlap: expected 11, got 10")]
    )
    def test_anything_else_starts_anew(self, first, last, words):
        sync = synced(STREAMED)
        decision = sync.on_delta(delta(first, last))
        assert decision.action is RESYNC
        assert words in decision.reason
        assert not sync.is_synced
        # Only once; what comes before the snapshot is of no use.
        assert sync.on_delta(delta(16, 17)).action is DROP
        assert sync.on_snapshot(snapshot(30)).action is APPLY
        assert sync.on_delta(delta(31, 31)).action is APPLY

    @pytest.mark.parametrize(("first", "last"), [(10, 10), (5, 10), (3, 4)])
    def test_what_lies_in_the_past_is_dropped_or_a_reason_to_start_anew(self, first, last):
        sync = synced(STREAMED)
        assert sync.on_delta(delta(first, last)).action is DROP
        assert sync.is_synced
        assert synced(STRICT).on_delta(delta(first, last)).action is RESYNC

    def test_ids_that_run_backwards_say_nothing_new(self):
        sync = synced(STREAMED)
        assert sync.on_delta(delta(11, 5)).action is DROP
        assert sync.last_id == 10

    def test_a_snapshot_replaces_at_any_time_also_by_an_older_one(self):
        sync = synced(STREAMED)
        assert sync.on_snapshot(snapshot(50)).action is APPLY
        assert sync.on_delta(delta(51, 52)).action is APPLY
        assert sync.on_snapshot(snapshot(7)).action is APPLY
        assert sync.on_delta(delta(8, 8)).action is APPLY

    def test_deltas_before_the_first_snapshot_are_dropped(self):
        sync = DepthSync(STREAMED)
        assert sync.on_delta(delta(1, 1)).action is DROP
        assert sync.buffered == 0


class TestLinked:
    def test_each_names_the_one_before(self):
        sync = synced(LINKED)
        assert sync.on_delta(delta(14, 15, previous=10)).action is APPLY
        assert sync.on_delta(delta(19, 30, previous=15)).action is APPLY
        assert sync.on_delta(delta(31, 40, previous=29)).action is RESYNC  # an overlap is none of the first
        sync = synced(LINKED)
        sync.on_delta(delta(14, 15, previous=10))
        assert sync.on_delta(delta(16, 20, previous=16)).action is RESYNC

    def test_the_first_one_after_a_snapshot_may_reach_back(self):
        assert synced(LINKED).on_delta(delta(7, 15, previous=5)).action is APPLY
        assert synced(LINKED).on_delta(delta(13, 15, previous=11)).action is RESYNC

    def test_a_delta_without_the_id_it_follows_cannot_be_placed(self):
        decision = synced(LINKED).on_delta(delta(11, 12))
        assert decision.action is RESYNC
        assert "without the id" in decision.reason


class TestRequestedSnapshot:
    def test_deltas_wait_for_it_and_follow_it(self):
        sync = DepthSync(REQUESTED)
        waiting = [delta(1, 5), delta(6, 9), delta(10, 14), delta(15, 15)]
        assert [sync.on_delta(each).action for each in waiting] == [BUFFER] * 4
        decision = sync.on_snapshot(snapshot(11))
        assert decision.action is APPLY
        # 1-5 and 6-9 lie before it, 10-14 reaches over it.
        assert decision.deltas == (waiting[2], waiting[3])
        assert (sync.last_id, sync.buffered, sync.is_synced) == (15, 0, True)

    def test_one_that_meets_the_deltas_exactly(self):
        sync = DepthSync(REQUESTED)
        sync.on_delta(delta(6, 9))
        assert sync.on_snapshot(snapshot(5)).deltas == (delta(6, 9),)
        assert sync.on_delta(delta(10, 10)).action is APPLY

    def test_one_that_is_ahead_of_the_stream_waits_for_it(self):
        sync = DepthSync(REQUESTED)
        sync.on_delta(delta(6, 9))
        assert sync.on_snapshot(snapshot(13)).deltas == ()
        # This rule starts anew at a repetition, but these are none: the stream is only behind.
        assert sync.on_delta(delta(10, 12)).action is DROP
        assert sync.on_delta(delta(13, 13)).action is DROP
        assert sync.on_delta(delta(14, 16)).action is APPLY
        assert sync.on_delta(delta(14, 16)).action is RESYNC

    def test_one_that_is_older_than_the_stream_is_no_use_but_the_deltas_stay(self):
        sync = DepthSync(REQUESTED)
        sync.on_delta(delta(6, 9))
        sync.on_delta(delta(10, 12))
        decision = sync.on_snapshot(snapshot(4))
        assert decision.action is RESYNC
        assert "does not fit the deltas: a gap: expected 5, got 6" in decision.reason
        assert (sync.is_synced, sync.buffered) == (False, 2)
        assert sync.on_delta(delta(13, 13)).action is BUFFER
        assert sync.on_snapshot(snapshot(10)).deltas == (delta(10, 12), delta(13, 13))

    def test_a_gap_among_the_waiting_matters_only_after_the_snapshot(self):
        for last, action, kept in ((7, RESYNC, 2), (12, APPLY, 0)):
            sync = DepthSync(REQUESTED)
            for each in (delta(6, 9), delta(12, 14), delta(15, 16)):
                sync.on_delta(each)
            assert sync.on_snapshot(snapshot(last)).action is action
            assert sync.buffered == kept

    def test_after_a_gap_the_delta_that_showed_it_waits_too(self):
        sync = synced(REQUESTED)
        assert sync.on_delta(delta(12, 14)).action is RESYNC
        assert sync.on_delta(delta(15, 15)).action is BUFFER
        assert sync.on_snapshot(snapshot(13)).deltas == (delta(12, 14), delta(15, 15))

    def test_an_overlap_is_for_the_first_only_or_for_all(self):
        for rule, action in ((REQUESTED, RESYNC), (LENIENT, APPLY)):
            sync = synced(rule)
            assert sync.on_delta(delta(8, 12)).action is APPLY
            assert sync.on_delta(delta(12, 14)).action is action

    def test_the_buffer_is_bounded(self):
        sync = DepthSync(
            SequenceRule(continuity=Continuity.CONTIGUOUS, snapshot=SnapshotSource.REQUEST, buffer_limit=3)
        )
        actions = [sync.on_delta(delta(number, number)).action for number in range(1, 9)]
        assert actions == [BUFFER, BUFFER, BUFFER, RESYNC, BUFFER, BUFFER, RESYNC, BUFFER]
        assert sync.on_snapshot(snapshot(6)).deltas == (delta(7, 7), delta(8, 8))

    def test_an_older_snapshot_is_ignored_where_the_rule_says_so(self):
        sync = synced(LENIENT)
        assert sync.on_snapshot(snapshot(9)).action is DROP
        assert sync.on_snapshot(snapshot(10)).action is DROP
        assert sync.on_snapshot(snapshot(11)).action is APPLY
        sync.reset()
        assert sync.on_snapshot(snapshot(3)).action is APPLY

    def test_reset_forgets_the_waiting(self):
        sync = DepthSync(REQUESTED)
        sync.on_delta(delta(6, 9))
        sync.reset()
        assert sync.buffered == 0


class TestRules:
    def test_the_default_is_no_numbers(self):
        assert SequenceRule() == SequenceRule(
            continuity=Continuity.NONE,
            overlap=Overlap.NEVER,
            snapshot=SnapshotSource.STREAM,
            drops_past=True,
            keeps_newer=False,
            time_ordered=False,
            depth=None,
        )

    @pytest.mark.parametrize(
        "fields",
        [
            {"snapshot": SnapshotSource.REQUEST},
            {"keeps_newer": True},
            {"continuity": Continuity.LINKED, "time_ordered": True},
            {"buffer_limit": 0},
            {"depth": 0},
        ],
    )
    def test_a_rule_that_makes_no_sense_is_refused(self, fields):
        with pytest.raises(ValueError):  # noqa: PT011 - attrs' own text for two of them
            SequenceRule(**fields)


class TestBookKeeper:
    def test_it_applies_the_snapshot_and_the_deltas_that_waited(self):
        keeper = BookKeeper(INSTRUMENT, REQUESTED)
        assert keeper.on_delta(delta(4, 6, bids=[["9", "2"], ["8", "0"]])) is BUFFER
        assert keeper.on_snapshot(snapshot(5, bids=[["8", "1"]], asks=[["11", "1"]])) is APPLY
        assert keeper.book.bids(9) == [(9, 2)]
        assert keeper.on_delta(delta(7, 7, asks=[["10", "3"]])) is APPLY
        assert keeper.book.best_ask == (10, 3)
        assert keeper.book.is_synced

    def test_a_gap_makes_the_book_stale_and_says_why(self):
        keeper = BookKeeper(INSTRUMENT, STREAMED)
        keeper.on_snapshot(snapshot(5, bids=[["8", "1"]]))
        assert keeper.on_delta(delta(7, 7, ts=33)) is RESYNC
        assert (keeper.book.is_synced, keeper.book.stale_since) == (False, 33)
        assert keeper.book.stale_reason == "a gap: expected 6, got 7"
        assert keeper.on_delta(delta(8, 8)) is DROP
        assert keeper.on_snapshot(snapshot(9)) is APPLY
        assert keeper.book.is_synced

    @pytest.mark.parametrize("bids", [[["11", "1"]], [["nan", "1"]], [["10", "-1"]]])
    @pytest.mark.parametrize("where", ["delta", "snapshot", "waiting"])
    def test_a_frame_that_makes_no_book_is_a_reason_to_start_anew(self, bids, where):
        keeper = BookKeeper(INSTRUMENT, LENIENT if where == "waiting" else STREAMED)
        asks = [["11", "1"]]
        if where == "waiting":
            assert keeper.on_delta(delta(6, 6, bids=bids)) is BUFFER
            assert keeper.on_snapshot(snapshot(5, asks=asks)) is RESYNC
        else:
            assert keeper.on_snapshot(snapshot(5, asks=asks)) is APPLY
            if where == "delta":
                assert keeper.on_delta(delta(6, 6, bids=bids)) is RESYNC
            else:
                assert keeper.on_snapshot(snapshot(7, bids=bids, asks=asks)) is RESYNC
        assert not keeper.book.is_synced
        assert not keeper.sync.is_synced
        assert keeper.on_snapshot(snapshot(9, asks=asks)) is APPLY
        assert keeper.book.is_synced

    def test_a_snapshot_that_does_not_fit_the_waiting_deltas(self):
        keeper = BookKeeper(INSTRUMENT, REQUESTED)
        keeper.on_delta(delta(6, 9))
        assert keeper.on_snapshot(snapshot(4, bids=[["8", "1"]])) is RESYNC
        assert not keeper.book.is_synced
        assert keeper.book.best_bid is None
        assert keeper.on_snapshot(snapshot(7, bids=[["8", "1"]])) is APPLY
        assert keeper.book.is_synced

    def test_a_lost_stream(self):
        keeper = BookKeeper(INSTRUMENT, STREAMED)
        keeper.on_snapshot(snapshot(5, bids=[["8", "1"]]))
        keeper.reset("disconnected", 44)
        assert (keeper.book.stale_reason, keeper.book.stale_since) == ("disconnected", 44)
        assert keeper.on_delta(delta(6, 6)) is DROP

    def test_the_rules_depth_is_the_books(self):
        keeper = BookKeeper(INSTRUMENT, SequenceRule(depth=1))
        keeper.on_snapshot(snapshot(bids=[["8", "1"], ["9", "1"]]))
        assert keeper.book.bids(9) == [(9, 1)]


# A venue's book is a list of changes, one per id; a frame is a range of them with the sizes at its end.


class VenueBook:
    def __init__(self, changes, cuts, id_step):
        self.changes, self.id_step = changes, id_step
        self.ends = sorted({0, *(cut for cut in cuts if cut < len(changes)), len(changes)})

    def at(self, last_id):
        levels = ({}, {})
        for is_ask, price, size in self.changes[: last_id // self.id_step]:
            levels[is_ask][price] = size
        return tuple({D(price): D(size) for price, size in side.items() if size} for side in levels)

    def snapshot(self, count):
        bids, asks = (
            [[str(price), str(size)] for price, size in side.items()] for side in self.at(count * self.id_step)
        )
        return snapshot(count * self.id_step, bids=bids, asks=asks)

    def frames(self):
        for start, end in zip(self.ends, self.ends[1:], strict=False):
            levels = ({}, {})
            for is_ask, price, size in self.changes[start:end]:
                levels[is_ask][str(price)] = str(size)
            yield delta(
                # Where ids are linked they have holes, and the first id may lie anywhere in one.
                start * self.id_step + 1 if self.id_step == 1 else (start + 1) * self.id_step,
                end * self.id_step,
                previous=start * self.id_step,
                bids=list(levels[0].items()),
                asks=list(levels[1].items()),
            )


CHANGES = st.lists(
    st.tuples(st.booleans(), st.integers(1, 6), st.integers(0, 3)).map(
        lambda change: (change[0], change[1] + 100 * change[0], change[2])
    ),
    min_size=1,
    max_size=40,
)
FAULTS = st.lists(
    st.tuples(
        st.sampled_from(["pass", "pass", "pass", "lose", "repeat", "delay", "snapshot", "old snapshot", "disconnect"]),
        st.integers(0, 40),
    ),
    max_size=60,
)


def deliveries(venue, faults):
    """Yield what arrives: frames lost, repeated, late; snapshots of now and of earlier; None for a disconnect."""
    late = []
    for frame, (fault, number) in zip(venue.frames(), faults, strict=False):
        now = frame.last_id // venue.id_step
        if fault == "delay":
            late.append(frame)
        elif fault == "disconnect":
            yield None
        elif fault != "lose":
            yield frame
        if fault == "repeat":
            yield frame
        if fault == "snapshot":
            yield venue.snapshot(now)
        if fault == "old snapshot":
            yield venue.snapshot(min(now, number))
        if fault == "pass" and late:
            yield late.pop()
    yield from late


@pytest.mark.parametrize(
    ("rule", "id_step"),
    [(STREAMED, 1), (STRICT, 1), (REQUESTED, 1), (LENIENT, 1), (LINKED, 1), (LINKED, 10)],
    ids=["streamed", "strict", "requested", "lenient", "linked", "linked with holes"],
)
@settings(max_examples=120, deadline=None)
@given(changes=CHANGES, cuts=st.sets(st.integers(1, 39)), faults=FAULTS)
def test_a_synced_book_is_the_venues_at_that_id(rule, id_step, changes, cuts, faults):
    venue, keeper = VenueBook(changes, cuts, id_step), BookKeeper(INSTRUMENT, rule)
    for arrival in deliveries(venue, faults):
        if arrival is None:
            keeper.reset("disconnected", 0)
        elif isinstance(arrival, BookSnapshot):
            keeper.on_snapshot(arrival)
        else:
            was_synced = keeper.sync.is_synced
            action = keeper.on_delta(arrival)
            # Whoever was synced and is no more has been told, once.
            assert (action is RESYNC) == (was_synced and not keeper.sync.is_synced)
        assert keeper.book.is_synced == keeper.sync.is_synced
        if keeper.book.is_synced:
            bids, asks = venue.at(keeper.sync.last_id)
            assert (dict(keeper.book.bids(99)), dict(keeper.book.asks(99))) == (bids, asks)
    # However bad it was, one good snapshot and the next delta mend it.
    count = len(changes)
    assert keeper.on_snapshot(venue.snapshot(count)) in (APPLY, DROP)
    assert keeper.book.is_synced
    assert keeper.sync.last_id == count * id_step
    following = delta(count * id_step + 1, (count + 1) * id_step, previous=count * id_step, bids=[["50", "1"]])
    assert keeper.on_delta(following) is APPLY
    assert keeper.book.best_bid == (50, 1)


@settings(max_examples=60, deadline=None)
@given(changes=CHANGES, cuts=st.sets(st.integers(1, 39)), before=st.integers(0, 10), lag=st.integers(0, 40))
def test_a_requested_snapshot_anywhere_in_an_unbroken_stream_ends_with_the_venues_book(changes, cuts, before, lag):
    venue, keeper = VenueBook(changes, cuts, 1), BookKeeper(INSTRUMENT, REQUESTED)
    frames = list(venue.frames())
    before = min(before, len(frames))
    for frame in frames[:before]:
        keeper.on_delta(frame)
    keeper.on_snapshot(venue.snapshot(min(lag, len(changes))))
    for frame in frames[before:]:
        assert keeper.on_delta(frame) is not RESYNC
    assert keeper.book.is_synced
    assert (dict(keeper.book.bids(99)), dict(keeper.book.asks(99))) == venue.at(len(changes))


def test_a_snapshot_that_was_lost_is_asked_for_after_so_many_deltas():
    sync = DepthSync(SequenceRule(continuity=Continuity.CONTIGUOUS, patience=3))
    answers = [sync.on_delta(delta(number, number)).action for number in range(1, 9)]
    assert answers == [DROP, DROP, DROP, RESYNC, DROP, DROP, DROP, RESYNC]
    sync.on_snapshot(BookSnapshot(instrument=INSTRUMENT, bids=[], asks=[], last_id=8))
    assert sync.on_delta(delta(9, 9)).action is APPLY
