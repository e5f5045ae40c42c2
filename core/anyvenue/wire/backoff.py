"""How long to wait before a connection is tried again."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from anyvenue.venue.clock import Clock

__all__ = ["Backoff", "chance_of"]


class Backoff:
    """Delays that double from `first_s` to `most_s`, and start anew after a connection that lasted.

    Each is shortened by chance, to between half and the whole of it, lest everybody whom one outage cut off comes back
    at the same moment. `jitter` returns numbers from 0 to 1. All times are seconds.
    """

    def __init__(
        self, *, jitter: Callable[[], float], first_s: float = 0.25, most_s: float = 30.0, lasting_s: float = 30.0
    ) -> None:
        self._jitter = jitter
        self._first_s = first_s
        self._most_s = most_s
        self._lasting_s = lasting_s
        self._next_s = first_s

    def delay(self) -> float:
        """Return the seconds to wait before the next try."""
        whole_s = self._next_s
        self._next_s = min(2 * whole_s, self._most_s)
        return whole_s * (1 + self._jitter()) / 2

    def lasted(self, seconds: float) -> None:
        """Take note that a connection was up for so long: one that dies at once counts as one more failure."""
        if seconds >= self._lasting_s:
            self._next_s = self._first_s


def chance_of(clock: Clock, name: str) -> Callable[[], float]:
    """Return a source of numbers from 0 to 1, from the moment it is made at: on a driven clock the same each time."""
    return Random(f"{clock.time_ns()} {name}").random  # noqa: S311 - nothing is kept secret by it
