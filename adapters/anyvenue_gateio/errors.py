"""What Gate's refusals mean: each label becomes one error of the neutral tree, with what the user can do about it."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from anyvenue.model.errors import (
    AnyvenueError,
    AuthenticationFailed,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    RejectReason,
    TradingEnded,
    VenueProtocolError,
    rejection,
)
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.request import Request, Response
from anyvenue_gateio.limits import reset_ns

__all__ = ["VENUE", "error_of", "refusal_of"]

VENUE: Final = "gateio"
_R = RejectReason
_What: TypeAlias = RejectReason | type[TradingEnded]
_MEANINGS: Final[tuple[tuple[str, _What, str], ...]] = (
    # labels, what they are, what the user can do
    ("INVALID_KEY", AuthenticationFailed, "Gate does not know this key; check it, and that it is of this environment"),
    ("INVALID_SIGNATURE", AuthenticationFailed, "the signature is wrong; check that the secret belongs to the key"),
    ("INVALID_CREDENTIALS MISSING_REQUIRED_HEADER", AuthenticationFailed, "Gate did not accept key and secret"),
    ("IP_FORBIDDEN", PermissionDenied, "this address is not on the key's list; add it at Gate"),
    ("READ_ONLY FORBIDDEN", PermissionDenied, "the key may not do this; allow it to read and write perpetual futures"),
    ("ACCOUNT_LOCKED", TradingEnded, "the account is locked; ask Gate's support"),
    ("USER_NOT_FOUND", TradingEnded, "the account has no futures wallet yet; transfer something to it first"),
    ("REQUEST_EXPIRED", _R.EXPIRED, "it came too late and was not run; set this machine's clock"),
    (
        """INVALID_PARAM_VALUE INVALID_ARGUMENT MISSING_REQUIRED_PARAM INVALID_REQUEST_BODY INVALID_PROTOCOL
        INVALID_CONTENT_TYPE NOT_ACCEPTABLE METHOD_NOT_ALLOWED NOT_FOUND BAD_REQUEST""",
        _R.OTHER,
        "Gate does not accept the request's form; report this as a fault of the adapter",
    ),
    ("CONTRACT_NOT_FOUND", _R.UNKNOWN_INSTRUMENT, "no such contract under this settle currency; check both"),
    ("CONTRACT_NO_COUNTER", _R.NO_LIQUIDITY, "nobody is on the other side of the book; use a limit order"),
    ("CONTRACT_IN_DELISTING", _R.REDUCE_ONLY, "the contract is being delisted; only reduce its position"),
    (
        "INSUFFICIENT_AVAILABLE BALANCE_NOT_ENOUGH INITIAL_MARGIN_TOO_LOW",
        _R.INSUFFICIENT_FUNDS,
        "not enough free margin; make it smaller or add funds",
    ),
    ("REMOVE_TOO_MUCH", _R.INSUFFICIENT_FUNDS, "so much margin cannot be taken out; take less"),
    ("LIQUIDATE_IMMEDIATELY", _R.LIQUIDATION, "it would be liquidated at once; make it smaller"),
    (
        "RISK_LIMIT_EXCEEDED RISK_LIMIT_NOT_MULTIPLE RISK_LIMIT_TOO_HIGH RISK_LIMIT_TOO_LOW",
        _R.RISK_LIMIT,
        "outside the risk tier; make it smaller, or change the risk limit at Gate",
    ),
    ("LEVERAGE_TOO_HIGH LEVERAGE_TOO_LOW", _R.LEVERAGE, "outside the leverage of the risk tier; choose another"),
    ("POSITION_NOT_FOUND POSITION_EMPTY", _R.REDUCE_ONLY, "there is no such position; look the positions up"),
    ("POSITION_CROSS_MARGIN", _R.OTHER, "a cross position has no margin of its own; make it isolated first"),
    ("POSITION_DUAL_MODE", _R.POSITION_MODE, "the account is in hedge mode; set the position mode to match"),
    ("POSITION_HOLDING ORDER_PENDING", _R.POSITION_MODE, "close all positions and cancel all orders first"),
    ("POSITION_IN_LIQUIDATION POSITION_IN_CLOSE", _R.LIQUIDATION, "the position is being closed by Gate; wait for it"),
    ("INCREASE_POSITION", _R.REDUCE_ONLY, "a reduce-only order would open or grow a position; look the position up"),
    ("REDUCE_EXCEEDED", _R.REDUCE_ONLY, "it reduces more than there is; look the position up"),
    (
        "ORDER_NOT_FOUND CLIENT_ID_NOT_FOUND AUTO_ORDER_NOT_FOUND",
        _R.UNKNOWN_ORDER,
        "Gate knows no such order (any more); look at its fills before acting",
    ),
    ("ORDER_FINISHED", _R.ORDER_CLOSED, "the order has ended already; look it up"),
    ("ORDER_NOT_OWNED", _R.OTHER, "the order belongs to another account; check the key"),
    ("TOO_MANY_ORDERS", _R.OTHER, "too many open orders on this contract; cancel some"),
    (
        "PRICE_TOO_DEVIATED PRICE_OVER_LIQUIDATION PRICE_OVER_BANKRUPT",
        _R.PRICE_OUT_OF_BAND,
        "the price is outside the allowed band; choose one nearer to the mark price",
    ),
    ("SIZE_TOO_SMALL", _R.BELOW_MINIMUM, "below the contract's smallest order; make it larger"),
    ("SIZE_TOO_LARGE", _R.INVALID_QUANTITY, "above the contract's largest order; split it"),
    ("ORDER_POC_IMMEDIATE", _R.WOULD_TAKE_LIQUIDITY, "post-only, and it would have traded; quote further away"),
    ("ORDER_FOK", _R.NO_LIQUIDITY, "fill-or-kill, and it could not be filled whole"),
    ("NO_CHANGE", _R.NOTHING_CHANGED, "it is already so"),
    (
        "AMEND_WITH_STOP APIORDERNOTSUPPORTUPDATETOUCHORDER",
        _R.NOT_SUPPORTED,
        "Gate cannot amend this order; cancel it and place a new one",
    ),
    (
        "AUTO_TRIGGER_PRICE_LESS_LAST AUTO_TRIGGER_PRICE_GREATE_LAST",
        _R.INVALID_TRIGGER,
        "the market has passed the trigger price already; act at once, or drop it",
    ),
)
_TABLE: Final = {label: (what, text) for labels, what, text in _MEANINGS for label in labels.split()}
_SERVER_FAULTS: Final = {"TOO_BUSY", "INTERNAL", "SERVER_ERROR", "INTERNAL_SERVER_ERROR"}


def refusal_of(request: Request, response: Response) -> Refusal | None:
    """Return what `response` refuses, None where it refuses nothing. The rows of a batch are not looked at.

    The labels are those of the REST reference; a page in place of JSON is judged by its HTTP status.
    """
    if 200 <= response.status < 300:
        return None
    label, message = _label_and_message(response)
    if trace := response.headers.get("x-gate-trace-id"):
        message = f"{message} (trace id {trace})".lstrip()
    reset = reset_ns(response)
    wait = 1.0 if reset is None else min(max((reset - _sent_ns(response)) / 1e9, 0.1), 60.0)
    error = error_of(label, message, status=response.status, request=request, retry_after_s=wait)
    expired = label == "REQUEST_EXPIRED"
    return Refusal(
        error,
        unprocessed=expired or isinstance(error, RateLimited),
        clock=expired,
        server_fault=_is_server_fault(label, response.status),
    )


def error_of(
    label: str, message: str, *, status: int, request: Request | str, retry_after_s: float = 1.0
) -> AnyvenueError:
    """Return the error that a label means: of a response, a batch's row or a WebSocket API's `errs`.

    `request` is what was asked, or its name. Where Gate failed, the outcome is unknown. Where nothing had to be done,
    it is Rejected for NOTHING_CHANGED.
    """
    name = request if isinstance(request, str) else request.name
    label = label.upper()
    detail = ": ".join(part for part in (label, message) if part) or f"HTTP status {status}"
    if status == 429 or label == "TOO_MANY_REQUESTS":
        text = f"too many requests; it was not run, send it again in {retry_after_s:.1f} s"
        if "(312)" in message:
            text = "too few of the orders trade for so many requests; waiting does not help, lower the rate"
        return RateLimited(text, retry_after_s=retry_after_s, code=label, venue=VENUE, request=name, detail=detail)
    if _is_server_fault(label, status):
        text = "Gate failed on it; ask again what was asked, and look up what was ordered: it may have happened"
        return OutcomeUnknown(text, venue=VENUE, request=name, detail=detail)
    what, text = _TABLE.get(label) or _unknown(label, status)
    if isinstance(what, RejectReason):
        return rejection(text, reason=what, code=label, venue=VENUE, request=name, detail=detail)
    return what(text, venue=VENUE, request=name, detail=detail)


def _sent_ns(response: Response) -> int:
    """Return when an answer left Gate, by its own clock, which resets are told by too; else when it came, by ours."""
    left_us = response.headers.get("x-out-time", "")
    return int(left_us) * 1000 if left_us.isdecimal() and len(left_us) == 16 else response.ts_recv


def _is_server_fault(label: str, status: int) -> bool:
    return label in _SERVER_FAULTS or (label not in _TABLE and (status == 408 or status >= 500))


def _unknown(label: str, status: int) -> tuple[_What, str]:
    if label.startswith("AUTO_"):
        return _R.INVALID_TRIGGER, "Gate does not accept the trigger order; correct it"
    if status == 401:
        return AuthenticationFailed, "Gate did not accept the key; check key, secret, environment and clock"
    if status == 404 and not label:
        return _R.OTHER, "Gate has no such path; check the base URL, else report it as a fault of the adapter"
    return _R.OTHER, "Gate refused it for a reason this adapter does not know; read its own words"


def _label_and_message(response: Response) -> tuple[str, str]:
    """Return a refusal's label, upper case, and its text. A gateway's page has no label; its beginning is the text."""
    try:
        data: Any = response.json()
    except VenueProtocolError:
        data = None
    if not isinstance(data, dict):
        return "", response.body[:200].decode(errors="replace")
    message = data.get("message") or data.get("detail") or ""
    return str(data.get("label") or "").upper(), str(message)
