"""What the engine makes itself where a venue does not have it, and what it needs of the venue for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade

__all__ = ["EMULATED", "emulation", "is_emulated"]

_FIRES: Final = (Feature.MARKET, Feature.REDUCE_ONLY)

EMULATED: Final[Mapping[Feature, tuple[tuple[Feature, ...], str]]] = {
    Feature.PROTECTION: (_FIRES, "watched by this process, which closes the position at market, reduce-only"),
    Feature.STOP: ((), "kept by this process, which sends the order when its trigger fires"),
    Feature.TAKE_PROFIT: ((), "kept by this process, which sends the order when its trigger fires"),
    Feature.TRAILING: ((), "followed by this process, which sends the order when its trigger fires"),
    Feature.AMEND: ((Feature.LIMIT,), "a cancel and, after proof of it, a new order for the unfilled rest"),
}
"""By feature: what the venue must have for it, and in words what is done. All of it survives a restart."""

_PRICES: Final = (Feature.TICKER, Feature.BOOK)


def emulation(feature: Feature, capabilities: Capabilities) -> Capability | None:
    """Return what the engine offers in the venue's place; None where it cannot either."""
    needs, note = EMULATED.get(feature, ((), ""))
    watches = feature is not Feature.AMEND
    if not note or not all(capabilities.has(need) for need in needs):
        return None
    if watches and not any(capabilities.has(price) for price in _PRICES):
        return None
    return Capability(Grade.EMULATED, note)


def is_emulated(feature: Feature, capabilities: Capabilities, allowed: frozenset[Feature]) -> bool:
    """Tell whether the engine does it: the venue does not, or only approximately and that is not allowed."""
    grade = capabilities[feature].grade
    falls_short = grade is Grade.ABSENT or (grade is Grade.APPROXIMATE and feature not in allowed)
    return falls_short and emulation(feature, capabilities) is not None
