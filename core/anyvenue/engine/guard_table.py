"""What the engine makes itself where a venue does not have it, and what it needs of the venue for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from anyvenue.venue.capabilities import Capabilities, Capability, Feature, Grade

__all__ = ["EMULATED", "emulation", "is_emulated", "is_usable"]

_FIRES: Final = (Feature.MARKET, Feature.REDUCE_ONLY)

EMULATED: Final[Mapping[Feature, tuple[tuple[Feature, ...], str]]] = {
    Feature.PROTECTION: (_FIRES, "watched by this process, which closes the position at market, reduce-only"),
    Feature.ATTACHED_PROTECTION: (_FIRES, "set by this process for the whole position when the entry's fills arrive"),
    Feature.STOP: ((), "kept by this process, which sends the order when its trigger fires"),
    Feature.TAKE_PROFIT: ((), "kept by this process, which sends the order when its trigger fires"),
    Feature.TRAILING: ((), "followed by this process, which sends the order when its trigger fires"),
    Feature.AMEND: ((Feature.LIMIT,), "a cancel and, after proof of it, a new order for the unfilled rest"),
}
"""By feature: what the venue must have for it, and in words what is done. All of it survives a restart."""

_PRICES: Final = (Feature.TICKER, Feature.BOOK)


def emulation(feature: Feature, capabilities: Capabilities, allowed: frozenset[Feature]) -> Capability | None:
    """Return what the engine offers in the venue's place; None where it cannot either.

    It builds on nothing that is only approximate at the venue, unless that is in `allowed`.
    """
    needs, note = EMULATED.get(feature, ((), ""))
    watches = feature is not Feature.AMEND
    if not note or not all(is_usable(need, capabilities, allowed) for need in needs):
        return None
    if watches and not any(is_usable(price, capabilities, allowed) for price in _PRICES):
        return None
    return Capability(Grade.EMULATED, note)


def is_emulated(feature: Feature, capabilities: Capabilities, allowed: frozenset[Feature]) -> bool:
    """Tell whether the engine does it: the venue does not, or only approximately and that is not allowed."""
    return not is_usable(feature, capabilities, allowed) and emulation(feature, capabilities, allowed) is not None


def is_usable(feature: Feature, capabilities: Capabilities, allowed: frozenset[Feature]) -> bool:
    """Tell whether the venue has it, exactly or, where that is in `allowed`, approximately."""
    grade = capabilities[feature].grade
    return grade is not Grade.ABSENT and (grade is not Grade.APPROXIMATE or feature in allowed)
