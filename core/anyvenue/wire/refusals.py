"""What a venue's refusals mean: a table of its own codes, and the rules of HTTP that hold at every venue."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

from attrs import frozen

from anyvenue.model.errors import (
    AnyvenueError,
    AuthenticationFailed,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    RejectReason,
    TradingEnded,
    rejection,
)
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Response

__all__ = ["Meaning", "RefusalTable"]

Meaning: TypeAlias = tuple[RejectReason | type[TradingEnded] | type[OutcomeUnknown], str]
"""What a code is, and what the user can do about it."""

RETRY_AFTER_S: Final = 1.0
"""How long to wait where a venue does not say."""
_RETRY_AFTER_S_MAX: Final = 3600.0
_UNKNOWN: Final = "refused for a reason this adapter does not know; read the venue's own words"
_BY_STATUS: Final[Mapping[int, Meaning]] = {
    401: (AuthenticationFailed, "the key or the signature was not accepted; check key, secret and environment"),
    403: (PermissionDenied, "the key may not do this; check its permissions and its list of addresses"),
}


@frozen
class RefusalTable:
    """What the codes of one venue mean. For a venue without codes the keys are the beginnings of its texts.

    A code (or text) that is in the table means what the table says, whatever the status. Else the status decides: 429
    is RateLimited, 401 and 403 end trading, 408 and all from 500 on leave the outcome unknown. All other refusals are
    Rejected: for the reason OTHER where nothing is known.

    RejectReason.EXPIRED is for a refused time stamp: the HTTP client then corrects the clock and sends it again. So a
    code may have it only where the venue has certainly not carried the request out.
    """

    venue: str
    meanings: Mapping[str, Meaning]

    def refusal(self, response: Response, code: str, text: str, *, request: str) -> Refusal:
        """Return what an answer refuses, for the HTTP client. `code` and `text` are the venue's, out of its body."""
        error = self.error(code, text, request=request, status=response.status, retry_after_s=retry_after_s(response))
        expired = getattr(error, "reason", None) is RejectReason.EXPIRED
        return Refusal(
            error,
            unprocessed=expired or isinstance(error, RateLimited),
            clock=expired,
            server_fault=isinstance(error, OutcomeUnknown),
        )

    def error(
        self, code: str, text: str, *, request: str, status: int = 400, retry_after_s: float = RETRY_AFTER_S
    ) -> AnyvenueError:
        """Return the error that a code means, wherever it came from: an answer, a row of a batch, a WebSocket."""
        detail = ": ".join(part for part in (code, text) if part) or f"HTTP status {status}"
        meaning = self._meaning(code, text)
        what, advice = meaning or _BY_STATUS.get(status) or (RejectReason.OTHER, _UNKNOWN)
        is_known = meaning is not None
        if what is RejectReason.RATE_LIMITED or (status == 429 and not is_known):
            limited = f"too many requests; it was not run, send it again in {retry_after_s:.1f} s"
            return RateLimited(
                limited, retry_after_s=retry_after_s, code=code, venue=self.venue, request=request, detail=detail
            )
        if not is_known and (status == 408 or status >= 500):
            unknown = "the venue failed on it, and it may have happened: ask for it before sending it again"
            return OutcomeUnknown(unknown, venue=self.venue, request=request, detail=detail)
        if isinstance(what, RejectReason):
            return rejection(advice, reason=what, code=code, venue=self.venue, request=request, detail=detail)
        return what(advice, venue=self.venue, request=request, detail=detail)

    def _meaning(self, code: str, text: str) -> Meaning | None:
        if code:
            return self.meanings.get(code)
        found = [beginning for beginning in self.meanings if text.startswith(beginning)]
        return self.meanings[max(found, key=len)] if found else None


def retry_after_s(response: Response) -> float:
    """Return how long an answer asks to wait: `Retry-After` in seconds or as a date, else a second."""
    given = response.headers.get("retry-after", "")
    try:
        wait = float(given) if given else RETRY_AFTER_S
    except ValueError:
        try:
            wait = parsedate_to_datetime(given).timestamp() - response.ts_recv / 1e9
        except ValueError:
            wait = RETRY_AFTER_S
    return min(max(wait, 0.1), _RETRY_AFTER_S_MAX) if wait == wait else RETRY_AFTER_S
