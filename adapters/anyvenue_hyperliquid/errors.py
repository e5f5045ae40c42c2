"""What Hyperliquid's refusals mean. Texts are told apart by how they begin, for there are no codes."""

from __future__ import annotations

from typing import Any, Final

from anyvenue.model.errors import AnyvenueError, AuthenticationFailed, OutcomeUnknown, PermissionDenied, RejectReason
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.refusals import Meaning, RefusalTable
from anyvenue.wire.request import Request, Response

VENUE: Final = "hyperliquid"
EXHAUSTED_S: Final = 10.0
"""An account that has used up its requests gets one through so often."""
EXHAUSTED: Final = "Too many cumulative requests"
_MODIFIED: Final = "Error placing new order during modify"
_KEYS: Final = ("User or API Wallet", "Must deposit before performing actions", "Unable to recover signer")

_TEXTS: Final[tuple[tuple[Any, str, tuple[str, ...]], ...]] = (
    (RejectReason.INVALID_PRICE, "round the price", ("Price must be divisible by tick", "Order has invalid price")),
    (RejectReason.INVALID_QUANTITY, "round the size", ("Order has invalid size", "Order has zero size")),
    (RejectReason.INVALID_QUANTITY, "split the batch", ("Signed action over weight limit",)),
    (RejectReason.BELOW_MINIMUM, "what opens must be worth $10", ("Order must have minimum value",)),
    (RejectReason.INSUFFICIENT_FUNDS, "make it smaller, or add funds", ("Insufficient margin", "Insufficient spot")),
    (RejectReason.REDUCE_ONLY, "there is nothing to reduce", ("Reduce only order would increase",)),
    (RejectReason.WOULD_TAKE_LIQUIDITY, "quote further away", ("Post only order would have",)),
    (RejectReason.WOULD_TAKE_LIQUIDITY, "the old order is gone; quote anew", (f"{_MODIFIED}: Post only order",)),
    (RejectReason.OTHER, "the old order is gone; place a new one", (_MODIFIED,)),
    (RejectReason.NO_LIQUIDITY, "nobody was there", ("Order could not immediately match", "No liquidity available")),
    (RejectReason.INVALID_TRIGGER, "the price is past the trigger already", ("Invalid TP/SL price",)),
    (RejectReason.INVALID_TRIGGER, "a group is a limit order, then triggers", ("Main order cannot be trigger order",)),
    (RejectReason.INVALID_TRIGGER, "a group has one or two triggers", ("Unexpected number of trigger orders",)),
    (RejectReason.RISK_LIMIT, "open interest is at its cap: only reduce", ("Order would increase open interest",)),
    (RejectReason.RISK_LIMIT, "open interest is at its cap: only reduce", ("Order rejected due to price more",)),
    (RejectReason.RISK_LIMIT, "lower the leverage or the size", ("Order would cause position to exceed margin tier",)),
    (RejectReason.PRICE_OUT_OF_BAND, "choose a price nearer to the mark", ("Order price too far", "Price too far")),
    (RejectReason.PRICE_OUT_OF_BAND, "choose a price nearer to the mark", ("Order price cannot be more than",)),
    (RejectReason.MARKET_CLOSED, "the venue has been upgraded: try in minutes", ("Only post-only orders allowed",)),
    (RejectReason.UNKNOWN_ORDER, "it may have ended: look it up", ("Order was never placed, already canceled",)),
    (RejectReason.ORDER_CLOSED, "it has ended: look it up", ("Cannot modify canceled or filled order",)),
    (RejectReason.LEVERAGE, "close the position first", ("Cannot switch leverage type",)),
    (RejectReason.RATE_LIMITED, "the account has used up its requests: trade, or reserve more", (EXHAUSTED,)),
    (RejectReason.EXPIRED, "it came too late: set this machine's clock", ("Action already expired",)),
    (RejectReason.EXPIRED, "set the clock; use the key in one process", ("Invalid nonce: nonce too low",)),
    (OutcomeUnknown, "another action had its nonce: look it up", ("Invalid nonce: duplicate nonce",)),
    (RejectReason.NOT_SUPPORTED, "the account has traded too little", ("Cannot set scheduled cancel time until",)),
    (PermissionDenied, "vault_address is neither a sub-account's nor a vault's", ("Vault not registered",)),
    (PermissionDenied, "set the account to the standard mode", ("Action disabled when unified account",)),
    (
        AuthenticationFailed,
        "the signature is no agent's of this account: it expired, or has a wrong key or network; or there is no money",
        (*_KEYS, *(f"L1 error: {text}" for text in _KEYS)),
    ),
)
_MEANINGS: Final[dict[str, Meaning]] = {text: (what, advice) for what, advice, texts in _TEXTS for text in texts}
REFUSALS: Final = RefusalTable(VENUE, _MEANINGS)
"""What is not among them is Rejected for the reason OTHER: this venue answers to nothing that it has not decided."""

_STATUSES: Final = {
    RejectReason.OTHER: "rejected",
    RejectReason.INSUFFICIENT_FUNDS: "marginCanceled perpMarginRejected insufficientSpotBalanceRejected",
    RejectReason.RISK_LIMIT: "openInterestCapCanceled positionIncreaseAtOpenInterestCapRejected "
    "perpMaxPositionRejected positionFlipAtOpenInterestCapRejected tooAggressiveAtOpenInterestCapRejected "
    "openInterestIncreaseRejected tooManyOpenOrdersRejected",
    RejectReason.SELF_TRADE: "selfTradeCanceled",
    RejectReason.REDUCE_ONLY: "reduceOnlyCanceled reduceOnlyRejected",
    RejectReason.MARKET_CLOSED: "delistedCanceled",
    RejectReason.LIQUIDATION: "liquidatedCanceled",
    RejectReason.INVALID_PRICE: "tickRejected",
    RejectReason.PRICE_OUT_OF_BAND: "oracleRejected",
    RejectReason.BELOW_MINIMUM: "minTradeNtlRejected",
    RejectReason.WOULD_TAKE_LIQUIDITY: "badAloPxRejected",
    RejectReason.NO_LIQUIDITY: "iocCancelRejected marketOrderNoLiquidityRejected",
    RejectReason.INVALID_TRIGGER: "badTriggerPxRejected",
}
STATUSES: Final = {status: reason for reason, statuses in _STATUSES.items() for status in statuses.split()}
"""Why orders of these statuses ended; others that end in `Canceled` or `Cancel` were canceled by their owner."""


def refusal_of(request: Request, response: Response) -> Refusal | None:
    """Return what an answer refuses. That an account's requests are used up does not hold the client's others back."""
    if response.status != 200:
        return REFUSALS.refusal(response, "", response.body[:200].decode(errors="replace"), request=request.name)
    told = response.json(venue=VENUE, request=request.name) if request.signed else None
    if not isinstance(told, dict) or told.get("status") != "err" or str(told["response"]).startswith(EXHAUSTED):
        return None
    return REFUSALS.refusal(response, "", str(told["response"]), request=request.name)


def error_of(text: Any, request: str) -> AnyvenueError:
    """Return the error that the text of one order, or of a whole action, means."""
    return REFUSALS.error("", str(text), request=request, retry_after_s=EXHAUSTED_S)
