"""Gate's rate limits: the buckets, what a request takes out of them, and what the answers' headers say.

REST and WebSocket orders share one budget, since Gate does not say that theirs add up; over the WebSocket a cancel
costs what an order costs. A tenth is kept for what reduces risk. Beside them Gate has a rule on a day's orders, amends
and cancels: these are counted and warned of, never held back.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Final

from anyvenue.model.times import unix_ns
from anyvenue.venue.clock import Clock
from anyvenue.wire.limits import Bucket, LimitNews, RateLimiter
from anyvenue.wire.request import Charge, Request, Response
from anyvenue_gateio.descriptor import ORDER_RATE

__all__ = [
    "BUCKETS",
    "CANCEL",
    "PLACE",
    "DayCount",
    "GateLimiter",
    "cancel",
    "limits_of",
    "place",
    "private",
    "public",
    "reset_ns",
]

_log = logging.getLogger("anyvenue.gateio")

MARGIN_S: Final = 0.1
"""Windows are longer by that than Gate's: of two requests the later one may be on its way for less time."""
BUCKETS: Final = (
    Bucket(name="place", limit=ORDER_RATE, per_s=1 + MARGIN_S, reserve=10),
    Bucket(name="cancel", limit=200, per_s=1 + MARGIN_S),
    Bucket(name="private", limit=200, per_s=10 + MARGIN_S),
    Bucket(name="public", limit=200, per_s=10 + MARGIN_S),
)
_WORD: Final = re.compile(r"[a-z_]+|v\d+")
_HEADER: Final = "x-gate-ratelimit-"
DAY_MAX: Final = 86_400
"""Gate looks at the fills of an account that sends more orders, amends and cancels than this in 24 h (chapter 4)."""
_WARN_AT: Final = (80, 100)
_DAY_NS: Final = 86_400_000_000_000
_BIN_NS: Final = 600_000_000_000
_BINS: Final = _DAY_NS // _BIN_NS


def place(rows: int = 1) -> tuple[Charge, ...]:
    """Return what placing or amending so many orders costs: in a batch each counts on its own."""
    return (Charge("place", weight=rows),)


def cancel(rows: int = 1) -> tuple[Charge, ...]:
    """Return what cancelling so many orders by REST costs."""
    return (Charge("cancel", weight=rows),)


PLACE: Final = place()
CANCEL: Final = cancel()


def private(path: str) -> tuple[Charge, ...]:
    """Return what any other signed request to `path` costs."""
    return (Charge("private", _endpoint(path)),)


def public(path: str) -> tuple[Charge, ...]:
    """Return what an unsigned request to `path` costs."""
    return (Charge("public", _endpoint(path)),)


def _endpoint(path: str) -> str:
    """Return `path` with a star for every id and contract name, so that there are only so many endpoints."""
    return "/".join(part if _WORD.fullmatch(part) else "*" for part in path.strip("/").split("/"))


def limits_of(request: Request, response: Response) -> Sequence[LimitNews]:
    """Return what the headers of `response` say of the bucket that `request` took from; nothing if they do not."""
    remaining, limit = (response.headers.get(_HEADER + name, "") for name in ("requests-remain", "limit"))
    if not request.charges or not remaining.isdecimal():
        return ()
    # While something is left, the reset header bears the present time, which says nothing.
    reset = None if int(remaining) else reset_ns(response)
    news = LimitNews(
        charge=request.charges[0],
        remaining=int(remaining),
        limit=int(limit) if limit.isdecimal() and int(limit) else None,
        reset_ns=reset,
    )
    return (news,)


def reset_ns(response: Response) -> int | None:
    """Return when the window of an exhausted limit ends; None where the header is missing or cannot be read."""
    text = response.headers.get(_HEADER + "reset-timestamp", "")
    return (
        unix_ns(text, "reset") if text.isascii() and text.isdecimal() and len(text) < 20 and int(text) < 2**63 else None
    )


class DayCount:
    """Counts over 24 h, in bins of ten minutes, and warns when much of what Gate allows is used.

    At 80 and at 100 % it warns, of each once in 24 h.
    """

    def __init__(self, connection: str) -> None:
        self.total = 0
        self._connection = connection
        self._bins: dict[int, int] = {}
        self._warned_ns: dict[int, int] = {}

    def add(self, requests: int, now_ns: int) -> None:
        """Count so many more."""
        now = now_ns // _BIN_NS
        if now not in self._bins:  # what lies ahead is from before our clock was set back
            self._bins = {at: count for at, count in self._bins.items() if now - _BINS <= at < now} | {now: 0}
            self.total = sum(self._bins.values())
        self._bins[now] += requests
        self.total += requests
        if self.total * 100 < DAY_MAX * _WARN_AT[0]:
            return
        passed = [percent for percent in _WARN_AT if self.total * 100 >= DAY_MAX * percent]
        if now_ns - self._warned_ns.get(passed[-1], now_ns - _DAY_NS) >= _DAY_NS:
            self._warned_ns[passed[-1]] = now_ns
            _log.warning(
                "%s: %d orders, amends and cancels in 24 h, %d %% of %d. Where there are more, Gate lets an account "
                "without fills place 10 orders in 10 s for an hour, and one that fills less than 1 %% (USDT by "
                "requests) 20; re-quote less often",
                self._connection,
                self.total,
                passed[-1],
                DAY_MAX,
            )


class GateLimiter(RateLimiter):
    """Keeps requests within Gate's limits, and counts the orders, amends and cancels of a day."""

    def __init__(self, clock: Clock, connection: str) -> None:
        super().__init__(BUCKETS, clock)
        self._day = DayCount(connection)

    def taken(self, charges: Sequence[Charge]) -> None:
        """Count what leaves. A batch counts by its rows."""
        for charge in charges:
            if charge.bucket in ("place", "cancel"):
                self._day.add(charge.weight, self._clock.time_ns())
