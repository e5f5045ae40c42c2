"""What an order has to keep before it leaves for the exchange behind, and what that one's refusals are called (8.1)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from attrs import frozen

from anyvenue.model.enums import Side
from anyvenue.model.errors import Rejected, RejectReason
from anyvenue.model.numbers import is_multiple
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.markets import Markets, Terms, number
from anyvenue_hyperliquid.simulator.order_file import OrderFile, TriggerTerms
from anyvenue_hyperliquid.simulator.quirks import Quirks
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.refusal import Refused
from anyvenue_hyperliquid.simulator.steering import Conditions

__all__ = ["IMMEDIATE", "NO_MATCH", "OrderRules", "Wish"]

MINIMUM: Final = Decimal(10)
OPEN_MAX: Final = 1000
OPEN_MOST: Final = 5000
VOLUME_FOR_ONE: Final = 5_000_000
IMMEDIATE: Final = ("Ioc", "FrontendMarket")
NO_MATCH: Final = "Order could not immediately match against any resting orders."
_WHOLE_POSITION: Final = "positionTpsl"
_REFUSALS: Final = {
    RejectReason.INSUFFICIENT_FUNDS: ("Insufficient margin to place order.", "perpMarginRejected"),
    RejectReason.REDUCE_ONLY: ("Reduce only order would increase position.", "reduceOnlyRejected"),
    RejectReason.INVALID_TRIGGER: ("Invalid TP/SL price.", "badTriggerPxRejected"),
    RejectReason.MARKET_CLOSED: ("Trading is halted.", "rejected"),
}


@frozen(kw_only=True)
class Wish:
    """One item of an `order` action, read."""

    terms: Terms
    side: Side
    price: Decimal
    size: Decimal
    reduce_only: bool
    tif: str
    trigger: TriggerTerms | None
    cloid: str | None
    is_position_tpsl: bool


class OrderRules:
    """The checks. Each raises Refused."""

    def __init__(
        self,
        stage: Stage,
        markets: Markets,
        file: OrderFile,
        records: Records,
        quirks: Quirks,
        conditions: Conditions,
    ) -> None:
        self._stage = stage
        self._markets = markets
        self._file = file
        self._records = records
        self._quirks = quirks
        self._conditions = conditions

    def read(self, account: str, item: Mapping[str, Any], grouping: Any) -> Wish:
        """Return what an item asks for, whose numbers are as they should be."""
        terms = self._markets.by_asset(item["a"])
        if terms is None:
            raise Refused(f"Asset {item['a']} does not trade.")
        side, trigger = Side.BUY if item["b"] else Side.SELL, item["t"].get("trigger")
        is_position = grouping == _WHOLE_POSITION
        size = Decimal(item["s"])
        if is_position:
            size = abs(self._stage.exchange.position(account, terms.symbol).quantity)
            if not size:
                raise Refused(*_REFUSALS[RejectReason.REDUCE_ONLY][:1])
        price = self._price(terms, item["p"])
        if size <= 0:
            raise Refused("Order has zero size.")
        if not is_multiple(size, self._markets.instrument(terms).quantity_step):
            raise Refused("Order has invalid size.")
        return Wish(
            terms=terms,
            side=side,
            price=price,
            size=size,
            reduce_only=item["r"],
            tif=item["t"]["limit"]["tif"] if trigger is None else "Gtc",
            trigger=None
            if trigger is None
            else TriggerTerms(
                price=self._price(terms, trigger["triggerPx"]),
                is_market=trigger["isMarket"],
                kind=trigger["tpsl"],
                above=(side is Side.SELL) is (trigger["tpsl"] == "tp"),
            ),
            cloid=item.get("c"),
            is_position_tpsl=is_position,
        )

    def check_payload(self, item: Mapping[str, Any]) -> None:
        """Refuse what no state of anything could make right: this fails the whole batch."""
        if "trigger" in item["t"] and not item["r"]:
            raise Refused("Non-reduce-only TP/SL orders are not allowed.")
        terms = self._markets.by_asset(item["a"])
        mark = None if terms is None else self._stage.exchange.mark_price(terms.symbol)
        price, band = Decimal(item["p"]), self._quirks.band
        if "limit" in item["t"] and mark is not None and abs(price - mark) * 100 > mark * band:
            raise Refused(f"Order price cannot be more than {band}% away from the reference price")

    def check(self, account: str, wish: Wish) -> None:
        """Refuse an order that is worth too little, one too many, or not allowed as things are."""
        if self._conditions.upgrade and wish.tif != "Alo":
            raise Refused("Only post-only orders allowed immediately after a network upgrade", status="rejected")
        held = self._stage.exchange.position(account, wish.terms.symbol).quantity
        closes = held * wish.side.sign < 0 and wish.size <= abs(held)
        opens = not wish.reduce_only and not closes
        if opens and wish.terms.name in self._conditions.capped:
            raise Refused(
                "Order would increase open interest while open interest is capped",
                status="positionIncreaseAtOpenInterestCapRejected",
            )
        if opens and wish.size * wish.price < MINIMUM:
            raise Refused("Order must have minimum value of $10.", status="minTradeNtlRejected")
        count = self._file.count_open(account, OPEN_MAX)
        if count and (wish.reduce_only or count >= self._most(account)):
            raise Refused("Too many open orders.", status="tooManyOpenOrdersRejected")

    def check_reduces(self, account: str, wish: Wish) -> None:
        """Refuse what would not reduce a position; the exchange behind does not look before a trigger fires."""
        held = self._stage.exchange.position(account, wish.terms.symbol).quantity
        if held * wish.side.sign >= 0:
            text, status = _REFUSALS[RejectReason.REDUCE_ONLY]
            raise Refused(text, status=status)

    def refusal(self, terms: Terms, error: Rejected) -> Refused:
        """Return in the venue's words what the exchange behind has refused."""
        if error.reason is RejectReason.WOULD_TAKE_LIQUIDITY:
            book = self._stage.exchange.book(terms.symbol)
            bid, ask = (number(price or 0).removesuffix(".0") for price in (book.best_bid, book.best_ask))
            return Refused(
                f"Post only order would have immediately matched, bbo was {bid}@{ask}.", status="badAloPxRejected"
            )
        text, status = _REFUSALS.get(error.reason, ("Order was rejected.", "rejected"))
        return Refused(text, status=status)

    def _price(self, terms: Terms, text: str) -> Decimal:
        price = Decimal(text)
        if price <= 0:
            raise Refused("Order has invalid price.")
        if not self._markets.instrument(terms).price_rule.allows(price):
            raise Refused("Price must be divisible by tick size.", status="tickRejected")
        return price

    def _most(self, account: str) -> int:
        record = self._records.of(account)
        return min(OPEN_MOST, OPEN_MAX + int((record.volume + record.extra_volume) / VOLUME_FOR_ONE))
