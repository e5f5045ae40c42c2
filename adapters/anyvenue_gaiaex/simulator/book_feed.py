"""One market's book, told to all who listen: whole, on each change, at most twenty times a second (11.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from anyvenue.model.book_side import Level
from anyvenue.model.market import MarketEvent
from anyvenue.simulation.chance import Chance
from anyvenue.simulation.clock import DrivenTimer
from anyvenue.simulation.server.stage import Stage
from anyvenue.venue.events import Channel
from anyvenue_gaiaex.simulator.book_messages import BookMessages
from anyvenue_gaiaex.simulator.markets import Markets, Terms
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.replies import Replies

__all__ = ["BookFeed"]

PAUSE_NS: Final = 50_000_000
OUTAGE_EVERY_S: Final = 600
OUTAGE_S: Final = 3
_MS_NS: Final = 1_000_000
_SECOND_NS: Final = 1_000_000_000


class BookFeed:
    """The feed of one market. `is_stale` while what feeds it is down."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        terms: Terms,
        messages: BookMessages,
        replies: Replies,
        quirks: Quirks,
    ) -> None:
        self.is_stale = False
        self._stage = stage
        self._terms = terms
        self._instrument = markets.instrument(terms)
        self._messages = messages
        self._replies = replies
        self._depth = quirks.depth
        self._listeners: dict[object, Callable[[str], None]] = {}
        self._leave: Callable[[], None] = lambda: None
        self._timer: DrivenTimer | None = None
        self._next_ns = 0
        self._shown: tuple[list[Level], list[Level]] = ([], [])
        self._chance = Chance(f"{stage.settings.seed} outages of {terms.name}")
        if quirks.outages:
            self._call_in(self._chance.below(OUTAGE_EVERY_S), self._begin_outage)

    def join(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Tell a listener too, the book at once; return what ends that."""
        place = object()
        if not self._listeners:
            self._next_ns = self._stage.clock.time_ns() + PAUSE_NS
            self._leave = self._stage.listen(self._instrument, Channel.BOOK, self._changed)
        self._listeners[place] = listener
        listener(self._book())

        def leave() -> None:
            if self._listeners.pop(place, None) is not None and not self._listeners:
                self._leave()
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None

        return leave

    def heartbeat(self) -> str:
        """Return a heartbeat."""
        return self._replies.text(self._messages.heartbeat(self._terms, self._time_ms(), stale=self.is_stale))

    def go_stale(self) -> None:
        """Lose what feeds it."""
        if not self.is_stale:
            self.is_stale = True
            self._tell(self._replies.text(self._messages.stale(self._terms, self._time_ms())))

    def recover(self) -> None:
        """Have it back: that is told, then the book."""
        if self.is_stale:
            self.is_stale = False
            self._tell(self._replies.text(self._messages.recovered(self._terms, self._time_ms())))
            self._tell(self._book())

    def _begin_outage(self) -> None:
        self.go_stale()
        self._call_in(1 + self._chance.below(OUTAGE_S), self._end_outage)

    def _end_outage(self) -> None:
        self.recover()
        self._call_in(1 + self._chance.below(OUTAGE_EVERY_S), self._begin_outage)

    def _call_in(self, seconds: int, call: Callable[[], None]) -> None:
        clock = self._stage.clock
        clock.call_at(clock.time_ns() + seconds * _SECOND_NS, call)

    def _changed(self, event: MarketEvent) -> None:
        if self._timer is None and not self.is_stale:
            now = self._stage.clock.time_ns()
            self._timer = self._stage.clock.call_at(max(now, self._next_ns), self._push)

    def _push(self) -> None:
        self._timer = None
        if not self.is_stale and self._levels() != self._shown:
            self._next_ns = self._stage.clock.time_ns() + PAUSE_NS
            self._tell(self._book())

    def _book(self) -> str:
        bids, asks = self._shown = self._levels()
        return self._replies.text(self._messages.book(self._terms, bids, asks, self._time_ms(), stale=self.is_stale))

    def _levels(self) -> tuple[list[Level], list[Level]]:
        return self._stage.exchange.book(self._terms.symbol).levels(self._depth)

    def _tell(self, text: str) -> None:
        for listener in list(self._listeners.values()):
            listener(text)

    def _time_ms(self) -> int:
        return self._stage.time_ns() // _MS_NS
