"""What the exchange refuses, in Gate's labels."""

from __future__ import annotations

from typing import Final

from anyvenue.model.errors import Rejected, RejectReason
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["LABELS", "refused"]

LABELS: Final = {
    RejectReason.INSUFFICIENT_FUNDS: ("INSUFFICIENT_AVAILABLE", 400),
    RejectReason.WOULD_TAKE_LIQUIDITY: ("ORDER_POC_IMMEDIATE", 400),
    RejectReason.NO_LIQUIDITY: ("ORDER_FOK", 400),
    RejectReason.REDUCE_ONLY: ("INCREASE_POSITION", 400),
    RejectReason.INVALID_PRICE: ("INVALID_PARAM_VALUE", 400),
    RejectReason.PRICE_OUT_OF_BAND: ("PRICE_TOO_DEVIATED", 400),
    RejectReason.INVALID_QUANTITY: ("INVALID_PARAM_VALUE", 400),
    RejectReason.BELOW_MINIMUM: ("SIZE_TOO_SMALL", 400),
    RejectReason.INVALID_TRIGGER: ("INVALID_PARAM_VALUE", 400),
    RejectReason.UNKNOWN_INSTRUMENT: ("CONTRACT_NOT_FOUND", 404),
    RejectReason.MARKET_CLOSED: ("CONTRACT_IN_DELISTING", 400),
    RejectReason.UNKNOWN_ORDER: ("ORDER_NOT_FOUND", 404),
    RejectReason.ORDER_CLOSED: ("ORDER_FINISHED", 400),
    RejectReason.NOTHING_CHANGED: ("NO_CHANGE", 400),
    RejectReason.POSITION_MODE: ("INVALID_PARAM_VALUE", 400),
    RejectReason.LEVERAGE: ("LEVERAGE_TOO_HIGH", 400),
    RejectReason.RISK_LIMIT: ("RISK_LIMIT_EXCEEDED", 400),
    RejectReason.LIQUIDATION: ("LIQUIDATE_IMMEDIATELY", 400),
}
"""Label and HTTP status of each neutral reason."""


def refused(error: Rejected) -> Refused:
    """Return Gate's refusal for the exchange's."""
    label, status = LABELS.get(error.reason, ("INVALID_ARGUMENT", 400))
    return Refused(label, error.text, status=status)
