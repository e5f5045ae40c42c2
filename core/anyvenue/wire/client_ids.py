"""Client order ids for venues that take a 128-bit number only: ours become one, and are read back from it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["from_hex", "to_hex"]

_LETTERS: Final = "-0123456789abcdefghijklmnopqrstuvwxyz"
_BASE: Final = len(_LETTERS) + 1
LENGTH_MAX: Final = 24
"""So many letters have room in 128 bits."""
_HEX: Final = re.compile(r"0x[0-9a-f]{32}")


def to_hex(client_order_id: str) -> str:
    """Return a client order id as `0x` and 32 hexadecimal digits.

    Raises ValueError for one that is longer than 24 characters, or has others than 0-9, a-z and the dash.
    """
    if not client_order_id or len(client_order_id) > LENGTH_MAX or set(client_order_id) - set(_LETTERS):
        raise ValueError(
            f"client_order_id: found {client_order_id!r}; this venue has room for 1 to {LENGTH_MAX} characters of "
            "0-9, a-z and -"
        )
    number = 0
    for letter in client_order_id:
        number = number * _BASE + _LETTERS.index(letter) + 1
    return f"0x{number:032x}"


def from_hex(text: str | None) -> str | None:
    """Return the client order id that became `text`; None for what none of ours can have become."""
    if text is None or not _HEX.fullmatch(text.lower()):
        return None
    number, letters = int(text, 16), ""
    while number:
        number, digit = divmod(number, _BASE)
        if not digit:
            return None
        letters = _LETTERS[digit - 1] + letters
    return letters if 0 < len(letters) <= LENGTH_MAX else None
