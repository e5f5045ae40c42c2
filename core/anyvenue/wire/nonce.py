"""Nonces: numbers that a venue takes once each, made of the time."""

from __future__ import annotations

__all__ = ["Nonces"]

_MS_NS = 1_000_000


class Nonces:
    """Milliseconds since the epoch, each greater than the one before, however soon after it."""

    def __init__(self) -> None:
        self._last = 0

    def next(self, time_ns: int) -> int:
        """Return the next nonce. `time_ns` is the venue's time now."""
        self._last = max(self._last + 1, time_ns // _MS_NS)
        return self._last
