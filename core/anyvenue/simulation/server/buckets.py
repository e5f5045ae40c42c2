"""The rate limits of a simulated venue: so many requests in a window of time, to each client on its own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from attrs import define, field, frozen, validators

__all__ = ["BucketRule", "Buckets", "Standing"]

_SECOND_NS: Final = 1_000_000_000


@frozen
class BucketRule:
    """At most `limit` in each `per_s` seconds."""

    name: str
    limit: int = field(validator=validators.ge(1))
    per_s: float = field(validator=validators.gt(0))


@frozen
class Standing:
    """How a client stands after a request: what it may still use until `reset_ns`, when the window is over."""

    allowed: bool
    remaining: int
    limit: int
    reset_ns: int


@define
class _Window:
    end_ns: int
    used: int = 0


class _Bucket:
    """The windows of one rule. They are all of one length, so the one that was begun first is over first."""

    def __init__(self, rule: BucketRule) -> None:
        self.limit = rule.limit
        self.length_ns = round(rule.per_s * _SECOND_NS)
        self.windows: dict[str, _Window] = {}
        self.most = 0
        self.refused = 0

    def take(self, identity: str, weight: int, now_ns: int) -> Standing:
        self._forget(now_ns)
        window = self.windows.get(identity) or _Window(now_ns + self.length_ns)
        allowed = window.used + weight <= self.limit
        if allowed and weight:
            window.used += weight
            self.windows[identity] = window
            self.most = max(self.most, window.used)
        self.refused += not allowed
        return Standing(allowed, self.limit - window.used, self.limit, window.end_ns)

    def _forget(self, now_ns: int) -> None:
        while self.windows:
            identity = next(iter(self.windows))
            if self.windows[identity].end_ns > now_ns:
                return
            del self.windows[identity]


class Buckets:
    """Counts requests by rule and by identity: an account, a key, an address.

    A window begins with the first request that is allowed, as on most exchanges, and ends `per_s` seconds later with
    all that was used in it. A refused request uses nothing. Windows that are over are forgotten.

    Raises ValueError for a rule that is named twice.
    """

    def __init__(self, rules: Iterable[BucketRule]) -> None:
        self._buckets: dict[str, _Bucket] = {}
        for rule in rules:
            if rule.name in self._buckets:
                raise ValueError(f"rate limits: found the rule {rule.name!r} twice; allowed are names that differ")
            self._buckets[rule.name] = _Bucket(rule)

    def take(self, rule_name: str, identity: str, weight: int = 1, *, now_ns: int) -> Standing:
        """Use `weight` of what `identity` has under a rule, where there is that much left; weight 0 only looks.

        Times never go back from call to call. Raises ValueError for a rule there is none of, and for a weight below 0.
        """
        bucket = self._buckets.get(rule_name)
        if bucket is None:
            raise ValueError(f"rate limits: found the rule {rule_name!r}; there are {', '.join(self._buckets)}")
        if weight < 0:
            raise ValueError(f"rate limits: weight: found {weight}; allowed are whole numbers from 0")
        return bucket.take(identity, weight, now_ns)

    def used(self) -> dict[str, dict[str, int]]:
        """Return of each rule its limit, the most that anybody used in one window, and how many were refused."""
        return {
            name: {"limit": bucket.limit, "most": bucket.most, "refused": bucket.refused}
            for name, bucket in self._buckets.items()
            if bucket.most or bucket.refused
        }
