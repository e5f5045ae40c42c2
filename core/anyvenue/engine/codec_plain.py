"""Values of plain JSON types, with numbers that JSON cannot hold exactly among them, as JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

__all__ = ["plain", "unplain"]

_NUMBER: Final = "$number"
_INT_MAX: Final = 1 << 53


def plain(value: Any) -> Any:
    """Return a value of plain JSON types, a Decimal or a large whole number among them marked as such.

    Raises TypeError for any other type.
    """
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return value if abs(value) < _INT_MAX else {_NUMBER: str(value)}
        case Decimal():
            return {_NUMBER: f"{value}" if "." in f"{value}" or "E" in f"{value}" else f"{value}E+0"}
        case Mapping():
            if not all(isinstance(key, str) for key in value) or _NUMBER in value:
                raise TypeError(f"found keys {list(value)}; allowed are texts other than {_NUMBER!r}")
            return {key: plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            raise TypeError(f"found a {type(value).__name__}; allowed are JSON's own types and Decimal")


def unplain(value: Any) -> Any:
    """Return the value that `plain` made this of; a tuple comes back as a list."""
    if isinstance(value, list):
        return [unplain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _NUMBER in value:
        text = value[_NUMBER]
        return int(text) if text.lstrip("-").isdigit() else Decimal(text.removesuffix("E+0"))
    return {key: unplain(item) for key, item in value.items()}
