"""How many of something there were in the last second."""

from __future__ import annotations

from collections import deque

__all__ = ["RateWindow"]

_SECOND_NS = 1_000_000_000


class RateWindow:
    """Counts over a sliding second. Memory is bound by `limit`: what does not fit is not counted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken: deque[int] = deque()

    def is_full(self, now_ns: int) -> bool:
        """Tell whether there have been `limit` in the last second."""
        taken = self._taken
        while taken and taken[0] <= now_ns - _SECOND_NS:
            taken.popleft()
        return len(taken) >= self.limit

    def take(self, now_ns: int) -> None:
        """Count one more."""
        self._taken.append(now_ns)
