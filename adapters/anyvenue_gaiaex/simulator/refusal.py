"""How a request is refused: an HTTP status and a text, in the words of either revision of GaiaEx's documents."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ChainRefused", "Refused"]


class Refused(Exception):
    """What GaiaEx answers instead of doing it. `other` is the text of revision [B] where that differs."""

    def __init__(
        self, status: int, text: str, other: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(f"{status} {text}")
        self.status = status
        self.text = text
        self.other = text if other is None else other
        self.headers = dict(headers or {})


class ChainRefused(Refused):
    """GaiaEx took it, and the exchange behind it said no: by HTTP 400, or by 200 with `success` false."""

    def __init__(self, text: str) -> None:
        super().__init__(400, text)
