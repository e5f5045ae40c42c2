"""Timers by name, on the engine's clock."""

from __future__ import annotations

from collections.abc import Callable

from anyvenue.model.numbers import Number, exact
from anyvenue.venue.clock import Clock, Timer

__all__ = ["Timers"]

_SECOND_NS = 1_000_000_000


class Timers:
    """Named timers: a new one of the same name replaces the old."""

    def __init__(self, clock: Clock, now: Callable[[], int], fire: Callable[[str], None]) -> None:
        self._clock = clock
        self._now = now
        self._fire = fire
        self._waiting: dict[str, Timer] = {}

    def set(self, name: str, *, after_s: Number | None = None, every_s: Number | None = None) -> None:
        """Fire once after, or every so many seconds from now. Raises ValueError unless exactly one is given."""
        if (after_s is None) == (every_s is None):
            raise ValueError(f"timer {name!r}: give exactly one of after_s and every_s")
        seconds = exact(after_s if every_s is None else every_s, "after_s" if every_s is None else "every_s")  # type: ignore[arg-type]
        delay_ns = int(seconds * _SECOND_NS)
        if delay_ns <= 0:
            raise ValueError(f"timer {name!r}: found {seconds} s; allowed are times above 0")
        self.cancel(name)
        self._arm(name, self._now() + delay_ns, delay_ns if every_s is not None else None)

    def cancel(self, name: str) -> None:
        """Stop a timer; one that does not exist is fine."""
        timer = self._waiting.pop(name, None)
        if timer is not None:
            timer.cancel()

    def cancel_all(self) -> None:
        """Stop all timers."""
        for name in list(self._waiting):
            self.cancel(name)

    def _arm(self, name: str, when_ns: int, every_ns: int | None) -> None:
        def ring() -> None:
            if every_ns is None:
                self._waiting.pop(name, None)
            else:
                self._arm(name, when_ns + every_ns, every_ns)
            self._fire(name)

        self._waiting[name] = self._clock.call_at(when_ns, ring)
