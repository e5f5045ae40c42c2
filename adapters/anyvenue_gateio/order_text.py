"""Gate's `text` of an order: our client order id behind "t-", or the venue's own word for where the order came from."""

from __future__ import annotations

import re
from typing import Final

from anyvenue.model.errors import InvalidOrder, RejectReason

__all__ = ["PREFIX", "client_order_id", "origin_reason", "to_text"]

PREFIX: Final = "t-"
"""What our own texts begin with."""
_LENGTH_MAX: Final = 28
_FORCED: Final = re.compile(
    r"liquidation|liq-.*|hedge-liq-.*|(pm|comb_margin|scm)_liquidate|auto_deleveraging|insurance|clear"
)


def to_text(client_order_id: str) -> str:
    """Return the `text` that carries a client order id. Raises InvalidOrder for one that does not fit in."""
    letters = client_order_id.replace("-", "0").replace("_", "0").replace(".", "0")
    if not (len(letters) <= _LENGTH_MAX and letters.isascii() and letters.isalnum()):
        raise InvalidOrder(
            f"client_order_id: found {client_order_id!r}; allowed on Gate are 1 to 28 characters of 0-9 A-Z a-z _ - ."
        )
    return PREFIX + client_order_id


def client_order_id(text: str | None) -> str | None:
    """Return the client order id in a `text`; None where the venue's own interfaces or its liquidation wrote it."""
    return text.removeprefix(PREFIX) or None if text and text.startswith(PREFIX) else None


def origin_reason(text: str | None) -> RejectReason | None:
    """Return LIQUIDATION for an order that the venue forced upon the account, by liquidation or deleveraging."""
    return RejectReason.LIQUIDATION if text and _FORCED.fullmatch(text) else None
