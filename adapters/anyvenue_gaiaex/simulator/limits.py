"""GaiaEx's rate limits: 20 reads a second for each address, and what is plausible for writes (chapter 4)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from anyvenue.simulation.server.buckets import BucketRule, Buckets
from anyvenue.simulation.server.stage import Stage
from anyvenue_gaiaex.simulator.quirks import Quirks
from anyvenue_gaiaex.simulator.refusal import Refused

__all__ = ["Limits"]

_READS: Final = "reads"
_WRITES: Final = "writes"
READ_LIMIT: Final = 20
_SECOND_NS: Final = 1_000_000_000


class Limits:
    """Counts requests. Raises Refused for one too many."""

    def __init__(self, stage: Stage, quirks: Quirks) -> None:
        self._stage = stage
        self._quirks = quirks
        self._buckets = Buckets([BucketRule(_READS, READ_LIMIT, 1), BucketRule(_WRITES, quirks.write_limit, 1)])

    def used(self) -> dict[str, dict[str, int]]:
        """Return how near to each limit anybody came, and how many requests were refused."""
        return self._buckets.used()

    def read(self, remote: str) -> None:
        """Count a request that changes nothing."""
        self._take(_READS, remote)

    def write(self, remote: str, account: str) -> None:
        """Count a request that changes something."""
        self._take(_WRITES, account if self._quirks.writes_per_account else remote)

    def _take(self, rule: str, identity: str) -> None:
        now = self._stage.clock.time_ns()
        standing = self._buckets.take(rule, identity, now_ns=now)
        if not standing.allowed:
            wait_s = -(-(standing.reset_ns - now) // _SECOND_NS)
            raise Refused(429, "Rate limit exceeded", headers={"Retry-After": self._told(wait_s)})

    def _told(self, wait_s: int) -> str:
        if not self._quirks.retry_date:
            return str(wait_s)
        until_s = -(-self._stage.time_ns() // _SECOND_NS) + wait_s  # a date has no fractions: never too early
        return format_datetime(datetime.fromtimestamp(until_s, UTC), usegmt=True)
