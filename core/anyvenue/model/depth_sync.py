"""Keeping a book in step with a venue's depth frames: apply, drop, buffer, or start anew.

How a venue numbers its frames is data, a `SequenceRule`; `DepthSync` is told what arrived and answers. It holds no
book and asks for nothing: whoever holds it applies the frames, and fetches a snapshot on `RESYNC`.

A delta covers the changes `start` to `last_id`, where `start` is its `first_id`, or for a linked rule the number
after its `previous_id`. With `last` the number up to which the book is known:

    last_id <= last                  it lies in the past: dropped, or RESYNC where the rule wants that
    start == last + 1                it follows: applied
    start < last + 1 <= last_id      it overlaps: applied where the rule allows it (sizes are absolute), else RESYNC
    start > last + 1                 something is missing: RESYNC

After RESYNC the book is not synced until a snapshot comes. Deltas are dropped meanwhile where snapshots come with
the stream, and buffered where they are asked for, since the snapshot will be older than some of them.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from attrs import field, frozen, validators

from anyvenue.model.market import BookDelta, BookSnapshot

__all__ = [
    "APPLY",
    "BUFFER",
    "DROP",
    "Action",
    "Continuity",
    "Decision",
    "DepthSync",
    "Overlap",
    "SequenceRule",
    "SnapshotSource",
]


class Continuity(Enum):
    """How a delta says what it follows: not at all, by its own first id, or by the id of the one before."""

    NONE = "none"
    CONTIGUOUS = "contiguous"
    LINKED = "linked"


class Overlap(Enum):
    """When a delta may begin before the next expected id: never, as the first after a snapshot, or always."""

    NEVER = "never"
    AFTER_SNAPSHOT = "after_snapshot"
    ALWAYS = "always"


class SnapshotSource(Enum):
    """Where snapshots come from: with the stream, or from a request of its own while deltas already arrive."""

    STREAM = "stream"
    REQUEST = "request"


@frozen(kw_only=True)
class SequenceRule:
    """How a venue numbers its depth frames. The default: no numbers, every frame is taken as it comes.

    Attributes:
        continuity: how a delta says what it follows.
        overlap: when a delta may begin before the next expected id.
        snapshot: where snapshots come from.
        drops_past: a delta that ends before the next expected id is dropped; else it is a reason to start anew (but
            not while the first one after a requested snapshot is awaited: some are bound to be older).
        keeps_newer: a snapshot that is no newer than a synced book is dropped; else a snapshot always replaces.
        time_ordered: for venues without ids: a frame whose `ts_event` lies before the last one's is dropped.
        buffer_limit: how many deltas wait for a requested snapshot at most; one more is a reason to start anew.
        patience: how many deltas may come in a stream before its snapshot does; then that was lost, and one more is a
            reason to start anew.
        depth: levels a side that the stream covers, where it does not say which have left that window; None: all.
    """

    continuity: Continuity = Continuity.NONE
    overlap: Overlap = Overlap.NEVER
    snapshot: SnapshotSource = SnapshotSource.STREAM
    drops_past: bool = True
    keeps_newer: bool = False
    time_ordered: bool = False
    buffer_limit: int = field(default=2000, validator=validators.ge(1))
    patience: int = field(default=250, validator=validators.ge(1))
    depth: int | None = field(default=None, validator=validators.optional(validators.ge(1)))

    def __attrs_post_init__(self) -> None:
        if self.continuity is Continuity.NONE:
            if self.snapshot is SnapshotSource.REQUEST:
                raise ValueError("SequenceRule: a requested snapshot cannot be placed among deltas without ids")
            if self.keeps_newer:
                raise ValueError("SequenceRule: keeps_newer compares ids; without them use time_ordered")
        elif self.time_ordered:
            raise ValueError("SequenceRule: time_ordered is for frames without ids; ids order the others")


class Action(Enum):
    """What to do with a frame."""

    APPLY = "apply"
    DROP = "drop"
    BUFFER = "buffer"
    RESYNC = "resync"


@frozen
class Decision:
    """What to do with a frame, why (RESYNC and DROP), and the buffered deltas to apply after a snapshot.

    RESYNC means: mark the book stale and have a new snapshot sent or fetched, once. A frame that is answered BUFFER
    has been kept by DepthSync; so has one answered RESYNC, where the rule buffers.
    """

    action: Action
    reason: str = ""
    deltas: tuple[BookDelta, ...] = ()


APPLY: Final = Decision(Action.APPLY)
DROP: Final = Decision(Action.DROP)
BUFFER: Final = Decision(Action.BUFFER)

_PAST: Final = Decision(Action.DROP, "it lies in the past")
_NO_SNAPSHOT: Final = Decision(Action.DROP, "there is no snapshot yet")
_OLDER_SNAPSHOT: Final = Decision(Action.DROP, "the book is newer")
_OLDER_TIME: Final = Decision(Action.DROP, "its time lies before the last frame's")


class DepthSync:
    """Decides about the depth frames of one book, by the venue's rule. Pure: no clock, no I/O."""

    __slots__ = ("_buffer", "_skipped", "_snapshot_id", "_ts_event", "is_contiguous", "is_synced", "last_id", "rule")

    def __init__(self, rule: SequenceRule) -> None:
        self.rule = rule
        self.is_contiguous = rule.continuity is Continuity.CONTIGUOUS
        self._buffer: deque[BookDelta] = deque()
        self.is_synced = False
        """Whether a snapshot and every delta since then have been applied, as far as the ids tell."""
        self.last_id = 0
        """The id up to which the book is known; of no meaning while not synced."""
        self._snapshot_id = -1
        self._skipped = 0
        self._ts_event = 0

    @property
    def buffered(self) -> int:
        """How many deltas wait for a snapshot."""
        return len(self._buffer)

    def reset(self) -> None:
        """Start anew: the stream was lost, or the book turned out wrong. A snapshot must come."""
        self._buffer.clear()
        self.is_synced = False
        self._skipped = 0
        self._ts_event = 0

    def on_delta(self, delta: BookDelta) -> Decision:
        """Return what to do with a delta: APPLY, DROP, BUFFER or RESYNC."""
        if self.is_synced and self.is_contiguous and delta.first_id == self.last_id + 1 <= delta.last_id:
            self.last_id, self._ts_event = delta.last_id, delta.ts_event
            return APPLY
        rule = self.rule
        if rule.time_ordered and delta.ts_event < self._ts_event:
            return _OLDER_TIME
        if not self.is_synced:
            return self._skip() if rule.snapshot is SnapshotSource.STREAM else self._keep(delta)
        return self._join(delta)

    def on_snapshot(self, snapshot: BookSnapshot) -> Decision:
        """Return what to do with a snapshot: APPLY (then its `deltas`, in order), DROP, or RESYNC."""
        rule = self.rule
        if rule.time_ordered and snapshot.ts_event < self._ts_event:
            return _OLDER_TIME
        if self.is_synced and rule.keeps_newer and snapshot.last_id <= self.last_id:
            return _OLDER_SNAPSHOT
        self.is_synced = True
        self._skipped = 0
        self.last_id = self._snapshot_id = snapshot.last_id
        self._ts_event = snapshot.ts_event
        return self._replay() if self._buffer else APPLY

    def _join(self, delta: BookDelta) -> Decision:
        rule = self.rule
        if rule.continuity is Continuity.NONE:
            self._ts_event = delta.ts_event
            return APPLY
        expected = self.last_id + 1
        is_first = self.last_id == self._snapshot_id
        if rule.continuity is Continuity.LINKED:
            if delta.previous_id is None:
                return self._start_anew(delta, "a delta came without the id it follows")
            start = delta.previous_id + 1
        else:
            start = delta.first_id
        if delta.last_id < expected:
            may_be_older = is_first and rule.snapshot is SnapshotSource.REQUEST
            if rule.drops_past or may_be_older:
                return _PAST
            return self._start_anew(delta, f"expected {expected}, got {delta.last_id} again")
        if start > expected:
            return self._start_anew(delta, f"a gap: expected {expected}, got {start}")
        may_overlap = rule.overlap is Overlap.ALWAYS or (rule.overlap is Overlap.AFTER_SNAPSHOT and is_first)
        if start < expected and not may_overlap:
            return self._start_anew(delta, f"an overlap: expected {expected}, got {start}")
        self.last_id, self._ts_event = delta.last_id, delta.ts_event
        return APPLY

    def _start_anew(self, delta: BookDelta, reason: str) -> Decision:
        self.is_synced = False
        self._skipped = 0
        if self.rule.snapshot is SnapshotSource.REQUEST:
            self._buffer.append(delta)
        return Decision(Action.RESYNC, reason)

    def _skip(self) -> Decision:
        """Drop a delta that came before its stream's snapshot; too many of them mean that this was lost."""
        self._skipped += 1
        if self._skipped <= self.rule.patience:
            return _NO_SNAPSHOT
        self._skipped = 0
        return Decision(Action.RESYNC, f"no snapshot within {self.rule.patience} deltas")

    def _keep(self, delta: BookDelta) -> Decision:
        if len(self._buffer) < self.rule.buffer_limit:
            self._buffer.append(delta)
            return BUFFER
        self._buffer.clear()
        self._buffer.append(delta)
        return Decision(Action.RESYNC, f"no snapshot within {self.rule.buffer_limit} deltas")

    def _replay(self) -> Decision:
        """Lead the buffered deltas behind a snapshot. Those from a gap on stay buffered for the next one."""
        waiting, self._buffer = self._buffer, deque()
        taken: list[BookDelta] = []
        reason = ""
        for delta in waiting:
            decision = self.on_delta(delta)
            if decision.action is Action.APPLY:
                taken.append(delta)
            elif decision.action is Action.RESYNC:
                reason = decision.reason
        if not self.is_synced:
            return Decision(Action.RESYNC, f"the snapshot does not fit the deltas: {reason}")
        return Decision(Action.APPLY, deltas=tuple(taken))
