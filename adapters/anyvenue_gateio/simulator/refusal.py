"""How a request is refused: an HTTP status and Gate's label, with a text for people."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):
    """What Gate answers instead of doing it."""

    def __init__(self, label: str, message: str = "", *, status: int = 400) -> None:
        super().__init__(f"{status} {label}: {message}")
        self.status = status
        self.label = label
        self.message = message
