"""How the simulated ToyEx refuses: an HTTP status, a code, and a text for people."""

from __future__ import annotations

from typing import Final

from anyvenue.model.errors import RejectReason


class Refused(Exception):
    """What ToyEx answers instead of doing it."""

    def __init__(self, code: str, text: str = "", *, status: int = 400) -> None:
        super().__init__(f"{status} {code}: {text}")
        self.status = status
        self.code = code
        self.text = text


CODES: Final = {
    RejectReason.UNKNOWN_INSTRUMENT: "unknown_market",
    RejectReason.UNKNOWN_ORDER: "unknown_order",
    RejectReason.ORDER_CLOSED: "unknown_order",
    RejectReason.WOULD_TAKE_LIQUIDITY: "would_take",
    RejectReason.INSUFFICIENT_FUNDS: "no_money",
    RejectReason.REDUCE_ONLY: "would_not_reduce",
    RejectReason.DUPLICATE_ID: "duplicate_id",
}
"""The codes for what the exchange behind refuses; all else is `bad_request`."""
