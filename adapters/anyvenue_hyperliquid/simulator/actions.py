"""Actions as the venue reads them: field by field, in its own order, numbers in their normal form (chapter 6).

What comes out is what the venue hashes. A client that hashed another order of keys, a number with zeros that say
nothing or a flag that should have been left out signed something else, and comes out as a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

from anyvenue.model.numbers import shortest_text

__all__ = ["Malformed", "read_action"]

Reader: TypeAlias = Callable[[Any], Any]
Fields: TypeAlias = Sequence[tuple[str, Reader]]

_HEX: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{1,32})")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
_WHOLE_MAX: Final = 2**64


class Malformed(Exception):
    """A body that is not of the venue's types: HTTP 422."""


def read_action(given: Any) -> dict[str, Any] | None:
    """Return an action as the venue hashes it; None for a type that there is none of here. Raises Malformed."""
    if not isinstance(given, Mapping) or not isinstance(given.get("type"), str):
        raise Malformed
    fields = _ACTIONS.get(given["type"])
    return None if fields is None else {"type": given["type"], **_struct(*fields)(given)}


def _struct(*fields: tuple[str, Reader]) -> Reader:
    """Read a table. A name that ends in `?` may be missing or null, and is left out then."""

    def read(given: Any) -> dict[str, Any]:
        if not isinstance(given, Mapping):
            raise Malformed
        found: dict[str, Any] = {}
        for name, reader in fields:
            key = name.rstrip("?")
            value = given.get(key)
            if value is not None:
                found[key] = reader(value)
            elif key == name:
                raise Malformed
        return {key: value for key, value in found.items() if value is not None}

    return read


def _list(reader: Reader) -> Reader:
    def read(given: Any) -> list[Any]:
        if not isinstance(given, list):
            raise Malformed
        return [reader(item) for item in given]

    return read


def _flag(given: Any) -> bool:
    if not isinstance(given, bool):
        raise Malformed
    return given


def _only_true(given: Any) -> bool | None:
    """Read a flag that is not there when it is false."""
    return _flag(given) or None


def _whole(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or not 0 <= given < _WHOLE_MAX:
        raise Malformed
    return given


def _signed(given: Any) -> int:
    if not isinstance(given, int) or isinstance(given, bool) or abs(given) >= _WHOLE_MAX // 2:
        raise Malformed
    return given


def _number(given: Any) -> str:
    if not isinstance(given, str) or not _NUMBER.fullmatch(given):
        raise Malformed
    try:
        return shortest_text(Decimal(given))
    except InvalidOperation:
        raise Malformed from None


def _cloid(given: Any) -> str:
    found = _HEX.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise Malformed
    return f"0x{found.group(1).lower():0>32}"


def _oid_or_cloid(given: Any) -> int | str:
    return _cloid(given) if isinstance(given, str) else _whole(given)


def _address(given: Any) -> str:
    if not isinstance(given, str) or not _ADDRESS.fullmatch(given):
        raise Malformed
    return given.lower()


def _word(*allowed: str) -> Reader:
    def read(given: Any) -> str:
        if given not in allowed:
            raise Malformed
        return str(given)

    return read


_LIMIT: Final = _struct(("tif", _word("Gtc", "Ioc", "Alo", "FrontendMarket")))
_TRIGGER: Final = _struct(("isMarket", _flag), ("triggerPx", _number), ("tpsl", _word("tp", "sl")))
_PRIORITY: Final = _struct(("p", _whole))
_GROUPING: Final = _word("na", "normalTpsl", "positionTpsl")


def _kind(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping) and len(given) == 1:
        if "limit" in given:
            return {"limit": _LIMIT(given["limit"])}
        if "trigger" in given:
            return {"trigger": _TRIGGER(given["trigger"])}
    raise Malformed


def _grouping(given: Any) -> Any:
    return _PRIORITY(given) if isinstance(given, Mapping) else _GROUPING(given)


_ORDER: Final = _struct(
    ("a", _whole), ("b", _flag), ("p", _number), ("s", _number), ("r", _flag), ("t", _kind), ("c?", _cloid)
)
_ACTIONS: Final[Mapping[str, Fields]] = {
    "order": (
        ("orders", _list(_ORDER)),
        ("grouping", _grouping),
        ("builder?", _struct(("b", _address), ("f", _whole))),
    ),
    "cancel": (("cancels", _list(_struct(("a", _whole), ("o", _whole)))), ("f?", _only_true)),
    "cancelByCloid": (("cancels", _list(_struct(("asset", _whole), ("cloid", _cloid)))), ("f?", _only_true)),
    "modify": (("oid", _oid_or_cloid), ("order", _ORDER), ("a?", _only_true)),
    "batchModify": (
        ("modifies", _list(_struct(("oid", _oid_or_cloid), ("order", _ORDER)))),
        ("a?", _only_true),
    ),
    "scheduleCancel": (("time?", _whole),),
    "updateLeverage": (("asset", _whole), ("isCross", _flag), ("leverage", _whole)),
    "updateIsolatedMargin": (("asset", _whole), ("isBuy", _flag), ("ntli", _signed)),
    "noop": (),
}
