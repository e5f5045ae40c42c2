"""A request's JSON body, read field by field as GaiaEx types them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from anyvenue.model.errors import VenueProtocolError
from anyvenue.wire.exact_json import decode
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import Refused

__all__ = ["Body"]

_EXPONENT_MAX: Final = 18
_DIGITS_MAX: Final = 40
_NUMBER: Final = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?")


class Body:
    """The fields of a body. Everything raises Refused for what is of another type, or is needed and not there."""

    def __init__(self, raw: bytes, quirks: Quirks) -> None:
        self._quirks = quirks
        try:
            fields = decode(raw)
        except VenueProtocolError:
            raise self._malformed("Invalid JSON body") from None
        if not isinstance(fields, Mapping):
            raise self._malformed("Invalid JSON body")
        self._fields: Mapping[str, Any] = fields

    def has(self, name: str) -> bool:
        """Tell whether a field is there; null is the same as not."""
        return self._fields.get(name) is not None

    def text(self, name: str) -> str:
        """Return a text that has to be there."""
        value = self._needed(name)
        if not isinstance(value, str) or not value:
            raise self._malformed(f"Field '{name}' must be a string")
        return value

    def word(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        """Return one of a few words."""
        value = self._fields.get(name)
        if value is None:
            return default
        if value not in allowed:
            raise self._malformed(f"Field '{name}' must be one of {', '.join(allowed)}")
        return str(value)

    def flag(self, name: str, default: bool | None = None) -> bool:
        """Return a JSON boolean; without a default it has to be there."""
        value = self._needed(name) if default is None else self._fields.get(name)
        if value is None and default is not None:
            return default
        if not isinstance(value, bool):
            raise self._malformed(f"Field '{name}' must be a boolean")
        return value

    def whole(self, name: str) -> int:
        """Return a JSON integer that has to be there."""
        value = self._needed(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._malformed(f"Field '{name}' must be an integer")
        return value

    def number(self, name: str, complaint: str) -> Decimal:
        """Return a decimal that has to be there. What is a text but no number above 0 is refused as `complaint`."""
        self._needed(name)
        return self.optional_number(name, complaint) or Decimal(0)

    def optional_number(self, name: str, complaint: str) -> Decimal | None:
        """Return a decimal; None where it is missing."""
        value = self._fields.get(name)
        if value is None:
            return None
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        if not isinstance(value, str) and (not is_number or self._quirks.strings_only):
            raise self._malformed(f"Field '{name}' must be a decimal string")
        if isinstance(value, str) and not _NUMBER.fullmatch(value):
            raise Refused(400, complaint)
        number = Decimal(value)
        if number <= 0 or not _is_sane(number):
            raise Refused(400, complaint)
        return number

    def _needed(self, name: str) -> Any:
        value = self._fields.get(name)
        if value is None:
            raise self._malformed(f"Field '{name}' is required")
        return value

    def _malformed(self, text: str) -> Refused:
        return Refused(self._quirks.malformed_status, text)


def _is_sane(number: Decimal) -> bool:
    return abs(number.adjusted()) <= _EXPONENT_MAX and len(number.as_tuple().digits) <= _DIGITS_MAX
