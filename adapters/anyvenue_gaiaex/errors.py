"""What GaiaEx's refusals mean. It has no codes: HTTP status first, then the text, in the words of both revisions."""

from __future__ import annotations

import re
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeAlias

from anyvenue.model.errors import (
    AnyvenueError,
    AuthenticationFailed,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    Rejected,
    RejectReason,
    TradingEnded,
    VenueProtocolError,
    rejection,
)
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Effect, Request, Response

__all__ = ["VENUE", "error_text", "failure_of", "refusal_of", "server_time_in"]

VENUE: Final = "gaiaex"
_R = RejectReason
_What: TypeAlias = RejectReason | type[TradingEnded]
RETRY_AFTER_S: Final = 1.0
HANDSHAKE_RETRY_S: Final = 15.0
_RETRY_AFTER_MOST_S: Final = 3600.0
_SHOWN: Final = 300
_CLOCK: Final = re.compile(r"timestamp (expired|outside)", re.IGNORECASE)
_SERVER_TIME: Final = re.compile(r"server time:?\s*(\d{13})", re.IGNORECASE)
_TICK: Final = re.compile(r"divisible by\s*([0-9.]+)", re.IGNORECASE)
_TEXTS: Final[tuple[tuple[str, _What, str], ...]] = (
    # what the text has in it, what that is, what the user can do
    ("missing auth|missing api key", AuthenticationFailed, "it came without authentication; give credentials"),
    ("invalid api key", AuthenticationFailed, "the key is unknown or revoked; make a new one in the app"),
    ("invalid (hmac )?signature", AuthenticationFailed, "the signature is wrong; check that the secret is the key's"),
    ("session", AuthenticationFailed, "the session token has expired; renew it in the app"),
    ("address mismatch", PermissionDenied, "the key belongs to another wallet address; check credentials.address"),
    ("permission", PermissionDenied, "the key may not do this; it needs the scopes read and trade"),
    ("whitelist", PermissionDenied, "this machine's address is not on the key's list; add it in the app"),
    ("divisible by", _R.INVALID_PRICE, "the price is off the venue's grid; round it to the tick that the text names"),
    ("invalid price", _R.INVALID_PRICE, "the venue does not take this price; correct it"),
    ("minimum value", _R.BELOW_MINIMUM, "an order must be worth 10 USDC at least; make it larger"),
    ("invalid size", _R.INVALID_QUANTITY, "the size is wrong; check the symbol's size_decimals in the options"),
    ("not supported", _R.UNKNOWN_INSTRUMENT, "the venue does not list this symbol (any more)"),
    # Texts of the exchange behind GaiaEx, as it words them; none is documented here.
    ("insufficient|not enough margin", _R.INSUFFICIENT_FUNDS, "not enough free margin; make it smaller or add funds"),
    (
        "immediately match|post.?only",
        _R.WOULD_TAKE_LIQUIDITY,
        "post-only, and it would have traded; quote further away",
    ),
    ("reduce.?only", _R.REDUCE_ONLY, "it would not reduce the position; look the position up"),
    (
        "never placed|already (cancel|filled)|order.*not found|unknown order",
        _R.UNKNOWN_ORDER,
        "the venue has no such open order: it may have been filled, canceled, or never been there",
    ),
    ("leverage", _R.LEVERAGE, "outside the leverage of this symbol; choose another"),
    ("no (open )?position|position.*not found", _R.REDUCE_ONLY, "there is no such position; look the positions up"),
    ("could not immediately|no liquidity", _R.NO_LIQUIDITY, "nobody is on the other side of the book"),
    ("market.*closed|outside.*hours|halted", _R.MARKET_CLOSED, "the market does not trade now"),
)
_TABLE: Final = tuple((re.compile(pattern, re.IGNORECASE), what, text) for pattern, what, text in _TEXTS)


def refusal_of(request: Request, response: Response) -> Refusal | None:
    """Return what `response` refuses, None where it refuses nothing.

    A command that is answered with 200 has succeeded only where the answer says `success: true`: else it is refused
    where it bears an error's text, and of unknown outcome where it does not. A 4xx on a cancel refuses the cancel; what
    the order is then has to come from the account's stream.
    """
    status, text = response.status, error_text(response)
    if 200 <= status < 300:
        return _hidden(request, response, text)
    if status == 401 and _CLOCK.search(text):
        clock_text = "its time stamp was refused; set this machine's clock"
        error = Rejected(clock_text, reason=_R.EXPIRED, venue=VENUE, request=request.name, detail=text)
        return Refusal(error, unprocessed=True, clock=True)
    if status == 429:
        wait = _retry_after_s(response, text)
        limited = f"too many requests; it was not run, send it again in {wait:g} s"
        limit = RateLimited(limited, retry_after_s=wait, venue=VENUE, request=request.name, detail=text)
        return Refusal(limit, unprocessed=True)
    if status >= 500 or status == 408:
        unknown = "GaiaEx failed on it: it may have happened; watch the account's stream before sending it again"
        fault = OutcomeUnknown(unknown, venue=VENUE, request=request.name, detail=text or f"HTTP status {status}")
        return Refusal(fault, server_fault=True)
    return Refusal(failure_of(text, request=request.name, status=status))


def failure_of(text: str, *, request: str, status: int = 400) -> AnyvenueError:
    """Return the error that a refusal's text means. All of 401 and 403 end trading, whatever they say."""
    what, meaning = next(((what, says) for pattern, what, says in _TABLE if pattern.search(text)), (_R.OTHER, ""))
    detail = text or f"HTTP status {status}"
    if status in (401, 403):
        ends: type[TradingEnded] = AuthenticationFailed if status == 401 else PermissionDenied
        if isinstance(what, RejectReason):
            what, meaning = ends, "GaiaEx does not accept the key for this; check key, scopes and address list"
        return what(meaning, venue=VENUE, request=request, detail=detail)
    if not isinstance(what, RejectReason):
        what, meaning = _R.OTHER, ""
    meaning = meaning or "GaiaEx refused it for a reason this adapter does not know; read its own words"
    code = f"tick {tick[1]}" if (tick := _TICK.search(text)) else ""
    return rejection(meaning, reason=what, code=code, venue=VENUE, request=request, detail=detail)


def server_time_in(text: str) -> int | None:
    """Return the venue's time that the refusal of a time stamp names, in nanoseconds since the epoch."""
    found = _SERVER_TIME.search(text)
    return None if found is None else int(found[1]) * 1_000_000


def error_text(response: Response) -> str:
    """Return the text of a refusal: its layout is not documented. Empty where an answer bears none."""
    try:
        data: Any = response.json()
    except VenueProtocolError:
        return response.body[:_SHOWN].decode(errors="replace").strip()
    text = _text_in(data)
    return text if text or response.status < 400 else str(data)[:_SHOWN]


def _text_in(data: Any) -> str:
    if isinstance(data, dict):
        found = (_text_in(data.get(name)) for name in ("error", "message", "detail", "msg"))
        return next((text for text in found if text), "")
    return data[:_SHOWN] if isinstance(data, str) else ""


def _hidden(request: Request, response: Response, text: str) -> Refusal | None:
    if request.effect is Effect.READ:
        return None
    try:
        data: Any = response.json()
    except VenueProtocolError:
        data = None
    says = data if isinstance(data, dict) else {}
    if says.get("success") is True:
        return None
    if text and (says.get("success") is False or says.get("error")):  # any other text need not be a refusal's
        return Refusal(failure_of(text, request=request.name))
    unknown = "the answer does not say that it succeeded: it may have happened; watch the account's stream"
    detail = response.body[:_SHOWN].decode(errors="replace")
    return Refusal(OutcomeUnknown(unknown, venue=VENUE, request=request.name, detail=detail))


def _retry_after_s(response: Response, text: str) -> float:
    """Return how long to wait: the header's unit is not documented, and HTTP knows seconds and dates."""
    given = response.headers.get("retry-after", "")
    wait = HANDSHAKE_RETRY_S if "handshake" in text.lower() else RETRY_AFTER_S
    with suppress(ValueError, OverflowError):
        wait = float(given) if given.isdecimal() else parsedate_to_datetime(given).timestamp() - response.ts_recv / 1e9
    return min(max(wait, 0.1), _RETRY_AFTER_MOST_S)
