"""The messages of the perp book stream, in either revision's shape (11.2)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.book_side import Level
from anyvenue_gaiaex.simulator.markets import Terms, decimals_text
from anyvenue_gaiaex.simulator.replies import padded
from anyvenue_gaiaex.simulator.revision import BOOK, Shapes

__all__ = ["BookMessages"]

_NOT_SUPPORTED: Final = "SYMBOL_NOT_SUPPORTED"
_ORDERS_MAX: Final = 9


class BookMessages:
    """Makes them. Prices and sizes are texts in both shapes."""

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes

    def book(
        self, terms: Terms, bids: Sequence[Level], asks: Sequence[Level], time_ms: int, *, stale: bool
    ) -> dict[str, Any]:
        """Return a whole book, best levels first. In [A] all levels are in one array, bids before asks."""
        if not self._shapes.is_b(BOOK):
            return {
                "type": "orderbook",
                "coin": terms.name,
                "levels": [
                    {"px": self._price(terms, level), "sz": _size(level), "n": _orders(level.quantity)}
                    for level in (*bids, *asks)
                ],
                "time": time_ms,
            }
        return {
            "type": "orderbook",
            "symbol": terms.name,
            "displayName": terms.display_name or terms.name,
            "bids": [[self._price(terms, level), _size(level)] for level in bids],
            "asks": [[self._price(terms, level), _size(level)] for level in asks],
            "timestamp": time_ms,
            "priceDecimals": terms.book_decimals,
            "stale": stale,
            "feed_connected": not stale,
        }

    def heartbeat(self, terms: Terms, time_ms: int, *, stale: bool) -> dict[str, Any]:
        """Return a heartbeat."""
        told: dict[str, Any] = {"type": "heartbeat", "timestamp": time_ms}
        if self._shapes.is_b("heartbeat"):
            told.update(symbol=terms.name, stale=stale)
        return told

    def stale(self, terms: Terms, time_ms: int) -> dict[str, Any]:
        """Return the word that the upstream feed is down."""
        if self._shapes.is_b("stale"):
            return {"type": "stale", "symbol": terms.name, "reason": "upstream_disconnected", "timestamp": time_ms}
        return {"type": "stale", "reason": "upstream disconnected"}

    def recovered(self, terms: Terms, time_ms: int) -> dict[str, Any]:
        """Return the word that it is back."""
        if self._shapes.is_b("recovered"):
            return {"type": "recovered", "symbol": terms.name, "timestamp": time_ms}
        return {"type": "recovered"}

    def not_supported(self, name: str) -> dict[str, Any]:
        """Return the word that there is no such symbol."""
        message = f"Symbol '{name}' is not supported"
        if self._shapes.is_b("not supported"):
            message += ". See GET /v1/trade/symbols/list"
        return {"type": "error", "code": _NOT_SUPPORTED, "message": message}

    def _price(self, terms: Terms, level: Level) -> str:
        return decimals_text(level.price, terms.price_decimals)


def _size(level: Level) -> str:
    return f"{padded(level.quantity, 0):f}"


def _orders(quantity: Decimal) -> int:
    """Return how many orders a level has: the exchange behind does not count them, so it is made up of the size."""
    return 1 + int(quantity.scaleb(2)) % _ORDERS_MAX
