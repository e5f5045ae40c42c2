"""How much a client may ask: weight by address on the net, requests by account for life, and sockets (chapter 9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from anyvenue.model.numbers import ZERO
from anyvenue.simulation.server.buckets import BucketRule, Buckets
from anyvenue.simulation.server.stage import Stage
from anyvenue_hyperliquid.simulator.markets import number
from anyvenue_hyperliquid.simulator.records import Records
from anyvenue_hyperliquid.simulator.refusal import Refused

__all__ = ["FREE_REQUESTS", "Limits", "info_weight", "items_weight"]

WEIGHT: Final = 1200
MESSAGES: Final = 2000
CONNECTIONS: Final = 30
_MINUTE_S: Final = 60
FREE_REQUESTS: Final = 10_000
CANCELS_MORE: Final = 100_000
EXHAUSTED_NS: Final = 10_000_000_000
BATCH: Final = 40
STALE_TIMES: Final = 5
_LIGHT: Final = frozenset(
    ("l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState", "exchangeStatus")
)
_PER_20: Final = frozenset(
    ("recentTrades", "historicalOrders", "userFills", "userFillsByTime", "fundingHistory", "userFunding")
)


def info_weight(kind: str) -> int:
    """Return what an `/info` request weighs before its answer is known."""
    if kind in _LIGHT:
        return 2
    return 60 if kind == "userRole" else 20


def items_weight(kind: str, answer: Any) -> int:
    """Return what the items of an answer add."""
    if not isinstance(answer, list):
        return 0
    if kind in _PER_20:
        return len(answer) // 20
    return len(answer) // 60 if kind == "candleSnapshot" else 0


class Limits:
    """Counts. Whether the budget is used up is for the account that is acted for."""

    def __init__(self, stage: Stage, records: Records) -> None:
        self._stage = stage
        self._records = records
        self._buckets = Buckets(
            (
                BucketRule("weight", WEIGHT, _MINUTE_S),
                BucketRule("messages", MESSAGES, _MINUTE_S),
                BucketRule("connections", CONNECTIONS, _MINUTE_S),
            )
        )
        self.used: dict[str, int] = {}
        self._last_ns: dict[str, int] = {}

    def take(self, rule: str, remote: str, weight: int = 1) -> bool:
        """Use some of what an address on the net has left of a rule; tell whether there was that much."""
        return self._buckets.take(rule, remote, weight, now_ns=self._stage.clock.time_ns()).allowed

    def add(self, remote: str, weight: int) -> None:
        """Use weight that was not known before, as far as there is any left."""
        now = self._stage.clock.time_ns()
        left = self._buckets.take("weight", remote, 0, now_ns=now).remaining
        self._buckets.take("weight", remote, min(weight, left), now_ns=now)

    def volume(self, account: str) -> Decimal:
        """Return what an account has traded, in dollars."""
        record = self._records.of(account)
        return record.volume + record.extra_volume

    def cap(self, account: str) -> int:
        """Return how many requests an account has for life."""
        return FREE_REQUESTS + int(self.volume(account))

    def spend(self, account: str, count: int, *, cancels: bool) -> None:
        """Use `count` requests of an account's budget. Raises Refused where there is none, and none used."""
        cap, used, now = self.cap(account), self.used.get(account, 0), self._stage.clock.time_ns()
        most = min(cap + CANCELS_MORE, 2 * cap) if cancels else cap
        if used + count > most:
            if now - self._last_ns.get(account, -EXHAUSTED_NS) < EXHAUSTED_NS or count > 1:
                raise Refused(
                    f"Too many cumulative requests sent ({used + count} > {most}) for cumulative volume traded "
                    f"${number(round(self.volume(account), 2) or ZERO)}. Place taker orders to free up 1 request per "
                    "USDC traded."
                )
            self._last_ns[account] = now
        self.used[account] = used + count

    def punish(self, account: str, count: int) -> None:
        """Use five times the requests, for an action that came when it had expired."""
        self.used[account] = self.used.get(account, 0) + STALE_TIMES * count
