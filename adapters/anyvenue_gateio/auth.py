"""How Gate wants requests, subscriptions and logins signed: HMAC-SHA512, lower-case hex."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from anyvenue.venue.secrets import Secret
from anyvenue.wire.request import Request

__all__ = ["HEADERS", "channel_auth", "login_payload", "rest_headers"]


HEADERS: Final = {"Accept": "application/json", "Content-Type": "application/json", "X-Gate-Size-Decimal": "1"}
"""What every request bears, and the last one every WebSocket upgrade: without it Gate cuts fractions off sizes."""


def rest_headers(key: str, secret: Secret, request: Request, path: str, time_ns: int) -> dict[str, str]:
    """Return the headers that sign `request`. `path` is the whole path on the host, with the `/api/v4` prefix.

    The query is signed as plain text, in the order in which it is sent. `time_ns` is Gate's time: it allows 60 s.
    """
    timestamp = str(time_ns // 1_000_000_000)
    body_hash = hashlib.sha512(request.body).hexdigest()
    text = f"{request.method}\n{path}\n{request.plain_query}\n{body_hash}\n{timestamp}"
    return {"KEY": key, "SIGN": _sign(secret, text), "Timestamp": timestamp}


def channel_auth(key: str, secret: Secret, *, channel: str, event: str, time_s: int) -> dict[str, str]:
    """Return the `auth` of a private subscription. `event` and `time_s` are those of the frame itself."""
    text = f"channel={channel}&event={event}&time={time_s}"
    return {"method": "api_key", "KEY": key, "SIGN": _sign(secret, text)}


def login_payload(key: str, secret: Secret, *, time_s: int, req_id: str) -> dict[str, str]:
    """Return the `payload` of `futures.login`. It has no `req_param`, so the empty text is signed in its place."""
    signature = _sign(secret, f"api\nfutures.login\n\n{time_s}")
    return {"api_key": key, "signature": signature, "timestamp": str(time_s), "req_id": req_id}


def _sign(secret: Secret, text: str) -> str:
    return hmac.digest(secret.reveal().encode(), text.encode(), "sha512").hex()
