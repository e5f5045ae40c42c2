"""What time it is at the venue: our clock, corrected by what the venue says when it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from anyvenue.venue.clock import Clock

__all__ = ["ServerTime"]

_ASKED: Final = 3
_SECOND_NS: Final = 1_000_000_000


class ServerTime:
    """The venue's time, in nanoseconds since the epoch.

    `fetch` asks the venue for its time and returns it in nanoseconds since the epoch; its request should be free of
    charge, since a wait for its turn counts as part of the round trip. Without it our clock is taken for the venue's.
    Nothing is asked unless `sync` is called: at the start, when `is_due`, and after a refusal because of a time stamp,
    which the HTTP client does.
    """

    def __init__(
        self, clock: Clock, fetch: Callable[[], Awaitable[int]] | None = None, *, max_age_s: float = 300.0
    ) -> None:
        self._clock = clock
        self._fetch = fetch
        self.max_age_s = max_age_s
        self._max_age_ns = int(max_age_s * _SECOND_NS)
        self._offset_ns = 0
        self._synced_ns: int | None = None
        self._running: asyncio.Task[None] | None = None

    def time_ns(self) -> int:
        """Return the time at the venue."""
        return self._clock.time_ns() + self._offset_ns

    @property
    def offset_ns(self) -> int:
        """How far the venue's clock is ahead of ours; negative where it is behind."""
        return self._offset_ns

    @property
    def is_due(self) -> bool:
        """Whether the venue was not asked yet, or so long ago that the clocks may have drifted apart."""
        if self._fetch is None:
            return False
        # Our clock may have been set back meanwhile: then the offset is wrong at once.
        return self._synced_ns is None or not 0 <= self._clock.time_ns() - self._synced_ns < self._max_age_ns

    async def sync(self) -> None:
        """Ask the venue a few times, and believe the answer that came soonest: made at the middle of its round trip.

        Calls that overlap share one. Raises what `fetch` raises; the offset then stays as it was.
        """
        if self._fetch is None:
            return
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._ask(self._fetch))
            self._running.add_done_callback(self._done)
        await asyncio.shield(self._running)  # whoever is canceled takes nothing from the others

    async def _ask(self, fetch: Callable[[], Awaitable[int]]) -> None:
        answers: list[tuple[int, int]] = []
        for _ in range(_ASKED):
            sent_ns = self._clock.time_ns()
            server_ns = await fetch()
            received_ns = self._clock.time_ns()
            answers.append((received_ns - sent_ns, server_ns - (sent_ns + received_ns) // 2))
        self._offset_ns = min(answers)[1]
        self._synced_ns = self._clock.time_ns()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running = None
        if not task.cancelled():
            task.exception()  # where everybody who waited was canceled, nobody else looks at it
