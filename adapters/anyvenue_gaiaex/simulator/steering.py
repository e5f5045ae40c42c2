"""What this simulator can be told while it runs, by the control endpoint: revisions, and feeds that are down."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from attrs import asdict, frozen

from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.revision import Revision

__all__ = ["Steering", "plain_quirks"]

_FIELDS: Final = ("revision", "book", "stale")


@frozen(kw_only=True)
class Steering:
    """What is to be set; None for what stays. Leverage limits and margin modes stay those of the beginning."""

    revision: Revision | None
    book: Revision | None
    stale: list[str] | None

    @classmethod
    def read(cls, given: Mapping[str, Any], *, markets: Collection[str]) -> Steering:
        """Return what is asked for. Raises ValueError."""
        for name in given:
            if name not in _FIELDS:
                raise ValueError(f"found the key {name!r}; allowed are {', '.join(_FIELDS)}")
        stale = given.get("stale")
        if stale is not None and (not isinstance(stale, list) or any(name not in markets for name in stale)):
            raise ValueError(f"stale: found {stale!r:.80}; allowed is a list of {', '.join(markets)}")
        return cls(revision=_revision(given, "revision"), book=_revision(given, "book"), stale=stale)


def plain_quirks(quirks: Quirks) -> dict[str, Any]:
    """Return quirks as JSON has them."""
    return {name: _plain(value) for name, value in asdict(quirks).items()}


def _revision(given: Mapping[str, Any], name: str) -> Revision | None:
    value = given.get(name)
    if value is None:
        return None
    for revision in Revision:
        if revision.value == value:
            return revision
    raise ValueError(f"{name}: found {value!r:.80}; allowed are {', '.join(one.value for one in Revision)}")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Decimal) else value
