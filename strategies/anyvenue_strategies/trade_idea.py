"""The signal that `signal_follower` takes: what it must hold, and what it comes to when it is read.

    {"contract": "BTC-PERP", "direction": "long", "entry_price": "61800", "stop_loss": "61700", "risk_pct": "0.5",
     "take_profit": "62000", "id": "2024-08-08-1", "expiry": "2024-08-09T00:00:00Z"}

`contract` is a neutral or a venue's symbol, `direction` long or short, `risk_pct` the percentage of the balance that is
lost when the stop is hit. `take_profit`, `id`, `expiry` and `ts` are optional; times are ISO 8601 with a zone, or Unix
time. Numbers may be JSON numbers or text. A field of any other name is refused: it may be one of these, misspelt.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from anyvenue import Side
from anyvenue.model import exact
from anyvenue.model.times import unix_ns

__all__ = ["TradeIdea", "read_trade_idea"]

NEEDED = ("contract", "direction", "entry_price", "stop_loss", "risk_pct")
OPTIONAL = ("take_profit", "id", "expiry", "ts")
SIDES = {"long": Side.BUY, "buy": Side.BUY, "short": Side.SELL, "sell": Side.SELL}
TEXT_MAX = 100


@frozen(kw_only=True)
class TradeIdea:
    """A signal, read. `name` is its id, or for want of one a digest of its content."""

    name: str
    contract: str
    side: Side
    entry_price: Decimal
    stop_loss: Decimal
    risk_pct: Decimal
    take_profit: Decimal | None
    expiry_ns: int | None


def read_trade_idea(payload: Mapping[str, Any]) -> TradeIdea:
    """Read a signal. Raises ValueError or TypeError that names the field, what was found and what is allowed."""
    missing = [name for name in NEEDED if payload.get(name) is None]
    unknown = [name for name in payload if name not in NEEDED + OPTIONAL]
    if missing or unknown:
        raise ValueError(
            f"fields: missing are {missing}, unknown are {unknown}; needed {list(NEEDED)}, optional {list(OPTIONAL)}"
        )
    target, expiry = payload.get("take_profit"), payload.get("expiry")
    return TradeIdea(
        name=_name(payload),
        contract=_text(payload["contract"], "contract"),
        side=_side(payload["direction"]),
        entry_price=exact(payload["entry_price"], "entry_price"),
        stop_loss=exact(payload["stop_loss"], "stop_loss"),
        risk_pct=exact(payload["risk_pct"], "risk_pct"),
        take_profit=None if target is None else exact(target, "take_profit"),
        expiry_ns=None if expiry is None else unix_ns(expiry, "expiry"),
    )


def _side(direction: object) -> Side:
    side = SIDES.get(direction.lower()) if isinstance(direction, str) else None
    if side is None:
        raise ValueError(f"direction: found {direction!r}; allowed are {', '.join(SIDES)}")
    return side


def _name(payload: Mapping[str, Any]) -> str:
    given = payload.get("id")
    if given is not None:
        return _text(str(given) if type(given) is int else given, "id")
    content = sorted((name, str(value)) for name, value in payload.items() if value is not None)
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX:
        raise ValueError(f"{name}: found {value!r:.{TEXT_MAX}}; allowed is text of 1 to {TEXT_MAX} characters")
    return value
