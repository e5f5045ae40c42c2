"""What Hyperliquid's refusals mean. Texts are told apart by how they begin, for there are no codes."""

from __future__ import annotations

from typing import Any, Final

from anyvenue.model.errors import AnyvenueError, AuthenticationFailed, PermissionDenied, RejectReason
from anyvenue.wire.refusal import Refusal
from anyvenue.wire.refusals import RefusalTable
from anyvenue.wire.request import Request, Response

VENUE: Final = "hyperliquid"
EXHAUSTED_S: Final = 10.0
"""An account that has used up its requests gets one through so often."""
EXHAUSTED: Final = "Too many cumulative requests"
_KEY: Final = "the signature is not an agent's of this account: it expired, or was made with a wrong key or network"
_FUNDS: Final = "not enough free margin; make it smaller, or add funds"
_OPEN_INTEREST: Final = "the market is at its cap of open interest; only reduce there"
_BAND: Final = "the price is too far from the venue's reference; choose one nearer to it"
_TRIGGERS: Final = "the venue does not take this combination of orders with triggers"

REFUSALS: Final = RefusalTable(
    VENUE,
    {
        "Price must be divisible by tick size": (RejectReason.INVALID_PRICE, "the price is off the grid"),
        "Order must have minimum value of": (
            RejectReason.BELOW_MINIMUM,
            "what opens must be worth $10; make it larger",
        ),
        "Order has invalid price": (RejectReason.INVALID_PRICE, "the venue does not take this price"),
        "Order has invalid size": (RejectReason.INVALID_QUANTITY, "the venue does not take this size"),
        "Order has zero size": (RejectReason.INVALID_QUANTITY, "there is nothing left of the size"),
        "Insufficient margin to place order": (RejectReason.INSUFFICIENT_FUNDS, _FUNDS),
        "Insufficient spot balance": (RejectReason.INSUFFICIENT_FUNDS, _FUNDS),
        "Reduce only order would increase position": (RejectReason.REDUCE_ONLY, "there is nothing to reduce"),
        "Post only order would have immediately matched": (RejectReason.WOULD_TAKE_LIQUIDITY, "quote further away"),
        "Order could not immediately match": (RejectReason.NO_LIQUIDITY, "nobody was there at this price"),
        "No liquidity available for market order": (RejectReason.NO_LIQUIDITY, "nobody was there within the bound"),
        "Invalid TP/SL price": (RejectReason.INVALID_TRIGGER, "the price is past the trigger already"),
        "Order would increase open interest": (RejectReason.RISK_LIMIT, _OPEN_INTEREST),
        "Order rejected due to price more aggressive": (RejectReason.RISK_LIMIT, _OPEN_INTEREST),
        "Order price too far from oracle": (RejectReason.PRICE_OUT_OF_BAND, _BAND),
        "Price too far from oracle": (RejectReason.PRICE_OUT_OF_BAND, _BAND),
        "Order price cannot be more than": (RejectReason.PRICE_OUT_OF_BAND, _BAND),
        "Order would cause position to exceed margin tier": (RejectReason.RISK_LIMIT, "lower the leverage or the size"),
        "Main order cannot be trigger order": (RejectReason.INVALID_TRIGGER, _TRIGGERS),
        "Unexpected number of trigger orders": (RejectReason.INVALID_TRIGGER, _TRIGGERS),
        "Only post-only orders allowed": (RejectReason.MARKET_CLOSED, "an upgrade of the venue: try again in minutes"),
        "Order was never placed, already canceled, or filled": (
            RejectReason.UNKNOWN_ORDER,
            "it may have ended; look it up",
        ),
        "Cannot modify canceled or filled order": (RejectReason.ORDER_CLOSED, "it has ended; look it up"),
        "Error placing new order during modify": (RejectReason.OTHER, "the order it was is gone; place a new one"),
        "Error placing new order during modify: Post only order": (
            RejectReason.WOULD_TAKE_LIQUIDITY,
            "an amended order must not take, and the order it was is gone; place a new one",
        ),
        "Cannot switch leverage type with open position": (RejectReason.LEVERAGE, "close the position first"),
        EXHAUSTED: (RejectReason.RATE_LIMITED, "the account has used up its requests; trade, or buy more"),
        "Signed action over weight limit": (RejectReason.INVALID_QUANTITY, "too many orders in one; split them"),
        "Action already expired": (RejectReason.EXPIRED, "it came too late; set this machine's clock"),
        "Invalid nonce: nonce too low": (RejectReason.EXPIRED, "set this machine's clock; use the key in one process"),
        "User or API Wallet": (AuthenticationFailed, _KEY),
        "L1 error: User or API Wallet": (AuthenticationFailed, _KEY),
        "Must deposit before performing actions": (AuthenticationFailed, f"{_KEY}, or the account is empty"),
        "L1 error: Must deposit before performing actions": (AuthenticationFailed, f"{_KEY}, or the account is empty"),
        "Vault not registered": (PermissionDenied, "vault_address is neither a sub-account's nor a vault's; mend it"),
        "Unable to recover signer": (AuthenticationFailed, _KEY),
        "Cannot set scheduled cancel time until": (
            RejectReason.NOT_SUPPORTED,
            "the account has traded too little for it",
        ),
        "Action disabled when unified account is active": (PermissionDenied, "set the account to the standard mode"),
    },
)
"""Of the list of texts that public material has; what is not among them is Rejected for the reason OTHER."""


def refusal_of(request: Request, response: Response) -> Refusal | None:
    """Return what an answer refuses. An account's used-up requests are no affair of the client: see `error_of`."""
    if response.status != 200:
        return REFUSALS.refusal(response, "", response.body[:200].decode(errors="replace"), request=request.name)
    if not request.signed:
        return None
    told = response.json(venue=VENUE, request=request.name)
    if not isinstance(told, dict) or told.get("status") != "err" or str(told["response"]).startswith(EXHAUSTED):
        return None
    return REFUSALS.refusal(response, "", str(told["response"]), request=request.name)


def error_of(text: Any, request: str) -> AnyvenueError:
    """Return the error that the text of one order, or of a whole action, means."""
    return REFUSALS.error("", str(text), request=request, retry_after_s=EXHAUSTED_S)


STATUSES: Final = {
    "rejected": RejectReason.OTHER,
    "marginCanceled": RejectReason.INSUFFICIENT_FUNDS,
    "openInterestCapCanceled": RejectReason.RISK_LIMIT,
    "selfTradeCanceled": RejectReason.SELF_TRADE,
    "reduceOnlyCanceled": RejectReason.REDUCE_ONLY,
    "delistedCanceled": RejectReason.MARKET_CLOSED,
    "liquidatedCanceled": RejectReason.LIQUIDATION,
    "tickRejected": RejectReason.INVALID_PRICE,
    "minTradeNtlRejected": RejectReason.BELOW_MINIMUM,
    "perpMarginRejected": RejectReason.INSUFFICIENT_FUNDS,
    "reduceOnlyRejected": RejectReason.REDUCE_ONLY,
    "badAloPxRejected": RejectReason.WOULD_TAKE_LIQUIDITY,
    "iocCancelRejected": RejectReason.NO_LIQUIDITY,
    "badTriggerPxRejected": RejectReason.INVALID_TRIGGER,
    "marketOrderNoLiquidityRejected": RejectReason.NO_LIQUIDITY,
    "positionIncreaseAtOpenInterestCapRejected": RejectReason.RISK_LIMIT,
    "positionFlipAtOpenInterestCapRejected": RejectReason.RISK_LIMIT,
    "tooAggressiveAtOpenInterestCapRejected": RejectReason.RISK_LIMIT,
    "openInterestIncreaseRejected": RejectReason.RISK_LIMIT,
    "insufficientSpotBalanceRejected": RejectReason.INSUFFICIENT_FUNDS,
    "oracleRejected": RejectReason.PRICE_OUT_OF_BAND,
    "perpMaxPositionRejected": RejectReason.RISK_LIMIT,
    "tooManyOpenOrdersRejected": RejectReason.RISK_LIMIT,
}
"""Why orders of these states ended; others that end in `Canceled` or `Cancel` were canceled by their owner."""
