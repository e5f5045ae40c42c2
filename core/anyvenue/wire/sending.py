"""When a task's request left: whoever sends notes it here, whoever wants to know has put a `Sending` into the task."""

from __future__ import annotations

from contextvars import ContextVar

__all__ = ["Sending", "note_sent", "watch_sending"]


class Sending:
    """When the first request of a task was handed to the socket, nanoseconds since the epoch; 0 before that."""

    __slots__ = ("sent_ns",)

    def __init__(self) -> None:
        self.sent_ns = 0


_WATCHED: ContextVar[Sending | None] = ContextVar("sending", default=None)


def watch_sending() -> Sending:
    """Return what notes the first request that the task at hand sends from now on."""
    sending = Sending()
    _WATCHED.set(sending)
    return sending


def note_sent(now_ns: int) -> None:
    """Say that a request is handed to the socket."""
    sending = _WATCHED.get()
    if sending is not None and not sending.sent_ns:
        sending.sent_ns = now_ns
