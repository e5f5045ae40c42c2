"""A histogram of durations in a fixed list of counters: eight to each doubling, so none is off by more than 7 %."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Final

from attrs import frozen

__all__ = ["Durations", "Histogram"]

_BITS_MAX: Final = 40
"""18 minutes; what takes longer counts as that long."""
_TOO_LONG: Final = 1 << _BITS_MAX
_SHARES: Final = (0.5, 0.9, 0.99)


@frozen(kw_only=True)
class Durations:
    """What a histogram comes to: how many, and in nanoseconds the median, the 90 and 99 % ranks, and the longest."""

    name: str
    count: int
    p50: int
    p90: int
    p99: int
    longest: int


class Histogram:
    """Counts durations under `name`. To count one costs a few additions, and makes nothing that has to be freed."""

    __slots__ = ("_counts", "count", "longest", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.longest = 0
        self._counts = [0] * (8 * (_BITS_MAX - 2))

    def add(self, ns: int) -> None:
        """Count a duration in nanoseconds; one below 0, which a clock that was set may give, as 0."""
        if 8 <= ns < _TOO_LONG:
            shift = ns.bit_length() - 4
            self._counts[(shift << 3) + (ns >> shift)] += 1
        elif ns < 8:
            ns = max(ns, 0)
            self._counts[ns] += 1
        else:
            self._counts[-1] += 1
        self.count += 1
        if ns > self.longest:
            self.longest = ns

    def durations(self) -> Durations:
        """Return what has been counted so far. Ranks are the middle of their counter's span."""
        p50, p90, p99 = self._ranks([max(1, ceil(self.count * share)) for share in _SHARES])
        return Durations(name=self.name, count=self.count, p50=p50, p90=p90, p99=p99, longest=self.longest)

    def _ranks(self, wanted: Sequence[int]) -> list[int]:
        found: list[int] = []
        seen = 0
        for place, count in enumerate(self._counts):
            seen += count
            while len(found) < len(wanted) and seen >= wanted[len(found)]:
                found.append(min(_middle(place), self.longest))
        return found + [0] * (len(wanted) - len(found))


def _middle(place: int) -> int:
    """Return the middle of what a counter counts."""
    if place < 16:
        return place
    shift = (place >> 3) - 1
    return ((place & 7 | 8) << shift) + (1 << shift >> 1)
