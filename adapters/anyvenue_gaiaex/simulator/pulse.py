"""The heartbeats of one WebSocket connection, and the pings of its client (11.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from anyvenue.simulation.clock import DrivenClock, DrivenTimer
from anyvenue.simulation.server.dialect import ServerSocket

__all__ = ["Pulse", "pong"]

UNANSWERED_MAX: Final = 3
"""So many heartbeats in a row may go unanswered where silence ends a connection."""
_SECOND_NS: Final = 1_000_000_000
_SILENT: Final = 1008


class Pulse:
    """Sends what `beat` makes every `interval_s`."""

    def __init__(
        self,
        clock: DrivenClock,
        socket: ServerSocket,
        beat: Callable[[], str],
        *,
        interval_s: int,
        closes: bool,
    ) -> None:
        self._clock = clock
        self._socket = socket
        self._beat = beat
        self._interval_ns = interval_s * _SECOND_NS
        self._closes = closes
        self._unanswered = 0
        self._timer: DrivenTimer = self._schedule()

    def answered(self) -> None:
        """The client has said something."""
        self._unanswered = 0

    def stop(self) -> None:
        """Beat no more."""
        self._timer.cancel()

    def _schedule(self) -> DrivenTimer:
        return self._clock.call_at(self._clock.time_ns() + self._interval_ns, self._on_time)

    def _on_time(self) -> None:
        if self._closes and self._unanswered >= UNANSWERED_MAX:
            self._socket.close(_SILENT, "no ping")
            return
        self._unanswered += 1
        self._timer = self._schedule()
        self._socket.send(self._beat())


def pong(data: bytes) -> dict[str, Any] | None:
    """Return what may answer a client's message: something for a `ping`, else nothing."""
    return {"type": "pong"} if data.strip() == b"ping" else None
