"""How figures are written: exact numbers in plain digits, money, shares, times in UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

__all__ = ["NOTHING", "duration", "latency", "money", "percent", "plain", "quantity", "time_text"]

NOTHING: Final = "-"
"""Stands where there is no figure."""

_SECOND_NS: Final = 1_000_000_000
_SHARE: Final = Decimal("0.1")


def plain(value: Decimal) -> str:
    """Return all digits of `value`, without an exponent and without zeros that say nothing."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def money(value: Decimal, currency: str = "", *, sign: bool = False) -> str:
    """Return an amount for people: thousands apart, two decimals for dollars and eight for coins.

    With `sign` an amount above zero bears its sign too.
    """
    rounded = _rounded(value, 2 if "USD" in currency else 8)
    text = f"{rounded:+,f}" if sign and rounded else f"{rounded:,f}"
    return f"{text} {currency}" if currency else text


def quantity(value: Decimal, unit: str = "") -> str:
    """Return a quantity for people, at most eight decimals."""
    text = plain(_rounded(value, 8))
    return f"{text} {unit}" if unit else text


def percent(share: Decimal | None) -> str:
    """Return a share of one in percent."""
    return NOTHING if share is None else f"{(share * 100).quantize(_SHARE, ROUND_HALF_EVEN)} %"


def time_text(ts: int, *, millis: bool = False) -> str:
    """Return a time in nanoseconds as `2024-08-08 00:00:00`, UTC."""
    seconds, rest = divmod(ts, _SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{rest // 1_000_000:03}" if millis else text


def duration(ns: int) -> str:
    """Return a span of time for people: `850 ms`, `12.5 s`, `3 min 20 s`, `2 h 05 min`."""
    if ns < _SECOND_NS:
        return f"{ns // 1_000_000} ms"
    seconds = ns // _SECOND_NS
    if seconds < 60:
        return f"{ns / _SECOND_NS:.1f} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02} h" if days else f"{hours} h {minutes:02} min"


def latency(ns: int) -> str:
    """Return a short span of time for people, with two or three digits: `8.3 us`, `120 us`, `2.4 ms`, `1.2 s`."""
    for unit, length in (("us", 1_000), ("ms", 1_000_000)):
        if ns < 999.5 * length:
            return f"{ns / length:.{1 if ns < 99.95 * length else 0}f} {unit}"
    return f"{ns / _SECOND_NS:.1f} s"


def _rounded(value: Decimal, places: int) -> Decimal:
    rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    return rounded if rounded else abs(rounded)
