"""JSON without loss: numbers with a fraction become Decimal from the text they were sent as, never through a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from anyvenue.model.errors import VenueProtocolError

__all__ = ["decode"]

_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)


def decode(raw: bytes | str, *, venue: str = "", request: str = "") -> Any:
    """Return what a JSON text says. Raises VenueProtocolError, with the bytes, for what is no JSON."""
    try:
        return _DECODER.decode(raw)
    except (msgspec.DecodeError, ArithmeticError, UnicodeError, RecursionError) as error:
        data = raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass")
        raise VenueProtocolError(
            f"found what is not JSON ({error}); look at the raw bytes, it may be a gateway's page",
            raw=data,
            venue=venue,
            request=request,
        ) from None
