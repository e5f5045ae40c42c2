"""Times as text or number, in whatever unit they come, become nanoseconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from anyvenue.model.numbers import exact

__all__ = ["unix_ns"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?")
_ALLOWED_TIMES: Final = "allowed are ISO 8601 with a zone, and Unix seconds, milliseconds, microseconds or nanoseconds"
# Below which number a Unix time counts seconds, ms, us, ns. Each unit reaches from 1973 at the latest to the year 5138
# (nanoseconds to 2262).
_UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (2**63, 1))


def unix_ns(value: object, name: str) -> int:
    """Return a time as nanoseconds since the epoch, without passing through a binary float.

    Takes ISO 8601 text with its zone, and Unix time as text or number, in the unit that its size tells. Raises
    ValueError, TypeError.
    """
    if type(value) is int:
        for below, unit_ns in _UNITS:
            if 0 <= value < below:
                return value * unit_ns
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return _iso_ns(value, name)
    number = exact(value, name)  # type: ignore[arg-type]
    whole = int(number) if number >= 0 else -1
    for below, unit_ns in _UNITS:
        if 0 <= whole < below:
            return int(number * unit_ns)
    raise ValueError(f"{name}: found {value}; {_ALLOWED_TIMES}, from 1970 on")


def _iso_ns(text: str, name: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: found {text!r}; {_ALLOWED_TIMES}") from None
    if moment.tzinfo is None:
        raise ValueError(f"{name}: found {text!r}, without a zone; {_ALLOWED_TIMES}, such as '2030-01-31T12:00:00Z'")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
