"""Gate's rate limits: which bucket a request is counted in, and what its answer says about that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from anyvenue.simulation.server.buckets import BucketRule, Buckets, Standing
from anyvenue.simulation.server.stage import Stage
from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["CANCEL", "PLACE", "Limits", "too_many"]

PLACE: Final = "place"
"""Create and amend, single and in batches, over REST."""
CANCEL: Final = "cancel"
_RULES: Final = (BucketRule(PLACE, 100, 1), BucketRule(CANCEL, 200, 1))
_ENDPOINT: Final = (200, 10)


class Limits:
    """Counts requests. Each of `endpoints` has a bucket of its own, 200 in 10 seconds."""

    def __init__(self, stage: Stage, endpoints: Iterable[str]) -> None:
        self._stage = stage
        self._buckets = Buckets([*_RULES, *(BucketRule(name, *_ENDPOINT) for name in dict.fromkeys(endpoints))])
        # The documents say seconds, some clients meet milliseconds.
        self._reset_unit_ns = (1_000_000_000, 1_000_000)[stage.chance.below(2)]

    def take(self, rule: str, identity: str, weight: int = 1) -> Standing:
        """Count a request of an account or an address."""
        return self._buckets.take(rule, identity, weight, now_ns=self._stage.clock.time_ns())

    def used(self) -> dict[str, dict[str, int]]:
        """Return how near to each limit anybody came, and how many requests were refused."""
        return self._buckets.used()

    def headers(self, standing: Standing) -> dict[str, str]:
        """Return the headers that tell how a client stands; the reset is the present time unless all is used."""
        reset = standing.reset_ns if not standing.remaining else self._stage.clock.time_ns()
        return {
            "X-Gate-RateLimit-Requests-Remain": str(standing.remaining),
            "X-Gate-RateLimit-Limit": str(standing.limit),
            "X-Gate-RateLimit-Reset-Timestamp": str(-(-reset // self._reset_unit_ns)),
        }


def too_many() -> Refused:
    """Return the refusal of one request too many."""
    return Refused("TOO_MANY_REQUESTS", "Request Rate limit Exceeded", status=429)
