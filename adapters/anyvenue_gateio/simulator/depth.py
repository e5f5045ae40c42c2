"""A contract's public depth by the clock: one numbering for REST and all streams, and who is told at which beat.

Every stream tells at multiples of its period, and the snapshots that REST gives while somebody builds a book from
`order_book_update` are those of such multiples: so they lag behind the stream by up to a second, as Gate's do, and a
frame of changes that begins before one and ends after it never leaves out a level.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from anyvenue.model.market import BookSnapshot, MarketEvent
from anyvenue.model.numbers import shortest_text
from anyvenue.simulation.clock import DrivenTimer
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import Channel
from anyvenue_gateio.simulator.contracts import Contract
from anyvenue_gateio.simulator.depth_feeds import DepthFeed, Listener, Shown, UpdateFeed
from anyvenue_gateio.simulator.quirks import Quirks
from anyvenue_gateio.simulator.shapes import seconds, size_value

__all__ = ["DepthBooks", "Ladder"]

LEVELS_MAX: Final = 400
REST_PERIOD_NS: Final = 100_000_000
SNAPSHOTS_KEPT: Final = 10
"""Older ones than that REST never gives."""
LAGS: Final = 5
"""One REST snapshot of so many is an older one."""


class Ladder:
    """One contract's depth. It listens to the market, and has a timer, only while a stream is listened to."""

    def __init__(self, stage: Stage, contract: Contract) -> None:
        self.contract = contract
        self._stage = stage
        self._feeds: dict[str, DepthFeed] = {}
        self._kept: deque[Shown] = deque(maxlen=SNAPSHOTS_KEPT)
        self._kept_is_old = False
        self._timer: DrivenTimer | None = None
        self._due = 0
        self._has_book = False
        self._stop: Any = None
        self._changed_ts = 0

    def join(self, feed: DepthFeed, listener: Listener) -> None:
        """Tell a listener of a stream. A stream that somebody hears already is not made twice."""
        if self._stop is None:
            self._has_book = False
            self._changed_ts = self._stage.clock.time_ns()
            self._stop = self._stage.listen(self.contract.instrument, Channel.BOOK, self._on_book)
        known = self._feeds.setdefault(_key(feed), feed)
        now = self.shown()
        if isinstance(feed, UpdateFeed) and not self._kept:
            self._kept.append(now)
        known.join(listener, now)

    def leave(self, feed: DepthFeed, listener: Listener, *, late: bool = False) -> None:
        """Tell a listener of this stream no more."""
        known = self._feeds.get(_key(feed))
        if known is None:
            return
        known.leave(listener, late=late)
        self._drop_unheard()

    def shown(self, depth: int = LEVELS_MAX) -> Shown:
        """Return the book as it is now, so many levels of each side."""
        symbol = self.contract.symbol
        bids, asks = self._stage.exchange.book(symbol).levels(depth)
        size_of = self.contract.size_of
        return Shown(
            number=self._stage.market.listing(symbol).last_id,
            ts=self._stage.clock.time_ns(),
            bids=[(price, size_of(quantity)) for price, quantity in bids],
            asks=[(price, size_of(quantity)) for price, quantity in asks],
        )

    def for_rest(self) -> Shown:
        """Return the book as REST sees it."""
        if not self._kept:
            return self.shown()
        if self._stage.chance.below(LAGS) == 0:
            return self._kept[self._stage.chance.below(len(self._kept))]
        return self._kept[-1]

    @property
    def changed_ts(self) -> int:
        """When the book changed last, as far as was heard; now, while nobody listens."""
        return self._changed_ts if self._stop is not None else self._stage.clock.time_ns()

    def _on_book(self, event: MarketEvent) -> None:
        replaced = isinstance(event, BookSnapshot) and self._has_book
        self._has_book = True
        self._changed_ts = self._stage.clock.time_ns()
        self._kept_is_old = True
        for feed in self._feeds.values():
            feed.dirty = True
            feed.replaced = feed.replaced or replaced
        self._arm()

    def _arm(self) -> None:
        """Wait for the next beat of whoever has something to tell; a quick stream does not wait for a slow one."""
        periods = [feed.period_ns for feed in self._feeds.values() if feed.dirty]
        if self._kept and self._kept_is_old:
            periods.append(REST_PERIOD_NS)
        if not periods:
            return
        now = self._stage.clock.time_ns()
        due = min((now // period + 1) * period for period in periods)
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due, self._timer = due, self._stage.clock.call_at(due, self._on_beat)

    def _on_beat(self) -> None:
        self._timer = None
        # With updates all is needed: for REST, and to know which level was only pushed out of their depth.
        shown = self.shown(LEVELS_MAX if self._kept else max(feed.level for feed in self._feeds.values()))
        if self._kept and self._kept_is_old and shown.ts % REST_PERIOD_NS == 0:
            self._kept_is_old = False
            self._kept.append(shown)
        for feed in list(self._feeds.values()):
            if feed.dirty and shown.ts % feed.period_ns == 0:
                feed.tell(shown)
        self._drop_unheard()
        self._arm()

    def _drop_unheard(self) -> None:
        self._feeds = {key: feed for key, feed in self._feeds.items() if feed.listeners or feed.leaving}
        if not any(isinstance(feed, UpdateFeed) for feed in self._feeds.values()):
            self._kept.clear()
        if self._feeds or self._stop is None:
            return
        self._stop()
        self._stop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class DepthBooks:
    """The ladders of all contracts."""

    def __init__(self, stage: Stage, quirks: Quirks) -> None:
        self._stage = stage
        self.quirks = quirks
        self._ladders: dict[str, Ladder] = {}

    def ladder(self, contract: Contract) -> Ladder:
        """Return a contract's ladder."""
        found = self._ladders.get(contract.symbol)
        if found is None:
            found = self._ladders[contract.symbol] = Ladder(self._stage, contract)
        return found

    def rest_book(self, contract: Contract, limit: int, *, decimal: bool = True) -> dict[str, Any]:
        """Return what `GET order_book` with `with_id=true` answers: its id is of the numbering of the streams."""
        ladder = self.ladder(contract)
        shown = ladder.for_rest()
        return {
            "id": shown.number,
            "current": seconds(self._stage.clock.time_ns()),
            "update": seconds(min(shown.ts, ladder.changed_ts)),
            "asks": [{"p": shortest_text(price), "s": size_value(size, decimal)} for price, size in shown.asks[:limit]],
            "bids": [{"p": shortest_text(price), "s": size_value(size, decimal)} for price, size in shown.bids[:limit]],
        }


def _key(feed: DepthFeed) -> str:
    return f"{feed.channel} {feed.name} {feed.level} {feed.period_ns}"
