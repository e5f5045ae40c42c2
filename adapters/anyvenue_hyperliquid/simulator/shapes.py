"""Orders, books, candles and trades as the venue writes them (chapters 3 and 11)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

from anyvenue.model.book_side import Level
from anyvenue.model.enums import Side
from anyvenue.model.market import Trade
from anyvenue.model.numbers import Rounding, round_to_step
from anyvenue_hyperliquid.simulator.markets import number
from anyvenue_hyperliquid.simulator.order_file import Kept, OrderFile

__all__ = [
    "INTERVALS",
    "SIDES",
    "OrderShapes",
    "aggregated",
    "candle_after",
    "levels",
    "made_up_hash",
    "newest_first",
    "trade_id",
    "trade_row",
]

SIDES: Final = {Side.BUY: "B", Side.SELL: "A"}
INTERVALS: Final = {
    f"{count}{unit}": count * seconds
    for unit, seconds, counts in (
        ("m", 60, (1, 3, 5, 15, 30)),
        ("h", 3600, (1, 2, 4, 8, 12)),
        ("d", 86_400, (1, 3)),
        ("w", 604_800, (1,)),
        ("M", 2_592_000, (1,)),
    )
    for count in counts
}
"""Seconds of each candle; a month here has 30 days."""
_MS_NS: Final = 1_000_000
_TID_BITS: Final = 50


class OrderShapes:
    """Tells of orders."""

    def __init__(self, file: OrderFile) -> None:
        self._file = file

    def basic(self, kept: Kept, size: Decimal | None = None) -> dict[str, Any]:
        """Return an order as `openOrders` and `orderUpdates` have it."""
        told: dict[str, Any] = {
            "coin": kept.terms.name,
            "side": SIDES[kept.side],
            "limitPx": number(kept.price),
            "sz": number(self._file.standing(kept).size if size is None else size),
            "oid": kept.oid,
            "timestamp": kept.created_ms,
            "origSz": number(kept.size),
        }
        if kept.cloid is not None:
            told["cloid"] = kept.cloid
        if kept.reduce_only:
            told["reduceOnly"] = True
        return told

    def frontend(self, kept: Kept) -> dict[str, Any]:
        """Return an order with all that is said of it."""
        trigger, kind, condition = kept.trigger, "Limit", "N/A"
        if trigger is not None:
            name = "Take Profit" if trigger.kind == "tp" else "Stop"
            kind = f"{name} {'Market' if trigger.is_market else 'Limit'}"
            condition = f"Price {'above' if trigger.above else 'below'} {number(trigger.price).removesuffix('.0')}"
        return {
            **self.basic(kept),
            "triggerCondition": condition,
            "isTrigger": trigger is not None,
            "triggerPx": "0.0" if trigger is None else number(trigger.price),
            "children": [self.frontend(child) for child in kept.children if child.waits],
            "isPositionTpsl": kept.is_position_tpsl,
            "reduceOnly": kept.reduce_only,
            "orderType": kind,
            "tif": None if trigger is not None else kept.tif,
            "cloid": kept.cloid,
        }

    def with_status(self, kept: Kept) -> dict[str, Any]:
        """Return an order and how it stands."""
        return {
            "order": self.frontend(kept),
            "status": self._file.standing(kept).status,
            "statusTimestamp": kept.status_ms or kept.created_ms,
        }


def levels(side: Sequence[Level]) -> list[dict[str, Any]]:
    """Return one side of a book. How many orders stand at a price is not known behind; it is always 1."""
    return [{"px": number(level.price), "sz": number(level.quantity), "n": 1} for level in side]


def aggregated(
    book: Sequence[Sequence[Level]], figures: int | None, mantissa: int | None
) -> tuple[list[Level], list[Level]]:
    """Return bids and asks by prices of so many significant figures, whose last one is a multiple of the mantissa."""
    bids, asks = book
    if figures is None:
        return list(bids), list(asks)
    return _merged(bids, figures, mantissa, Rounding.DOWN), _merged(asks, figures, mantissa, Rounding.UP)


def _merged(side: Iterable[Level], figures: int, mantissa: int | None, rounding: Rounding) -> list[Level]:
    found: dict[Decimal, Decimal] = {}
    for level in side:
        step = Decimal(mantissa or 1).scaleb(level.price.adjusted() - figures + 1)
        price = round_to_step(level.price, step, rounding)
        found[price] = found.get(price, Decimal(0)) + level.quantity
    return [Level(price, quantity) for price, quantity in found.items()]


def candle_after(candle: dict[str, Any] | None, coin: str, interval: str, trade: Trade) -> dict[str, Any]:
    """Return a candle with one more trade in it, or the one that this trade begins."""
    length_ms, price = INTERVALS[interval] * 1000, number(trade.price)
    opens = trade.ts_event // _MS_NS // length_ms * length_ms
    if candle is None or candle["t"] != opens:
        times = {"t": opens, "T": opens + length_ms - 1, "s": coin, "i": interval}
        return {**times, "o": price, "c": price, "h": price, "l": price, "v": number(trade.quantity), "n": 1}
    return {
        **candle,
        "c": price,
        "h": max(candle["h"], price, key=Decimal),
        "l": min(candle["l"], price, key=Decimal),
        "v": number(Decimal(candle["v"]) + trade.quantity),
        "n": candle["n"] + 1,
    }


def trade_row(coin: str, trade: Trade) -> dict[str, Any]:
    """Return a public trade. Its users are made up."""
    key = f"{coin} {trade.trade_id}"
    return {
        "coin": coin,
        "side": SIDES[trade.side],
        "px": number(trade.price),
        "sz": number(trade.quantity),
        "time": trade.ts_event // _MS_NS,
        "hash": made_up_hash(key),
        "tid": trade_id(coin, trade.trade_id),
        "users": [f"0x{sha256(f'{side} of {key}'.encode()).hexdigest()[:40]}" for side in ("buyer", "seller")],
    }


def trade_id(coin: str, number_behind: str) -> int:
    """Return the `tid` of a trade: 50 bits of a hash."""
    digest = sha256(f"tid {coin} {number_behind}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _TID_BITS)


def newest_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with the latest time first; those of one time stay in their order, as recorded answers have it."""
    return sorted(rows, key=lambda row: -int(row["time"]))


def made_up_hash(key: str) -> str:
    """Return what looks like the hash of a transaction."""
    return f"0x{sha256(f'hash {key}'.encode()).hexdigest()}"
