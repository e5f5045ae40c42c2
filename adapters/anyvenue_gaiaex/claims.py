"""Who can have made a change of a position, as far as everything that the venue told says: pure functions.

What is certain comes first: what the venue says that an order traded, then orders that rested and are no more. An
order that has no answer yet may have traded as well, and may not have come at all: where more than one answer is
possible, nothing is said before it is late.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import IntEnum
from itertools import islice
from typing import Any, Final

from attrs import define, field, frozen

from anyvenue.model.enums import Side
from anyvenue.model.instrument import Instrument
from anyvenue.model.numbers import ZERO
from anyvenue_gaiaex.streams import Held, Row
from anyvenue_gaiaex.tracked_order import TWICE, TrackedOrder

__all__ = ["Change", "Claim", "Tier", "claim_of", "share_out"]

STALE_NS: Final = 1_000_000_000
"""An order that left this long before the positions were told, without a trace of it, has most likely not come."""
_SUBSETS_OF: Final = 12
"""Among more orders than that no exact sum is looked for."""


class Tier(IntEnum):
    """How sure it is that an order traded, the surest first."""

    TOLD = 0
    GONE = 1
    """It was there, no cancel of it was sent, and it is no more."""
    RESTING = 2
    """It is there, and the venue does not tell how much of it has traded."""
    POSSIBLE = 3
    """It may have come, or a cancel may have been first: what is on its way will tell."""
    LAST = 4
    UNLIKELY = 5
    """By the venue's clock, or by its better priced orders, it was another's trade."""


@define(kw_only=True)
class Change:
    """A change of a position that is to be explained.

    Attributes:
        left: how much of it is not explained yet.
        steady: the rows that rested on its side before and after it.
        before_ns: when the positions were told before it.
        told_ns, ts_event: when it was told, by our clock and by the venue's (0 where it does not say).
    """

    instrument: Instrument
    side: Side
    left: Decimal
    base: Held
    held: Held
    steady: Sequence[Row] = ()
    before_ns: int = 0
    told_ns: int = 0
    ts_event: int = 0

    def can_be_of(self, order: TrackedOrder) -> bool:
        """Tell whether an order had left by then, and may have traded more than was told."""
        is_its_side = order.side is self.side and order.instrument.key == self.instrument.key
        return is_its_side and order.room > 0 and order.sent_ns < self.told_ns


@frozen(kw_only=True)
class Claim:
    """What an order may have traded of a change. One that is `whole` has traded all of that, or nothing."""

    order: Any
    tier: Tier
    most: Decimal
    whole: bool = False
    key: tuple[Any, ...] = field(default=())
    """Within its tier the lowest comes first."""


def claim_of(order: TrackedOrder, change: Change, orders_ts: int, reference: Decimal | None) -> Claim | None:
    """Return what an order may have traded of a change; None for nothing.

    `orders_ts` is the venue's time of the last update that told the open orders.
    """
    if not change.can_be_of(order):
        return None
    if order.is_shown and order.ended_ns is None and order.told_filled is not None:
        most = min(order.room, order.untold)
        return Claim(order=order, tier=Tier.TOLD, most=most, key=_key(order, reference)) if most > 0 else None
    tier = _tier(order, change, orders_ts)
    if tier is None:
        return None
    if order.born_ns > change.ts_event > 0 or any(order.is_behind(row) for row in change.steady):
        tier = Tier.UNLIKELY
    whole = not (order.is_taking or order.is_canceling or order.is_shown or order.ended_ns is not None)
    return Claim(order=order, tier=tier, most=order.room, whole=whole, key=_key(order, reference))


def _tier(order: TrackedOrder, change: Change, orders_ts: int) -> Tier | None:
    if order.ended_ns is not None:
        if order.is_canceled and order.looks >= TWICE:
            return None
        return Tier.POSSIBLE if order.is_canceled and not order.looks else Tier.LAST
    if order.is_left_over:  # it had ended before this run, or never arrived, or is late
        return Tier.LAST
    if order.is_shown:
        return Tier.RESTING
    if not order.is_live:
        return Tier.LAST if order.sent_ns + STALE_NS < change.before_ns else Tier.POSSIBLE
    if order.is_canceling or order.doubt is not None:
        return Tier.POSSIBLE
    if order.is_seen or order.is_taking or order.misses or 0 < order.born_ns < orders_ts:
        return Tier.GONE
    return Tier.POSSIBLE


def _key(order: TrackedOrder, reference: Decimal | None) -> tuple[Any, ...]:
    """Those that take first, then the best price."""
    prices = [price * -order.side.sign for price in order.prices]
    return bool(prices), min(prices, default=ZERO)


def share_out(left: Decimal, claims: Sequence[Claim], *, is_late: bool) -> list[tuple[Claim, Decimal]]:
    """Return who gets how much of what is left; what is not shared is to wait, or a stranger's."""
    shares: list[tuple[Claim, Decimal]] = []
    for tier in Tier:
        of_tier = sorted((claim for claim in claims if claim.tier is tier), key=lambda claim: claim.key)
        if not left or (tier is Tier.UNLIKELY and not is_late):
            break
        found = _shares(left, of_tier, is_open=tier is Tier.POSSIBLE and not is_late)
        if found is None:
            break
        shares += found
        left -= sum((quantity for _, quantity in found), ZERO)
    return shares


def _shares(left: Decimal, claims: Sequence[Claim], *, is_open: bool) -> list[tuple[Claim, Decimal]] | None:
    """Share among claims of one tier; None where more than one answer is possible and `is_open` says to wait."""
    possible = [claim for claim in claims if not (is_open and claim.whole and claim.most > left)]
    if claims and not possible:
        return None
    if sum((claim.most for claim in possible), ZERO) <= left:
        return [(claim, claim.most) for claim in possible]
    exact = list(islice(_exact(left, possible), 2)) if len(possible) <= _SUBSETS_OF else []
    is_clear = len(possible) == 1 or (len(exact) == 1 and all(claim.whole for claim in possible))
    if is_open and not is_clear:
        return None
    if exact:
        return [(claim, claim.most) for claim in exact[0]]
    shares = []
    for claim in possible:
        shares.append((claim, min(claim.most, left)))
        left -= shares[-1][1]
    return [(claim, quantity) for claim, quantity in shares if quantity]


def _exact(left: Decimal, claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Iterate over the sets of claims that make up just what is left, those with the first claims first."""
    if not left:
        yield []
    for place, claim in enumerate(claims):
        if claim.most <= left:
            yield from ([claim, *more] for more in _exact(left - claim.most, claims[place + 1 :]))
