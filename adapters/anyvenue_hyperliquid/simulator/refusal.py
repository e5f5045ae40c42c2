"""Why a request is not carried out, in the venue's words."""

from __future__ import annotations

__all__ = ["Refused"]


class Refused(Exception):
    """A text of the venue. Of an action it is an `err` with HTTP 200; of an item of a batch an `error` in its place.

    `status` is what the order is on record with, where it is put on record: an order that was looked at and refused.
    """

    def __init__(self, text: str, *, status: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.status = status
