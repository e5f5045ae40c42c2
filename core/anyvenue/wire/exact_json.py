"""JSON without loss: numbers with a fraction become Decimal from the text they were sent as, never through a float."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.numbers import exact

__all__ = ["decode"]

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)
_CAREFUL: Final = msgspec.json.Decoder(float_hook=exact)
_MAYBE_HUGE: Final = re.compile(r"[eE][+-]?\d{4}")
"""What stands in a number of a thousand digits or more: written out, `1e999999999` would fill the memory."""
_MAYBE_HUGE_BYTES: Final = re.compile(_MAYBE_HUGE.pattern.encode())


def decode(raw: bytes | str, *, venue: str = "", request: str = "") -> Any:
    """Return what a JSON text says. Raises VenueProtocolError, with the bytes, for what is no JSON."""
    huge = _MAYBE_HUGE.search(raw) if isinstance(raw, str) else _MAYBE_HUGE_BYTES.search(raw)
    try:
        return (_DECODER if huge is None else _CAREFUL).decode(raw)
    except (msgspec.MsgspecError, ArithmeticError, ValueError, RecursionError) as error:
        data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
        raise VenueProtocolError(
            f"found what is not JSON that can be read ({error}); look at the raw bytes, it may be a gateway's page",
            raw=data,
            venue=venue,
            request=request,
        ) from None
