"""The text of signals: bytes become numbered lines, a line becomes a JSON object.

Nothing here does I/O. Numbers are decoded exactly: those with a fraction or an exponent as Decimal, whole ones as int.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final, NoReturn

__all__ = ["LINE_BYTES_MAX", "LineCutter", "decode_object"]

LINE_BYTES_MAX: Final = 65_536
"""A longer line (or request body) is no signal."""


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
