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

__all__ = ["Change", "Claim", "Tier", "claim_of", "netted", "share_out", "tier_of"]

STALE_NS: Final = 1_000_000_000
"""An order that left this long before the positions were told, without a trace of it, has most likely not come."""
_SUBSETS_OF: Final = 12
"""Among more orders than that no exact sum is looked for."""


class Tier(IntEnum):
    """How sure it is that an order traded, the surest first."""

    TOLD = 0
    GONE = 1
    """It was there, no cancel of it was sent, and it is no more."""
    POSSIBLE = 2
    """It may have come, or a cancel may have been first: what is on its way will tell."""
    RESTING = 3
    """It is there, so it has not traded in full, and the venue does not tell how much of it has."""
    LAST = 4
    UNLIKELY = 5
    """Better priced orders would have traded before it."""


@define(kw_only=True)
class Change:
    """A change of a position that is to be explained.

    Attributes:
        left: how much of it is not explained yet.
        steady: the rows that rested on its side before and after it.
        before_ns: when the positions were told before it.
        told_ns, ts_event: when it was told, by our clock and by the venue's (0 where it does not say): its place
            beside the times in answers is not documented, so nothing is made of it.
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


def claim_of(order: TrackedOrder, change: Change, orders_ns: int) -> Claim | None:
    """Return what an order may have traded of a change; None for nothing.

    `orders_ns` is when the open orders were told last.
    """
    if not change.can_be_of(order):
        return None
    most, tier = order.room, tier_of(order)
    if tier is Tier.TOLD:
        most = min(most, order.untold)
    elif order.is_shown and orders_ns >= change.told_ns:
        most -= order.instrument.quantity_step
    if tier is None or most <= 0:
        return None
    if tier is Tier.POSSIBLE and not order.is_live and order.sent_ns + STALE_NS < change.before_ns:
        tier = Tier.LAST
    if tier is not Tier.TOLD and any(order.is_behind(row) for row in change.steady):
        tier = Tier.UNLIKELY
    whole = not (order.is_taking or order.is_canceling or order.is_shown or order.ended_ns is not None)
    return Claim(order=order, tier=tier, most=most, whole=whole, key=_key(order))


def tier_of(order: TrackedOrder) -> Tier | None:
    """Return how sure it is that an order traded, leaving aside when and at which price; None where it is out."""
    if order.ended_ns is not None:
        if order.is_canceled and order.looks >= TWICE:
            return None
        return Tier.POSSIBLE if order.is_canceled and not order.looks else Tier.LAST
    if order.is_shown:
        return Tier.RESTING if order.told_filled is None else Tier.TOLD
    if order.is_left_over:  # it had ended before this run, or never arrived, or is late
        return Tier.LAST
    if order.is_taking and order.filled and not order.is_seen:  # what did not trade at once is not there
        return Tier.LAST
    is_settled = order.is_live and order.doubt is None and not order.is_canceling
    was_there = order.is_seen or order.is_taking or order.misses
    return Tier.GONE if is_settled and was_there else Tier.POSSIBLE


def _key(order: TrackedOrder) -> tuple[Any, ...]:
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
        if tier is Tier.RESTING and not is_late and ZERO < sum((claim.most for claim in of_tier), ZERO) < left:
            break  # more has traded than they can have: the rows are older than the position
        is_open = tier is Tier.POSSIBLE and bool(of_tier) and not is_late
        found = _clear(left, of_tier) if is_open else _likeliest(left, of_tier)
        if found is None:
            break
        shares += found
        left -= sum((quantity for _, quantity in found), ZERO)
    return shares


def netted(order: TrackedOrder, others: Sequence[TrackedOrder]) -> list[tuple[TrackedOrder, Decimal]]:
    """Return who traded against what an order must have traded, where no position has changed by it.

    These are orders of the other side that were there and are no more, like this one: both traded between two updates.
    """
    if tier_of(order) is not Tier.GONE:
        return []
    against = [
        one
        for one in others
        if one.instrument.key == order.instrument.key
        and one.side is not order.side
        and one.room > 0
        and tier_of(one) is Tier.GONE
    ]
    left, shares = order.room, list[tuple[TrackedOrder, Decimal]]()
    for one in sorted(against, key=lambda one: (one.room != order.room, _key(one))):
        quantity = min(left, one.room)
        left -= quantity
        if quantity:
            shares.append((one, quantity))
    return shares


def _clear(left: Decimal, claims: Sequence[Claim]) -> list[tuple[Claim, Decimal]] | None:
    """Return the shares where only one answer is possible; None where there are more, or none."""
    possible = [claim for claim in claims if not (claim.whole and claim.most > left)]
    exact = list(islice(_exact(left, possible), 2)) if len(possible) <= _SUBSETS_OF else []
    is_one = all(claim.whole for claim in possible) or sum((claim.most for claim in possible), ZERO) == left
    if len(exact) == 1 and is_one:
        return [(claim, claim.most) for claim in exact[0]]
    if len(possible) == 1 and not possible[0].whole and possible[0].most > left:
        return [(possible[0], left)]
    return None


def _likeliest(left: Decimal, claims: Sequence[Claim]) -> list[tuple[Claim, Decimal]]:
    """Return the shares of those that make up just what is left, else of the first ones."""
    exact = next(_exact(left, claims), None) if len(claims) <= _SUBSETS_OF else None
    shares = []
    for claim in exact or claims:
        quantity = min(claim.most, left)
        left -= quantity
        if quantity:
            shares.append((claim, quantity))
    return shares


def _exact(left: Decimal, claims: Sequence[Claim]) -> Iterator[list[Claim]]:
    """Iterate over the sets of claims that make up just what is left, those with the first claims first."""
    if not left:
        yield []
    for place, claim in enumerate(claims):
        if claim.most <= left:
            yield from ([claim, *more] for more in _exact(left - claim.most, claims[place + 1 :]))
