"""How replies are written: decimals as texts or numbers, and the body of an error in the layout that a server has."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from anyvenue.simulation.server.messages import HttpResponse
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import ChainRefused, Refused
from anyvenue_gaiaex.simulator.revision import Shapes

__all__ = ["Replies", "padded"]

_TEXTS: Final = msgspec.json.Encoder(decimal_format="string")
_NUMBERS: Final = msgspec.json.Encoder(decimal_format="number")
_JSON: Final = {"content-type": "application/json"}


def padded(value: Decimal, decimals: int) -> Decimal:
    """Return a number that is written with so many decimals, or more where it has more."""
    plain = value.normalize()
    exponent = plain.as_tuple().exponent
    has = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    return plain.quantize(Decimal(1).scaleb(-max(has, decimals)))


class Replies:
    """Writes responses."""

    def __init__(self, quirks: Quirks, shapes: Shapes) -> None:
        self._quirks = quirks
        self._shapes = shapes

    def text(self, content: Any) -> str:
        """Return content as JSON."""
        return (_NUMBERS if self._quirks.numbers else _TEXTS).encode(content).decode()

    def good(self, content: Any) -> HttpResponse:
        """Return what was asked for."""
        return HttpResponse(headers=_JSON, body=self.text(content).encode())

    def bad(self, refused: Refused) -> HttpResponse:
        """Return a refusal."""
        by_chain = isinstance(refused, ChainRefused) and self._quirks.chain_status == 200
        text = refused.other if self._shapes.is_b(f"errors {refused.status}") else refused.text
        content: dict[str, Any] = {"success": False} if by_chain or self._quirks.error_says_success else {}
        content[self._quirks.error_field] = text
        return HttpResponse(
            status=200 if by_chain else refused.status,
            headers={**_JSON, **refused.headers},
            body=_TEXTS.encode(content),
        )
