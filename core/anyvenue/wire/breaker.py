"""The circuit breaker: a venue that keeps failing is left alone for a while, and longer each time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from anyvenue.model.errors import NotSent
from anyvenue.venue.clock import Clock
from anyvenue.wire.request import Request

__all__ = ["Breaker", "Breakers"]

_SECOND_NS: Final = 1_000_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Breaker:
    """Closed: requests pass. Open: they do not. Half-open: one passed, as a probe, and its fate is awaited.

    `failures` in a row open it for `cool_s` seconds. Then one request is let through: where it succeeds the breaker
    closes, where it fails the next cool-down is twice as long, up to `most_s`. A probe of which nothing is heard within
    a cool-down (its caller was canceled) is followed by another. Only faults of transport and server are failures: a
    venue that refuses a request is well.
    """

    def __init__(self, clock: Clock, *, failures: int = 5, cool_s: float = 5.0, most_s: float = 60.0) -> None:
        if failures < 1 or not 0 < cool_s <= most_s:
            raise ValueError(
                f"found failures={failures}, cool_s={cool_s}, most_s={most_s}; allowed are at least one failure and "
                "0 < cool_s <= most_s"
            )
        self._clock = clock
        self._failures_max = failures
        self._cool_ns_min = int(cool_s * _SECOND_NS)
        self._cool_ns_max = int(most_s * _SECOND_NS)
        self._failures = 0
        self._is_open = self._probing = False
        self._cool_ns = self._retry_ns = self._since_ns = 0
        self._reason = ""

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        """How it stands."""
        if not self._is_open:
            return "closed"
        return "half-open" if self._probing else "open"

    def check(self, urgent: bool = False) -> None:
        """Let a request through, or raise NotSent. Urgent ones always pass, as probes: they reduce risk."""
        if not self._is_open or urgent:
            return
        now = self._clock.time_ns()
        if now < self._retry_ns:
            raise NotSent(
                f"the venue has been failing since {_moment(self._since_ns)} ({self._reason}); the next request that "
                f"is not urgent is tried at {_moment(self._retry_ns)}"
            )
        self._probing = True
        self._retry_ns = now + self._cool_ns

    def succeeded(self) -> None:
        """Note that the venue answered."""
        self._failures = 0
        self._is_open = self._probing = False

    def failed(self, reason: str) -> None:
        """Note that it did not, and why. The reason is shown to people."""
        now = self._clock.time_ns()
        self._failures += 1
        if self._failures == 1:
            self._since_ns = now
        self._reason = reason
        if self._probing:
            self._open(now, min(2 * self._cool_ns, self._cool_ns_max))
        elif not self._is_open and self._failures >= self._failures_max:
            self._open(now, self._cool_ns_min)

    def _open(self, now: int, cool_ns: int) -> None:
        self._is_open, self._probing = True, False
        self._cool_ns, self._retry_ns = cool_ns, now + cool_ns


class Breakers:
    """A breaker for each group of a venue's endpoints, by the first bucket that a request charges.

    So orders still go where, say, the histories fail. `settings` are those of each `Breaker`.
    """

    def __init__(self, clock: Clock, **settings: Any) -> None:
        self._clock = clock
        self._settings = settings
        self._breakers: dict[str, Breaker] = {}

    def __call__(self, request: Request) -> Breaker:
        """Return the breaker of a request's group."""
        group = request.charges[0].bucket if request.charges else ""
        if group not in self._breakers:
            self._breakers[group] = Breaker(self._clock, **self._settings)
        return self._breakers[group]


def _moment(ts_ns: int) -> str:
    moment = _EPOCH + timedelta(microseconds=ts_ns // 1000)
    return moment.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")
