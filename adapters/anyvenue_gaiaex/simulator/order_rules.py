"""What an order has to keep before it leaves for the exchange: GaiaEx's own checks and their texts (10.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NoReturn

from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.model.numbers import is_multiple, shortest_text
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.hours import is_open
from anyvenue_gaiaex.simulator.markets import MINIMUM, Markets, Terms
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import ChainRefused, Refused

__all__ = ["BAD_PRICE", "BAD_SIZE", "OrderRules", "refuse_by_chain"]

BAD_PRICE: Final = "Order has invalid price"
BAD_SIZE: Final = "Order has invalid size"
_TOO_SMALL: Final = "Order must have minimum value of $10"
_DEFAULT: Final = "Order was rejected by the exchange"

# What the exchange behind says is undocumented; these are in the manner of its own texts.
_CHAIN_TEXTS: Final = {
    RejectReason.INSUFFICIENT_FUNDS: "Insufficient margin to place order.",
    RejectReason.WOULD_TAKE_LIQUIDITY: "Post only order would have immediately matched.",
    RejectReason.REDUCE_ONLY: "Reduce only order would increase position.",
    RejectReason.NO_LIQUIDITY: "Order could not immediately match against any resting orders.",
    RejectReason.MARKET_CLOSED: "Trading is halted.",
    RejectReason.INVALID_TRIGGER: "Invalid TP/SL price.",
    RejectReason.LEVERAGE: "Invalid leverage value or margin mode.",
    RejectReason.UNKNOWN_ORDER: "Order was never placed, already canceled, or filled.",
    RejectReason.ORDER_CLOSED: "Order was never placed, already canceled, or filled.",
}
_OWN_TEXTS: Final = {
    RejectReason.INVALID_PRICE: BAD_PRICE,
    RejectReason.INVALID_QUANTITY: BAD_SIZE,
    RejectReason.BELOW_MINIMUM: _TOO_SMALL,
}


def refuse_by_chain(reason: RejectReason, error: Rejected | None = None) -> NoReturn:
    """Raise Refused in GaiaEx's words for what the exchange behind has refused."""
    if reason in _OWN_TEXTS:
        raise Refused(400, _OWN_TEXTS[reason]) from error
    raise ChainRefused(_CHAIN_TEXTS.get(reason, _DEFAULT)) from error


class OrderRules:
    """The checks. Each raises Refused."""

    def __init__(self, stage: Stage, markets: Markets, quirks: Quirks) -> None:
        self._stage = stage
        self._markets = markets
        self._quirks = quirks

    def check_hours(self, terms: Terms) -> None:
        """Refuse what comes outside a market's trading hours; how GaiaEx does that is undocumented."""
        if not is_open(terms.hours, self._stage.time_ns()):
            raise ChainRefused(f"Market {terms.name} is closed.")

    def check_price(self, terms: Terms, price: Decimal) -> None:
        """Refuse a price that is not on the grid: of five significant figures, and so many decimals."""
        step = self._markets.instrument(terms).price_rule.step_at(price)
        if not is_multiple(price, step):
            raise Refused(400, f"Price must be divisible by {shortest_text(step)}")

    def check_size(self, terms: Terms, size: Decimal) -> None:
        """Refuse a size with too many decimals."""
        if not is_multiple(size, self._markets.instrument(terms).quantity_step):
            raise Refused(400, BAD_SIZE)

    def check_value(self, terms: Terms, size: Decimal, price: Decimal | None, *, reduce_only: bool) -> None:
        """Refuse an order worth less than the minimum; one without a price is worth what the mark price makes it."""
        at = self._stage.exchange.mark_price(terms.symbol) if price is None else price
        if reduce_only and not self._quirks.minimum_for_reducing:
            return
        if at is not None and size * at < MINIMUM:
            raise Refused(400, _TOO_SMALL)
