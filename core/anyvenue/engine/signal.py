"""A signal: somebody else's wish to trade, which a strategy may act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

__all__ = ["Signal"]


@frozen(kw_only=True)
class Signal:
    """One message from a signal source, its numbers still text or whole numbers.

    `source` names where it came from; `ts_recv` is when, nanoseconds since the epoch.
    """

    source: str
    payload: Mapping[str, Any]
    ts_recv: int
