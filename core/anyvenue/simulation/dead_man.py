"""The dead man's switch: what cancels an account's orders when nobody is heard of any more."""

from __future__ import annotations

from collections.abc import Callable

from anyvenue.venue.clock import Clock, Timer

__all__ = ["DeadManSwitch"]

_SECOND_NS = 1_000_000_000


class DeadManSwitch:
    """Calls `fire` unless it is armed again in time."""

    def __init__(self, clock: Clock, fire: Callable[[], None]) -> None:
        self._clock = clock
        self._fire = fire
        self._timer: Timer | None = None

    def arm(self, timeout_s: int) -> None:
        """Fire after `timeout_s` seconds, in place of what was set before; 0 disarms. Raises ValueError below 0."""
        if timeout_s < 0:
            raise ValueError(f"timeout_s: found {timeout_s}; allowed are whole seconds from 0 (which disarms)")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if timeout_s:
            self._timer = self._clock.call_at(self._clock.time_ns() + timeout_s * _SECOND_NS, self._fire)
