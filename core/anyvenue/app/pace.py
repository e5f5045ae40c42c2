"""How fast a run goes and when it will be done, from what it says of itself now and then."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Pace"]

_WINDOW_S: Final = 3.0


class Pace:
    """Events a second over the last seconds, and the time left. Times are seconds of a monotonic clock."""

    def __init__(self, now_s: float) -> None:
        self._start_s = now_s
        self._seen: deque[tuple[float, int]] = deque([(now_s, 0)])
        self.events_per_s = 0.0
        self.left_s: float | None = None

    def update(self, now_s: float, events: int, progress: float | None) -> None:
        """Take in how far the run is now; `progress` goes from 0 to 1, None where no end is known."""
        seen = self._seen
        seen.append((now_s, events))
        while len(seen) > 2 and seen[1][0] <= now_s - _WINDOW_S:
            seen.popleft()
        then_s, before = seen[0]
        if now_s > then_s:
            self.events_per_s = (events - before) / (now_s - then_s)
        elapsed_s = now_s - self._start_s
        self.left_s = elapsed_s * (1 - progress) / progress if progress and elapsed_s > 0 else None
