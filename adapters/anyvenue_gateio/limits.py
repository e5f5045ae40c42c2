"""Gate's rate limits: the buckets, what a request takes out of them, and what the answers' headers say.

REST and WebSocket orders share one budget, since Gate does not say that theirs add up; over the WebSocket a cancel
costs what an order costs. A tenth is kept for what reduces risk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from anyvenue.model.times import unix_ns
from anyvenue.wire.limits import Bucket, LimitNews
from anyvenue.wire.request import Charge, Request, Response

__all__ = ["BUCKETS", "CANCEL", "PLACE", "cancel", "limits_of", "place", "private", "public", "reset_ns"]

BUCKETS: Final = (
    Bucket(name="place", limit=100, per_s=1, reserve=10),
    Bucket(name="cancel", limit=200, per_s=1),
    Bucket(name="private", limit=200, per_s=10),
    Bucket(name="public", limit=200, per_s=10),
)
_WORD: Final = re.compile(r"[a-z_]+|v\d+")
_HEADER: Final = "x-gate-ratelimit-"


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
    return unix_ns(text, "reset") if text.isdecimal() and int(text) < 2**63 else None
