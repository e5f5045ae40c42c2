"""What can go wrong, branching by what the caller may do next.

    AnyvenueError
      NotSent                  it never left; safe to send again
        NotSupported           this venue cannot do it; do something else
      Rejected                 the venue said no, with a neutral reason; do not repeat unchanged
        InsufficientFunds  UnknownOrder  WouldTakeLiquidity
        RateLimited            not processed; safe to send again after `retry_after_s`
      OutcomeUnknown           it may have happened; ask the venue before doing anything else
      VenueProtocolError       they sent what we cannot read; carries the raw bytes
        Contradiction          what they sent cannot be true together with what they sent before
      TradingEnded             no call on this connection can succeed until a person acts
        AuthenticationFailed  PermissionDenied

Misuse of the API is not in the tree: it is TypeError, or ValueError and its children below, and nothing was sent.
"""

from __future__ import annotations

from enum import Enum

__all__ = [
    "AnyvenueError",
    "AuthenticationFailed",
    "Contradiction",
    "InsufficientFunds",
    "InvalidBook",
    "InvalidOrder",
    "InvalidPrice",
    "InvalidQuantity",
    "NotSent",
    "NotSupported",
    "OutcomeUnknown",
    "PermissionDenied",
    "QuantityTooSmall",
    "RateLimited",
    "RejectReason",
    "Rejected",
    "TradingEnded",
    "UnknownInstrument",
    "UnknownOrder",
    "VenueProtocolError",
    "WouldTakeLiquidity",
    "rejection",
]


class RejectReason(Enum):
    """Why an order or command was refused, in words no venue owns."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    WOULD_TAKE_LIQUIDITY = "would_take_liquidity"
    NO_LIQUIDITY = "no_liquidity"
    REDUCE_ONLY = "reduce_only"
    SELF_TRADE = "self_trade"
    INVALID_PRICE = "invalid_price"
    PRICE_OUT_OF_BAND = "price_out_of_band"
    INVALID_QUANTITY = "invalid_quantity"
    BELOW_MINIMUM = "below_minimum"
    INVALID_TRIGGER = "invalid_trigger"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    MARKET_CLOSED = "market_closed"
    UNKNOWN_ORDER = "unknown_order"
    ORDER_CLOSED = "order_closed"
    NOTHING_CHANGED = "nothing_changed"
    DUPLICATE_ID = "duplicate_id"
    POSITION_MODE = "position_mode"
    LEVERAGE = "leverage"
    RISK_LIMIT = "risk_limit"
    LIQUIDATION = "liquidation"
    RATE_LIMITED = "rate_limited"
    LOCAL_LIMIT = "local_limit"
    NOT_SENT = "not_sent"
    NOT_SUPPORTED = "not_supported"
    EXPIRED = "expired"
    OTHER = "other"


class AnyvenueError(Exception):
    """Anything that went wrong between us and a venue.

    `text` is for people: what happened and what they can do. `venue` and `request` say where, `detail` is the
    venue's own text. A session adds the `client_order_id` of the order that was to be sent, changed or canceled.
    Secrets are never put into any of them.
    """

    client_order_id: str = ""

    def __init__(self, text: str, *, venue: str = "", request: str = "", detail: str = "") -> None:
        self.text = text
        self.venue = venue
        self.request = request
        self.detail = detail
        where = " ".join(part for part in (venue, request) if part)
        super().__init__(": ".join(part for part in (where, text, detail) if part))


class NotSent(AnyvenueError):
    """It never left this machine: no connection, a local limit. Safe to send again."""


class NotSupported(NotSent):
    """The venue has no such thing and nothing was sent. Choose another way."""


class Rejected(AnyvenueError):
    """The venue said no. Do not repeat it unchanged.

    `reason` is neutral; `code` is the venue's own label, `detail` its own text.
    """

    def __init__(
        self,
        text: str,
        *,
        reason: RejectReason,
        code: str = "",
        venue: str = "",
        request: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(text, venue=venue, request=request, detail=detail)
        self.reason = reason
        self.code = code


class InsufficientFunds(Rejected):
    """Not enough free margin for it. Make it smaller, or add funds."""


class UnknownOrder(Rejected):
    """The venue knows no such open order: it may have ended, or never arrived. Look it up before acting."""


class WouldTakeLiquidity(Rejected):
    """A post-only order would have traded at once. Routine: quote again further away."""


class RateLimited(Rejected):
    """Too many requests, and the venue says it did not process this one. Wait `retry_after_s`, then send again."""

    def __init__(
        self,
        text: str,
        *,
        retry_after_s: float,
        code: str = "",
        venue: str = "",
        request: str = "",
        detail: str = "",
    ) -> None:
        super().__init__(text, reason=RejectReason.RATE_LIMITED, code=code, venue=venue, request=request, detail=detail)
        self.retry_after_s = retry_after_s


_REJECTIONS = {
    RejectReason.INSUFFICIENT_FUNDS: InsufficientFunds,
    RejectReason.UNKNOWN_ORDER: UnknownOrder,
    RejectReason.WOULD_TAKE_LIQUIDITY: WouldTakeLiquidity,
}


def rejection(
    text: str, *, reason: RejectReason, code: str = "", venue: str = "", request: str = "", detail: str = ""
) -> Rejected:
    """Return a Rejected of the class that its reason has, such as WouldTakeLiquidity."""
    kind = _REJECTIONS.get(reason, Rejected)
    return kind(text, reason=reason, code=code, venue=venue, request=request, detail=detail)


class OutcomeUnknown(AnyvenueError):
    """It was sent and may have happened. Never send it again before the venue has been asked."""


class VenueProtocolError(AnyvenueError):
    """The venue sent what cannot be read. `raw` holds the bytes."""

    def __init__(self, text: str, *, raw: bytes = b"", venue: str = "", request: str = "", detail: str = "") -> None:
        super().__init__(text, venue=venue, request=request, detail=detail)
        self.raw = raw


class Contradiction(VenueProtocolError):
    """An event that cannot be true together with earlier ones. The order must be looked up at the venue."""


class TradingEnded(AnyvenueError):
    """No further call on this connection can succeed until a person acts."""


class AuthenticationFailed(TradingEnded):
    """The venue does not accept the key or the signature. Check the key, its environment and the clock."""


class PermissionDenied(TradingEnded):
    """The key is valid but may not do this. Check its permissions and its list of allowed addresses."""


class InvalidOrder(ValueError):
    """An order that contradicts itself or its instrument. Nothing was sent."""


class InvalidPrice(InvalidOrder):
    """A price that breaks the instrument's price rule. The message names value, rule and instrument."""


class InvalidQuantity(InvalidOrder):
    """A quantity that breaks the instrument's size rules. The message names value, rule and instrument."""


class QuantityTooSmall(InvalidQuantity):
    """A quantity that rounds to nothing, or lies below the smallest the venue takes."""


class InvalidBook(ValueError):
    """Levels that cannot be an order book: crossed, negative, not a number."""


class UnknownInstrument(ValueError):
    """A symbol that the venue does not list. The message suggests near ones."""
