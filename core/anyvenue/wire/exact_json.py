"""JSON without loss: numbers with a fraction become Decimal from the text they were sent as, never through a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from anyvenue.model.errors import VenueProtocolError
from anyvenue.model.numbers import exact

__all__ = ["decode"]


def _number(text: str) -> Decimal:
    # Written out, `1e999999999` would fill the memory: what has an exponent is looked at.
    return exact(text) if "e" in text or "E" in text else Decimal(text)


_DECODER: Final = msgspec.json.Decoder(float_hook=_number)


def decode(raw: bytes | str, *, venue: str = "", request: str = "") -> Any:
    """Return what a JSON text says. Raises VenueProtocolError, with the bytes, for what is no JSON."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.MsgspecError, ArithmeticError, ValueError, RecursionError) as error:
        data = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
        raise VenueProtocolError(
            f"found what is not JSON that can be read ({error}); look at the raw bytes, it may be a gateway's page",
            raw=data,
            venue=venue,
            request=request,
        ) from None
