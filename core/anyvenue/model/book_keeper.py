"""A book and what keeps it in step, as one object to feed frames to."""

from __future__ import annotations

from typing import Final

from anyvenue.model.book import OrderBook
from anyvenue.model.decoded_delta import DecodedDelta
from anyvenue.model.depth_sync import APPLY, Action, DepthSync, SequenceRule
from anyvenue.model.errors import InvalidBook
from anyvenue.model.instrument import Instrument
from anyvenue.model.market import BookDelta, BookSnapshot

__all__ = ["BookKeeper"]

_APPLIED: Final = Action.APPLY  # an enum's members take long to look up


class BookKeeper:
    """An `OrderBook` fed through a `DepthSync`.

    Each frame is answered with what was done: APPLY (the book has changed), DROP or BUFFER (it has not), or RESYNC:
    the book is stale now, `book.stale_reason` says why, and a snapshot must be asked for, once. A frame that cannot be
    read, or that leaves the book crossed, is answered RESYNC as a gap is; only a float raises (TypeError).
    """

    __slots__ = ("book", "sync")

    def __init__(self, instrument: Instrument, rule: SequenceRule) -> None:
        self.book = OrderBook(instrument, depth=rule.depth)
        self.sync = DepthSync(rule)

    def on_delta(self, delta: BookDelta) -> Action:
        """Take a delta."""
        decision = self.sync.on_delta(delta)
        if decision is APPLY:
            return _APPLIED if self._apply(delta) else Action.RESYNC
        if decision.action is Action.RESYNC:
            self.book.mark_stale(decision.reason, delta.ts_recv)
        return decision.action

    def on_decoded(self, delta: DecodedDelta) -> Action:
        """Take a delta that a decoder made: the same in fewer steps, as most of all there is to do is this."""
        sync, first, last = self.sync, delta.first_id, delta.last_id
        if not (sync.is_synced and sync.is_contiguous and first == sync.last_id + 1 <= last):
            return self.on_delta(delta)  # type: ignore[arg-type]  # it passes for one
        sync.last_id = last
        try:
            if self.book.apply_decoded(delta):
                return _APPLIED
        except InvalidBook:
            pass
        sync.reset()
        return Action.RESYNC

    def on_snapshot(self, snapshot: BookSnapshot) -> Action:
        """Take a snapshot, and the deltas that waited for it."""
        decision = self.sync.on_snapshot(snapshot)
        if decision.action is Action.RESYNC:
            self.book.mark_stale(decision.reason, snapshot.ts_recv)
        if decision.action is not Action.APPLY:
            return decision.action
        try:
            self.book.apply_snapshot(snapshot.bids, snapshot.asks, snapshot.ts_event, snapshot.ts_recv)
        except InvalidBook:
            self.sync.reset()
            return Action.RESYNC
        return Action.APPLY if all(map(self._apply, decision.deltas)) else Action.RESYNC

    def reset(self, reason: str, ts: int) -> None:
        """The stream was lost or cannot be trusted: the book is stale from `ts` until the next snapshot."""
        self.sync.reset()
        self.book.mark_stale(reason, ts)

    def _apply(self, delta: BookDelta) -> bool:
        try:
            if type(delta) is BookDelta:
                is_synced = self.book.apply_delta(delta.bids, delta.asks, delta.ts_event, delta.ts_recv)
            else:
                is_synced = self.book.apply_decoded(delta)  # type: ignore[arg-type]  # a DecodedDelta passes for one
            if is_synced:
                return True
        except InvalidBook:
            pass
        self.sync.reset()
        return False
