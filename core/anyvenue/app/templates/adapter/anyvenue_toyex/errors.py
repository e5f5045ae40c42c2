"""What ToyEx's refusals mean: each code becomes a reason that no venue owns, with what one can do about it.

Ask of your venue: which codes are there, and what has certainly not happened when one comes? Can a 200 be a refusal?
What looks like a failure of the server leaves the outcome unknown: an order is rejected only on proof.
"""

from __future__ import annotations

from typing import Final

from anyvenue.model.errors import AuthenticationFailed, PermissionDenied, RejectReason, VenueProtocolError
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.refusals import RefusalTable
from anyvenue.wire.request import Request, Response

VENUE: Final = "toyex"
REFUSALS: Final = RefusalTable(
    VENUE,
    {
        "bad_key": (AuthenticationFailed, "the key or the signature is wrong; check both, and the environment"),
        "read_only": (PermissionDenied, "the key may not trade; allow it to"),
        "too_late": (RejectReason.EXPIRED, "its time stamp was refused; set this machine's clock"),
        "unknown_market": (RejectReason.UNKNOWN_INSTRUMENT, "the venue does not list this market"),
        "unknown_order": (RejectReason.UNKNOWN_ORDER, "there is no such open order: it may have ended; look it up"),
        "would_take": (RejectReason.WOULD_TAKE_LIQUIDITY, "post-only, and it would have traded; quote further away"),
        "no_money": (RejectReason.INSUFFICIENT_FUNDS, "not enough free margin; make it smaller, or add funds"),
        "would_not_reduce": (RejectReason.REDUCE_ONLY, "reduce-only, and there is nothing to reduce"),
        "duplicate_id": (RejectReason.DUPLICATE_ID, "the venue has had an order of this client id"),
    },
)


def refusal_of(request: Request, response: Response) -> Refusal | None:
    """Return what `response` refuses, None where it refuses nothing."""
    if 200 <= response.status < 300:
        return None
    try:
        told = response.json()
    except VenueProtocolError:
        told = None  # a gateway's page: its status says what it is
    code, text = (told.get("code", ""), told.get("text", "")) if isinstance(told, dict) else ("", "")
    return REFUSALS.refusal(response, str(code), str(text), request=request.name)
