"""The text of signals: bytes become numbered lines, a line becomes a JSON object, a time becomes nanoseconds.

Nothing here does I/O. Numbers are decoded exactly: those with a fraction or an exponent as Decimal, whole ones as int.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NoReturn

from anyvenue.model.numbers import exact

__all__ = ["LINE_BYTES_MAX", "LineCutter", "decode_object", "unix_ns"]

LINE_BYTES_MAX: Final = 65_536
"""A longer line (or request body) is no signal."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER: Final = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?")
_ALLOWED_TIMES: Final = "allowed are ISO 8601 with a zone, and Unix seconds, milliseconds, microseconds or nanoseconds"
# Below which number a Unix time counts seconds, ms, us, ns. Each unit reaches from 1973 at the latest to the year 5138
# (nanoseconds to 2262).
_UNITS: Final = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3), (2**63, 1))


class LineCutter:
    """Cuts a stream of bytes into lines, numbered from 1. Of a line that is too long only the beginning is kept."""

    def __init__(self) -> None:
        self._number = 0
        self._begun = b""
        self._drops = False

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take bytes in; return the lines that they complete."""
        *ends, begun = data.split(b"\n")
        lines = []
        for end in ends:
            self._number += 1
            if not self._drops:
                lines.append((self._number, self._joined(end)))
            self._begun, self._drops = b"", False
        self._begun = self._joined(begun)
        return lines

    def end(self) -> list[tuple[int, bytes]]:
        """Nothing more will come: return the last line where it lacks its newline."""
        return self.feed(b"\n") if self._begun else []

    def drop_begun(self) -> list[tuple[int, bytes]]:
        """Leave out the line that has begun, with what is still to come of it; return what there was of it."""
        begun = [(self._number + 1, self._begun)] if self._begun else []
        self._begun, self._drops = b"", bool(begun) or self._drops
        return begun

    def _joined(self, part: bytes) -> bytes:
        return (self._begun + part)[: LINE_BYTES_MAX + 1]


def decode_object(text: bytes) -> dict[str, Any]:
    """Read one JSON object. Raises ValueError that says what is wrong with it."""
    if len(text) > LINE_BYTES_MAX:
        raise ValueError(f"found more than {LINE_BYTES_MAX} bytes")
    try:
        found = json.loads(
            text.decode("utf-8-sig"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_without_repeats,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text: {error.reason} at byte {error.start + 1}") from None
    except RecursionError:
        raise ValueError("not a signal: nested too deeply") from None
    except ArithmeticError:
        raise ValueError("not a signal: a number beyond all bounds") from None
    if not isinstance(found, dict):
        raise ValueError(f"found a JSON {_KINDS.get(type(found), 'number')}; allowed is an object, in {{ }}")
    return found


_KINDS: Final = {list: "array", str: "string", bool: "boolean", type(None): "null"}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"found {name}; allowed are finite numbers")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"found twice: {', '.join(sorted({name for name in names if names.count(name) > 1}))}")
    return found


def unix_ns(value: object, name: str) -> int:
    """Return a time as nanoseconds since the epoch, without passing through a binary float.

    Takes ISO 8601 text with its zone, and Unix time as text or number, in the unit that its size tells. Raises
    ValueError, TypeError.
    """
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return _iso_ns(value, name)
    number = exact(value, name)  # type: ignore[arg-type]
    for below, unit_ns in _UNITS:
        if 0 <= number < below:
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
