"""The rate limit of the WebSocket API: orders placed, amended and canceled by one user, together (chapter 4)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from anyvenue_gateio.simulator.refusal import Refused

__all__ = ["TradeRate"]

LIMIT: Final = 100
WINDOW_NS: Final = 1_000_000_000


class TradeRate:
    """Counts what each account has sent within the last second; `time_ns` gives the time."""

    def __init__(self, time_ns: Callable[[], int]) -> None:
        self._time_ns = time_ns
        self._sent: dict[str, deque[int]] = {}
        self._most = self._refused = 0

    def take(self, account: str, count: int) -> None:
        """Count `count` orders. Raises Refused where they are too many; they are not counted then."""
        sent = self._recent(account)
        if len(sent) + count > LIMIT:
            self._refused += 1
            raise Refused("TOO_MANY_REQUESTS", "Request Rate limit Exceeded (311)", status=429)
        sent.extend([self._time_ns()] * count)
        self._most = max(self._most, len(sent))

    def used(self) -> dict[str, int]:
        """Return the limit, how near to it anybody came, and how many requests were refused."""
        return {"limit": LIMIT, "most": self._most, "refused": self._refused}

    def header(self, account: str) -> dict[str, int]:
        """Return the fields that a reply's header bears. What remains is left out where it is nothing."""
        sent, now = self._recent(account), self._time_ns()
        remain = LIMIT - len(sent)
        reset = now if remain else sent[0] + WINDOW_NS
        fields = {"x_gate_ratelimit_limit": LIMIT, "x_gate_ratelimit_reset_timestamp": reset // 1_000_000}
        return {"x_gate_ratelimit_requests_remain": remain, **fields} if remain else fields

    def _recent(self, account: str) -> deque[int]:
        sent = self._sent.setdefault(account, deque())
        oldest = self._time_ns() - WINDOW_NS
        while sent and sent[0] <= oldest:
            sent.popleft()
        return sent
