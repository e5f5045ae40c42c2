"""How Gate writes numbers and times in JSON: sizes by the decimal header, prices and money as texts, seconds."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Final

from anyvenue.model.numbers import shortest_text

__all__ = ["milliseconds", "money_text", "price_text", "seconds", "size_value", "whole_seconds"]

_MONEY: Final = Decimal("1e-12")


def size_value(contracts: Decimal, decimal: bool) -> str | int:
    """Return a size as REST writes it.

    With `X-Gate-Size-Decimal: 1` an exact text; else a whole number, what is behind the point cut off toward zero.
    """
    return shortest_text(contracts) if decimal else int(contracts)


def price_text(price: Decimal | None) -> str:
    """Return a price; "0" where there is none."""
    return "0" if price is None else shortest_text(price)


def money_text(amount: Decimal) -> str:
    """Return an amount of money, cut to 12 decimals."""
    text = shortest_text(amount.quantize(_MONEY, ROUND_DOWN))
    return "0" if text == "-0" else text


def seconds(ns: int) -> float:
    """Return a time in seconds, with milliseconds behind the point."""
    return ns // 1_000_000 / 1000


def whole_seconds(ns: int) -> int:
    """Return a time in whole seconds."""
    return ns // 1_000_000_000


def milliseconds(ns: int) -> int:
    """Return a time in whole milliseconds."""
    return ns // 1_000_000
