"""Rate limits, kept on our side: never more than a rule's limit in any window of its length.

A rule is a sliding log of what was taken, not a bucket of tokens: that one lets nearly twice the limit pass within a
window. What counts is when a request leaves; where the way to the venue takes now longer, now shorter, two windows of
the venue's can still see more, so rules are best a little stricter than the venue's own.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Final, TypeAlias

from attrs import define, field, frozen

from anyvenue.model.errors import NotSent
from anyvenue.venue.clock import Clock, Timer
from anyvenue.wire.request import Charge

__all__ = ["PATIENCE_S", "Bucket", "LimitNews", "RateLimiter"]

PATIENCE_S: Final = 5.0
"""How long a request waits for its turn where nothing else is said."""
_SECOND_NS: Final = 1_000_000_000
_WINDOWS_MIN: Final = 64
_COSTS_KEPT: Final = 64

_Id: TypeAlias = tuple[str, str]
"""A window: the rule's name, and what tells windows under one rule apart."""


@frozen(kw_only=True)
class Bucket:
    """A rule: at most `limit` weight in any `per_s` seconds, of which `reserve` is kept for urgent requests."""

    name: str
    limit: int
    per_s: float
    reserve: int = 0

    def __attrs_post_init__(self) -> None:
        if not (self.per_s > 0 and 0 <= self.reserve < self.limit):
            raise ValueError(
                f"rate limit {self.name}: found limit={self.limit}, per_s={self.per_s}, reserve={self.reserve}; "
                "allowed are per_s > 0 and 0 <= reserve < limit"
            )

    @cached_property
    def per_ns(self) -> int:
        """The window's length."""
        return round(self.per_s * _SECOND_NS)


@frozen(kw_only=True)
class LimitNews:
    """What a venue says of a limit in the headers of an answer.

    Attributes:
        charge: names the window; its weight means nothing here.
        remaining: how much may still be taken.
        limit: how much the rule allows.
        reset_ns: when all of it is there again, in nanoseconds since the epoch. An adapter gives the venue's time; the
            HTTP client makes our clock's of it.
    """

    charge: Charge
    remaining: int | None
    limit: int | None = None
    reset_ns: int | None = None


@define
class _Window:
    """What was taken: `(when it is free again, weight)` in the order of those times, and the sum of the weights."""

    entries: deque[tuple[int, int]] = field(factory=deque)
    used: int = 0
    blocked_until_ns: int = 0

    def add(self, free_ns: int, weight: int) -> None:
        entry, entries = (free_ns, weight), self.entries
        if entries and entry < entries[-1]:
            insort(entries, entry)
        else:
            entries.append(entry)
        self.used += weight

    def forget(self, now: int, per_ns: int) -> None:
        """Drop what is over."""
        entries = self.entries
        while entries and entries[0][0] <= now:
            self.used -= entries.popleft()[1]
        if entries and entries[-1][0] > now + per_ns:  # our clock was set back
            self.entries = deque((min(free_ns, now + per_ns), weight) for free_ns, weight in entries)

    def soonest(self, now: int, weight: int, most: int) -> int | None:
        """Return the first moment from `now` on at which `weight` more is no more than `most`; None where none is."""
        if weight > most:
            return None
        when, used = max(now, self.blocked_until_ns), self.used
        for free_ns, freed in self.entries:
            if used + weight <= most:
                break
            when, used = max(when, free_ns), used - freed
        return when


@define(eq=False)
class _Waiter:
    cost: dict[_Id, int]
    urgent: bool
    since_ns: int
    patience_s: float
    turn: asyncio.Future[str]
    """Says why it is refused; nothing where it may go."""


class RateLimiter:
    """Keeps requests within rules. `patience_s` is how long one may have to wait."""

    def __init__(self, buckets: Sequence[Bucket], clock: Clock, *, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._clock = clock
        self._buckets = {bucket.name: bucket for bucket in buckets}
        if len(self._buckets) < len(buckets):
            raise ValueError(f"found two rate limits of one name among {[bucket.name for bucket in buckets]}")
        self._limits = {bucket.name: bucket.limit for bucket in buckets}
        self._windows: dict[_Id, _Window] = {}
        self._windows_max = _WINDOWS_MIN
        self._costs: dict[tuple[Charge, ...], dict[_Id, int]] = {}
        self._waiting: list[_Waiter] = []  # the urgent ones first, else as they came
        self._timer: Timer | None = None

    async def take(self, charges: Sequence[Charge], *, urgent: bool = False, patience_s: float | None = None) -> None:
        """Wait until all of `charges` fit together, and take them.

        Who comes first goes first where they share a window; urgent requests pass by the others, and use the reserve.
        Raises NotSent, with nothing taken, as soon as it is clear that the wait will be longer than the patience, and
        ValueError for a rule that does not exist.
        """
        if self.take_now(charges, urgent=urgent):
            return
        patience_s = self.patience_s if patience_s is None else patience_s
        turn: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(self._cost(tuple(charges)), urgent, self._clock.time_ns(), patience_s, turn)
        place = sum(other.urgent for other in self._waiting) if urgent else len(self._waiting)
        self._waiting.insert(place, waiter)
        self._let_go()
        if refusal := await turn:
            raise NotSent(refusal)
        self.taken(charges)

    def take_now(self, charges: Sequence[Charge], *, urgent: bool = False) -> bool:
        """Do as `take`, where nothing has to be waited for. False where it has, with nothing taken."""
        cost = self._cost(tuple(charges))
        if cost and (self._waiting or not self._take_at_once(cost, urgent)):
            return False
        self.taken(charges)
        return True

    def taken(self, charges: Sequence[Charge]) -> None:
        """All of `charges` have been taken: for whoever counts something beside the rules."""

    def learn(self, news: Iterable[LimitNews]) -> None:
        """Follow the venue's own count where less remains than we think, and its limit where that is lower.

        Raises ValueError for a rule that does not exist.
        """
        now = self._clock.time_ns()
        for item in news:
            bucket = self._bucket(item.charge)
            if item.limit is not None and item.limit > 0:
                self._limits[bucket.name] = min(item.limit, bucket.limit)
            if item.remaining is None:
                continue
            window = self._window((bucket.name, item.charge.key), now)
            if (unknown := self._limits[bucket.name] - max(0, item.remaining) - window.used) > 0:
                free_ns = now + bucket.per_ns
                if item.reset_ns is not None and item.reset_ns > now:
                    free_ns = min(free_ns, item.reset_ns)
                window.add(free_ns, unknown)
        if self._waiting:
            self._let_go()

    def block(self, charge: Charge, until_ns: int) -> None:
        """Let nothing of that window leave before `until_ns`, by our clock, urgent or not. Raises as `learn` does."""
        window = self._window((self._bucket(charge).name, charge.key), self._clock.time_ns())
        window.blocked_until_ns = max(window.blocked_until_ns, until_ns)
        self._let_go()

    def _take_at_once(self, cost: dict[_Id, int], urgent: bool) -> bool:
        """Take what nobody has to wait for; where it does not all fit now, nothing is taken."""
        now = self._clock.time_ns()
        for identity, weight in cost.items():
            window = self._window(identity, now)
            if window.used + weight > self._most(identity[0], urgent) or window.blocked_until_ns > now:
                return False
        for identity, weight in cost.items():
            window = self._windows.get(identity) or self._window(identity, now)
            window.add(now + self._buckets[identity[0]].per_ns, weight)
        return True

    def _let_go(self) -> None:
        """Plan who goes when. Who may go now goes, who would wait too long is refused, for the next a timer is set."""
        now = self._clock.time_ns()
        planned: dict[_Id, _Window] = {}  # the windows as they will be once those ahead have gone
        next_ns: int | None = None
        for waiter in list(self._waiting):
            if waiter.turn.done():  # whoever waited was canceled
                self._waiting.remove(waiter)
                continue
            when, slowest = self._moment(waiter, planned, now)
            if when is None or when - waiter.since_ns > waiter.patience_s * _SECOND_NS:
                self._waiting.remove(waiter)
                waiter.turn.set_result(self._too_long(waiter, when, slowest))
                continue
            for identity, weight in waiter.cost.items():
                free_ns = when + self._buckets[identity[0]].per_ns
                window = planned[identity]
                window.add(free_ns, weight)
                window.blocked_until_ns = when  # nobody behind goes before
                if when <= now:
                    self._window(identity, now).add(free_ns, weight)
            if when <= now:
                self._waiting.remove(waiter)
                waiter.turn.set_result("")
            else:
                next_ns = when if next_ns is None else min(next_ns, when)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if next_ns is None else self._clock.call_at(next_ns, self._let_go)

    def _moment(self, waiter: _Waiter, planned: dict[_Id, _Window], now: int) -> tuple[int | None, _Id]:
        """Return when all its charges fit (None: never), and the window that takes longest."""
        latest, slowest = now, next(iter(waiter.cost))
        for identity, weight in waiter.cost.items():
            if identity not in planned:
                window = self._window(identity, now)
                planned[identity] = _Window(window.entries.copy(), window.used, window.blocked_until_ns)
            when = planned[identity].soonest(now, weight, self._most(identity[0], waiter.urgent))
            if when is None:
                return None, identity
            if when > latest:
                latest, slowest = when, identity
        return latest, slowest

    def _most(self, name: str, urgent: bool) -> int:
        bucket, limit = self._buckets[name], self._limits[name]
        return limit if urgent else limit - bucket.reserve * limit // bucket.limit  # a lower limit, a smaller reserve

    def _too_long(self, waiter: _Waiter, when: int | None, slowest: _Id) -> str:
        name, key = slowest
        where = f"rate limit {name} ({key})" if key else f"rate limit {name}"
        if when is None:
            most = self._most(name, waiter.urgent)
            return f"{where}: found a cost of {waiter.cost[slowest]}, allowed are {most} at once; ask for less in one"
        wait_s = (when - waiter.since_ns) / _SECOND_NS
        return (
            f"{where}: found a wait of {wait_s:.2f} s, allowed are {waiter.patience_s:g} s (the patience); "
            "send fewer requests, or later"
        )

    def _cost(self, charges: tuple[Charge, ...]) -> dict[_Id, int]:
        known = self._costs.get(charges)
        if known is not None:
            return known
        cost: dict[_Id, int] = {}
        for charge in charges:
            identity = (self._bucket(charge).name, charge.key)
            if charge.weight < 0:
                raise ValueError(f"{charge}: found a weight of {charge.weight}; allowed are whole numbers from 0 on")
            if charge.weight:
                cost[identity] = cost.get(identity, 0) + charge.weight
        if len(self._costs) < _COSTS_KEPT:
            self._costs[charges] = cost
        return cost

    def _bucket(self, charge: Charge) -> Bucket:
        bucket = self._buckets.get(charge.bucket)
        if bucket is None:
            raise ValueError(f"{charge}: found no such rate limit; allowed are {', '.join(self._buckets) or 'none'}")
        return bucket

    def _window(self, identity: _Id, now: int) -> _Window:
        """Return a window as it is now. From time to time, those in which nothing is left are dropped."""
        window = self._windows.get(identity)
        if window is None:
            if len(self._windows) >= self._windows_max:
                self._drop_idle(now)
            window = self._windows[identity] = _Window()
        window.forget(now, self._buckets[identity[0]].per_ns)
        return window

    def _drop_idle(self, now: int) -> None:
        for identity, window in list(self._windows.items()):
            window.forget(now, self._buckets[identity[0]].per_ns)
            if not window.entries and window.blocked_until_ns <= now:
                del self._windows[identity]
        self._windows_max = max(_WINDOWS_MIN, 2 * len(self._windows))
